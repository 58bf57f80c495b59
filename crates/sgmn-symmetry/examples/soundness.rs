//! Does everything that is inferred keep the function? Random elements on random nets over all operations.
//!
//! Run with `cargo run -p sgmn-symmetry --example soundness -- 10000`: so many nets; a second number says where to begin.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::error::Error;

use sgmn_graph::{
    Seed,
    flow::{Array, FlowNet, random_inputs, run, testing::random_flow},
};
use sgmn_symmetry::flow::{
    Draw, derive,
    freedoms::freedoms,
    matrices::{MatrixElement, matrices, passable},
};

/// The bar.
const MOST: f64 = 1e-9;
/// Numbers of a net at most.
const SIZE: usize = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let count: u64 = words.next().map_or(Ok(1000), |word| word.parse())?;
    let first: u64 = words.next().map_or(Ok(0), |word| word.parse())?;
    let kinds = ["orders and scalars", "matrices", "additions"];
    let mut worst = [0.0_f64; 3];
    let mut moved = [0u64; 3];
    let mut above = 0u64;
    for number in first..first + count {
        let seed = Seed::new(number);
        let net = random_flow(seed, SIZE);
        let inputs = random_inputs(net.flow(), seed.child("inputs"));
        let answers = run(net.flow(), &net, &inputs)?;
        for (kind, changed) in twins(&net, seed)?.into_iter().enumerate() {
            let Some(changed) = changed else { continue };
            let change = change(&answers, &run(net.flow(), &changed, &inputs)?);
            moved[kind] += 1;
            worst[kind] = worst[kind].max(change);
            if change > MOST {
                above += 1;
                println!("net {number}: {} change answers by {change:.1e}", kinds[kind]);
            }
        }
    }
    println!("{count} random nets of up to {SIZE} numbers");
    for ((kind, worst), moved) in kinds.iter().zip(worst).zip(moved) {
        println!("{kind:20} in {moved} nets, largest change of answers {worst:.1e}");
    }
    println!("above {MOST:.0e}: {above}");
    Ok(())
}

/// The net moved by random elements of each kind; absent where a kind has none.
fn twins(net: &FlowNet, seed: Seed) -> Result<[Option<FlowNet>; 3], Box<dyn Error>> {
    let element = derive(net.flow()).sample(seed.child("element"), &Draw { spread: 0.5, ..Draw::default() });
    let spaces = if element.is_identity() { None } else { Some(net.with(&element.act(net))?) };

    let all = passable(net.flow(), matrices(net.flow()), net)?;
    let element = MatrixElement::sample(&all, seed.child("matrices"));
    let mixed = if all.is_empty() { None } else { Some(net.with(&element.act(net.flow(), &all, net)?)?) };

    let mut added = None;
    for (i, freedom) in freedoms(net.flow()).iter().enumerate() {
        let before: FlowNet = added.take().unwrap_or_else(|| net.clone());
        let change = freedom.draw(seed.child("additions").index(i as u64), &before);
        added = Some(before.with(&freedom.act(&before, change))?);
    }
    Ok([spaces, mixed, added])
}

/// The largest change of an answer, relative to the largest of its output.
fn change(before: &[Array], after: &[Array]) -> f64 {
    let mut worst = 0.0_f64;
    for (a, b) in before.iter().zip(after) {
        let largest = a.data().iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
        for (x, y) in a.data().iter().zip(b.data()) {
            let change = (x - y).abs() / largest;
            worst = if change.is_nan() { f64::INFINITY } else { worst.max(change) };
        }
    }
    worst
}
