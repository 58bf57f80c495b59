//! What models return: numbers for each net, or changes of its parameters.

use candle_core::{DType, Device, Tensor};
use sgmn_graph::{Batch, GraphBatch, Net, Topology};

use crate::{Error, Result, unpadded::unpadded};

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
        in_order(batch, rows).map(Self::PerGraph)
    }

    /// One vector of numbers for each net, in the batch's order: its row, or the changes of its parameters in the order
    /// of [`Net::params`], copy after copy.
    ///
    /// # Errors
    /// If the device refuses, or the output does not belong to the batch.
    pub fn of_nets(&self, batch: &Batch) -> Result<Vec<Vec<f64>>> {
        let deltas = match self {
            Self::PerGraph(rows) => return Ok(on_host(rows)?.to_vec2()?),
            Self::PerParam(deltas) => deltas,
        };
        let mut vectors = vec![Vec::new(); batch.n_nets()];
        for (bucket, copies) in batch.buckets.iter().zip(deltas) {
            for ParamDeltas { weights, biases } in copies {
                let params = params(&bucket.graphs.topology, weights, biases)?;
                bucket
                    .positions
                    .iter()
                    .zip(params)
                    .for_each(|(position, params)| vectors[*position].extend(params));
            }
        }
        Ok(vectors)
    }

    /// The changed copies of each net, in the batch's order, or why a net has none: `θ + Δθ`, computed in the number type
    /// of the batch.
    ///
    /// # Errors
    /// [`Error::Config`] if the output is no change of parameters; otherwise as [`Output::of_nets`]. Of one net
    /// [`Error::Graph`] if a changed number is not finite.
    pub fn edited(&self, batch: &Batch) -> Result<Vec<Result<Vec<Net>>>> {
        let Self::PerParam(deltas) = self else {
            let (expected, found) = ("one that changes nets", "one that answers about whole nets");
            return Err(Error::config("model", expected, found));
        };
        let mut nets: Vec<Result<Vec<Net>>> = (0..batch.n_nets()).map(|_| Ok(Vec::new())).collect();
        for (bucket, copies) in batch.buckets.iter().zip(deltas) {
            let graphs = &bucket.graphs;
            let topology = &graphs.topology;
            let biases = graphs.nodes[1..].iter().map(|nodes| Ok(nodes.squeeze(2)?));
            let biases = biases.collect::<Result<Vec<_>>>()?;
            for deltas in copies {
                let params = params(
                    topology,
                    &sums(&graphs.edges, &deltas.weights)?,
                    &sums(&biases, &deltas.biases)?,
                )?;
                for (position, params) in bucket.positions.iter().zip(params) {
                    let net = Net::new(topology.spec()?.clone(), params).map_err(Error::from);
                    let copies = std::mem::replace(&mut nets[*position], Ok(Vec::new()));
                    nets[*position] = copies.and_then(|mut copies| {
                        copies.push(net?);
                        Ok(copies)
                    });
                }
            }
        }
        Ok(nets)
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

/// One vector for each net of an architecture, in the order of [`Net::params`], from tensors of each layer's weights and
/// biases, `[B, n_out, n_in, K]` and `[B, n_out]`.
fn params(topology: &Topology, weights: &[Tensor], biases: &[Tensor]) -> Result<Vec<Vec<f64>>> {
    let n_nets = weights.first().map_or(Ok(0), |weight| weight.dim(0))?;
    let mut vectors = vec![Vec::with_capacity(topology.spec()?.n_params()); n_nets];
    for (l, (weight, bias)) in weights.iter().zip(biases).enumerate() {
        let weights = on_host(&unpadded(topology, l, weight)?.flatten_from(1)?)?.to_vec2::<f64>()?;
        let biases = on_host(bias)?.to_vec2::<f64>()?;
        for (vector, (weights, biases)) in vectors.iter_mut().zip(weights.iter().zip(&biases)) {
            vector.extend_from_slice(weights);
            if topology.has_bias(l + 1) {
                vector.extend_from_slice(biases);
            }
        }
    }
    Ok(vectors)
}

fn sums(one: &[Tensor], other: &[Tensor]) -> Result<Vec<Tensor>> {
    Ok(one.iter().zip(other).map(|(one, other)| one + other).collect::<Result<_, _>>()?)
}

fn on_host(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F64)?)
}

/// A row for each net in the batch's order, from a function of a bucket's nets.
///
/// # Errors
/// Those of the function; if there is no bucket, or widths differ.
pub(super) fn rows_of_nets(
    batch: &Batch,
    of_bucket: impl Fn(&GraphBatch) -> Result<Tensor>,
) -> Result<Tensor> {
    let rows = batch.buckets.iter().map(|bucket| of_bucket(&bucket.graphs)).collect::<Result<Vec<_>>>()?;
    in_order(batch, &rows)
}

/// The rows of all buckets in the batch's order.
fn in_order(batch: &Batch, rows: &[Tensor]) -> Result<Tensor> {
    if let [rows] = rows {
        return Ok(rows.clone());
    }
    let mut places = vec![0u32; batch.n_nets()];
    for (row, position) in batch.buckets.iter().flat_map(|bucket| &bucket.positions).enumerate() {
        places[*position] = row as u32;
    }
    let rows = Tensor::cat(rows, 0)?;
    Ok(rows.index_select(&Tensor::new(places, rows.device())?, 0)?)
}
