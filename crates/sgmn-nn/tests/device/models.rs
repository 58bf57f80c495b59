//! Every kind of model on the device in f32 against the same model on the CPU in f64: outputs, gradients, five steps.

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Activation, Seed};
use sgmn_nn::{
    Normalization, Pass,
    testing::{Example, Running, Setting, Task, examples, nets, weighted_sum},
    tolerance::{DEVICE_LOSS, DEVICE_OUTPUT},
};

use crate::check::{Check, Finding, said};

/// The losses say something if the steps change them by so much at least.
const MOVES: f64 = 30.0 * DEVICE_LOSS;
const N_STEPS: usize = 5;

/// The group `models`: three checks an example.
pub(crate) fn checks(device: &Device) -> Vec<Check> {
    let all = examples();
    // Whose way leads through every kind of step.
    let through_steps =
        all.iter().find(|example| example.name.contains("scalegmn")).unwrap_or(&all[0]).clone();
    let on = device.clone();
    let control = move || match difference(&through_steps, &on, 0.01)? {
        (worst, _) if worst > DEVICE_OUTPUT => Ok(Finding::Holds),
        (worst, _) => Err(format!("expected an error above {DEVICE_OUTPUT:.0e}, found {worst:.1e}")),
    };
    let mut checks = vec![Check::new("models", "one number that is 0.01 off is found out", control)];
    for example in examples() {
        let (steps, on) = (example.clone(), device.clone());
        checks.push(Check::new("models", format!("{} learns", example.name), move || learns(&steps, &on)));
        let on = device.clone();
        let name = example.name.clone();
        checks.push(Check::new("models", format!("{name} computes"), move || computes(&example, &on)));
    }
    checks
}

/// A model and a batch.
fn start(example: &Example, dtype: DType, device: &Device) -> sgmn_nn::Result<(Running, Task)> {
    let specs = example.nets.specs(Activation::Tanh);
    let nets = nets(Seed::new(2), &specs, 6);
    let setting = Setting { dtype, device: device.clone(), learning_rate: 3e-3 };
    let running = Running::new(&example.config, &specs, Normalization::fit(&nets), &setting)?;
    Ok((running, Task::of(&nets, &setting)?))
}

/// Outputs of a prediction, and gradients of a weighted sum of them.
fn computes(example: &Example, device: &Device) -> Result<Finding, String> {
    let (worst, place) = difference(example, device, 0.0)?;
    if worst > DEVICE_OUTPUT {
        return Err(format!("{place} differs by {worst:.1e}, expected at most {DEVICE_OUTPUT:.0e}"));
    }
    Ok(Finding::Error { worst, tolerance: DEVICE_OUTPUT })
}

/// The largest error and where it is; `moved` is added to one learned number on the device, to see that it is noticed.
fn difference(example: &Example, device: &Device, moved: f64) -> Result<(f64, String), String> {
    let run = |dtype, device: &Device, moved: f64| -> sgmn_nn::Result<Vec<(String, Tensor)>> {
        let (running, task) = start(example, dtype, device)?;
        if let Some((_, var)) = running.vars().iter().next() {
            let values = var.as_tensor().to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
            let mut values = values.flatten_all()?.to_vec1::<f64>()?;
            values[0] += moved;
            let values = Tensor::from_vec(values, var.dims(), &Device::Cpu)?;
            var.set(&values.to_dtype(dtype)?.to_device(device)?)?;
        }
        let output = running.model().forward(task.batch(), &Pass::eval())?;
        let grads = weighted_sum(&output)?.backward()?;
        let mut tensors: Vec<(String, Tensor)> =
            output.tensors().into_iter().map(|tensor| ("output".to_owned(), tensor.clone())).collect();
        for (name, var) in running.vars().iter() {
            // What only training reaches has no gradient here, on neither device.
            let grad = grads.get(var).map_or_else(|| var.zeros_like(), |grad| Ok(grad.clone()))?;
            tensors.push((name.to_owned(), grad));
        }
        Ok(tensors)
    };
    let ours = said(run(DType::F32, device, moved))?;
    let exact = said(run(DType::F64, &Device::Cpu, 0.0))?;
    let largest_of = |values: &[f64]| values.iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    let exact: Vec<Vec<f64>> = exact.iter().map(|(_, tensor)| values(tensor)).collect::<Result<_, _>>()?;
    // A gradient that is zero but for rounding has no size of its own: it counts against the largest of all.
    let largest = exact.iter().map(|values| largest_of(values)).fold(0.0, f64::max);
    let (mut worst, mut place) = (0.0, "");
    for ((name, ours), exact) in ours.iter().zip(&exact) {
        let ours = values(ours)?;
        if ours.len() != exact.len() {
            return Err(format!("{name}: expected {} numbers, found {}", exact.len(), ours.len()));
        }
        let size = largest_of(exact).max(1e-4 * largest).max(f64::MIN_POSITIVE);
        for (a, b) in ours.iter().zip(exact) {
            let error = (a - b).abs() / size;
            if error.is_nan() || error > worst {
                (worst, place) = (if error.is_nan() { f64::INFINITY } else { error }, name);
            }
        }
    }
    Ok((worst, place.to_owned()))
}

/// Losses of training steps; a step errs if a variable that should get a gradient gets none.
fn learns(example: &Example, device: &Device) -> Result<Finding, String> {
    let run = |dtype, device: &Device| -> sgmn_nn::Result<Vec<f64>> {
        let (mut running, task) = start(example, dtype, device)?;
        (0..N_STEPS)
            .map(|_| {
                let stepped = running.step(&task)?;
                stepped.norm.read()?;
                Ok(stepped.loss.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_scalar::<f64>()?)
            })
            .collect()
    };
    let (ours, exact) = (said(run(DType::F32, device))?, said(run(DType::F64, &Device::Cpu))?);
    if !exact.iter().any(|loss| (loss / exact[0] - 1.0).abs() > MOVES) {
        return Err(format!("expected losses that change by {MOVES:.0e} at least, found {exact:?}"));
    }
    let errors = ours.iter().zip(&exact).map(|(a, b)| (a - b).abs() / b.abs().max(f64::MIN_POSITIVE));
    let worst = errors.fold(0.0, |worst: f64, e| if e.is_nan() { f64::INFINITY } else { worst.max(e) });
    Ok(Finding::Error { worst, tolerance: DEVICE_LOSS })
}

fn values(tensor: &Tensor) -> Result<Vec<f64>, String> {
    let values = || tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.flatten_all()?.to_vec1();
    said(values())
}
