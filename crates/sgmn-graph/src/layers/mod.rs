//! The kinds of layer a net may have: the map of a layer, what it computes, how its numbers lie on edges; and pooling.
//!
//! A kind is one file here and one word in [`LayerMap`]; the compiler then names the arms it must fill.

mod conv;
mod linear;
mod pool;

use serde::{Deserialize, Serialize};

pub use pool::{LayerPool, PoolAt, PoolKind, PoolWords};

use crate::{Error, Result};

/// How a linear layer reads what stands before it.
///
/// Matched in full wherever nets are run, so that no new case is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reading {
    /// One value a unit.
    Direct,
    /// The mean over all positions of each channel.
    GlobalAverage,
    /// Every position of every channel, channel-major, as PyTorch's `flatten` lays them.
    Flatten {
        /// Height times width.
        positions: usize,
    },
}

/// The map of a layer, without its bias and its activation.
///
/// Matched in full wherever nets are run or described, so that no new kind of layer is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum LayerMap {
    /// `y = W x`, weight `[n_out, n_in]`, or `[n_out, n_in · positions]` after a flatten.
    Linear {
        /// Units, or channels, read.
        n_in: usize,
        /// Units written.
        n_out: usize,
        /// How the units are read.
        reading: Reading,
    },
    /// Two-dimensional cross-correlation, weight `[n_out, n_in, kh, kw]`.
    Conv {
        /// Channels read.
        n_in: usize,
        /// Channels written.
        n_out: usize,
        /// Height and width of the kernel.
        kernel: [usize; 2],
        /// Step in rows and columns.
        stride: [usize; 2],
        /// Zeros added on each side, in rows and columns.
        padding: [usize; 2],
    },
}

/// Values between layers: one value a unit, or channels of a height and width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signal {
    pub(crate) n_units: usize,
    pub(crate) size: [usize; 2],
    pub(crate) values: Vec<f64>,
}

impl LayerMap {
    /// Units or channels read.
    pub fn n_in(&self) -> usize {
        match *self {
            Self::Linear { n_in, .. } | Self::Conv { n_in, .. } => n_in,
        }
    }

    /// Units or channels written.
    pub fn n_out(&self) -> usize {
        match *self {
            Self::Linear { n_out, .. } | Self::Conv { n_out, .. } => n_out,
        }
    }

    /// Shape of the weight, in PyTorch's layout.
    pub fn weight_shape(&self) -> Vec<usize> {
        match *self {
            Self::Linear { n_in, n_out, reading } => vec![n_out, n_in * linear::positions(reading)],
            Self::Conv { n_in, n_out, kernel: [kh, kw], .. } => vec![n_out, n_in, kh, kw],
        }
    }

    /// Numbers of one edge: weights between one unit read and one unit written.
    pub fn n_edge_values(&self) -> usize {
        match *self {
            Self::Linear { reading, .. } => linear::positions(reading),
            Self::Conv { kernel: [kh, kw], .. } => kh * kw,
        }
    }

    /// Height and width of the kernel that its edges hold, if the map is a convolution.
    pub fn kernel(&self) -> Option<[usize; 2]> {
        match *self {
            Self::Linear { .. } => None,
            Self::Conv { kernel, .. } => Some(kernel),
        }
    }

    /// For each number of an edge its slot among the `slots` values that every edge of a graph has.
    ///
    /// Kernels are centred in the largest kernel; a linear layer's weights come first.
    pub(crate) fn edge_slots(&self, largest: [usize; 2]) -> Vec<usize> {
        match *self {
            Self::Linear { reading, .. } => (0..linear::positions(reading)).collect(),
            Self::Conv { kernel, .. } => conv::centered_slots(kernel, largest),
        }
    }

    /// What the map computes with a bias, or with none if that is empty, in f64.
    pub(crate) fn apply(&self, weight: &[f64], bias: &[f64], input: &Signal) -> Result<Signal> {
        if input.n_units != self.n_in() {
            return Err(Error::shape("units before a layer", self.n_in(), input.n_units));
        }
        match *self {
            Self::Linear { n_out, reading, .. } => linear::apply(n_out, reading, weight, bias, input),
            Self::Conv { n_out, kernel, stride, padding, .. } => {
                conv::apply(n_out, kernel, stride, padding, weight, bias, input)
            }
        }
    }

    /// Weights, and biases that there may be, unless their number overflows.
    pub(crate) fn n_params(&self) -> Option<usize> {
        let sizes = match *self {
            Self::Linear { n_in, n_out, reading } => [n_out, n_in, linear::positions(reading), 1],
            Self::Conv { n_in, n_out, kernel: [kh, kw], .. } => [n_out, n_in, kh, kw],
        };
        sizes.iter().try_fold(1usize, |product, size| product.checked_mul(*size))?.checked_add(self.n_out())
    }

    /// The largest length that stands in the map: of an axis of its weight, a stride or a padding.
    pub(crate) fn largest_size(&self) -> usize {
        match *self {
            Self::Linear { n_in, n_out, reading } => n_in.max(n_out).max(linear::positions(reading)),
            Self::Conv { n_in, n_out, kernel, stride, padding } => {
                [kernel, stride, padding].concat().into_iter().fold(n_in.max(n_out), usize::max)
            }
        }
    }

    /// What contradicts itself in this map, if anything.
    pub(crate) fn contradiction(&self) -> Option<String> {
        let mut sizes = vec![
            ("n_in", self.n_in()),
            ("n_out", self.n_out()),
            ("weights of an edge", self.n_edge_values()),
        ];
        if let Self::Conv { stride, .. } = self {
            sizes.extend([("stride", stride[0]), ("stride", stride[1])]);
        }
        sizes.iter().find(|(_, size)| *size == 0).map(|(name, _)| format!("{name} is 0, expected at least 1"))
    }
}
