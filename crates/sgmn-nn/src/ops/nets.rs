//! A net taken apart for running many like it: what each layer gathers, how wide it is, where its parameters lie.

#[cfg(any(test, feature = "testing", feature = "cuda"))]
pub(super) mod trial;

use std::ops::Range;

use sgmn_graph::{Activation, Error, LayerMap, LayerPool, NetSpec, PoolAt, PoolKind, Reading, Result};

/// The form of nets that run side by side: layers as products of a weight with what is gathered from the layer before.
///
/// A signal is `[units, positions]`, one position where there is no image, and holds a value for each input.
#[derive(Debug, Clone, PartialEq)]
pub struct NetForm {
    pub(super) layers: Vec<LayerForm>,
}

/// One layer: `signal' = σ(W gather(signal) + b)`, pooled before or after σ if it says so. A net without a bias has zeros
/// there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LayerForm {
    pub(super) gather: Gather,
    /// Units and positions read.
    pub(super) n_in: usize,
    pub(super) positions_in: usize,
    /// Weights of one unit written: rows gathered.
    pub(super) d_in: usize,
    /// Units and positions written by the map.
    pub(super) n_out: usize,
    pub(super) positions: usize,
    pub(super) activation: Activation,
    pub(super) pool: Option<PoolForm>,
}

/// Pooling of what the map writes, or of what the activation makes of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PoolForm {
    pub(super) kind: PoolKind,
    pub(super) at: PoolAt,
    /// For each place of a window and each position written the position read, [`LayerForm::positions`] for the margin.
    pub(super) taps: Vec<u32>,
    /// Positions written.
    pub(super) positions: usize,
}

/// What stands in the columns that a weight multiplies, `[d_in, positions]`.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Gather {
    /// The signal as it lies in memory, every position of every unit a row.
    AsIs,
    /// The mean over the positions of each unit.
    Average,
    /// For each number of a kernel and each position written the position read, [`LayerForm::positions_in`] for the
    /// margin, which holds zeros.
    Taps(Vec<u32>),
}

/// More positions of a kernel or window, times its entries, are taken for a mistake.
const MOST_TAPS: usize = 1 << 24;

impl NetForm {
    /// The form of nets of a spec that read images of this height and width, `[1, 1]` where they read plain values.
    ///
    /// # Errors
    /// [`Error::Shape`] if an image does not fit a layer.
    pub fn new(spec: &NetSpec, image: [usize; 2]) -> Result<Self> {
        let mut size = image;
        let mut layers = Vec::with_capacity(spec.layers().len());
        for layer in spec.layers() {
            let positions_in = size[0] * size[1];
            let gather = match layer.map {
                LayerMap::Linear { reading, .. } => {
                    size = [1, 1];
                    let expected = match reading {
                        Reading::Direct => 1,
                        Reading::Flatten { positions } => positions,
                        Reading::GlobalAverage => positions_in,
                    };
                    if positions_in != expected || expected == 0 {
                        return Err(Error::shape(
                            "positions read by a linear layer",
                            expected.max(1),
                            positions_in,
                        ));
                    }
                    if reading == Reading::GlobalAverage { Gather::Average } else { Gather::AsIs }
                }
                LayerMap::Conv { kernel, stride, padding, .. } => {
                    if (0..2).any(|axis| size[axis] + 2 * padding[axis] < kernel[axis]) {
                        return Err(Error::shape(
                            "image before a convolution",
                            format!("at least {}×{}", kernel[0], kernel[1]),
                            format!("{}×{} with padding {padding:?}", size[0], size[1]),
                        ));
                    }
                    let before = size;
                    size = [0, 1]
                        .map(|axis| (before[axis] + 2 * padding[axis] - kernel[axis]) / stride[axis] + 1);
                    Gather::Taps(taps(before, size, kernel, stride, padding)?)
                }
            };
            let positions = size[0] * size[1];
            let pool = layer.pool.map(|pool| pool_form(&pool, &mut size)).transpose()?;
            layers.push(LayerForm {
                gather,
                n_in: layer.map.n_in(),
                positions_in,
                d_in: layer.map.n_in() * layer.map.n_edge_values(),
                n_out: layer.map.n_out(),
                positions,
                activation: layer.activation,
                pool,
            });
        }
        Ok(Self { layers })
    }

    /// Values that one net reads: channels times positions.
    pub fn n_values(&self) -> usize {
        self.layers.first().map_or(0, |layer| layer.n_in * layer.positions_in)
    }

    /// Units of each layer, inputs not among them.
    pub fn widths(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|layer| layer.n_out)
    }

    /// Units of all layers, inputs not among them.
    pub fn n_units(&self) -> usize {
        self.widths().sum()
    }

    /// Where weights and biases of each layer stand among the parameters `W_0, b_0, W_1, …`.
    pub(super) fn ranges(&self) -> Vec<[Range<usize>; 2]> {
        let mut start = 0;
        let mut take = |n: usize| {
            start += n;
            start - n..start
        };
        self.layers.iter().map(|layer| [take(layer.n_out * layer.d_in), take(layer.n_out)]).collect()
    }

    /// Parameters of one net.
    pub fn n_params(&self) -> usize {
        self.layers.iter().map(|layer| layer.n_out * (layer.d_in + 1)).sum()
    }
}

/// Pooling of an image of this size, which becomes that of what is written.
fn pool_form(pool: &LayerPool, size: &mut [usize; 2]) -> Result<PoolForm> {
    let before = std::mem::replace(size, pool.size_after(*size)?);
    let taps = taps(before, *size, pool.window, pool.stride, pool.padding)?;
    Ok(PoolForm { kind: pool.kind, at: pool.at, taps, positions: size[0] * size[1] })
}

/// For each number of a kernel and each position written, the position read or that of the margin.
fn taps(
    before: [usize; 2],
    after: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<Vec<u32>> {
    let sizes = [after[0], after[1], kernel[0], kernel[1]];
    let n_taps = sizes.iter().fold(1usize, |product, factor| product.saturating_mul(*factor));
    if n_taps > MOST_TAPS {
        let expected = format!("at most {MOST_TAPS} of them");
        return Err(Error::shape("positions of kernels and windows on an image", expected, n_taps));
    }
    let margin = before[0] * before[1];
    let mut taps = Vec::with_capacity(n_taps);
    for k in 0..kernel[0] * kernel[1] {
        for position in 0..after[0] * after[1] {
            // Places in the padded image.
            let y = position / after[1] * stride[0] + k / kernel[1];
            let x = position % after[1] * stride[1] + k % kernel[1];
            let inside = (padding[0]..padding[0] + before[0]).contains(&y)
                && (padding[1]..padding[1] + before[1]).contains(&x);
            let place = if inside { (y - padding[0]) * before[1] + x - padding[1] } else { margin };
            taps.push(place as u32);
        }
    }
    Ok(taps)
}
