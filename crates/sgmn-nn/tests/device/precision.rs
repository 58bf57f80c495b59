//! Rounded matrix products: every model's outputs and gradients stay near those of f32, and do differ from them.

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Activation, Seed};
use sgmn_nn::{
    Normalization, Pass,
    ops::ProductPrecision,
    testing::{Example, Running, Setting, Task, examples, nets, weighted_sum},
    tolerance::{ROUNDED_GRADIENT, ROUNDED_OUTPUT},
};

use crate::check::{Check, Finding, said};

/// The group `precision`: tf32 where the device has it, bf16 on the CPU and on CUDA devices.
pub(crate) fn checks(device: &Device) -> Vec<Check> {
    let precisions: &[ProductPrecision] = match device {
        Device::Cuda(_) => &[ProductPrecision::Tf32, ProductPrecision::Bf16],
        Device::Cpu => &[ProductPrecision::Bf16],
        Device::Metal(_) => &[],
    };
    let mut checks = Vec::new();
    for example in examples() {
        for precision in precisions {
            let (example, device, precision) = (example.clone(), device.clone(), *precision);
            let name = format!("{} in {}", example.name, precision.name());
            checks.push(Check::new("precision", name, move || distance(&example, precision, &device)));
        }
    }
    checks
}

fn distance(example: &Example, precision: ProductPrecision, device: &Device) -> Result<Finding, String> {
    let specs = example.nets.specs(Activation::Tanh);
    let nets = nets(Seed::new(2), &specs, 6);
    let setting = Setting { device: device.clone(), ..Setting::default() };
    let task = said(Task::of(&nets, &setting))?;
    let running = said(Running::new(&example.config, &specs, Normalization::fit(&nets), &setting))?;
    let run = |precision: ProductPrecision| -> Result<[Vec<f64>; 2], String> {
        let run = || -> sgmn_nn::Result<[Vec<f64>; 2]> {
            let output = running.model().forward(task.batch(), &Pass::eval())?;
            let grads = weighted_sum(&output)?.backward()?;
            let grads = running.vars().iter().filter_map(|(_, var)| grads.get(var));
            Ok([values(output.tensors().into_iter())?, values(grads)?])
        };
        said(said(precision.scope(DType::F32, device, run))?)
    };
    let ([output, grads], [rounded, rounded_grads]) = (run(ProductPrecision::F32)?, run(precision)?);
    if output == rounded || grads == rounded_grads {
        return Err(format!("expected numbers that {} rounds, found those of f32", precision.name()));
    }
    let of_grads = apart(&rounded_grads, &grads);
    // NaN is no small distance.
    if of_grads.is_nan() || of_grads > ROUNDED_GRADIENT {
        return Err(format!("gradients are {of_grads:.1e} apart, expected at most {ROUNDED_GRADIENT:.0e}"));
    }
    Ok(Finding::Error { worst: apart(&rounded, &output), tolerance: ROUNDED_OUTPUT })
}

/// `‖a − b‖ / ‖b‖`.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    length(&mut a.iter().zip(b).map(|(a, b)| a - b)) / length(&mut b.iter().copied())
}

fn values<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> sgmn_nn::Result<Vec<f64>> {
    let mut all = Vec::new();
    for tensor in tensors {
        all.extend(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?);
    }
    Ok(all)
}
