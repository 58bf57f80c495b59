//! The number format that a check runs in.

use candle_core::DType;
use clap::ValueEnum;

/// Number format of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Precision {
    /// 64-bit floating point: proves
    F64,
    /// 32-bit floating point: as models are trained
    F32,
}

impl Precision {
    pub(super) fn dtype(self) -> DType {
        match self {
            Self::F64 => DType::F64,
            Self::F32 => DType::F32,
        }
    }

    /// The word on the command line.
    pub(super) fn name(self) -> &'static str {
        self.dtype().as_str()
    }
}
