//! The suite run on the CPU, and what no comparison with a reference shows.

use candle_core::{DType, Device, Tensor, Var};
use sgmn_graph::Seed;

use super::{cases, random, run, worst_difference};
use crate::{
    ops::{self, reference},
    tolerance::{OPERATION_F32, OPERATION_F64},
};

#[test]
fn every_operation_equals_its_reference_in_values_and_gradients() {
    for (dtype, tolerance) in [(DType::F64, OPERATION_F64), (DType::F32, OPERATION_F32)] {
        for case in cases().unwrap() {
            let inputs: Vec<Var> = case
                .shapes
                .iter()
                .enumerate()
                .map(|(i, shape)| {
                    Var::from_tensor(&random(shape, Seed::new(7).index(i as u64), dtype).unwrap()).unwrap()
                })
                .collect();
            for (i, (ours, theirs)) in
                run(&case.op, &inputs).unwrap().iter().zip(run(&case.reference, &inputs).unwrap()).enumerate()
            {
                let difference = worst_difference(ours, &theirs).unwrap();
                assert!(
                    difference < tolerance,
                    "{} {:?} {dtype:?} part {i}: {difference:e}",
                    case.name,
                    case.shapes
                );
            }
        }
    }
}

#[test]
fn gradients_equal_central_differences() {
    const STEP: f64 = 1e-5;
    for case in cases().unwrap().iter().filter(|case| case.shapes[0].iter().product::<usize>() < 700) {
        let tensors: Vec<Tensor> = case
            .shapes
            .iter()
            .enumerate()
            .map(|(i, s)| random(s, Seed::new(9).index(i as u64), DType::F64).unwrap())
            .collect();
        let vars: Vec<Var> = tensors.iter().map(|t| Var::from_tensor(t).unwrap()).collect();
        let grads = run(&case.op, &vars).unwrap();
        let loss = |inputs: &[Tensor]| {
            let result = (case.op)(inputs).unwrap();
            let cotangent = random(result.dims(), Seed::new(5), DType::F64).unwrap();
            (result * cotangent).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap()
        };
        for (input, shape) in case.shapes.iter().enumerate() {
            let n: usize = shape.iter().product();
            // A few positions of each input suffice: rows are treated alike.
            for position in (0..n).step_by((n / 5).max(1)) {
                let moved = |step: f64| {
                    let mut values = tensors[input].flatten_all().unwrap().to_vec1::<f64>().unwrap();
                    values[position] += step;
                    let mut inputs = tensors.clone();
                    inputs[input] = Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap();
                    loss(&inputs)
                };
                let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                let exact = grads[input + 1].flatten_all().unwrap().to_vec1::<f64>().unwrap()[position];
                let difference = (numeric - exact).abs();
                assert!(
                    difference < 1e-6 * (1.0 + exact.abs()),
                    "{} {shape:?}: {numeric} {exact}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn a_zero_row_has_a_zero_direction_and_no_gradient_nor_has_one_that_is_too_short() {
    let rows = [[0.0f32, 0.0], [3.0, -4.0], [3e-30, 4e-30], [3e30, 4e30], [3e-36, 4e-36]];
    let x = Var::new(&rows, &Device::Cpu).unwrap();
    let y = ops::unit_norm(x.as_tensor(), None).unwrap();
    let expected = [[0.0f32, 0.0], [0.6, -0.8], [0.6, 0.8], [0.6, 0.8], [0.6, 0.8]];
    for (row, expected) in y.to_vec2::<f32>().unwrap().iter().zip(expected) {
        assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{row:?}");
    }
    for forward in [ops::unit_norm, reference::unit_norm] {
        let grads = forward(x.as_tensor(), None).unwrap().sum_all().unwrap().backward().unwrap();
        let dx = grads.get(&x).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!([&dx[0], &dx[4]], [&[0.0, 0.0], &[0.0, 0.0]], "what would overflow is left out");
        assert!(dx[2].iter().all(|slope| slope.is_finite() && slope.abs() > 1e27), "{dx:?}");
    }
}

#[test]
fn dropout_keeps_the_mean_and_repeats_from_its_seed() {
    let x = Tensor::ones((100, 300), DType::F32, &Device::Cpu).unwrap();
    let drop = |seed| ops::dropout(&x, 0.2, &Seed::new(seed)).unwrap();
    let mean = drop(1).mean_all().unwrap().to_scalar::<f32>().unwrap();
    assert!((mean - 1.0).abs() < 0.02, "{mean}");
    let values = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    assert_eq!(values(drop(1)), values(drop(1)));
    assert_ne!(values(drop(1)), values(drop(2)));
}

#[test]
fn a_wrong_operation_is_found_and_one_that_errs_says_why() {
    let case = |op: super::Op| super::Case {
        name: "abs",
        shapes: vec![vec![3, 4]],
        op,
        reference: Box::new(|x| reference::abs(&x[0])),
    };
    let difference = |case: super::Case| case.difference(&Device::Cpu, DType::F32);
    assert!(difference(case(Box::new(|x| ops::abs(&x[0])))).unwrap() < OPERATION_F32);
    // The values are right and the gradient is not.
    assert!(difference(case(Box::new(|x| Ok(ops::abs(&x[0])?.detach())))).unwrap() > 0.1);
    assert_eq!(difference(case(Box::new(|x| x[0].log()))).unwrap(), f64::INFINITY, "NaN");
    let message = difference(case(Box::new(|x| x[0].sum(1)))).unwrap_err().to_string();
    assert!(message.contains("expected a tensor of shape [3, 4], found [3]"), "{message}");
}
