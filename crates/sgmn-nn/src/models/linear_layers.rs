//! What the models of linear equivariant layers share: layers on features of all parameters, and the two heads.

use candle_core::Tensor;
use sgmn_graph::{Batch, GraphBatch, Lowering, Topology};

use super::{ChangeScales, HeadConfig, Output, ParamDeltas, output::rows_of_nets, sizes};
use crate::{
    Error, Init, Pass, Result, VarBuilder,
    layers::{Channels, Ends, Layout, Mlp, MlpConfig, ParamFeatures, ParamSpaces, PermutationLinear},
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

/// The parameters of nets of one depth and one kind of ends, as features.
#[derive(Debug, Clone)]
pub(super) struct ParamReader {
    pub(super) spaces: ParamSpaces,
    /// For each layer, the slots of an edge that hold a parameter in some architecture, ascending.
    slots: Vec<Vec<usize>>,
    n_edge_values: usize,
}

impl ParamReader {
    /// A reader of nets of the given architectures.
    ///
    /// # Errors
    /// [`Error::Config`] if they differ in depth, inputs or outputs.
    pub(super) fn new(lowering: &Lowering, ends: Ends) -> Result<Self> {
        let Layout { n_in, n_out, n_layers, n_edge_values, .. } = Layout::of(lowering)?;
        let mut slots = vec![Vec::new(); n_layers];
        for topology in lowering.topologies() {
            if topology.n_layers() != n_layers {
                let found = format!("nets of {n_layers} and of {} layers", topology.n_layers());
                return Err(Error::config("model.kind", "a model that reads nets of any depth", found));
            }
            for (l, slots) in slots.iter_mut().enumerate() {
                slots.extend(topology.edge_slots(l));
            }
        }
        for slots in &mut slots {
            slots.sort_unstable();
            slots.dedup();
        }
        Ok(Self { spaces: ParamSpaces { n_layers, n_in, n_out, ends }, slots, n_edge_values })
    }

    /// Channels of the features: the slots in use, and one of a bias.
    pub(super) fn channels(&self) -> Channels {
        Channels { weights: self.slots.iter().map(Vec::len).collect(), biases: vec![1; self.slots.len()] }
    }

    /// The parameters of a bucket's nets in units of the normalization: of each layer's weights `[B, n_out, n_in, slots]`
    /// and biases `[B, n_out, 1]`.
    pub(super) fn read(
        &self,
        graphs: &GraphBatch,
        scales: &[LayerScale],
    ) -> Result<(Vec<Tensor>, Vec<Tensor>)> {
        let ParamSpaces { n_layers, n_in, n_out, .. } = self.spaces;
        let widths = graphs.topology.widths();
        let found = (graphs.topology.n_layers(), widths[0], widths[widths.len() - 1]);
        if found != (n_layers, n_in, n_out) {
            let expected = format!("{n_layers} layers, {n_in} inputs and {n_out} outputs");
            return Err(Error::config("nets", expected, format!("widths {widths:?}")));
        }
        let (mut weights, mut biases) = (Vec::with_capacity(n_layers), Vec::with_capacity(n_layers));
        for (l, scale) in scales.iter().enumerate() {
            let edges = &graphs.edges[l];
            let unread = graphs.topology.edge_slots(l).into_iter().any(|slot| !self.slots[l].contains(&slot));
            if unread {
                let found = graphs.topology.spec().fingerprint();
                return Err(Error::config(
                    "nets",
                    "kernels of the sizes that the model was built for",
                    found,
                ));
            }
            let edges = if self.slots[l].len() < edges.dim(3)? {
                let slots: Vec<u32> = self.slots[l].iter().map(|slot| *slot as u32).collect();
                edges.index_select(&Tensor::new(slots, edges.device())?, 3)?
            } else {
                edges.clone()
            };
            weights.push((edges / scale.weight)?);
            biases.push((&graphs.nodes[l + 1] / scale.bias)?);
        }
        Ok((weights, biases))
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
