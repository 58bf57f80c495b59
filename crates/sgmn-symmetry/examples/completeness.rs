//! Is what is inferred all there is? Random nets over all operations, beside the kernels of their Jacobians.
//!
//! Run with `cargo run -p sgmn-symmetry --example completeness -- 300`: 300 nets; a second number says where to begin.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{collections::BTreeMap, error::Error};

use sgmn_graph::{
    Seed,
    flow::{FlowNet, testing::random_flow},
};
use sgmn_symmetry::flow::{Completeness, completeness, redrawn};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let count: u64 = words.next().map_or(Ok(50), |word| word.parse())?;
    let first: u64 = words.next().map_or(Ok(0), |word| word.parse())?;
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    let mut loudest = 0.0f64;
    for number in first..first + count {
        let net = random_flow(Seed::new(number), 200);
        let found = completeness(&net, Seed::new(number).child("complete"))?;
        loudest = loudest.max(found.loudest);
        let kind = kind(&net, &found, number)?;
        *kinds.entry(kind).or_default() += 1;
        if kind != "equal" {
            println!(
                "{number}: {} numbers, derived {}, kernel {}, gap {:.0e}: {kind}: {}",
                found.numbers,
                found.derived,
                found.kernel,
                found.gap,
                touched(&net, &found)
            );
        }
    }
    println!("largest change along a derived direction: {loudest:.1e}");
    kinds.iter().for_each(|(kind, n)| println!("{n:5} {kind}"));
    Ok(())
}

/// What a difference is due to.
fn kind(net: &FlowNet, found: &Completeness, number: u64) -> Result<&'static str, Box<dyn Error>> {
    if found.loudest > 1e-6 {
        return Ok("UNSOUND");
    }
    if found.derived == found.kernel {
        return Ok("equal");
    }
    if found.derived > found.kernel {
        return Ok("rounding: derived more");
    }
    for again in 0..3 {
        let seed = Seed::new(number).child("again").index(again);
        let Ok(other) = completeness(&redrawn(net, seed)?, seed) else { continue };
        if other.derived == other.kernel {
            return Ok("data: gone with other numbers");
        }
    }
    if found.gap < 1e2 {
        return Ok("rounding: no gap");
    }
    Ok("gap in rules")
}

/// The parameters that missing directions touch, each direction for itself.
fn touched(net: &FlowNet, found: &Completeness) -> String {
    let flow = net.flow();
    let mut places = Vec::new();
    for (param, of) in flow.params().iter().enumerate() {
        let n: usize = flow.param_shape(param).iter().product();
        places.extend((0..n).map(|at| (of.name.as_str(), at)));
    }
    let words = found.missing.iter().take(4).map(|direction| {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for ((name, _), x) in places.iter().zip(direction) {
            if x.abs() > 1e-6 {
                *seen.entry(name).or_default() += 1;
            }
        }
        let seen: Vec<String> = seen.iter().map(|(name, n)| format!("{name}×{n}")).collect();
        seen.join(" ")
    });
    words.collect::<Vec<_>>().join(" | ")
}
