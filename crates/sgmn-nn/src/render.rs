//! Nets run as the functions they are, many at once and differentiably: pictures of INRs, with gradients into weights.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, GraphBatch, LayerMap, Net, NetSpec, Reading};

use crate::{Error, Result, models::ParamDeltas, ops, unpadded::unpadded};

/// The parameters of B perceptrons of one architecture.
#[derive(Debug, Clone)]
pub struct NetTensors {
    /// Of each layer, `[B, n_out, n_in]`.
    pub weights: Vec<Tensor>,
    /// Of each layer, `[B, n_out]`; zeros where it has none.
    pub biases: Vec<Tensor>,
}

impl NetTensors {
    /// The nets of a bucket, as their files have them.
    ///
    /// # Errors
    /// [`Error::Config`] if a layer is no plain linear map.
    pub fn of(graphs: &GraphBatch) -> Result<Self> {
        check_layers(graphs.topology.spec()?)?;
        let weight =
            |l: usize| -> Result<Tensor> { Ok(unpadded(&graphs.topology, l, &graphs.edges[l])?.squeeze(3)?) };
        let n_layers = graphs.topology.n_layers();
        Ok(Self {
            weights: (0..n_layers).map(weight).collect::<Result<_>>()?,
            biases: graphs.nodes[1..].iter().map(|nodes| Ok(nodes.squeeze(2)?)).collect::<Result<_>>()?,
        })
    }

    /// The nets of a bucket with changed parameters, `θ + Δθ`. A bias that is absent stays so, whatever its change says.
    ///
    /// # Errors
    /// As [`NetTensors::of`]; [`Error::Tensor`] if the changes belong to other nets.
    pub fn changed(graphs: &GraphBatch, deltas: &ParamDeltas) -> Result<Self> {
        let old = Self::of(graphs)?;
        let weight = |(l, old): (usize, &Tensor)| -> Result<Tensor> {
            Ok((old + unpadded(&graphs.topology, l, &deltas.weights[l])?.squeeze(3)?)?)
        };
        let pairs = old.biases.iter().zip(&deltas.biases);
        Ok(Self {
            weights: old.weights.iter().enumerate().map(weight).collect::<Result<_>>()?,
            biases: pairs
                .enumerate()
                .map(|(l, (old, delta))| {
                    Ok(if graphs.topology.has_bias(l + 1) { (old + delta)? } else { old.clone() })
                })
                .collect::<Result<_>>()?,
        })
    }

    /// The nets of several lists, one list after the other.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there is no list, or the architectures differ.
    pub fn stack(lists: &[Self]) -> Result<Self> {
        let n_layers = lists.first().map_or(0, |list| list.biases.len());
        let cat = |of: &dyn Fn(&Self) -> &Tensor| -> Result<Tensor> {
            Ok(Tensor::cat(&lists.iter().map(of).collect::<Vec<_>>(), 0)?)
        };
        Ok(Self {
            weights: (0..n_layers).map(|l| cat(&|list| &list.weights[l])).collect::<Result<_>>()?,
            biases: (0..n_layers).map(|l| cat(&|list| &list.biases[l])).collect::<Result<_>>()?,
        })
    }

    /// Net `i` of the architecture, its numbers as they are.
    ///
    /// # Errors
    /// [`Error::Graph`] if the architecture is another one, or a number is not finite.
    pub fn net(&self, i: usize, spec: &Arc<NetSpec>) -> Result<Net> {
        let mut params = Vec::with_capacity(spec.n_params());
        let has_bias = |l: usize| spec.layers().get(l).is_none_or(|layer| layer.bias);
        let tensors = self.weights.iter().zip(&self.biases).enumerate();
        let own = tensors.flat_map(|(l, (weight, bias))| [Some(weight), Some(bias).filter(|_| has_bias(l))]);
        for tensor in own.flatten() {
            let values = tensor.get(i)?.flatten_all()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
            params.extend(values.to_vec1::<f64>()?);
        }
        Ok(Net::new(spec.clone(), params)?)
    }

    /// Number of nets, B.
    ///
    /// # Errors
    /// [`Error::Tensor`] if there is no layer.
    pub fn n_nets(&self) -> Result<usize> {
        match self.biases.first() {
            Some(biases) => Ok(biases.dim(0)?),
            None => Err(Error::config("nets to render", "at least one layer", "none")),
        }
    }
}

/// Which coordinate of a pixel a net reads first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axes {
    /// Column, then row: nets of DWSNets, and those fitted here.
    #[default]
    ColumnRow,
    /// Row, then column: nets of NFN.
    RowColumn,
}

/// Where the pixels of a picture lie among the inputs of nets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Height and width of the picture.
    pub size: [usize; 2],
    /// Which coordinate nets read first.
    pub axes: Axes,
    /// What nets read at the first and at the last pixel of each row and column.
    pub coordinates: [f64; 2],
}

impl Grid {
    /// The grid to which the published INRs were fitted: column, then row, each from −1 to 1.
    pub fn new(size: [usize; 2]) -> Self {
        Self { size, axes: Axes::default(), coordinates: COORDINATES }
    }

    /// The inputs of each pixel, row by row, both coordinates of a pixel side by side.
    fn positions(&self, n_pixels: usize) -> Vec<f64> {
        let [height, width] = self.size;
        let [first, last] = self.coordinates;
        let coordinate = |i: usize, n: usize| first + (last - first) * (i as f64 / (n - 1).max(1) as f64);
        let position = |pixel: usize| {
            let at = [coordinate(pixel % width, width), coordinate(pixel / width, height)];
            if self.axes == Axes::ColumnRow { at } else { [at[1], at[0]] }
        };
        (0..n_pixels).flat_map(position).collect()
    }
}

/// The coordinates that INRs read: what [`Grid`], probes and reconstructions have unless something else is said.
pub const COORDINATES: [f64; 2] = [-1.0, 1.0];

/// For configurations, which leave the usual coordinates out.
pub(crate) fn usual_coordinates() -> [f64; 2] {
    COORDINATES
}

/// The same.
pub(crate) fn are_usual(coordinates: &[f64; 2]) -> bool {
    *coordinates == COORDINATES
}

/// Whether these are a first and a later coordinate.
///
/// # Errors
/// [`Error::Config`] naming the field.
pub fn check_coordinates(field: &str, coordinates: [f64; 2]) -> Result<()> {
    let [first, last] = coordinates;
    if first < last && first.is_finite() && last.is_finite() && (last - first).is_finite() {
        return Ok(());
    }
    Err(Error::config(field, "a number and a larger one, such as [0.0, 1.0]", format!("[{first}, {last}]")))
}

/// Draws INRs of one architecture on a grid of pixels; layers may differ in activation and frequency.
///
/// ```
/// use candle_core::{DType, Device};
/// use sgmn_graph::{Activation, Batch, NetSpec, Seed, eval, testing};
/// use sgmn_nn::render::{Grid, NetTensors, Renderer};
///
/// let spec = NetSpec::mlp(&[2, 8, 1], Activation::Sine { omega: 30.0 }, 0.5)?.into();
/// let net = testing::random_net(Seed::new(0), &spec);
/// let batch = Batch::from_nets(std::slice::from_ref(&net), DType::F64, &Device::Cpu)?;
/// let picture = Renderer::new(&spec, &Grid::new([3, 4]))?.render(&NetTensors::of(&batch.buckets[0].graphs)?)?;
/// assert_eq!(picture.dims(), [1, 12, 1]); // [B, H · W, channels]
/// let corner = picture.flatten_all()?.to_vec1::<f64>()?[3]; // first row, last column
/// assert!((corner - eval::run(&net, &[1.0, -1.0])?[0]).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Renderer {
    activations: Vec<Activation>,
    output_offset: f64,
    n_channels: usize,
    size: [usize; 2],
    /// Coordinates of each pixel, `[H · W, 2]`.
    positions: Vec<f64>,
}

/// A picture with more pixels is taken for a mistake.
const MOST_PIXELS: usize = 1 << 28;

impl Renderer {
    /// A renderer for nets of this architecture.
    ///
    /// # Errors
    /// [`Error::Config`] if the net does not read two coordinates, a layer is no plain linear map, or the size is zero
    /// or absurd.
    pub fn new(spec: &NetSpec, grid: &Grid) -> Result<Self> {
        check_layers(spec)?;
        let widths = spec.widths();
        if widths[0] != 2 {
            return Err(Error::config("nets to render", "two inputs, the coordinates of a pixel", widths[0]));
        }
        let size = grid.size;
        let [height, width] = size;
        let n_pixels = height.checked_mul(width).filter(|n| (1..=MOST_PIXELS).contains(n));
        let n_pixels = n_pixels.ok_or_else(|| {
            Error::config("picture size", format!("from 1 to {MOST_PIXELS} pixels"), format!("{size:?}"))
        })?;
        Ok(Self {
            activations: spec.layers().iter().map(|layer| layer.activation).collect(),
            output_offset: spec.output_offset(),
            n_channels: widths[widths.len() - 1],
            size,
            positions: grid.positions(n_pixels),
        })
    }

    /// What the nets say at every pixel; values may leave [0, 1].
    ///
    /// # Shapes
    /// `[B, H · W, C]` for C channels.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the nets are of another architecture.
    pub fn render(&self, nets: &NetTensors) -> Result<Tensor> {
        let (n_nets, first) = (nets.n_nets()?, &nets.biases[0]);
        let positions = Tensor::from_slice(&self.positions, (self.positions.len() / 2, 2), &Device::Cpu)?;
        let positions = positions.to_dtype(first.dtype())?.to_device(first.device())?;
        let values = ops::run_mlps(&nets.weights, &nets.biases, &self.activations, &positions)?;
        let expected = (n_nets, self.positions.len() / 2, self.n_channels);
        if values.dims3()? != expected {
            return Err(Error::config("channels of nets to render", self.n_channels, values.dims3()?.2));
        }
        Ok((values + self.output_offset)?)
    }

    /// Height and width of the pictures.
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// Numbers a pixel, C.
    pub fn n_channels(&self) -> usize {
        self.n_channels
    }
}

/// All layers must be linear maps of the units before them.
pub(crate) fn check_layers(spec: &NetSpec) -> Result<()> {
    let other = spec
        .layers()
        .iter()
        .find(|layer| !matches!(layer.map, LayerMap::Linear { reading: Reading::Direct, .. }));
    match other {
        Some(layer) => {
            Err(Error::config("nets to render", "linear layers alone", format!("{:?}", layer.map)))
        }
        None => Ok(()),
    }
}
