//! Launches on arrays of many tensors at once, which a kernel finds through a table of their addresses.

#![allow(unsafe_code, reason = "a kernel's launch is outside of what the compiler sees")]

use std::{cell::Cell, ops::Range};

use candle_core::{
    CpuStorage, CudaDevice, CudaStorage, Device, InplaceOp1, Layout, Result, Storage, Tensor, bail,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DevicePtrMut, PushKernelArg},
    },
    op::BackpropOp,
};

use super::launch::{Launch, Table, Word};

/// An array of a variable; contiguous f32.
#[derive(Debug, Clone, Copy)]
pub(super) enum Array<'a> {
    Read(&'a Tensor),
    /// Read and written in place. Each has memory of its own.
    Changed(&'a Tensor),
}

impl<'a> Array<'a> {
    fn tensor(self) -> &'a Tensor {
        match self {
            Self::Read(tensor) | Self::Changed(tensor) => tensor,
        }
    }
}

/// Runs a kernel that reads arrays, to a row of numbers.
pub(super) fn read_all<const N: usize>(
    description: &Launch,
    table: &Table,
    rows: &[[Array<'_>; N]],
) -> Result<Tensor> {
    let device = device_of(description, rows)?;
    // SAFETY: every kernel writes all of its output before anyone reads it.
    let mut out = unsafe { device.alloc::<f32>(description.n_out)? };
    launch(description, device, table, rows, &[], Some(&mut out))?;
    let out = Storage::Cuda(CudaStorage::wrap_cuda_slice(out, device.clone()));
    Ok(Tensor::from_storage(out, description.n_out, BackpropOp::none(), false))
}

/// Runs a kernel that changes arrays and has no output; an input that is absent is a null pointer.
pub(super) fn change_all<const N: usize>(
    description: &Launch,
    table: &Table,
    rows: &[[Array<'_>; N]],
    inputs: &[Option<&Tensor>],
) -> Result<()> {
    launch(description, device_of(description, rows)?, table, rows, inputs, None)
}

/// The device of all arrays: an address on another one would be none here.
fn device_of<'a, const N: usize>(description: &Launch, rows: &[[Array<'a>; N]]) -> Result<&'a CudaDevice> {
    let mut devices = rows.iter().flatten().map(|array| array.tensor().device());
    let Some(Device::Cuda(first)) = devices.next() else {
        bail!("{}: expected arrays on a CUDA device, found none", description.kernel)
    };
    if !devices.all(|device| matches!(device, Device::Cuda(device) if device.id() == first.id())) {
        bail!("{}: expected arrays on one device, found several", description.kernel)
    }
    Ok(first)
}

fn launch<const N: usize>(
    description: &Launch,
    device: &CudaDevice,
    table: &Table,
    rows: &[[Array<'_>; N]],
    inputs: &[Option<&Tensor>],
    out: Option<&mut CudaSlice<f32>>,
) -> Result<()> {
    let stream = device.cuda_stream();
    let addresses = || -> Result<[Vec<u64>; 2]> {
        let word = |word: Word| match word {
            Word::Number(number) => Ok(number),
            Word::Address { var, array } => match rows[var][array] {
                Array::Read(tensor) => read_address(tensor, &stream),
                Array::Changed(tensor) => changed_address(tensor, &stream),
            },
        };
        let input = |input: &Option<&Tensor>| input.map_or(Ok(0), |input| read_address(input, &stream));
        Ok([
            table.words(N).into_iter().map(word).collect::<Result<_>>()?,
            inputs.iter().map(input).collect::<Result<_>>()?,
        ])
    };
    let [words, inputs] = addresses()?;
    // A few kilobytes, of which the driver as a rule takes a copy at once.
    let words = device.clone_htod(&words)?;
    let (module, ptx) = description.module.compiled();
    let function = device.get_or_load_custom_func(description.kernel, module, ptx)?;
    let mut builder = function.builder();
    builder.arg(&words);
    for input in &inputs {
        builder.arg(input);
    }
    if let Some(out) = out {
        builder.arg(out);
    }
    let config = description.finish(&mut builder);
    // SAFETY: the arguments are those of the kernel's signature, and lengths are those of the arrays, which live until
    // this returns; what is freed later is freed in the order of the stream. Arguments and tables are run against the
    // same source on a host by the tests.
    unsafe { builder.launch(config) }.w()?;
    if stream.context().is_managing_stream_synchronization() {
        // Asking for an address also tells other streams since when it is in use: now, after the launch.
        addresses()?;
    }
    Ok(())
}

/// Where a tensor's numbers lie, for a kernel that reads them.
fn read_address(tensor: &Tensor, stream: &CudaStream) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else { bail!("expected numbers on a CUDA device, found others") };
    let view = storage.as_cuda_slice::<f32>()?.slice(range(layout)?);
    Ok(view.device_ptr(stream).0)
}

/// Where a tensor's numbers lie, for a kernel that writes them too.
fn changed_address(tensor: &Tensor, stream: &CudaStream) -> Result<u64> {
    let visit = Visit { stream, address: Cell::new(0) };
    tensor.inplace_op1(&visit)?;
    Ok(visit.address.get())
}

fn range(layout: &Layout) -> Result<Range<usize>> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("expected contiguous numbers, found {layout:?}")
    };
    Ok(start..end)
}

/// candle's way to memory that may be written.
struct Visit<'a> {
    stream: &'a CudaStream,
    address: Cell<u64>,
}

impl InplaceOp1 for Visit<'_> {
    fn name(&self) -> &'static str {
        "address"
    }
    fn cpu_fwd(&self, _: &mut CpuStorage, _: &Layout) -> Result<()> {
        bail!("expected numbers on a CUDA device, found some on the host")
    }
    fn cuda_fwd(&self, storage: &mut CudaStorage, layout: &Layout) -> Result<()> {
        let mut view = storage.as_cuda_slice_mut::<f32>()?.slice_mut(range(layout)?);
        self.address.set(view.device_ptr_mut(self.stream).0);
        Ok(())
    }
}
