//! What is asked of random flows: every block and every operation appears, and the numbers make sense.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::flow::{Combination, Op, Operation, Reduction, run};

#[test]
fn every_block_makes_nets_that_run() {
    let mut names = BTreeSet::new();
    for block in BLOCKS {
        assert!(names.insert(block.name), "two blocks are called {}", block.name);
        for i in 0..4 {
            let net = random_flow_with(Seed::new(i), 200, block.name);
            assert!(net.flow().n_numbers() <= 200);
            let outputs = run(net.flow(), &net, &random_inputs(net.flow(), Seed::new(9))).unwrap();
            assert!(
                outputs.iter().all(|y| y.data().iter().all(|x| !x.is_nan())),
                "{} with seed {i}",
                block.name
            );
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_net_and_another_one_another() {
    let net = random_flow(Seed::new(3), 150);
    assert_eq!(net, random_flow(Seed::new(3), 150));
    assert_ne!(net, random_flow(Seed::new(4), 150));
}

#[test]
fn sizes_are_kept_and_used() {
    for size in [0, 30, 60, 200, 3000] {
        let counts: Vec<usize> =
            (0..20).map(|i| random_flow(Seed::new(i), size).flow().n_numbers()).collect();
        assert!(counts.iter().all(|n| *n <= size.max(LEAST_NUMBERS)), "{counts:?}");
        assert!(counts.iter().any(|n| *n * 2 > size.max(LEAST_NUMBERS)), "{counts:?}");
    }
}

/// Every kind of every operation, by a name that tells it apart.
fn kind(op: &Op) -> String {
    match op {
        Op::Convolve(op) => format!("{} in groups: {}", op.name(), op.groups > 1),
        op => op.name().to_owned(),
    }
}

#[test]
fn every_operation_appears() {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for i in 0..1500 {
        let net = random_flow(Seed::new(i), 200);
        for step in net.flow().steps() {
            *seen.entry(kind(&step.op)).or_default() += 1;
        }
    }
    use Combination::*;
    let combinations = [
        Add,
        Subtract,
        Multiply,
        Divide,
        Power,
        Maximum,
        Minimum,
        Modulo,
        Remainder,
        WholeQuotient,
        Slope,
        Equal,
        Less,
        LessOrEqual,
        Greater,
        GreaterOrEqual,
        And,
        Or,
        ExclusiveOr,
    ]
    .map(|by| crate::flow::Combine { by }.name());
    use Reduction as R;
    let reductions = [
        R::Sum,
        R::Mean,
        R::Maximum,
        R::Minimum,
        R::Product,
        R::Norm,
        R::AbsoluteSum,
        R::SquareSum,
        R::LogSumExp,
        R::ArgMaximum,
        R::ArgMinimum,
    ]
    .map(|by| crate::flow::Reduce { by, axes: vec![], keep: false }.name());
    let others = [
        "concat",
        "contract",
        "convolution in groups: false",
        "convolution in groups: true",
        "transposed convolution in groups: false",
        "transposed convolution in groups: true",
        "cumulate",
        "expand",
        "lookup",
        "normalize",
        "normalize (RMS)",
        "pad",
        "permute",
        "pick",
        "max pool",
        "mean pool",
        "reshape",
        "select",
        "slice",
        "softmax",
        "log softmax",
        "take",
    ];
    let functions = [
        "relu",
        "leaky relu",
        "tanh",
        "sine",
        "cosine",
        "erf",
        "absolute",
        "negate",
        "sign",
        "sigmoid",
        "silu",
        "gelu",
        "gelu (tanh)",
        "quick gelu",
        "exponential",
        "logarithm",
        "softplus",
        "softsign",
        "mish",
        "elu",
        "celu",
        "hard sigmoid",
        "hard swish",
        "clip",
        "power",
        "shrink",
        "threshold",
        "floor",
        "ceiling",
        "round",
        "truncate",
        "not",
        "is non-zero",
        "is NaN",
        "tangent",
        "arc tangent",
        "hyperbolic sine",
        "hyperbolic cosine",
        "inverse hyperbolic sine",
    ];
    let all = combinations.into_iter().chain(reductions).chain(others).chain(functions);
    let missing: Vec<&str> = all.filter(|name| !seen.contains_key(*name)).collect();
    assert!(missing.is_empty(), "never seen: {missing:?}");
}
