//! What models return: numbers for each net, or changes of its parameters.

use candle_core::{Device, Tensor};
use sgmn_graph::Batch;

use crate::Result;

/// What a model returns for a batch.
#[derive(Debug, Clone)]
pub enum Output {
    /// Numbers for each net, `[B, d_out]`, in the batch's order.
    PerGraph(Tensor),
    /// A change of every parameter: for each bucket of the batch, one for each changed copy of its nets.
    PerParam(Vec<Vec<ParamDeltas>>),
}

/// Changes of the parameters of the nets in one bucket.
#[derive(Debug, Clone, Default)]
pub struct ParamDeltas {
    /// Change of each layer's weight, `[B, n_out, n_in, K]` with K values an edge.
    pub weights: Vec<Tensor>,
    /// Change of each layer's bias, `[B, n_out]`; zeros where there is none.
    pub biases: Vec<Tensor>,
}

impl Output {
    /// Numbers for each net from those of each bucket, `[B_bucket, d_out]`.
    ///
    /// # Errors
    /// If there is no bucket, or widths differ.
    pub fn of_buckets(batch: &Batch, rows: &[Tensor]) -> Result<Self> {
        if let [rows] = rows {
            return Ok(Self::PerGraph(rows.clone()));
        }
        let mut places = vec![0u32; batch.n_nets()];
        for (row, position) in batch.buckets.iter().flat_map(|bucket| &bucket.positions).enumerate() {
            places[*position] = row as u32;
        }
        let rows = Tensor::cat(rows, 0)?;
        Ok(Self::PerGraph(rows.index_select(&Tensor::new(places, rows.device())?, 0)?))
    }

    /// The same numbers without the graph that computed them.
    pub fn detach(&self) -> Self {
        self.map(|tensor| Ok(tensor.detach())).expect("to detach a tensor cannot fail")
    }

    /// The same numbers on a device; the graph stays.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn to_device(&self, device: &Device) -> Result<Self> {
        self.map(|tensor| Ok(tensor.to_device(device)?))
    }

    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let all = |tensors: &[Tensor]| tensors.iter().map(&f).collect::<Result<Vec<_>>>();
        Ok(match self {
            Self::PerGraph(rows) => Self::PerGraph(f(rows)?),
            Self::PerParam(deltas) => {
                let one = |ParamDeltas { weights, biases }: &ParamDeltas| {
                    Ok(ParamDeltas { weights: all(weights)?, biases: all(biases)? })
                };
                let bucket = |copies: &Vec<ParamDeltas>| copies.iter().map(one).collect::<Result<_>>();
                Self::PerParam(deltas.iter().map(bucket).collect::<Result<_>>()?)
            }
        })
    }
}
