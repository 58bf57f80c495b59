//! Where models run: what a device asks of the build.

use clap::ValueEnum;

/// A kind of device, named as in experiment files.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Device {
    /// The processor, all cores
    Cpu,
    /// The first NVIDIA GPU; building for it needs the CUDA toolkit
    Cuda,
    /// The GPU of an Apple machine
    Metal,
}

impl Device {
    /// The word on command lines and in experiment files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
        }
    }

    /// The arguments that make cargo build the experiment programs for it.
    ///
    /// The feature is named with its package: the workspace has packages without it.
    pub(crate) fn features(self) -> Vec<String> {
        match self {
            Self::Cpu => Vec::new(),
            Self::Cuda | Self::Metal => vec![format!("--features=sgmn-exp/{}", self.name())],
        }
    }
}
