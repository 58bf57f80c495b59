//! Models that several tests examine, on the device that tests run on.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_graph::{Lowering, NetSpec, Seed};
pub(crate) use sgmn_nn::testing::{
    DIRECTIONS, SCALINGS, activations, mixed_cnns, mixed_mlps, nets, plain_mlps, variants,
};
use sgmn_nn::{
    Normalization, VarStore,
    models::{Model, ModelConfig, ScaleGmnConfig},
};

/// The device that the tests of models run on: a CUDA device where build and machine have one, the CPU elsewhere.
///
/// Each thread has its own: tensors of two handles do not mix, and a handle's products are not for two threads at once.
pub(crate) fn device() -> Device {
    thread_local! {
        static DEVICE: Device = Device::cuda_if_available(0).unwrap_or(Device::Cpu);
    }
    DEVICE.with(Device::clone)
}

/// A model for nets of these architectures.
pub(crate) fn build(
    config: &ScaleGmnConfig,
    specs: &[Arc<NetSpec>],
    normalization: Normalization,
    dtype: DType,
) -> (Box<dyn Model>, VarStore, Lowering) {
    build_any(&ModelConfig::ScaleGmn(config.clone()), specs, normalization, dtype)
}

/// A model of any kind for nets of these architectures, which need not have the symmetries that it respects: tests see
/// it break those that it does not claim, and compute what no symmetry is asked of.
pub(crate) fn build_any(
    config: &ModelConfig,
    specs: &[Arc<NetSpec>],
    normalization: Normalization,
    dtype: DType,
) -> (Box<dyn Model>, VarStore, Lowering) {
    let lowering = Lowering::new(specs).unwrap();
    let mut config = config.clone();
    if let ModelConfig::ScaleGmn(config) = &mut config {
        config.force_symmetry = true;
    }
    let (model, vars) = config.build(&lowering, normalization, Seed::new(11), dtype, &device()).unwrap();
    (model, vars, lowering)
}
