//! The first features of a ScaleGMN: projections of biases and weights, responses to probes, positional codes.

use candle_core::Tensor;
use sgmn_graph::{GraphBatch, Lowering};

use super::{
    ScaleGmnConfig, State,
    plan::{Groups, ReversedEdges},
};
use crate::{
    Field, Probes, Result, VarBuilder,
    layers::{EdgeEmbedding, Join, Layout, LinearMap, NodeEmbedding, Scalings, TypeOrder, hidden_of},
    normalization::LayerScale,
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
    project_node: LinearMap,
    probed: Option<Probed>,
    project_edge: LinearMap,
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
        let project_node = LinearMap::new(1, d, &projections.at("proj_bias"))?;
        let project_edge = LinearMap::new(layout.n_edge_values, d, &projections.at("proj_weight"))?;
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
        let n_layers = graphs.topology.n_layers();
        let groups = Groups::new(self.scalings, &hidden_of(&graphs.topology));
        let responses = match &self.probed {
            None => None,
            Some(probed) => {
                Some((probed, probed.probes.responses(graphs)?, Probes::sizes(&graphs.topology, scales)))
            }
        };
        let mut nodes = Vec::with_capacity(n_layers + 1);
        for (l, group) in groups.of_features.iter().enumerate() {
            let values = match l.checked_sub(1) {
                Some(layer) => (&graphs.nodes[l] / scales[layer].bias)?,
                // The published code gives the inputs of a CNN the value 0 and those of an MLP the value 1.
                None if self.is_published && graphs.topology.spec().is_convolutional() => {
                    graphs.nodes[0].zeros_like()?
                }
                None => graphs.nodes[0].clone(),
            };
            let mut field = self.project_node.forward(&Field::nodes(values, *group)?)?;
            if let Some((probed, responses, sizes)) = &responses {
                // A unit that is scaled answers with its value scaled: the law of its bias.
                let responses = Field::nodes((&responses[l] / sizes[l])?, *group)?;
                field = field.add(&probed.project.forward(&responses)?)?;
            }
            nodes.push(match &self.node_codes {
                Some(codes) => codes.apply(&field, l, n_layers)?.computed()?,
                None => field.computed()?,
            });
        }
        let project = |l: usize, values: &Tensor, reciprocal: bool| -> Result<Field> {
            let field = Field::edges(values.clone(), groups.of_features[l + 1], groups.of_features[l])?;
            let field = self.project_edge.forward(&field)?;
            let field = if reciprocal { field.relabel(field.law().inverse(field.place())) } else { field };
            // Not computed now: a number times a vector is cheaper to carry than its product.
            match &self.edge_codes {
                Some(codes) => codes.apply(&field, l, n_layers),
                None => Ok(field),
            }
        };
        let weights =
            (0..n_layers).map(|l| Ok((&graphs.edges[l] / scales[l].weight)?)).collect::<Result<Vec<_>>>()?;
        let edges = (0..n_layers).map(|l| project(l, &weights[l], false)).collect::<Result<Vec<_>>>()?;
        let reversed = match self.reversed {
            None | Some(ReversedEdges::Shared) => None,
            Some(ReversedEdges::Initial | ReversedEdges::Own) => Some(edges.clone()),
            Some(ReversedEdges::OwnReciprocal) => {
                let inverse = |l: usize| project(l, &reciprocal(&weights[l])?, true);
                Some((0..n_layers).map(inverse).collect::<Result<Vec<_>>>()?)
            }
        };
        Ok(State { groups, nodes, edges, reversed })
    }
}

/// `1/w`, and 0 for 0: padded kernel slots stay empty.
fn reciprocal(weights: &Tensor) -> Result<Tensor> {
    let is_zero = weights.eq(0.0)?.to_dtype(weights.dtype())?;
    Ok(((weights + &is_zero)?.recip()? - is_zero)?)
}
