//! Whether kernels may be used on a device: each is compared with its plain twin there, once, on small inputs.

use std::sync::{Mutex, PoisonError};

use candle_core::{CudaDevice, DType, Device, Error, Result, Tensor, Var, bail, cuda_backend::DeviceId};

use super::{
    Kernel,
    cases::{Case, Operation, cases},
    launch, memory, steps,
};
use crate::{
    ops::{ProductPrecision, mode::leaves_kernels, reference},
    tolerance,
};

/// What was found out so far about the devices of the machine, by their numbers: one is examined once, however often it is
/// opened.
static FINDINGS: Mutex<Vec<(usize, Vec<Fault>)>> = Mutex::new(Vec::new());
/// The openings of devices that were settled.
static SETTLED: Mutex<Vec<DeviceId>> = Mutex::new(Vec::new());

/// A kernel that is not used, and why.
#[derive(Debug, Clone)]
struct Fault {
    kernel: Kernel,
    why: String,
}

/// Whether a kernel is to be used on a tensor.
pub(in crate::ops) fn serves(kernel: Kernel, x: &Tensor) -> bool {
    let width = x.dims().last().copied().unwrap_or(1);
    let is_narrow = match kernel {
        Kernel::BiasSilu => width <= launch::MOST_WIDTH,
        Kernel::NormSiluOfSum => steps::fits(width),
        _ => true,
    };
    let fits = x.dtype() == DType::F32 && x.elem_count() > 0 && is_narrow;
    fits && on_device(x.device(), |faults| faults.iter().all(|fault| fault.kernel != kernel)).unwrap_or(false)
}

/// Why kernels are not used on a device, a line each; empty if all are, or if it is no CUDA device.
pub(in crate::ops) fn faults(device: &Device) -> Vec<String> {
    let line = |fault: &Fault| {
        format!("CUDA kernel {:?} is not used, its plain form is: {}", fault.kernel, fault.why)
    };
    on_device(device, |faults| faults.iter().map(line).collect()).unwrap_or_default()
}

/// The kernels, by name.
pub(in crate::ops) fn kernel_names() -> Vec<String> {
    let mut names = Vec::new();
    for case in cases() {
        let name = format!("{:?}", case.kernel);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The largest difference of a kernel to its plain form on a device, whether it is used or not.
pub(in crate::ops) fn difference(device: &Device, name: &str) -> Result<f64> {
    let mut worst: Option<f64> = None;
    let scoped = |case: &Case<'_>| {
        ProductPrecision::F32.scope(DType::F32, device, || disagreement(case, device)).map_err(Error::wrap)?
    };
    for case in cases().iter().filter(|case| format!("{:?}", case.kernel) == name) {
        worst = Some(worst.unwrap_or(0.0).max(scoped(case)?));
    }
    match worst {
        Some(worst) => Ok(worst),
        None => bail!("{name}: expected one of {}", kernel_names().join(", ")),
    }
}

/// Asks the findings about a CUDA device, which is examined first if it never was; none if kernels are left aside.
fn on_device<R>(device: &Device, ask: impl FnOnce(&[Fault]) -> R) -> Option<R> {
    let Device::Cuda(cuda) = device else { return None };
    settle(cuda);
    if leaves_kernels() {
        return None;
    }
    let number = cuda.cuda_stream().context().ordinal();
    // A panic while a device was examined leaves no finding behind, so the list is whole. Cases call no door that would
    // ask here again.
    let mut findings = FINDINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let place = match findings.iter().position(|(known, _)| *known == number) {
        Some(place) => place,
        None => {
            // Rounded products would tell nothing of kernels that do not round.
            let examined = ProductPrecision::F32.scope(DType::F32, device, || examine(device));
            findings.push((number, examined.expect("every device has f32")));
            findings.len() - 1
        }
    };
    Some(ask(&findings[place].1))
}

fn settle(device: &CudaDevice) {
    let mut settled = SETTLED.lock().unwrap_or_else(PoisonError::into_inner);
    if !settled.contains(&device.id()) {
        // Only speed depends on it, and a driver that lacks it is no fault of a kernel.
        let _ = memory::settle(device);
        settled.push(device.id());
    }
}

/// Compares all kernels; one that disagrees or fails once is reported once.
fn examine(device: &Device) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    for case in cases() {
        if faults.iter().any(|fault| fault.kernel == case.kernel) {
            continue;
        }
        // The first line says what happened; a backtrace may follow.
        let first_line =
            |error: candle_core::Error| error.to_string().lines().next().unwrap_or_default().to_owned();
        let why = match disagreement(&case, device) {
            Ok(difference) if difference <= tolerance::KERNEL => continue,
            Ok(difference) => format!("they differ by {difference:.1e} on {:?}", case.shapes[0]),
            Err(error) => first_line(error),
        };
        faults.push(Fault { kernel: case.kernel, why });
    }
    faults
}

/// The largest difference in results and gradients, each relative to its own largest number; NaN counts as infinite.
fn disagreement(case: &Case<'_>, device: &Device) -> Result<f64> {
    let inputs = (0..).zip(&case.shapes).map(|(i, shape)| Var::from_tensor(&numbers(shape, i, device)?));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let run = |operation: &Operation<'_>| -> Result<Vec<Vec<f32>>> {
        let tensors: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
        let results = operation(&tensors)?;
        let sums = results.iter().map(|result| (result * numbers(result.dims(), 99, device)?)?.sum_all());
        let sums = sums.collect::<Result<Vec<_>>>()?;
        let grads = Tensor::stack(&sums, 0)?.sum_all()?.backward()?;
        // An input without a gradient must be without one in both forms: zeros would not equal numbers.
        let grads =
            inputs.iter().map(|var| grads.get(var).map_or_else(|| var.zeros_like(), |grad| Ok(grad.clone())));
        let all = results.into_iter().map(Ok).chain(grads);
        all.map(|tensor| tensor?.flatten_all()?.to_vec1()).collect()
    };
    let (ours, plain) = (run(&case.ours)?, run(&case.plain)?);
    // A kernel that did harm is told by whoever waits for the device.
    device.synchronize()?;
    if ours.len() != plain.len() {
        return Ok(f64::INFINITY);
    }
    let mut worst: f64 = 0.0;
    for (ours, plain) in ours.iter().zip(&plain) {
        let largest = plain.iter().fold(1e-3, |largest: f64, v| largest.max(f64::from(v.abs())));
        if ours.len() != plain.len() || !largest.is_finite() {
            return Ok(f64::INFINITY);
        }
        for (a, b) in ours.iter().zip(plain) {
            let difference = f64::from((a - b).abs()) / largest;
            worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
        }
    }
    Ok(worst)
}

/// How far a form that is wrong on purpose is from the plain one: the check is blind where it finds little.
pub(in crate::ops) fn control(device: &Device) -> Result<f64> {
    let wrong = Case {
        kernel: Kernel::SumRows,
        shapes: vec![vec![3, 4]],
        ours: Box::new(|x| Ok(vec![x[0].relu()?])),
        plain: Box::new(|x| Ok(vec![reference::abs(&x[0])?])),
    };
    ProductPrecision::F32.scope(DType::F32, device, || disagreement(&wrong, device)).map_err(Error::wrap)?
}

/// Numbers of both signs that are always the same, one of them zero.
fn numbers(shape: &[usize], which: u64, device: &Device) -> Result<Tensor> {
    let n: usize = shape.iter().product();
    let mut numbers: Vec<f32> = mask(n, 0.5, which).zip(mask(n, 0.25, !which)).map(|(a, b)| a - b).collect();
    // Different sizes too: the masks hold four values only.
    numbers.iter_mut().enumerate().for_each(|(i, number)| *number *= 0.2 + (i % 13) as f32 / 7.0);
    // No row of zeros, where the plain form with a guard has no gradient.
    numbers.first_mut().into_iter().for_each(|number| *number = 0.7);
    Tensor::from_vec(numbers, shape, device)
}

/// Zeros with probability p, else `1 / (1 − p)`, by SplitMix64: Steele, Lea and Flood 2014.
fn mask(n: usize, p: f64, key: u64) -> impl Iterator<Item = f32> {
    let threshold = (p * f64::from(u32::MAX)) as u32;
    (1..=n as u64).map(move |i| {
        let z = key.wrapping_add(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let random = ((z ^ (z >> 31)) >> 32) as u32;
        if random >= threshold { (1.0 / (1.0 - p)) as f32 } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_a_device_that_is_there_every_kernel_is_used() {
        let Ok(device) = Device::new_cuda(0) else { return };
        assert_eq!(faults(&device), Vec::<String>::new());
        let x = numbers(&[3, 4], 1, &device).unwrap();
        assert!(serves(Kernel::NormSiluOfSum, &x));
        assert!(!serves(Kernel::NormSiluOfSum, &x.to_dtype(DType::F64).unwrap()));
    }

    #[test]
    fn a_form_that_differs_is_found() {
        let Ok(device) = Device::new_cuda(0) else { return };
        assert!(control(&device).unwrap() > tolerance::KERNEL);
    }
}
