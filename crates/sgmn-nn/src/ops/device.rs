//! What is asked about a device: which kernels serve it, and how much of its memory was used.

use candle_core::{Device, Result, bail};

/// Why kernels that this build has for a device are not used there, a line each; empty where all are.
///
/// A CUDA device is examined when it is first used: kernels that do not agree with their plain twins there are left.
pub fn faults(device: &Device) -> Vec<String> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return super::cuda::faults(device);
    }
    let _ = device;
    Vec::new()
}

/// The kernels that this build has for a device, by name.
pub fn kernel_names() -> Vec<String> {
    #[cfg(feature = "cuda")]
    return super::cuda::kernel_names();
    #[cfg(not(feature = "cuda"))]
    Vec::new()
}

/// How far a kernel is from its plain form on a device, relative to the largest number, whether it is used or not.
///
/// # Errors
/// If there is no such kernel for the device, or what the kernel or the device says.
pub fn kernel_difference(device: &Device, name: &str) -> Result<f64> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return super::cuda::difference(device, name);
    }
    bail!("{name}: expected one of the kernels for {:?}, which has none", device.location())
}

/// How far a form that is wrong on purpose is found to be from the plain one: more than [`tolerance::KERNEL`](crate::tolerance::KERNEL), or the check
/// of kernels is blind.
///
/// # Errors
/// What the device says; on a device without kernels there is no check.
pub fn kernel_control(device: &Device) -> Result<f64> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return super::cuda::control(device);
    }
    bail!("expected a device with kernels, found {:?}", device.location())
}

/// Makes what tensors hold now the most that [`peak_memory`] knows of, where that can be done; whether it was.
pub fn forget_peak_memory(device: &Device) -> bool {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return super::cuda::forget_peak(device).is_ok();
    }
    let _ = device;
    false
}

/// The most bytes of a device's memory that tensors held at once since the process began, or since
/// [`forget_peak_memory`], where that is known.
pub fn peak_memory(device: &Device) -> Option<u64> {
    #[cfg(feature = "cuda")]
    if let Device::Cuda(device) = device {
        return super::cuda::peak(device).ok();
    }
    let _ = device;
    None
}
