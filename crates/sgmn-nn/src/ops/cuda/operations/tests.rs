//! The operations on a device, where there is one, without candle's backpropagation between.

use candle_core::{Device, Var};
use sgmn_graph::testing::normal;

use super::*;
use crate::ops::reference;

fn numbers(shape: &[usize], seed: u64, device: &Device) -> Tensor {
    let mut rng = Seed::new(seed).rng();
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| normal(&mut rng) as f32).collect();
    Tensor::from_vec(values, shape, device).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Result and gradients on a device, without candle's backpropagation, against the plain form on the host.
fn agree(
    operation: impl Operation,
    shapes: &[&[usize]],
    device: &Device,
    plain: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let on = |device: &Device| -> Vec<Tensor> {
        (0..).zip(shapes).map(|(i, shape)| numbers(shape, i, device)).collect()
    };
    let vars: Vec<Var> = on(&Device::Cpu).iter().map(|x| Var::from_tensor(x).unwrap()).collect();
    let result = plain(&vars.iter().map(|var| var.as_tensor().clone()).collect::<Vec<_>>()).unwrap();
    let grad = numbers(result.dims(), 9, &Device::Cpu);
    let grads = (&result * &grad).unwrap().sum_all().unwrap().backward().unwrap();
    let expected: Vec<Tensor> = std::iter::once(result.detach())
        .chain(vars.iter().map(|var| grads.get(var).unwrap().clone()))
        .collect();

    let inputs = on(device);
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let dims: Vec<&[usize]> = inputs.iter().map(|input| input.dims()).collect();
    let (launch, shape) = operation.forward(&dims);
    let found = run(&launch, &inputs).unwrap().reshape(shape).unwrap();
    let mut found = vec![found];
    found.extend(operation.backward(&inputs, &grad.to_device(device).unwrap()).unwrap());
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert_eq!(found.dims(), expected.dims());
        let (found, expected) = (values(found), values(expected));
        let largest = expected.iter().fold(1e-3, |largest: f32, v| largest.max(v.abs()));
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 3e-5 * largest, "{}, part {i}: {worst}", launch.kernel);
    }
}

#[test]
fn results_and_gradients_on_a_device_are_those_of_the_plain_forms() {
    let Ok(device) = Device::new_cuda(0) else { return };
    let (rows, b, packed): (&[usize], &[usize], &[usize]) = (&[23, 7, 6], &[6], &[18]);
    for signs in [Symmetrize::No, Symmetrize::Signs] {
        agree(NormSilu(signs), &[rows, packed], &device, |x| {
            let part = |i: usize| x[1].narrow(0, 6 * i, 6);
            reference::norm_silu(&x[0], &part(0)?, &part(1)?, &part(2)?, signs)
        });
        agree(BiasSilu(signs), &[rows, b], &device, |x| reference::bias_silu(&x[0], &x[1], signs));
    }
    agree(AddBias, &[rows, b], &device, |x| reference::add_bias(&x[0], &x[1]));
    agree(AddBias, &[&[1000, 3], &[3]], &device, |x| reference::add_bias(&x[0], &x[1]));
    for guard in [None, Some(0.3)] {
        agree(UnitNorm(guard), &[rows], &device, |x| reference::unit_norm(&x[0], guard));
    }
    agree(Abs, &[rows], &device, |x| reference::abs(&x[0]));
    for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
        agree(SumEdges(axis), &[&[2, 3, 4, 5]], &device, |x| reference::sum_edges(&x[0], axis));
        agree(Spread { n_others: 4, axis }, &[&[2, 3, 5]], &device, |x| reference::spread(&x[0], 4, axis));
    }
    let mask: Vec<f32> = launch::mask(966, 0.3, 7).collect();
    let mask = Tensor::from_vec(mask, rows, &Device::Cpu).unwrap();
    agree(Dropout { p: 0.3, key: 7 }, &[rows], &device, |x| &x[0] * &mask);
}
