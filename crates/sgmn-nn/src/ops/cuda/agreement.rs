//! Whether kernels may be used on a device: each is compared with its plain twin there, once, on small inputs.

use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Result, Tensor, Var, cuda_backend::DeviceId};

use super::{
    Kernel,
    cases::{Case, Operation, cases},
    launch, memory, steps,
};
use crate::ops::{KERNEL_TOLERANCE, ProductPrecision};

/// What was found out about the devices so far.
static FINDINGS: Mutex<Vec<(DeviceId, Vec<Fault>)>> = Mutex::new(Vec::new());

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

/// The largest difference of each kernel to its plain form on a device, whether it is used or not.
pub(in crate::ops) fn differences(device: &Device) -> Vec<(String, Result<f64>)> {
    let mut worst: Vec<(Kernel, Result<f64>)> = Vec::new();
    for case in cases() {
        let difference = disagreement(&case, device);
        match worst.iter_mut().find(|(kernel, _)| *kernel == case.kernel) {
            None => worst.push((case.kernel, difference)),
            // The first error stays.
            Some((_, Err(_))) => {}
            Some((_, known)) => match (&known, difference) {
                (Ok(known), Ok(difference)) if difference <= *known => {}
                (_, larger) => *known = larger,
            },
        }
    }
    worst.into_iter().map(|(kernel, difference)| (format!("{kernel:?}"), difference)).collect()
}

/// Asks the findings about a CUDA device, which is examined first if it never was.
fn on_device<R>(device: &Device, ask: impl FnOnce(&[Fault]) -> R) -> Option<R> {
    let Device::Cuda(cuda) = device else { return None };
    // A panic while a device was examined leaves no finding behind, so the list is whole.
    let mut findings = FINDINGS.lock().unwrap_or_else(PoisonError::into_inner);
    let place = match findings.iter().position(|(id, _)| *id == cuda.id()) {
        Some(place) => place,
        None => {
            // Only speed depends on it, and a driver that lacks it is no fault of a kernel.
            let _ = memory::settle(cuda);
            // Rounded products would tell nothing of kernels that do not round.
            let examined = ProductPrecision::F32.scope(DType::F32, device, || examine(device));
            findings.push((cuda.id(), examined.expect("every device has f32")));
            findings.len() - 1
        }
    };
    Some(ask(&findings[place].1))
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
            Ok(difference) if difference <= KERNEL_TOLERANCE => continue,
            Ok(difference) => format!("they differ by {difference:.1e} on {:?}", case.shapes[0]),
            Err(error) => first_line(error),
        };
        faults.push(Fault { kernel: case.kernel, why });
    }
    faults
}

/// The largest difference in results and gradients, relative to the largest number of each; NaN counts as infinite.
fn disagreement(case: &Case<'_>, device: &Device) -> Result<f64> {
    let inputs = (0..).zip(&case.shapes).map(|(i, shape)| Var::from_tensor(&numbers(shape, i, device)?));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let run = |operation: &Operation<'_>| -> Result<Vec<Vec<f32>>> {
        let tensors: Vec<Tensor> = inputs.iter().map(|var| var.as_tensor().clone()).collect();
        let result = operation(&tensors)?;
        let grads = (&result * numbers(result.dims(), 99, device)?)?.sum_all()?.backward()?;
        // An input without a gradient must be without one in both forms: zeros would not equal numbers.
        let grads =
            inputs.iter().map(|var| grads.get(var).map_or_else(|| var.zeros_like(), |grad| Ok(grad.clone())));
        let all = std::iter::once(Ok(result)).chain(grads);
        all.map(|tensor| tensor?.flatten_all()?.to_vec1()).collect()
    };
    let (ours, plain) = (run(&case.ours)?, run(&case.plain)?);
    let mut worst: f64 = 0.0;
    for (ours, plain) in ours.iter().zip(&plain) {
        if ours.len() != plain.len() {
            return Ok(f64::INFINITY);
        }
        let largest = plain.iter().fold(1e-3, |largest: f64, v| largest.max(f64::from(v.abs())));
        for (a, b) in ours.iter().zip(plain) {
            let difference = f64::from((a - b).abs()) / largest;
            worst = if difference.is_nan() { f64::INFINITY } else { worst.max(difference) };
        }
    }
    Ok(worst)
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
    use crate::ops::reference;

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
        let case = |ours: Operation<'static>| Case {
            kernel: Kernel::SumRows,
            shapes: vec![vec![3, 4]],
            ours,
            plain: Box::new(|x| reference::abs(&x[0])),
        };
        let wrong = case(Box::new(|x| x[0].relu()));
        assert!(disagreement(&wrong, &device).unwrap() > KERNEL_TOLERANCE);
        let right = case(Box::new(|x| reference::abs(&x[0])));
        assert!(disagreement(&right, &device).unwrap() <= KERNEL_TOLERANCE);
    }
}
