//! Rounded matrix products: near the exact ones, in variables, gradients and sums that keep their type.

use candle_core::{DType, Tensor};
use sgmn_graph::{Batch, Seed};
use sgmn_nn::{
    Normalization, Pass,
    loss::cross_entropy,
    models::{Output, ScaleGmnConfig},
    ops::{self, ProductPrecision},
    optim::Gradients,
};

use crate::setup::{DIRECTIONS, SCALINGS, build, device, mixed_mlps, nets};

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Distance over length, `‖a − b‖ / ‖b‖`.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length(&mut b.iter().copied())
}

/// A bfloat16 has 8 significant bits.
const ROUNDING: f64 = 1.0 / 256.0;

#[test]
fn a_rounded_product_is_that_of_rounded_factors() {
    let device = device();
    let x = Tensor::new(&[[1.0f32, 1.0 + 1.0 / 512.0, 3.0], [0.1, -2.0, 1e-3]], &device).unwrap();
    let w = Tensor::new(&[[1.0f32, 0.3, -1.0]], &device).unwrap();
    let exact = ops::linear(&x, &w).unwrap();
    let rounded = ProductPrecision::Bf16.scope(DType::F32, &device, || ops::linear(&x, &w).unwrap()).unwrap();
    assert_eq!(rounded.dtype(), DType::F32);
    // 0.3 becomes 0.30078125; 1 + 1/512 becomes 1; the sum −1.69921875 becomes −1.703125.
    assert_eq!(values(&rounded)[0], -1.703125);
    assert!(distance(&values(&rounded), &values(&exact)) < 2.0 * ROUNDING);
    assert_ne!(values(&rounded), values(&exact));
    let after = ops::linear(&x, &w).unwrap();
    assert_eq!(values(&after), values(&exact), "the scope ended");
}

#[test]
fn models_of_every_symmetry_compute_nearly_the_same_in_bf16_and_their_gradients_stay_f32() {
    for symmetry in SCALINGS {
        for direction in DIRECTIONS {
            let specs = mixed_mlps(symmetry, 2);
            let nets = nets(Seed::new(2), &specs, 2);
            let config = ScaleGmnConfig::new(symmetry, direction, 8, 3);
            let (model, vars, _) = build(&config, &specs, Normalization::fit(&nets), DType::F32);
            let batch = Batch::from_nets(&nets, DType::F32, &device()).unwrap();
            let classes: Vec<u32> = (0..nets.len() as u32).map(|i| i % 3).collect();
            let classes = Tensor::new(classes, &device()).unwrap();
            let step = || {
                let Output::PerGraph(logits) = model.forward(&batch, &Pass::eval()).unwrap() else {
                    panic!("expected logits")
                };
                let loss = cross_entropy(&logits, &classes).unwrap();
                (values(&logits), Gradients::of(&vars, &*model, &loss.backward().unwrap()).unwrap())
            };
            let (exact, exact_gradients) = step();
            let (rounded, gradients) = ProductPrecision::Bf16.scope(DType::F32, &device(), step).unwrap();
            let of_outputs = distance(&rounded, &exact);
            let flat =
                |gradients: &Gradients| gradients.iter().flatten().flat_map(values).collect::<Vec<_>>();
            assert!(gradients.iter().flatten().all(|grad| grad.dtype() == DType::F32));
            assert!(flat(&gradients).iter().all(|value| value.is_finite()));
            let of_gradients = distance(&flat(&gradients), &flat(&exact_gradients));
            println!("{symmetry:?} {direction:?}: outputs {of_outputs:.1e}, gradients {of_gradients:.1e}");
            // Some thirty products stand one after the other; their errors add up like a random walk.
            assert!(of_outputs > 0.0 && of_outputs < 6.0 * ROUNDING, "{of_outputs}");
            assert!(of_gradients > 0.0 && of_gradients < 12.0 * ROUNDING, "{of_gradients}");
        }
    }
}

#[test]
fn products_that_a_device_or_a_number_type_does_not_have_are_refused() {
    let refusal = |precision: ProductPrecision, dtype| {
        precision.scope(dtype, &device(), || ()).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(ProductPrecision::Tf32, DType::F32),
        "precision: expected f32 or bf16, since only a CUDA device has tf32, found tf32"
    );
    assert_eq!(
        refusal(ProductPrecision::Bf16, DType::F64),
        "precision: expected f32, since variables are f64, found bf16"
    );
    assert!(ProductPrecision::F32.scope(DType::F64, &device(), || ()).is_ok());
}

#[test]
fn a_scope_that_panics_leaves_no_rounding_behind() {
    let x = Tensor::new(&[[0.1f32, 0.7]], &device()).unwrap();
    let exact = values(&ops::linear(&x, &x).unwrap());
    let panicked = std::panic::catch_unwind(|| {
        ProductPrecision::Bf16.scope(DType::F32, &device(), || panic!("on purpose"))
    });
    assert!(panicked.is_err());
    assert_eq!(values(&ops::linear(&x, &x).unwrap()), exact);
}
