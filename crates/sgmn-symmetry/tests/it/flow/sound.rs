//! Soundness: whatever is inferred keeps the function, on random graphs over all operations.

use sgmn_graph::{
    Seed,
    flow::{
        self, Array, FlowNet, random_inputs,
        testing::{random_flow, random_wide_flow},
    },
};
use sgmn_symmetry::flow::{Draw, derive};

/// The largest change of an output, relative to the largest output.
fn change(before: &[Array], after: &[Array]) -> f64 {
    let mut worst = 0.0_f64;
    for (a, b) in before.iter().zip(after) {
        let largest = a.data().iter().fold(1e-12_f64, |most, value| most.max(value.abs()));
        for (x, y) in a.data().iter().zip(b.data()) {
            let change = (x - y).abs() / largest;
            worst = if change.is_nan() { f64::INFINITY } else { worst.max(change) };
        }
    }
    worst
}

fn moves_and_keeps(net: &FlowNet, seed: Seed) -> (f64, bool) {
    let spaces = derive(net.flow());
    let element = spaces.sample(seed.child("element"), &Draw { spread: 0.5, ..Draw::default() });
    let inputs = random_inputs(net.flow(), seed.child("inputs"));
    let before = flow::run(net.flow(), net, &inputs).unwrap();
    let after = flow::run(net.flow(), &element.act(net), &inputs).unwrap();
    (change(&before, &after), !element.is_identity())
}

/// How many random graphs are tried; the example `soundness` tries as many as are asked for, with matrices and additions.
const N: u64 = 400;

#[test]
fn what_is_inferred_keeps_the_function_of_random_graphs() {
    let mut n_moved = 0;
    for number in 0..N {
        let seed = Seed::new(number);
        let net = random_flow(seed, 200);
        let (change, moved) = moves_and_keeps(&net, seed);
        n_moved += u64::from(moved);
        assert!(change < 1e-9, "random flow {number}: outputs changed by {change:.1e}");
    }
    assert!(n_moved > N * 9 / 10, "{n_moved} of {N} moved at all");
}

#[test]
fn units_that_stand_several_times_are_told_apart_in_pairs() {
    // Two readings of one channel stand side by side, and are flattened together with places or other units.
    for number in [1315, 11_940, 14_436] {
        let net = random_flow(Seed::new(number), 200);
        for again in 0..4 {
            let (change, _) = moves_and_keeps(&net, Seed::new(number).index(again));
            assert!(change < 1e-9, "random flow {number}: outputs changed by {change:.1e}");
        }
    }
}

#[test]
fn what_is_inferred_keeps_the_function_of_wide_graphs() {
    for number in 0..100 {
        let seed = Seed::new(number);
        let (change, _) = moves_and_keeps(&random_wide_flow(seed, 200), seed);
        assert!(change < 1e-9, "wide flow {number}: outputs changed by {change:.1e}");
    }
}
