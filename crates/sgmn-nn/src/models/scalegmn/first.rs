//! The first features of a ScaleGMN: projections of biases and weights, responses to probes, positional codes.

use std::{collections::BTreeMap, f64::consts::LN_2};

use candle_core::Tensor;
use sgmn_graph::{GraphBatch, Lowering, Topology};

use super::{
    ScaleGmnConfig, State,
    plan::{Groups, ReversedEdges},
};
use crate::{
    Field, Probes, Result, VarBuilder,
    layers::{EdgeEmbedding, Join, Layout, LinearMap, NodeEmbedding, Role, Scalings, TypeOrder},
    normalization::LayerScale,
    ops::{self, Rows},
};

/// What turns the numbers of nets into features of one width.
///
/// Variables: `construct_graph.{proj_bias, proj_weight, proj_probes}`, `probes`, `positional_embeddings`,
/// `positional_embeddings_edge`.
#[derive(Debug)]
pub(super) struct FirstFeatures {
    scalings: Scalings,
    is_published: bool,
    reversed: Option<ReversedEdges>,
    layout: Layout,
    project_node: Projection,
    probed: Option<Probed>,
    /// For each number of values of an edge.
    project_edge: BTreeMap<usize, Projection>,
    node_codes: Option<NodeEmbedding>,
    edge_codes: Option<EdgeEmbedding>,
}

/// What nodes know of their responses to learned inputs.
#[derive(Debug)]
struct Probed {
    probes: Probes,
    project: LinearMap,
}

impl FirstFeatures {
    pub(super) fn new(
        config: &ScaleGmnConfig,
        layout: &Layout,
        lowering: &Lowering,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let d = config.d_hidden;
        let projections = vars.at("construct_graph");
        let n_sines = config.n_sines;
        let project_node = Projection::new(1, n_sines, d, &projections.at("proj_bias"))?;
        let project_edge = layout.edge_widths.iter().map(|n_values| {
            let vars = projections.at("proj_weight");
            let vars = if layout.edge_widths.len() == 1 { vars } else { vars.at(n_values) };
            Ok((*n_values, Projection::new(*n_values, n_sines, d, &vars)?))
        });
        let project_edge = project_edge.collect::<Result<_>>()?;
        let probed = config.probes.as_ref().map(|probes| -> Result<Probed> {
            let project = LinearMap::new(probes.n, d, &projections.at("proj_probes"))?;
            Ok(Probed { probes: Probes::new(probes, lowering, &vars.at("probes"))?, project })
        });
        let probed = probed.transpose()?;
        // What scales takes products alone.
        let plain = config.scalings == Scalings::Permutation;
        let (join, io) = if plain { (Join::Sum, Join::Sum) } else { (Join::Product, config.io_embedding) };
        let order = if config.is_published() { TypeOrder::Published } else { TypeOrder::ByOutput };
        let node_codes = config
            .node_embedding
            .then(|| NodeEmbedding::new(layout, d, join, io, &vars.at("positional_embeddings")))
            .transpose()?;
        let edge_codes = config
            .edge_embedding
            .then(|| EdgeEmbedding::new(layout, d, join, order, &vars.at("positional_embeddings_edge")))
            .transpose()?;
        Ok(Self {
            scalings: config.scalings,
            is_published: config.is_published(),
            reversed: ReversedEdges::of(config),
            layout: layout.clone(),
            project_node,
            probed,
            project_edge,
            node_codes,
            edge_codes,
        })
    }

    /// The codes of nodes, for messages and updates that see them too.
    pub(super) fn codes(&self) -> Option<&NodeEmbedding> {
        self.node_codes.as_ref()
    }

    /// The features of a bucket's nets, whose parameters are divided by `scales`.
    ///
    /// # Errors
    /// [`crate::Error::Config`] if the nets do not fit the layout.
    pub(super) fn forward(&self, graphs: &GraphBatch, scales: &[LayerScale]) -> Result<State> {
        self.layout.check(&graphs.topology)?;
        let topology = &graphs.topology;
        let (sites, blocks) = (topology.sites(), topology.blocks());
        let groups = Groups::new(self.scalings, topology);
        let responses = match &self.probed {
            None => None,
            Some(probed) => {
                Some((probed, probed.probes.responses(graphs)?, Probes::sizes(topology, scales)?))
            }
        };
        let mut nodes = Vec::with_capacity(sites.len());
        for (s, (site, group)) in sites.iter().zip(&groups.of_features).enumerate() {
            let values = match (site.role, topology.blocks_into(s).next()) {
                // The published code gives the inputs of a CNN the value 0 and those of an MLP the value 1.
                (Role::Input, _) if self.is_published && is_convolutional(topology) => {
                    graphs.nodes[s].zeros_like()?
                }
                (Role::Input, _) | (_, None) => graphs.nodes[s].clone(),
                (_, Some(block)) => (&graphs.nodes[s] / scales[block].bias)?,
            };
            let mut field = self.project_node.forward(&Field::nodes(values, *group)?, true)?.0;
            if let Some((probed, responses, sizes)) = &responses {
                // A unit that is scaled answers with its value scaled: the law of its bias.
                let responses = Field::nodes((&responses[s] / sizes[s])?, *group)?;
                field = field.add(&probed.project.forward(&responses)?)?;
            }
            nodes.push(match &self.node_codes {
                Some(codes) => codes.apply(&field, site)?.computed()?,
                None => field.computed()?,
            });
        }
        let n_blocks = blocks.len();
        let project = |b: usize, values: &Tensor, reciprocal: bool| -> Result<Field> {
            let block = &blocks[b];
            let field =
                Field::edges(values.clone(), groups.of_features[block.to], groups.of_features[block.from])?;
            // Weights of inputs and outputs are angles and sizes of waves; between hidden units sines did not pay.
            let is_end = sites[block.from].role == Role::Input || sites[block.to].role == Role::Output;
            let (field, has_sines) = self.project_edge[&block.n_values].forward(&field, is_end)?;
            let field = if reciprocal { field.relabel(field.law().inverse(field.place())) } else { field };
            let field = match &self.edge_codes {
                Some(codes) => codes.apply(&field, topology, b)?,
                None => field,
            };
            // A number times a vector is not computed now: it is cheaper to carry than its product.
            if has_sines { field.computed() } else { Ok(field) }
        };
        let weights =
            (0..n_blocks).map(|b| Ok((&graphs.edges[b] / scales[b].weight)?)).collect::<Result<Vec<_>>>()?;
        let edges = (0..n_blocks).map(|b| project(b, &weights[b], false)).collect::<Result<Vec<_>>>()?;
        let reversed = match self.reversed {
            None | Some(ReversedEdges::Shared) => None,
            Some(ReversedEdges::Initial | ReversedEdges::Own) => Some(edges.clone()),
            Some(ReversedEdges::OwnReciprocal) => {
                let inverse = |b: usize| project(b, &reciprocal(&weights[b])?, true);
                Some((0..n_blocks).map(inverse).collect::<Result<Vec<_>>>()?)
            }
        };
        let answers =
            responses.and_then(|(_, mut responses, sizes)| Some((responses.pop()?, *sizes.last()?)));
        let answers = answers.map(|(outputs, size)| outputs / size).transpose()?;
        Ok(State { topology: topology.clone(), groups, nodes, edges, reversed, answers })
    }
}

/// Whether nets are chains with a convolution.
fn is_convolutional(topology: &Topology) -> bool {
    topology.spec().is_ok_and(|spec| spec.is_convolutional())
}

/// `P x`, and with sines `P x + Q [sin(f_1 x), …, sin(f_n x)]`: odd, so that signs pass.
///
/// Variables: `weight`, and with sines `sines.weight`.
#[derive(Debug)]
struct Projection {
    plain: LinearMap,
    sines: Option<(LinearMap, Vec<f64>)>,
}

impl Projection {
    fn new(n_values: usize, n_sines: usize, d: usize, vars: &VarBuilder) -> Result<Self> {
        let plain = LinearMap::new(n_values, d, vars)?;
        let sines = (n_sines > 0).then(|| -> Result<_> {
            let map = LinearMap::new(n_values * n_sines, d, &vars.at("sines"))?;
            Ok((map, (0..n_sines).map(|k| frequency(k, n_sines)).collect()))
        });
        Ok(Self { plain, sines: sines.transpose()? })
    }

    /// The projection, with sines if they are wanted and there are any; whether there were.
    ///
    /// # Law
    /// Kept.
    fn forward(&self, x: &Field, wants_sines: bool) -> Result<(Field, bool)> {
        let plain = self.plain.forward(x)?;
        let Some((map, frequencies)) = self.sines.as_ref().filter(|_| wants_sines) else {
            return Ok((plain, false));
        };
        let sines = x.map_odd("sines of parameters", |values| {
            Ok(Rows::from(ops::sines(&values.tensor()?, frequencies)?))
        })?;
        Ok((plain.add(&map.forward(&sines)?)?, true))
    }
}

/// Frequencies of the sines for parameters of the order of 1, from 1 to `2^`[`HIGHEST_OCTAVE`] in equal ratios.
fn frequency(k: usize, n: usize) -> f64 {
    let last = n.saturating_sub(1).max(1);
    (HIGHEST_OCTAVE * LN_2 * k as f64 / last as f64).exp()
}

/// The highest frequency is 2⁴.
const HIGHEST_OCTAVE: f64 = 4.0;

/// `1/w`, and 0 for 0: padded kernel slots stay empty.
fn reciprocal(weights: &Tensor) -> Result<Tensor> {
    let is_zero = weights.eq(0.0)?.to_dtype(weights.dtype())?;
    Ok(((weights + &is_zero)?.recip()? - is_zero)?)
}
