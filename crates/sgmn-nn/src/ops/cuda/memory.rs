//! How a device's memory is handled, and how much of it was in use.

#![allow(unsafe_code, reason = "settings of the driver are set through pointers")]

use candle_core::{
    CudaDevice,
    cuda_backend::cudarc::{
        cublas::sys::{cublasMath_t, cublasSetMathMode},
        driver::{
            result::{self, DriverError, mem_pool},
            sys::{CUmemPool_attribute as Attribute, CUmemoryPool},
        },
    },
};

/// Settles a device before its first use: less is asked of the driver for every tensor.
///
/// # Errors
/// As [`keep_freed`].
pub(super) fn settle(device: &CudaDevice) -> Result<(), DriverError> {
    // SAFETY: candle gives each thread a queue of its own that the driver's wrapper does not count as a second one, so it
    // makes two events for every allocation and never records them. What orders the queues is that whoever hands a
    // tensor to another thread waits for the device first, with these events as without them.
    unsafe { device.disable_event_tracking() };
    // Sums of bf16 products stay f32 where the library splits them too; it only loses speed if it refuses.
    // SAFETY: the handle lives as long as the device.
    unsafe {
        cublasSetMathMode(
            *device.cublas_handle().handle(),
            cublasMath_t::CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION,
        );
    }
    keep_freed(device)
}

/// Lets freed memory stay with the process.
///
/// Otherwise the driver gives it back whenever a thread waits for the device, and the next step has to map it again.
///
/// # Errors
/// What the driver says; nothing depends on it but speed.
fn keep_freed(device: &CudaDevice) -> Result<(), DriverError> {
    let mut threshold = u64::MAX;
    // SAFETY: the attribute is a u64, which lives through the call.
    unsafe {
        mem_pool::set_attribute(
            pool(device)?,
            Attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut threshold).cast(),
        )
    }
}

/// The most bytes that tensors held at once since the process began, or since it was last forgotten.
///
/// # Errors
/// What the driver says.
pub(in crate::ops) fn peak(device: &CudaDevice) -> Result<u64, DriverError> {
    let mut bytes = 0u64;
    // SAFETY: as in `keep_freed`.
    unsafe {
        mem_pool::get_attribute(
            pool(device)?,
            Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH,
            (&raw mut bytes).cast(),
        )?;
    }
    Ok(bytes)
}

/// Makes what tensors hold now the most that they held.
///
/// # Errors
/// What the driver says.
pub(in crate::ops) fn forget_peak(device: &CudaDevice) -> Result<(), DriverError> {
    // Zero is the only value that the driver takes.
    let mut zero = 0u64;
    // SAFETY: as in `keep_freed`.
    unsafe {
        mem_pool::set_attribute(
            pool(device)?,
            Attribute::CU_MEMPOOL_ATTR_USED_MEM_HIGH,
            (&raw mut zero).cast(),
        )
    }
}

/// The pool that allocations come from.
fn pool(device: &CudaDevice) -> Result<CUmemoryPool, DriverError> {
    let stream = device.cuda_stream();
    stream.context().bind_to_thread()?;
    // SAFETY: the device is that of a living context.
    unsafe { result::device::get_default_mem_pool(stream.context().cu_device()) }
}
