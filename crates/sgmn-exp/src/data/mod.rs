//! From the nets that an experiment names to batches on a device.

pub mod architectures;
pub mod datasets;
pub(crate) mod flows;
pub mod pipeline;
