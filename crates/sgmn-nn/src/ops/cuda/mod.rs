//! Kernels for CUDA devices, f32: used on a device only after they have agreed there with their plain twins.
//!
//! `kernels/*.cu` are the sources and `kernels/*.ptx` what NVIDIA's compiler made of them (`cargo xtask cuda-kernels`), for
//! devices from compute capability 8.0 on. `launch` describes runs, and tests follow the descriptions on a host.

#[cfg(feature = "cuda")]
mod adapter;
#[cfg(feature = "cuda")]
mod agreement;
#[cfg(feature = "cuda")]
mod cases;
#[cfg(test)]
mod emulated;
mod launch;
#[cfg(feature = "cuda")]
mod memory;
#[cfg(feature = "cuda")]
mod operations;
#[cfg(feature = "cuda")]
pub(super) mod steps;
#[cfg(feature = "cuda")]
mod tabled;

#[cfg(feature = "cuda")]
pub(super) use self::{
    agreement::{control, difference, faults, kernel_names, serves},
    launch::Nets,
    memory::{forget_peak, peak},
    operations::{adamw, aggregate, attend, run_mlps, run_nets, total_squares},
};

/// An operation that has a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg(feature = "cuda")]
pub(super) enum Kernel {
    BiasSilu,
    SumRows,
    SumEdges,
    UnitNorm,
    TotalSquares,
    AdamW,
    Aggregate,
    Attend,
    RunNets,
    RunMlps,
    AddUp,
    NormSiluOfSum,
    MulBiased,
    MulNodes,
    SumProduct,
    Kept,
}
