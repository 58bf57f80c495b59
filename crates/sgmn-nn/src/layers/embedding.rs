//! Learned codes of where a node or an edge stands.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use sgmn_graph::{NodeRole, Site, Topology};

use super::Layout;
use crate::{
    Field, Init, Result, VarBuilder,
    ops::{EdgeAxis, Rows},
};

/// How a code joins the feature that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Join {
    /// `x + p`, for features that do not scale.
    Sum,
    /// `x ⊙ p`, which keeps every law.
    Product,
}

/// One learned row for each input, each hidden site, each output.
///
/// Hidden nodes are multiplied by their row, which keeps their law; inputs and outputs, which do not scale, are
/// multiplied or added to. For permutations only, rows are added everywhere.
///
/// Variables: `pos_embed` `[n_in + hidden layers + n_out, d]`.
///
/// # Source
/// ScaleGMN, appendix on positional encodings.
#[derive(Debug, Clone)]
pub struct NodeEmbedding {
    rows: Tensor,
    layout: Layout,
    hidden: Join,
    io: Join,
}

impl NodeEmbedding {
    /// Rows of width `d` for nets of a layout, and how they join hidden nodes, and inputs and outputs.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(layout: &Layout, d: usize, hidden: Join, io: Join, vars: &VarBuilder) -> Result<Self> {
        let n_types = layout.n_in + layout.n_hidden + layout.n_out;
        let rows = vars.var("pos_embed", &[n_types, d], Init::Normal)?;
        Ok(Self { rows, layout: layout.clone(), hidden, io })
    }

    /// The rows of the nodes of a site, for every net of a batch.
    ///
    /// # Shapes
    /// Result `[B, n, d]` for a site of n nodes.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn of_site(&self, site: &Site, n_graphs: usize) -> Result<Rows> {
        let rows = self.rows_of_site(site)?;
        if rows.dim(0)? == 1 {
            return Ok(Rows::row(&rows.squeeze(0)?, n_graphs, site.n)?);
        }
        Ok(Rows::nodes(spread_rows(&rows, n_graphs, site.n)?)?)
    }

    /// The row of each input or output, or the one of a hidden site: `[n, d]` or `[1, d]`.
    fn rows_of_site(&self, site: &Site) -> Result<Tensor> {
        let Layout { n_in, n_hidden, .. } = self.layout;
        Ok(match site.role {
            NodeRole::Input => self.rows.narrow(0, site.at, site.n)?,
            NodeRole::Hidden => self.rows.narrow(0, n_in + site.at - 1, 1)?,
            NodeRole::Output => self.rows.narrow(0, n_in + n_hidden + site.at, site.n)?,
        })
    }

    /// The features of the nodes of a site with their codes.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a code would be added to a feature that scales.
    pub fn apply(&self, nodes: &Field, site: &Site) -> Result<Field> {
        let [n_graphs, n_nodes, _] = *nodes.values().dims() else { unreachable!("nodes have three axes") };
        let join = if site.role == NodeRole::Hidden { self.hidden } else { self.io };
        let codes = self.rows_of_site(site)?;
        if codes.dim(0)? == 1 {
            return apply_row(nodes, &codes.squeeze(0)?, join);
        }
        let codes = nodes.map_invariant(spread_rows(&codes, n_graphs, n_nodes)?);
        apply_codes(nodes, &codes, join)
    }
}

/// A feature with one code for all its rows.
fn apply_row(x: &Field, code: &Tensor, join: Join) -> Result<Field> {
    match join {
        Join::Sum => Ok(x.map_invariant(x.invariant("sum with an embedding")?.add_bias(code)?)),
        Join::Product => x.map_equivariant(|values| Ok(values.mul_row(code)?)),
    }
}

/// A feature with a code for each of its rows.
fn apply_codes(x: &Field, codes: &Field, join: Join) -> Result<Field> {
    match join {
        Join::Sum => x.add(codes),
        Join::Product => x.mul(codes),
    }
}

/// One learned row for each input (edges of the first layer), each middle layer, each output (edges of the last).
///
/// Edges are multiplied by their row; for permutations only, it is added. Blocks of a net that is no chain have a row
/// each, and beside it those of the inputs that they leave or of the outputs that they enter.
///
/// Variables: `pos_embed` `[n_in + middle layers + n_out, d]`, all blocks in place of middle layers if nets are no chains.
#[derive(Debug, Clone)]
pub struct EdgeEmbedding {
    rows: Tensor,
    layout: Layout,
    join: Join,
    order: TypeOrder,
}

/// How the rows of outputs are handed out to the edges of the last layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeOrder {
    /// Each edge into an output has that output's row.
    ByOutput,
    /// In blocks along the edges in the order of their senders, as the published program does.
    Published,
}

impl EdgeEmbedding {
    /// Rows of width `d` for nets of a layout.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(layout: &Layout, d: usize, join: Join, order: TypeOrder, vars: &VarBuilder) -> Result<Self> {
        let n_types = layout.n_in + n_middle(layout) + layout.n_out;
        let rows = vars.var("pos_embed", &[n_types, d], Init::Normal)?;
        Ok(Self { rows, layout: layout.clone(), join, order })
    }

    /// The features of block `b` of a net with their codes.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a code would be added to a feature that scales.
    pub fn apply(&self, edges: &Field, topology: &Topology, b: usize) -> Result<Field> {
        let (block, sites) = (&topology.blocks()[b], topology.sites());
        let Layout { n_in, are_chains, .. } = self.layout;
        let last = n_in + n_middle(&self.layout);
        let (from, to) = (&sites[block.from], &sites[block.to]);
        let of_inputs = (from.role == NodeRole::Input).then_some((from.at, from.n, EdgeAxis::Senders));
        let of_outputs = (to.role == NodeRole::Output).then_some((last + to.at, to.n, EdgeAxis::Receivers));
        if are_chains {
            let of_layer = || (n_in + block.at - 1, 1, EdgeAxis::Senders);
            return self.join_rows(edges, of_inputs.or(of_outputs).unwrap_or_else(of_layer));
        }
        let mut edges = self.join_rows(edges, (n_in + block.at, 1, EdgeAxis::Senders))?;
        for rows in [of_inputs, of_outputs].into_iter().flatten() {
            // Where nodes stand in groups, the block's own row has to do.
            if rows.1 == 1 || block.groups == 1 {
                edges = self.join_rows(&edges, rows)?;
            }
        }
        Ok(edges)
    }

    /// Edges with so many rows from `start` on, one for each node of an end, or one for all.
    fn join_rows(&self, edges: &Field, (start, n_types, axis): (usize, usize, EdgeAxis)) -> Result<Field> {
        let [n_graphs, n_receivers, n_senders, _] = block_dims(edges);
        if n_types == 1 {
            return apply_row(edges, &self.rows.narrow(0, start, 1)?.squeeze(0)?, self.join);
        }
        let codes: Rows = if self.order == TypeOrder::Published && axis == EdgeAxis::Receivers {
            let types: Vec<u32> = (0..n_receivers * n_senders)
                .map(|edge| (start + (edge % n_senders * n_types + edge / n_senders) / n_senders) as u32)
                .collect();
            let types = Tensor::new(types, self.rows.device())?;
            let rows = self.rows.index_select(&types, 0)?.reshape((1, n_receivers, n_senders, ()))?;
            rows.broadcast_as((n_graphs, n_receivers, n_senders, edges.width()))?.contiguous()?.into()
        } else {
            let (n_nodes, n_others) = match axis {
                EdgeAxis::Receivers => (n_receivers, n_senders),
                EdgeAxis::Senders => (n_senders, n_receivers),
            };
            let rows = spread_rows(&self.rows.narrow(0, start, n_types)?, n_graphs, n_nodes)?;
            Rows::spread(&Rows::nodes(rows)?, n_others, axis)?
        };
        let codes = edges.map_invariant(codes);
        apply_codes(edges, &codes, self.join)
    }
}

/// Rows of blocks that neither leave inputs nor enter outputs; of nets that are no chains, of all blocks.
fn n_middle(layout: &Layout) -> usize {
    if layout.are_chains { layout.n_layers.saturating_sub(2) } else { layout.n_layers }
}

/// B, R, S, H of a block of edges.
fn block_dims(edges: &Field) -> [usize; 4] {
    edges.values().dims().try_into().expect("edges have four axes")
}

/// Rows `[n, d]` or one row `[1, d]` for every node of every net: `[B, n, d]`.
fn spread_rows(rows: &Tensor, n_graphs: usize, n_nodes: usize) -> Result<Tensor> {
    let d = rows.dim(1)?;
    Ok(rows.unsqueeze(0)?.broadcast_as((n_graphs, n_nodes, d))?.contiguous()?)
}
