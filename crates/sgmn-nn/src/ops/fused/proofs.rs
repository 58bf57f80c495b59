//! Passes over rows against the same operations one by one: every rule of the algebra, every step, every shape.

mod chains;

use candle_core::{DType, Result, Tensor, Var};
use sgmn_graph::Seed;

use self::chains::{CHAINS, Chain, Given, RECEIVERS, SENDERS};
use super::{Rows, keep_at_most};
use crate::{
    ops::{
        self, EdgeAxis,
        suite::{Op, random, run, worst_difference},
    },
    tolerance::{CHAIN_F32, CHAIN_F64},
};

/// The chain as it is, or summed over an axis, as a function of its tensors.
fn op(chain: Chain, dims: [usize; 4], sum: Option<EdgeAxis>) -> Op {
    Box::new(move |x| {
        let rows = chain(&Given { dims, x })?;
        match sum {
            Some(axis) => rows.sum_edges(axis)?.tensor(),
            None => rows.tensor(),
        }
    })
}

fn variables(dims: [usize; 4], dtype: DType) -> Vec<Var> {
    let shapes = Given::shapes(dims);
    let tensors = shapes
        .iter()
        .enumerate()
        .map(|(i, shape)| random(shape, Seed::new(3).index(i as u64), dtype).unwrap());
    tensors.map(|tensor| Var::from_tensor(&tensor).unwrap()).collect()
}

fn bits(parts: &[Tensor]) -> Vec<Vec<f32>> {
    parts.iter().map(|part| part.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

#[test]
fn passes_and_steps_equal_their_operations_one_by_one_in_values_and_gradients() {
    for dims in [[5, 7, 6, 12], [3, 1, 1, 32], [2, 1, 9, 16], [2, 9, 1, 5], [1, 33, 17, 1]] {
        for (dtype, tolerance) in [(DType::F64, CHAIN_F64), (DType::F32, CHAIN_F32)] {
            let vars = variables(dims, dtype);
            for (name, chain) in CHAINS {
                for sum in [None, Some(SENDERS), Some(RECEIVERS)] {
                    let op = op(chain, dims, sum);
                    let plain = ops::plainly(|| run(&op, &vars)).unwrap();
                    let ours = [run(&op, &vars), ops::step_by_step(|| run(&op, &vars))].map(Result::unwrap);
                    for (form, ours) in ["pass", "steps"].iter().zip(ours) {
                        for (part, (ours, theirs)) in ours.iter().zip(&plain).enumerate() {
                            let difference = worst_difference(ours, theirs).unwrap();
                            assert!(
                                difference < tolerance,
                                "{form} of {name} {dims:?} {dtype:?} {sum:?} part {part}: {difference:e}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn empty_blocks_give_zeros_of_the_right_shape() {
    empty_blocks();
    ops::step_by_step(empty_blocks);
}

fn empty_blocks() {
    for dims in [[0, 2, 3, 4], [2, 0, 3, 4], [2, 3, 0, 4]] {
        let vars = variables(dims, DType::F32);
        let x: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
        for (name, chain) in CHAINS {
            assert_eq!(op(chain, dims, None)(&x).unwrap().dims(), dims, "{name}");
            let sum = op(chain, dims, Some(SENDERS))(&x).unwrap();
            assert_eq!(sum.dims(), [dims[0], dims[1], dims[3]], "{name}");
            sum.sum_all().unwrap().backward().unwrap();
        }
    }
}

#[test]
fn threads_and_keeping_change_no_bit() {
    let dims = [33, 9, 10, 16];
    let vars = variables(dims, DType::F32);
    let mut all = Vec::new();
    for (n_threads, limit) in [(1, 1 << 30), (3, 1 << 30), (2, 0)] {
        keep_at_most(limit);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let run_all = || CHAINS.map(|(_, chain)| bits(&run(&op(chain, dims, Some(SENDERS)), &vars).unwrap()));
        all.push(pool.install(run_all));
    }
    keep_at_most(1 << 30);
    assert!(all.iter().all(|bits| *bits == all[0]));
}

#[test]
fn gradients_may_be_asked_for_twice_and_may_be_done_without() {
    twice_and_without();
    ops::step_by_step(twice_and_without);
}

fn twice_and_without() {
    let dims = [4, 5, 6, 16];
    let vars = variables(dims, DType::F32);
    let x: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    for (name, chain) in CHAINS {
        let op = op(chain, dims, Some(SENDERS));
        let result = op(&x).unwrap();
        let loss = result.sqr().unwrap().sum_all().unwrap();
        let [first, second] = [loss.backward().unwrap(), loss.backward().unwrap()];
        for var in &vars {
            let [first, second] = [first.get(var), second.get(var)]
                .map(|grad| grad.map(|grad| bits(std::slice::from_ref(grad))));
            assert_eq!(first, second, "{name}");
        }
        let alone = ops::no_grad(|| op(&x)).unwrap();
        assert_eq!(bits(std::slice::from_ref(&alone)), bits(&[result]), "{name}");
        assert!(!alone.track_op(), "{name}");
    }
}

#[test]
fn data_gets_no_gradient_and_changes_no_other() {
    data_without_gradient(0.0);
    // What ties programs together decides in which order a parameter's gradients of two programs are added.
    ops::step_by_step(|| data_without_gradient(1e-6));
}

fn data_without_gradient(tolerance: f64) {
    let dims = [3, 4, 5, 8];
    let vars = variables(dims, DType::F32);
    let all: Vec<Tensor> = vars.iter().map(|var| var.as_tensor().clone()).collect();
    for (name, chain) in CHAINS {
        for sum in [None, Some(SENDERS)] {
            let op = op(chain, dims, sum);
            let backward =
                |x: &[Tensor]| op(x).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let expected = backward(&all);
            for data in 0..all.len() {
                let mut x = all.clone();
                x[data] = x[data].detach();
                let found = backward(&x);
                for (i, var) in vars.iter().enumerate() {
                    let what = format!("{name} {sum:?}: {i} without {data}");
                    match (found.get(var), expected.get(var).filter(|_| i != data)) {
                        (None, None) => {}
                        (Some(found), Some(expected)) => {
                            assert!(worst_difference(found, expected).unwrap() <= tolerance, "{what}");
                        }
                        (found, _) => panic!("{what}: {}", if found.is_some() { "given" } else { "missing" }),
                    }
                }
            }
        }
    }
}

#[test]
fn dropout_drops_the_same_elements_in_a_pass_and_alone() {
    same_elements_dropped();
    ops::step_by_step(same_elements_dropped);
}

fn same_elements_dropped() {
    let dims = [3, 40, 7, 9];
    let vars = variables(dims, DType::F32);
    let seed = Seed::new(8);
    let alone = ops::dropout(vars[0].as_tensor(), 0.3, &seed).unwrap();
    let rows = Rows::edges(vars[0].as_tensor().clone()).unwrap().dropout(0.3, &seed).unwrap();
    assert_eq!(bits(&[rows.tensor().unwrap()]), bits(std::slice::from_ref(&alone)));
    let grad = |x: &Tensor| x.sum_all().unwrap().backward().unwrap().get(&vars[0]).unwrap().clone();
    assert_eq!(bits(&[grad(&rows.tensor().unwrap())]), bits(&[grad(&alone)]));
}
