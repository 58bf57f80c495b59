//! Launches on a CUDA device as candle custom operations: storage, layouts and gradients are settled here.

#![allow(unsafe_code, reason = "a kernel's launch is outside of what the compiler sees")]

use candle_core::{
    CpuStorage, CudaStorage, CustomOp1, CustomOp3, Layout, Result, Shape, Storage, Tensor,
    backend::BackendStorage,
    bail,
    cuda_backend::{
        WrapErr,
        cudarc::driver::{LaunchArgs, LaunchConfig, PushKernelArg},
    },
    op::BackpropOp,
};

use super::launch::{Argument, Launch, Module};

impl Module {
    /// The name under which candle keeps the kernels, once loaded, and what `cargo xtask cuda-kernels` compiled.
    pub(super) fn compiled(self) -> (&'static str, &'static str) {
        match self {
            Self::Rows => ("sgmn_rows", include_str!("kernels/rows.ptx")),
            Self::Edges => ("sgmn_edges", include_str!("kernels/edges.ptx")),
            Self::Steps => ("sgmn_steps", include_str!("kernels/steps.ptx")),
            Self::Optimizer => ("sgmn_optimizer", include_str!("kernels/optimizer.ptx")),
            Self::Gather => ("sgmn_gather", include_str!("kernels/gather.ptx")),
            Self::Nets => ("sgmn_nets", include_str!("kernels/nets.ptx")),
        }
    }
}

impl Launch {
    /// Adds the plain arguments, which come last; returns grid and blocks.
    pub(super) fn finish<'a>(&'a self, builder: &mut LaunchArgs<'a>) -> LaunchConfig {
        for argument in &self.arguments {
            match argument {
                Argument::U64(value) => builder.arg(value),
                Argument::U32(value) => builder.arg(value),
                Argument::F32(value) => builder.arg(value),
            };
        }
        LaunchConfig {
            grid_dim: (self.grid[0], self.grid[1], 1),
            block_dim: (self.block[0], self.block[1], 1),
            shared_mem_bytes: self.shared,
        }
    }
}

/// An operation with its gradient.
pub(super) trait Operation: Send + Sync + 'static {
    fn forward(&self, dims: &[&[usize]]) -> (Launch, Shape);
    /// The gradient of every input from that of the result.
    fn backward(&self, inputs: &[&Tensor], grad: &Tensor) -> Result<Vec<Tensor>>;
}

/// An operation of three inputs, some of which have no gradient.
pub(super) trait Operation3: Send + Sync + 'static {
    fn forward(&self, dims: [&[usize]; 3]) -> (Launch, Shape);
    /// The gradients from that of the result.
    fn backward(&self, inputs: [&Tensor; 3], grad: &Tensor) -> Result<[Option<Tensor>; 3]>;
}

/// Applies an operation of one input.
pub(super) fn apply1(operation: impl Operation, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1(Adapter(operation))
}

/// Applies an operation of three inputs.
pub(super) fn apply3(operation: impl Operation3, x: &Tensor, y: &Tensor, z: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op3(&y.contiguous()?, &z.contiguous()?, Adapter3(operation))
}

/// Runs a kernel without a gradient; the output is a row of numbers.
pub(super) fn run(description: &Launch, inputs: &[&Tensor]) -> Result<Tensor> {
    let inputs = inputs.iter().map(|input| input.contiguous()).collect::<Result<Vec<_>>>()?;
    let guards: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
    let stored = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cuda(storage) => Ok((storage, *layout)),
        _ => bail!("{}: expected numbers on a CUDA device, found others", description.kernel),
    });
    let out = launch(description, &stored.collect::<Result<Vec<_>>>()?)?;
    Ok(Tensor::from_storage(Storage::Cuda(out), description.n_out, BackpropOp::none(), false))
}

struct Adapter<O>(O);

/// Inputs must be contiguous f32.
fn launch(launch: &Launch, inputs: &[(&CudaStorage, &Layout)]) -> Result<CudaStorage> {
    let device = inputs[0].0.device().clone();
    let mut views = Vec::with_capacity(inputs.len());
    for (storage, layout) in inputs {
        let Some((start, end)) = layout.contiguous_offsets() else {
            bail!("{}: expected contiguous input, found {layout:?}", launch.kernel)
        };
        views.push(storage.as_cuda_slice::<f32>()?.slice(start..end));
    }
    // SAFETY: every kernel writes all of its output before anyone reads it.
    let mut out = unsafe { device.alloc::<f32>(launch.n_out)? };
    let (module, ptx) = launch.module.compiled();
    let function = device.get_or_load_custom_func(launch.kernel, module, ptx)?;
    let mut builder = function.builder();
    for view in &views {
        builder.arg(view);
    }
    builder.arg(&mut out);
    let config = launch.finish(&mut builder);
    // SAFETY: the arguments are those of the kernel's signature, and sizes follow from the inputs' shapes; both are
    // run against the same source on a host by the tests.
    unsafe { builder.launch(config) }.w()?;
    drop(builder);
    Ok(CudaStorage::wrap_cuda_slice(out, device))
}

impl<O: Operation> Adapter<O> {
    fn forward(&self, inputs: &[(&CudaStorage, &Layout)]) -> Result<(CudaStorage, Shape)> {
        let dims: Vec<&[usize]> = inputs.iter().map(|(_, layout)| layout.dims()).collect();
        let (description, shape) = self.0.forward(&dims);
        Ok((launch(&description, inputs)?, shape))
    }
}

fn no_host() -> Result<(CpuStorage, Shape)> {
    bail!("a CUDA kernel was given numbers on the host")
}

impl<O: Operation> CustomOp1 for Adapter<O> {
    fn name(&self) -> &'static str {
        "CUDA kernel"
    }
    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Result<(CpuStorage, Shape)> {
        no_host()
    }
    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.forward(&[(storage, layout)])
    }
    fn bwd(&self, x: &Tensor, _result: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.0.backward(&[x], grad)?.pop())
    }
}

struct Adapter3<O>(O);

impl<O: Operation3> CustomOp3 for Adapter3<O> {
    fn name(&self) -> &'static str {
        "CUDA kernel"
    }
    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        no_host()
    }
    fn cuda_fwd(
        &self,
        s1: &CudaStorage,
        l1: &Layout,
        s2: &CudaStorage,
        l2: &Layout,
        s3: &CudaStorage,
        l3: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (description, shape) = self.0.forward([l1.dims(), l2.dims(), l3.dims()]);
        Ok((launch(&description, &[(s1, l1), (s2, l2), (s3, l3)])?, shape))
    }
    fn bwd(
        &self,
        x: &Tensor,
        y: &Tensor,
        z: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok(self.0.backward([x, y, z], grad)?.into())
    }
}
