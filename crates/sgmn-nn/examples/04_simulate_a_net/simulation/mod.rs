//! A ScaleGMN that runs the nets it reads: their forward pass and the gradients of a loss, by construction.
//!
//! Nothing here is learned and nothing of the model is written anew: a [`ScaleGmn`](sgmn_nn::models::ScaleGmn) is built
//! from its configuration and its variables are set. One model serves all nets of an architecture, for one input and
//! one target.
//!
//! # What a node holds
//!
//! Up to four channels, every one of which scales with its unit as the unit's value does:
//!
//! | channel | at an input | at a hidden unit | at an output |
//! | --- | --- | --- | --- |
//! | bias | – | b | b + offset |
//! | activation | x | h, 0 at first | y |
//! | gradient δ | ∂L/∂x | ∂L/∂z | ∂L/∂y |
//! | target | 0 | 0 | −t |
//!
//! The first projection writes biases, the embedding rows of inputs and outputs write x, offset and −t.
//!
//! # What a round of messages does
//!
//! | step | by construction |
//! | --- | --- |
//! | message `(W_e w_ij) ⊙ (W_v x_j)` | `w_ij h_j` |
//! | reversed message `(W_e w_ij) ⊙ (W_v x_i)` | `w_ij δ_i` |
//! | first layer of the update, linear in `[x, m, m′]` | `z_i = b_i + Σ_j w_ij h_j`, `β_j = Σ_i w_ij δ_i`; at outputs `δ = z − t` |
//! | second layer, `x ⊙ φ(canon x)` | `h = z · g(canon z) = σ(z)`, `δ = β · σ′(z)` |
//! | skip connection S | bias and target stay |
//! | edge update | nothing: `φ = 1` |
//!
//! All other gates are the constant 1. So a round is `h ← σ(b + W h)` and `δ ← σ′(z) ⊙ Wᵀδ` at all nodes at once.
//! After round k the values of layer k are right, whatever they were before, because those of layer k − 1 were; after
//! round L the output is, and the loss `L = ½‖y − t‖²` sends its derivative back, one layer a round: after `2L − 1`
//! rounds every hidden gradient is right.
//!
//! # What symmetry forbids
//!
//! A gradient scales by 1/q where its unit scales by q. For signs 1/q = q, so δ may be a feature of a node beside h.
//! For positive scales it may not, and no model that is exactly equivariant can hold it so: there only the forward pass
//! is constructed. (`z δ` is invariant there; a model could hold `z · (z δ)`, and a message would have to divide by z.)
//! Nor can the gradient of a weight, `δ_i h_j`, be an edge's feature: an edge update multiplies what the edge holds, and
//! a weight of 0 would stay 0. It is read off as the product of two nodes.
//!
//! # Source
//! ScaleGMN, section 5: the theorem that the model can simulate the forward and the backward pass of the nets it reads.

pub(crate) mod gate;
mod maps;
pub(crate) mod reference;
mod write;

use std::sync::Arc;

use candle_core::{DType, Device};
use gate::Gate;
use maps::Maps;
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed};
use sgmn_nn::{
    Error, Normalization, Pass, Result,
    layers::{IoPath, Join, ScaleEqConfig, Scalings, SignInvariant},
    models::{Direction, Model, ModelConfig, OutputConfig, ScaleGmnConfig},
};
use sgmn_symmetry::ScaleGroup;
use write::{ACTIVATION, GRADIENT, MOST_SUMS, TARGET, write_round, write_start};

/// What the nets are run on.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// The value of each input.
    pub(crate) input: Vec<f64>,
    /// What each output should be; the loss is `½‖y − target‖²`.
    pub(crate) target: Vec<f64>,
}

/// What the model returns for each hidden unit and output, in the place of a change of its bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Its value h.
    Activations,
    /// The derivative of the loss by its pre-activation, which is the derivative by its bias.
    Gradients,
}

impl Wanted {
    /// Rounds after which everything is right, for nets of `n_layers` layers.
    pub(crate) fn n_rounds(self, n_layers: usize) -> usize {
        match self {
            Self::Activations => n_layers,
            Self::Gradients => 2 * n_layers - 1,
        }
    }

    /// Width of the features: both channels of a forward pass, or all four.
    fn n_channels(self) -> usize {
        match self {
            Self::Activations => ACTIVATION + 1,
            Self::Gradients => TARGET + 1,
        }
    }
}

/// A constructed model, for nets of one architecture and one sample.
pub(crate) struct Simulation {
    /// The model: its output is a change of every parameter, of which the biases' part is what was wanted.
    pub(crate) model: Box<dyn Model>,
    /// The architecture.
    pub(crate) lowering: Lowering,
}

impl Simulation {
    /// Builds the model and sets its variables.
    ///
    /// `reach` bounds the magnitudes of pre-activations; gates of tanh and sine are fitted so far. See [`reach`].
    ///
    /// # Errors
    /// [`Error::Config`] if there is a convolution or an activation at the outputs, if the sample does not fit, if hidden
    /// activations are neither of the ReLU family nor tanh nor sine, or two of a kind, or if gradients are wanted where
    /// units scale by positive numbers.
    pub(crate) fn new(
        spec: &Arc<NetSpec>,
        sample: &Sample,
        wanted: Wanted,
        n_rounds: usize,
        reach: f64,
    ) -> Result<Self> {
        let widths = spec.widths();
        let ends = (widths[0], widths[widths.len() - 1]);
        let is_plain = spec.layers()[spec.layers().len() - 1].activation == Activation::Identity
            && spec.layers().iter().all(|layer| layer.bias);
        if spec.is_convolutional() || !is_plain || ends != (sample.input.len(), sample.target.len()) {
            let expected = "linear layers with biases, the last without activation, as many inputs and outputs as the sample has";
            return Err(Error::config("nets", expected, format!("widths {widths:?}")));
        }
        let gates = Gates::of(spec, wanted, reach)?;
        let config = config(&gates, wanted, n_rounds);
        let lowering = Lowering::new([spec])?;
        let (model, vars) = ModelConfig::ScaleGmn(config).build(
            &lowering,
            Normalization::none(),
            Seed::new(0),
            DType::F64,
            &Device::Cpu,
        )?;
        let mut maps = Maps::zeros(&vars);
        write_start(&mut maps, spec, sample, wanted);
        for k in 0..n_rounds {
            write_round(&mut maps, &gates, wanted, k, k + 1 == n_rounds);
        }
        vars.load(&maps.tensors()?)?;
        Ok(Self { model, lowering })
    }

    /// What was wanted, for each net, layer and unit, first hidden layer first.
    ///
    /// # Errors
    /// If a net is of another architecture.
    pub(crate) fn run(&self, nets: &[Net]) -> Result<Vec<Vec<Vec<f64>>>> {
        let batch = Batch::from_nets(nets, DType::F64, &Device::Cpu)?;
        let changes = self.model.forward(&batch, &Pass::eval())?.of_nets(&batch)?;
        let biases = |(net, changes): (&Net, &Vec<f64>)| {
            let spec = net.spec();
            (0..spec.layers().len()).map(|l| changes[spec.bias_range(l)].to_vec()).collect()
        };
        Ok(nets.iter().zip(&changes).map(biases).collect())
    }
}

/// The gradients of all parameters in the order of [`Net::params`], from the values and the gradients of the units:
/// `∂L/∂w_ij = δ_i h_j`, `∂L/∂b_i = δ_i`.
pub(crate) fn param_gradients(input: &[f64], values: &[Vec<f64>], deltas: &[Vec<f64>]) -> Vec<f64> {
    let senders = std::iter::once(input).chain(values.iter().map(Vec::as_slice));
    let of_layer = |(deltas, senders): (&Vec<f64>, &[f64])| {
        let weights = deltas.iter().flat_map(|delta| senders.iter().map(move |h| delta * h));
        weights.chain(deltas.iter().copied()).collect::<Vec<f64>>()
    };
    deltas.iter().zip(senders).flat_map(of_layer).collect()
}

/// A bound of the pre-activations of a net's hidden units on an input: `|b_i| + Σ_j |w_ij| |h_j|`, where |h| ≤ 1 after
/// tanh and sine, and |h| ≤ |z| after a ReLU.
pub(crate) fn reach(net: &Net, input: &[f64]) -> f64 {
    let mut senders: Vec<f64> = input.iter().map(|x| x.abs()).collect();
    let mut reach = 0.0_f64;
    let (_, hidden) = net.spec().layers().split_last().expect("a net has a layer");
    for (l, layer) in hidden.iter().enumerate() {
        let sum = |row: &[f64]| row.iter().zip(&senders).map(|(w, h)| w.abs() * h).sum::<f64>();
        let rows = net.weight(l).chunks(senders.len()).zip(net.bias(l));
        let bounds: Vec<f64> = rows.map(|(row, bias)| bias.abs() + sum(row)).collect();
        reach = bounds.iter().fold(reach, |reach, bound| reach.max(*bound));
        let is_odd = ScaleGroup::of(layer.activation) == ScaleGroup::Sign;
        senders = bounds.into_iter().map(|bound| if is_odd { 1.0 } else { bound }).collect();
    }
    reach
}

/// The gates of the nets' hidden units, and the scalings that these have.
struct Gates {
    scalings: Scalings,
    /// Below which name the gate of a group lies, and for each channel that it multiplies its perceptron.
    branches: Vec<(&'static str, Vec<(usize, Gate)>)>,
}

impl Gates {
    fn of(spec: &NetSpec, wanted: Wanted, reach: f64) -> Result<Self> {
        let fault = |expected: &str, found: &[Activation]| {
            Error::config("hidden activations", expected, format!("{found:?}"))
        };
        let mut distinct: Vec<Activation> = Vec::new();
        for layer in &spec.layers()[..spec.layers().len() - 1] {
            if !distinct.contains(&layer.activation) {
                distinct.push(layer.activation);
            }
        }
        let of_group = |group: ScaleGroup| -> Vec<Activation> {
            distinct.iter().copied().filter(|activation| ScaleGroup::of(*activation) == group).collect()
        };
        let (odd, ramps) = (of_group(ScaleGroup::Sign), of_group(ScaleGroup::Positive));
        if odd.len() + ramps.len() != distinct.len() || odd.len() > 1 || ramps.len() > 1 {
            return Err(fault("one of tanh or sine, one of the ReLU family, or one of each", &distinct));
        }
        if wanted == Wanted::Gradients && !ramps.is_empty() {
            return Err(fault("tanh or sine, whose gradients scale as features do", &distinct));
        }
        let scalings = match (odd.is_empty(), ramps.is_empty()) {
            (true, false) => Scalings::Scale,
            (false, false) => Scalings::Own,
            (_, true) => Scalings::Sign,
        };
        let mixed = scalings == Scalings::Own;
        let mut branches = Vec::new();
        for (activations, name) in
            [(odd, if mixed { "g_sign" } else { "g1" }), (ramps, if mixed { "g_scale" } else { "g1" })]
        {
            let Some(activation) = activations.first() else { continue };
            let gate = Gate::of_activation(*activation, reach).expect("both groups have gates");
            let derivative = Gate::of_derivative(*activation, reach).filter(|_| wanted == Wanted::Gradients);
            let of_channels = [(ACTIVATION, Some(gate)), (GRADIENT, derivative)]
                .into_iter()
                .filter_map(|(c, g)| Some((c, g?)));
            branches.push((name, of_channels.collect()));
        }
        Ok(Self { scalings, branches })
    }

    /// SiLUs that the widest perceptron needs.
    fn n_units(&self) -> usize {
        let gates = self.branches.iter().flat_map(|(_, gates)| gates);
        gates.map(|(_, gate)| gate.units.len()).max().unwrap_or(1)
    }
}

/// The configuration: the simplest one that has every part that is needed.
fn config(gates: &Gates, wanted: Wanted, n_rounds: usize) -> ScaleGmnConfig {
    let direction = match wanted {
        Wanted::Activations => Direction::Forward,
        Wanted::Gradients => Direction::Bidirectional,
    };
    let stack = |n_layers, io| ScaleEqConfig { n_layers, io, n_mlps: 3, positional: false };
    ScaleGmnConfig {
        n_rounds,
        sign_invariant: SignInvariant::Absolute,
        d_mlp: vec![gates.n_units().max(MOST_SUMS)],
        layer_norm: false,
        io_embedding: Join::Sum,
        message: stack(1, IoPath::Gated),
        // The first layer sums, the second one applies the activation; inputs and outputs have perceptrons of their own.
        update: stack(2, IoPath::Mlp),
        output: OutputConfig::PerParam { initial_scale: 1.0, n_copies: 1 },
        ..ScaleGmnConfig::new(gates.scalings, direction, wanted.n_channels(), 1)
    }
}
