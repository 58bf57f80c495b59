//! Is what is inferred all there is? Random nets over all operations, beside the kernels of their Jacobians.
//!
//! Run with `cargo run -p sgmn-symmetry --example completeness -- 300`: 300 nets; further numbers say how many numbers a
//! net has at most (200) and where to begin (0). The word `wide` asks for nets that lose nothing on the way.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
};

use sgmn_graph::{
    Seed,
    flow::{
        FlowNet, Op,
        testing::{random_flow, random_wide_flow},
    },
};
use sgmn_symmetry::flow::{Completeness, completeness, redrawn};

/// Blocks with functions that are constant in pieces, or that choose one of several: small changes before them are lost.
const JUMPS: &[&str] = &["comparison", "hard_choice", "largest_picked", "limits", "logic", "steps"];

/// Blocks that add, copy, cut or mask units or places by a fixed linear map, which nobody behind can undo.
const FIXED_MAPS: &[&str] = &[
    "accumulated",
    "centred",
    "copied",
    "cumulated",
    "less_their_reduction",
    "masked",
    "masked_weight",
    "maxout",
    "mirrored",
    "padded",
    "padded_units",
    "reordered",
    "repeated",
    "shifted",
    "some_masked",
];

/// Blocks that have directions which no rule knows, and what these are; the first that a net has names its kind.
const KNOWN: &[(&str, &[&str])] = &[
    ("sine and cosine of one angle", &["learned_phase"]),
    (
        "weights cut out of one parameter, or put together",
        &["of_one_vector", "put_together", "sliced_weight"],
    ),
    (
        "a weight that is a sum with a product, positive, or normalized",
        &["low_rank", "normalized_weight", "positive_weight"],
    ),
    ("products of maps of one value", &["bilinear", "film", "gated_mlp", "gated_units"]),
    ("constants between maps", &["fixed_scales"]),
];

fn main() -> Result<(), Box<dyn Error>> {
    let wide = std::env::args().any(|word| word == "wide");
    let words = std::env::args().skip(1).filter(|word| word != "wide");
    let words: Vec<u64> = words.map(|word| word.parse()).collect::<Result<_, _>>()?;
    let of = |at: usize, usual: u64| words.get(at).copied().unwrap_or(usual);
    let (count, size, first) = (of(0, 50), of(1, 200), of(2, 0));
    let mut kinds: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
    let (mut loudest, mut derived) = (0.0f64, 0);
    for number in first..first + count {
        let draw = if wide { random_wide_flow } else { random_flow };
        let net = draw(Seed::new(number), size as usize);
        let found = completeness(&net, Seed::new(number).child("complete"))?;
        loudest = loudest.max(found.loudest);
        derived += found.derived;
        let kind = kind(&net, &found, number)?;
        let of = kinds.entry(kind).or_default();
        *of = (of.0 + 1, of.1 + found.kernel.saturating_sub(found.derived));
        if !kind.starts_with("equal") {
            let Completeness { numbers, derived, kernel, gap, .. } = &found;
            let blocks: Vec<&str> = blocks(&net).into_iter().collect();
            println!(
                "{number}: {numbers} numbers, {derived} of {kernel}, gap {gap:.0e}; {kind}; {}",
                blocks.join(" ")
            );
        }
    }
    println!(
        "\n{count} nets of up to {size} numbers, {derived} dimensions derived, the loudest changes outputs by {loudest:.1e}\n"
    );
    println!("| nets | dimensions missing | kind |\n| ---: | ---: | --- |");
    kinds.iter().for_each(|(kind, (nets, missing))| println!("| {nets} | {missing} | {kind} |"));
    Ok(())
}

/// What a difference is due to, as far as a program can say.
fn kind(net: &FlowNet, found: &Completeness, number: u64) -> Result<&'static str, Box<dyn Error>> {
    if found.loudest > 1e-4 || found.derived > found.kernel && found.gap > 1e3 {
        return Ok("UNSOUND");
    }
    if found.derived == found.kernel {
        return Ok("equal");
    }
    for again in 0..2 {
        let seed = Seed::new(number).child("again").index(again);
        let Ok(other) = redrawn(net, seed).and_then(|net| completeness(&net, seed)) else { continue };
        if other.derived == other.kernel {
            return Ok("equal with other numbers");
        }
    }
    let blocks = blocks(net);
    let any = |list: &[&str]| list.iter().any(|block| blocks.contains(block));
    Ok(if any(JUMPS) {
        "has jumps"
    } else if any(FIXED_MAPS) {
        "has fixed maps that lose something"
    } else if found.gap < 1e4 {
        "no clear gap between singular values"
    } else if is_narrow(net) {
        "narrow"
    } else {
        let has = |(_, list): &&(&str, &[&str])| any(list);
        KNOWN.iter().find(has).map_or("none of these", |(kind, _)| kind)
    })
}

/// The blocks that a random net is made of; its steps are named by them.
fn blocks(net: &FlowNet) -> BTreeSet<&str> {
    let named = net.flow().steps().iter().filter_map(|step| step.name.split('.').next());
    named.filter(|name| !["head", "start"].contains(name)).collect()
}

/// Whether all outputs together are one number or two at each place, or a norm or softmax runs over two numbers or one.
fn is_narrow(net: &FlowNet) -> bool {
    let flow = net.flow();
    let over = |shape: &[usize], axes: &[usize]| axes.iter().map(|axis| shape[*axis]).product::<usize>() <= 2;
    let small = flow.steps().iter().any(|step| match &step.op {
        Op::Normalize(op) => over(flow.shape(step.to), &op.axes),
        Op::Softmax(op) => over(flow.shape(step.to), &[op.axis]),
        _ => false,
    });
    let answers = flow.outputs().iter().map(|output| flow.shape(output.value));
    small
        || answers
            .map(|shape| shape.get(1..).unwrap_or(shape).iter().copied().min().unwrap_or(1))
            .sum::<usize>()
            <= 2
}
