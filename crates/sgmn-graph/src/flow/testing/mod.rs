//! Random flows from a seed: small nets over all operations, as architectures use them.
//!
//! ```
//! use sgmn_graph::{Seed, flow::{random_inputs, run, testing::random_flow}};
//!
//! let net = random_flow(Seed::new(7), 100);
//! assert!(net.flow().n_numbers() <= 100);
//! let outputs = run(net.flow(), &net, &random_inputs(net.flow(), Seed::new(0)))?;
//! assert!(outputs.iter().all(|output| output.data().iter().all(|value| value.is_finite())));
//! # Ok::<(), sgmn_graph::flow::FlowError>(())
//! ```

pub mod blocks;
pub mod draft;
mod steps;

use blocks::{BLOCKS, Block, apply, random_block};
use draft::{Draft, Form, Stream};

use super::{
    Array, Contract, FlowNet, Function, InputKind, Lookup, Reduction, Softmax, random_inputs, run_each,
};
use crate::Seed;

/// Below this hardly any block fits in.
const LEAST_NUMBERS: usize = 30;
/// Drafts that are too large or badly scaled are thrown away; some one in three is.
const MOST_DRAFTS: u64 = 2000;
/// Outputs lie between these, in magnitude.
const MAGNITUDES: std::ops::Range<f64> = 1e-3..1e3;

/// The ε of norms in wide nets: magnitudes before a norm with a small one are nearly free.
const WIDE_EPSILON: f64 = 0.3;
/// The width of wide nets.
const WIDE: std::ops::RangeInclusive<usize> = 3..=4;

/// Differences of numbers that would be equal but for rounding are smaller.
const ROUNDING: f64 = 1e-13;

/// A random net whose parameters have at most `size` numbers together (30 if less is asked for), with outputs between
/// 0.001 and 1000 on [`random_inputs`] of some seeds.
///
/// Layers, norms, attention, recurrences and whatever else stands in the list of [`blocks`](blocks::BLOCKS) are put
/// together at random; steps are named by their block.
///
/// # Panics
/// If 2000 drafts are all thrown away, which no size does.
pub fn random_flow(seed: Seed, size: usize) -> FlowNet {
    random_flow_of(seed, size, None, false)
}

/// As [`random_flow`], with a certain block in it.
///
/// # Panics
/// If no block has this name, or it is too large for `size`.
pub fn random_flow_with(seed: Seed, size: usize, block: &str) -> FlowNet {
    let block = BLOCKS.iter().find(|known| known.name == block);
    random_flow_of(seed, size, Some(block.expect("the name of a block")), false)
}

/// A random net that loses nothing on the way: all widths are equal, from the inputs to the outputs (which are one wider),
/// maps have biases, functions are smooth, and no fixed map leaves anything out. What is inferred for such a net should be all that keeps its function.
///
/// # Panics
/// As [`random_flow`].
pub fn random_wide_flow(seed: Seed, size: usize) -> FlowNet {
    random_flow_of(seed.child("wide"), size, None, true)
}

fn random_flow_of(seed: Seed, size: usize, block: Option<&'static Block>, wide: bool) -> FlowNet {
    let size = size.max(LEAST_NUMBERS);
    let drafts = (0..MOST_DRAFTS).map(|i| drafted(seed.child("flow").index(i), size, block, wide));
    let good = |net: &FlowNet| (0..3).all(|i| is_well_scaled(net, Seed::new(i)));
    let found = drafts.flatten().find(|net| net.flow().n_numbers() <= size && good(net));
    found.unwrap_or_else(|| panic!("no net of {size} numbers with {:?}", block.map(|block| block.name)))
}

/// A net, unless it became too large on the way.
fn drafted(seed: Seed, size: usize, block: Option<&'static Block>, wide: bool) -> Option<FlowNet> {
    let most_units = (size.isqrt() / 4).clamp(2, 12);
    let most_units = if wide { most_units.clamp(*WIDE.start(), *WIDE.end()) } else { most_units };
    let mut draft = Draft::new(seed, most_units, wide);
    let form = match block {
        Some(block) => draft.one_of(block.forms),
        None => draft.one_of(&[Form::Row, Form::Tokens, Form::Tokens, Form::Signal, Form::Image]),
    };
    let mut x = start(&mut draft, form);
    let n_blocks = draft.number(1, 3 + size.isqrt() / 3);
    let special = draft.number(0, n_blocks - 1);
    for i in 0..n_blocks {
        let next = match block {
            // What stood before may have changed the form; then the block comes first of all that fit.
            Some(block) if i == special && block.forms.contains(&x.form) => block,
            Some(_) if i == special => return None,
            _ if draft.n_numbers() > size * 2 / 3 => continue,
            _ => random_block(&mut draft, x.form),
        };
        x = apply(&mut draft, next, x);
        if draft.chance(0.25) {
            x = draft.activate(x);
        }
        if draft.n_numbers() > size || numbers_of(&draft, x) > 64 * size {
            return None;
        }
    }
    finish(&mut draft, x);
    Some(draft.build())
}

fn numbers_of(draft: &Draft, x: Stream) -> usize {
    draft.flow.shape(x.value).iter().product()
}

/// An input, or tokens looked up, and a first map most of the time.
fn start(draft: &mut Draft, form: Form) -> Stream {
    let n = draft.width_of(1, 3);
    let least = if draft.wide { 3 } else { 2 };
    let places = draft.number(least, 4);
    // A table of few rows shows few of all vectors.
    if form == Form::Tokens && !draft.wide && draft.chance(0.35) {
        let width = draft.width();
        let ids = draft.input(&[1, places], InputKind::Whole);
        let table = draft.weight(&[5, width], 1);
        draft.table = Some(table);
        return Stream { value: draft.step(Lookup { axis: 0 }, &[table, ids]), form };
    }
    let shape = match form {
        Form::Row => vec![if draft.chance(0.2) { 2 } else { 1 }, n],
        Form::Tokens => vec![1, places, n],
        Form::Signal => vec![1, n, places],
        Form::Image => vec![1, n, places, draft.number(least, 4)],
    };
    let x = Stream { value: draft.input(&shape, InputKind::Real), form };
    if draft.chance(0.1) {
        return x;
    }
    let width = draft.width();
    let y = draft.mix(x, width);
    if draft.chance(0.5) { draft.activate(y) } else { y }
}

/// A head of some kind, and the outputs.
fn finish(draft: &mut Draft, x: Stream) {
    draft.block = "head";
    let mut x = x;
    if x.form != Form::Row && draft.chance(0.4) {
        let value = draft.reduce(Reduction::Mean, x.value, &x.form.places(), false);
        x = Stream { value, form: Form::Row };
    }
    match draft.table.filter(|table| draft.chance(0.5) && draft.flow.shape(*table)[1] == draft.n_units(x)) {
        // The embedding once more, if the stream still has its width.
        Some(table) if x.form != Form::Signal && x.form != Form::Image => {
            let last = x.form.units();
            let (weight, axis) =
                if draft.chance(0.5) { (table, 1) } else { (draft.permute(table, &[1, 0]), 0) };
            x.value = draft.step(Contract { batch: vec![], sum: vec![(last, axis)] }, &[x.value, weight]);
        }
        _ if draft.wide || draft.chance(0.85) => {
            // One more than is read, so that shares of the answers show all of it.
            let n_out = if draft.wide { draft.most_units + 1 } else { draft.number(1, 2) };
            x = draft.mix(x, n_out);
        }
        _ => {}
    }
    if draft.chance(0.2) {
        let log = draft.chance(0.5);
        x.value = draft.step(Softmax { axis: x.form.units(), log }, &[x.value]);
    } else if draft.chance(0.15) {
        x.value = draft.point(Function::Sigmoid, x.value);
    }
    draft.flow.output("y", x.value);
    for (i, other) in std::mem::take(&mut draft.others).into_iter().enumerate() {
        draft.flow.output(&format!("other{i}"), other);
    }
}

/// Whether every output has a good size and no value is NaN, or so close to 0 that it may be what rounding left of 0:
/// a step could make anything of it.
fn is_well_scaled(net: &FlowNet, seed: Seed) -> bool {
    let mut numbers = true;
    let good = |x: &f64| !x.is_nan() && (*x == 0.0 || x.abs() > ROUNDING);
    let mut seen = |_, value: &Array| numbers &= value.data().iter().all(good);
    let inputs = random_inputs(net.flow(), seed);
    let Ok(outputs) = run_each(net.flow(), net, &inputs, &mut seen) else { return false };
    let sized = |output: &Array| {
        let largest = output
            .data()
            .iter()
            .fold(0.0f64, |largest, x| if x.is_nan() { x.abs() } else { largest.max(x.abs()) });
        MAGNITUDES.contains(&largest)
    };
    numbers && net.flow().n_numbers() > 0 && outputs.iter().all(sized)
}

#[cfg(test)]
mod tests;
