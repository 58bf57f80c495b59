//! Runs of many nets of one form on the same inputs, each layer's sizes in a table that the kernels read.

use sgmn_graph::Activation;

use super::{Argument, Axis, Launch, MOST_BLOCKS, Module, Rows, THREADS};
use crate::ops::nets::{Gather, LayerForm};

/// Nets of one form, as the kernels see them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::ops) struct Nets {
    /// Fourteen numbers a layer, then the places that convolutions read, all whole but one and exact in f32.
    pub(in crate::ops::cuda) table: Vec<f32>,
    n_layers: usize,
    n_params: usize,
    n_values: usize,
    n_units: usize,
    n_out: usize,
    /// Numbers before the activations of all layers, for one input.
    n_z: usize,
    /// Numbers in the longest signal, that of the inputs among them.
    n_signal: usize,
}

/// Numbers of a layer in the table.
const FIELDS: usize = 14;
/// Shared memory that every device gives a block, in numbers: 48 KiB.
const MOST_SHARED: usize = (48 << 10) / 4;
/// Half of it, which lets more blocks run at once.
const GOOD_SHARED: usize = MOST_SHARED / 2;
/// Inputs that a block treats together, at most; always a power of two.
const MOST_TILE: usize = 32;
/// Blocks that fill a large device.
const FULL: usize = 1 << 10;
/// Whole numbers below are exact in f32.
const EXACT: usize = 1 << 24;
/// Sums from which on there are enough for a thread each.
const MANY_SUMS: usize = 1 << 14;

impl Nets {
    /// None if an activation has no kernel, a layer pools, the signals of one input are more than a block can hold, or a place more than the table can name.
    pub(in crate::ops) fn of(layers: &[LayerForm]) -> Option<Self> {
        let first = layers.first()?;
        let n_values = first.n_in * first.positions_in;
        let mut nets = Self {
            table: Vec::with_capacity(layers.len() * FIELDS),
            n_layers: layers.len(),
            n_params: 0,
            n_values,
            n_units: 0,
            n_out: layers.last()?.n_out,
            n_z: 0,
            n_signal: n_values,
        };
        let mut places: Vec<f32> = Vec::new();
        for layer in layers {
            let &LayerForm { n_in, positions_in, d_in, n_out, positions, activation, .. } = layer;
            if layer.pool.is_some() {
                return None;
            }
            let weights = nets.n_params;
            let biases = weights + n_out * d_in;
            let taps = layers.len() * FIELDS + places.len();
            let gather = match &layer.gather {
                Gather::AsIs => 0,
                Gather::Average => 1,
                Gather::Taps(_) => 2,
            };
            let mut turned = taps;
            if let Gather::Taps(read) = &layer.gather {
                places.extend(read.iter().map(|place| *place as f32));
                turned += read.len();
                places.extend(turn(read, positions_in, positions));
            }
            let (kind, number) = activation_code(activation)?;
            let fields = [gather, n_in, positions_in, d_in, n_out, positions, kind];
            nets.table.extend(fields.map(|field| field as f32));
            nets.table.push(number);
            let places_of = [weights, biases, nets.n_units, nets.n_z, taps, turned];
            nets.table.extend(places_of.map(|place| place as f32));
            nets.n_params = biases + n_out;
            nets.n_units += n_out;
            nets.n_z += n_out * positions;
            nets.n_signal = nets.n_signal.max(n_out * positions);
        }
        nets.table.extend(places);
        let fits = nets.row() <= MOST_SHARED && nets.n_params.max(nets.table.len()) <= EXACT;
        fits.then_some(nets)
    }

    /// Perceptrons of some widths; see [`Nets::of`].
    pub(in crate::ops) fn of_mlps(widths: &[usize], activations: &[Activation]) -> Option<Self> {
        let layer = |(pair, activation): (&[usize], &Activation)| LayerForm {
            gather: Gather::AsIs,
            n_in: pair[0],
            positions_in: 1,
            d_in: pair[0],
            n_out: pair[1],
            positions: 1,
            activation: *activation,
            pool: None,
        };
        Self::of(&widths.windows(2).zip(activations).map(layer).collect::<Vec<_>>())
    }

    /// To `[B, units, P]`.
    pub(in crate::ops::cuda) fn run_nets(&self, n_nets: usize, n_inputs: usize) -> Launch {
        let n_out = n_nets * self.n_units * n_inputs;
        let arguments = [self.n_params, self.n_units, self.n_z];
        self.by_item("run_nets", [n_nets, n_inputs], n_out, n_nets * self.tiles(n_inputs), &arguments)
    }

    /// To `[parts, values, P]`.
    pub(in crate::ops::cuda) fn run_nets_grad(&self, n_nets: usize, n_inputs: usize) -> Launch {
        let tiles = self.tiles(n_inputs);
        let [parts, each] = parts_of(n_nets, tiles);
        let arguments = [self.n_params, self.n_units, self.n_z, self.n_signal, each];
        let n_out = parts * self.n_values * n_inputs;
        Launch {
            grid: [tiles as u32, parts as u32],
            ..self.by_item("run_nets_grad", [n_nets, n_inputs], n_out, tiles, &arguments)
        }
    }

    /// Adds the parts of [`Nets::run_nets_grad`].
    pub(in crate::ops::cuda) fn sum_nets_grad(&self, n_nets: usize, n_inputs: usize) -> Launch {
        sum(parts_of(n_nets, self.tiles(n_inputs))[0], self.n_values * n_inputs)
    }

    /// To `[B, P, n_out]`.
    pub(in crate::ops::cuda) fn run_mlps(&self, n_nets: usize, n_inputs: usize) -> Launch {
        let n_out = n_nets * n_inputs * self.n_out;
        let arguments = [self.n_params, self.n_z];
        self.by_item("run_mlps", [n_nets, n_inputs], n_out, n_nets * self.tiles(n_inputs), &arguments)
    }

    /// To `[parts, B, n_params]`.
    pub(in crate::ops::cuda) fn run_mlps_grad(&self, n_nets: usize, n_inputs: usize) -> Launch {
        let [parts, each] = parts_of(self.tiles(n_inputs), n_nets);
        let arguments = [self.n_params, self.n_z, parts, each];
        let n_out = parts * n_nets * self.n_params;
        self.by_item("run_mlps_grad", [n_nets, n_inputs], n_out, n_nets * parts, &arguments)
    }

    /// Adds the parts of [`Nets::run_mlps_grad`].
    pub(in crate::ops::cuda) fn sum_mlps_grad(&self, n_nets: usize, n_inputs: usize) -> Launch {
        sum(parts_of(self.tiles(n_inputs), n_nets)[0], n_nets * self.n_params)
    }

    pub(in crate::ops::cuda) fn n_units(&self) -> usize {
        self.n_units
    }

    pub(in crate::ops::cuda) fn n_out(&self) -> usize {
        self.n_out
    }

    /// Numbers in shared memory for one input.
    fn row(&self) -> usize {
        self.n_z + self.n_signal + self.n_values
    }

    /// Inputs that a block treats together.
    fn tile(&self, n_inputs: usize) -> usize {
        let most = n_inputs.next_power_of_two().min(MOST_TILE);
        let fits = |tile: &usize| tile * self.row() <= GOOD_SHARED;
        std::iter::successors(Some(most), |tile| Some(tile / 2))
            .take_while(|tile| *tile > 0)
            .find(fits)
            .unwrap_or(1)
    }

    fn tiles(&self, n_inputs: usize) -> usize {
        n_inputs.div_ceil(self.tile(n_inputs))
    }

    /// A block an item.
    fn by_item(
        &self,
        kernel: &'static str,
        [n_nets, n_inputs]: [usize; 2],
        n_out: usize,
        n_items: usize,
        arguments: &[usize],
    ) -> Launch {
        let tile = self.tile(n_inputs);
        let sizes = [n_nets, n_inputs, self.n_layers, tile];
        Launch {
            module: Module::Nets,
            kernel,
            n_out,
            grid: [n_items.clamp(1, MOST_BLOCKS) as u32, 1],
            block: [THREADS, 1],
            shared: (tile * self.row() * 4) as u32,
            arguments: sizes.iter().chain(arguments).map(|n| Argument::U32(*n as u32)).collect(),
        }
    }
}

/// Parts in which a sum over n is taken where this many sums fill some of the device, and how many each part holds.
fn parts_of(n: usize, n_sums: usize) -> [usize; 2] {
    let each = n.div_ceil((FULL / n_sums.max(1)).clamp(1, n.max(1)));
    [n.div_ceil(each.max(1)), each]
}

/// Adds `[parts, width]` over the parts: by a thread a sum where those are many.
fn sum(parts: usize, width: usize) -> Launch {
    if width >= MANY_SUMS {
        Axis { outer: 1, n: parts, inner: width }.sum()
    } else {
        Rows { n_rows: parts, width }.sum(1)
    }
}

/// For each number of a kernel and each position read the position written, one more than there are where there is none.
fn turn(taps: &[u32], positions_in: usize, positions: usize) -> Vec<f32> {
    let mut turned = vec![positions as f32; taps.len() / positions * positions_in];
    for (k, read) in taps.chunks_exact(positions).enumerate() {
        for (written, place) in read.iter().enumerate().filter(|(_, place)| (**place as usize) < positions_in)
        {
            turned[k * positions_in + *place as usize] = written as f32;
        }
    }
    turned
}

/// The number under which the kernels know an activation, and its own; none if they do not.
fn activation_code(activation: Activation) -> Option<(usize, f32)> {
    match activation {
        Activation::Identity => Some((0, 0.0)),
        Activation::Relu => Some((1, 0.0)),
        Activation::LeakyRelu { slope } => Some((1, slope as f32)),
        Activation::Tanh => Some((2, 0.0)),
        Activation::Sine { omega } => Some((3, omega as f32)),
        Activation::Silu => Some((4, 0.0)),
        Activation::Gelu => Some((5, 0.0)),
        _ => None,
    }
}
