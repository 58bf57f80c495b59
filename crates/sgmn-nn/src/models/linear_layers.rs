//! What the models of linear equivariant layers share: layers on features of all parameters, and the two heads.

use candle_core::Tensor;
use sgmn_graph::{Batch, GraphBatch, Topology};

use super::{
    ChangeScales, HeadConfig, Output, ParamDeltas, output::rows_of_nets, param_reader::ParamReader, sizes,
};
use crate::{
    Init, Pass, Result, VarBuilder,
    layers::{Channels, Mlp, MlpConfig, ParamFeatures, ParamSpaces, PermutationLinear},
    normalization::LayerScale,
    ops::{Rows, Symmetrize},
    vars::Start,
};

/// The form of a [`LinearLayers`].
#[derive(Debug, Clone)]
pub(super) struct Form<'a> {
    pub(super) d_hidden: usize,
    pub(super) n_layers: usize,
    pub(super) bias: bool,
    pub(super) layer_norm: bool,
    pub(super) dropout: f64,
    pub(super) d_head: &'a [usize],
    pub(super) output: HeadConfig,
}

impl Form<'_> {
    /// Checks everything that the types do not.
    pub(super) fn validate(&self) -> Result<()> {
        sizes::check(&[
            ("model.d_hidden", &[self.d_hidden]),
            ("model.n_layers", &[self.n_layers]),
            ("model.d_head", self.d_head),
        ])?;
        sizes::check_dropout(self.dropout)?;
        self.output.validate()
    }
}

/// Linear equivariant layers with nonlinear maps between them, then a head:
/// `MLP(G(x))` of the pooled features for numbers of each net, one more layer for changes of parameters.
///
/// Variables: `layers.k`, `norms.k`, and `head` or `change` with the scales of changes.
#[derive(Debug)]
pub(super) struct LinearLayers {
    spaces: ParamSpaces,
    layers: Vec<(PermutationLinear, Activate)>,
    dropout: f64,
    head: Head,
}

#[derive(Debug)]
enum Head {
    PerGraph(Mlp),
    PerParam { last: PermutationLinear, changes: ChangeScales },
}

/// SiLU of each number, or of the layer normalization over the channels of each parameter.
#[derive(Debug)]
struct Activate {
    norms: Option<Norms>,
    /// The layer before it has added biases already.
    zeros: Tensor,
}

/// γ and β of the normalization of each layer's weights and of each layer's biases.
#[derive(Debug)]
struct Norms {
    weights: Vec<[Tensor; 2]>,
    biases: Vec<[Tensor; 2]>,
}

impl LinearLayers {
    /// The net on features of the given channels.
    pub(super) fn new(
        form: &Form<'_>,
        reader: &ParamReader,
        from: &Channels,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let spaces = reader.spaces;
        let hidden = Channels::equal(spaces.n_layers, form.d_hidden);
        // Each map keeps the variance of what it reads.
        let vars = vars.clone().with_start(Start::Balanced);
        let mut layers = Vec::with_capacity(form.n_layers);
        for k in 0..form.n_layers {
            let from = if k == 0 { from } else { &hidden };
            let linear = PermutationLinear::new(spaces, from, &hidden, form.bias, &vars.at("layers").at(k))?;
            let norms = form.layer_norm.then(|| vars.at("norms").at(k));
            layers.push((linear, Activate::new(&spaces, form.d_hidden, norms.as_ref(), &vars)?));
        }
        let head = match form.output {
            HeadConfig::PerGraph { d_out } => {
                let mlp = MlpConfig {
                    d_hidden: form.d_head.to_vec(),
                    layer_norm: form.layer_norm,
                    dropout: form.dropout,
                };
                Head::PerGraph(Mlp::new(&mlp, spaces.n_pooled(&hidden), d_out, &vars.at("head"))?)
            }
            HeadConfig::PerParam { initial_scale } => {
                let to = Channels {
                    weights: vec![reader.n_edge_values; spaces.n_layers],
                    biases: vec![1; spaces.n_layers],
                };
                Head::PerParam {
                    last: PermutationLinear::new(spaces, &hidden, &to, form.bias, &vars.at("change"))?,
                    changes: ChangeScales::new(initial_scale, spaces.n_layers, &vars)?,
                }
            }
        };
        Ok(Self { spaces, layers, dropout: form.dropout, head })
    }

    /// The answer for a bucket's nets.
    pub(super) fn forward(
        &self,
        x: ParamFeatures,
        topology: &Topology,
        scales: &[LayerScale],
        pass: &Pass,
    ) -> Result<Answer> {
        let x = self.layers(x, pass)?;
        Ok(match &self.head {
            Head::PerGraph(mlp) => {
                Answer::Rows(mlp.forward(&Rows::nets(self.spaces.pooled(&x)?)?, pass)?.tensor()?)
            }
            Head::PerParam { last, changes } => {
                let y = last.forward(&x)?;
                let tensors = |rows: &[Rows]| -> Result<Vec<Tensor>> {
                    rows.iter().map(|rows| Ok(rows.tensor()?)).collect()
                };
                let (edges, nodes) = (tensors(&y.weights)?, tensors(&y.biases)?);
                Answer::Deltas(changes.apply(topology, &edges, &nodes, scales, 1)?)
            }
        })
    }

    /// The pooled features that the head reads, `[B, d]`; none if there is no such head.
    pub(super) fn features(
        &self,
        batch: &Batch,
        read: impl Fn(&GraphBatch) -> Result<ParamFeatures>,
        pass: &Pass,
    ) -> Result<Option<Tensor>> {
        let Head::PerGraph(_) = &self.head else { return Ok(None) };
        rows_of_nets(batch, |graphs| self.spaces.pooled(&self.layers(read(graphs)?, pass)?)).map(Some)
    }

    fn layers(&self, mut x: ParamFeatures, pass: &Pass) -> Result<ParamFeatures> {
        for (linear, activate) in &self.layers {
            x = activate.forward(&linear.forward(&x)?, self.dropout, pass)?;
        }
        Ok(x)
    }
}

/// What a [`LinearLayers`] returns for the nets of one bucket.
#[derive(Debug)]
pub(super) enum Answer {
    Rows(Tensor),
    Deltas(Vec<ParamDeltas>),
}

impl Answer {
    /// The output for a batch from the answers for its buckets.
    pub(super) fn of_buckets(batch: &Batch, answers: Vec<Self>) -> Result<Output> {
        let (mut rows, mut deltas) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Self::Rows(answer) => rows.push(answer),
                Self::Deltas(answer) => deltas.push(answer),
            }
        }
        if rows.is_empty() { Ok(Output::PerParam(deltas)) } else { Output::of_buckets(batch, &rows) }
    }
}

impl Activate {
    fn new(spaces: &ParamSpaces, d: usize, norms: Option<&VarBuilder>, vars: &VarBuilder) -> Result<Self> {
        let pairs = |kind: &str, vars: &VarBuilder| -> Result<Vec<[Tensor; 2]>> {
            let pair = |l: usize| -> Result<[Tensor; 2]> {
                let vars = vars.at(kind).at(l);
                Ok([
                    vars.var("weight", &[d], Init::Constant(1.0))?,
                    vars.var("bias", &[d], Init::Constant(0.0))?,
                ])
            };
            (0..spaces.n_layers).map(pair).collect()
        };
        let norms = match norms {
            Some(vars) => Some(Norms { weights: pairs("weight", vars)?, biases: pairs("bias", vars)? }),
            None => None,
        };
        Ok(Self { norms, zeros: vars.zeros(&[d])? })
    }

    fn forward(&self, x: &ParamFeatures, dropout: f64, pass: &Pass) -> Result<ParamFeatures> {
        let activate = |x: &Rows, norm: Option<&[Tensor; 2]>| -> Result<Rows> {
            let y = match norm {
                Some([gamma, beta]) => x.norm_silu(&self.zeros, gamma, beta, Symmetrize::No)?,
                None => x.bias_silu(&self.zeros, Symmetrize::No)?,
            };
            pass.dropout(&y, dropout)
        };
        let all = |x: &[Rows], norms: Option<&Vec<[Tensor; 2]>>| -> Result<Vec<Rows>> {
            x.iter().enumerate().map(|(l, x)| activate(x, norms.map(|norms| &norms[l]))).collect()
        };
        let weights = self.norms.as_ref().map(|norms| &norms.weights);
        let biases = self.norms.as_ref().map(|norms| &norms.biases);
        Ok(ParamFeatures { weights: all(&x.weights, weights)?, biases: all(&x.biases, biases)? })
    }
}
