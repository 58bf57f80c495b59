//! Rounded matrix products: every model's outputs stay near those of f32, and do differ from them.

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Seed};
use sgmn_nn::{
    Normalization,
    ops::ProductPrecision,
    testing::{Example, Running, Setting, Task, examples, nets},
};

use crate::check::{Check, Finding, said};

/// Largest distance of outputs, `‖a − b‖ / ‖b‖`: bf16 has 8 significant bits, and some ten products stand one after
/// the other.
const DISTANCE: f64 = 2e-2;

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
    let output = |precision: ProductPrecision| -> Result<Vec<f64>, String> {
        let run =
            || -> sgmn_nn::Result<Vec<f64>> { Ok(running.infer(&task)?.of_nets(task.batch())?.concat()) };
        said(said(precision.scope(DType::F32, device, run))?)
    };
    let (exact, rounded) = (output(ProductPrecision::F32)?, output(precision)?);
    if exact == rounded {
        return Err(format!("expected numbers that {} rounds, found those of f32", precision.name()));
    }
    let length = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let apart = length(&mut rounded.iter().zip(&exact).map(|(a, b)| a - b));
    Ok(Finding::Error { worst: apart / length(&mut exact.iter().copied()), tolerance: DISTANCE })
}
