//! Learned codes of where a node or an edge stands.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

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

/// One learned row for each input, each hidden layer, each output.
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
        let n_types = layout.n_in + layout.n_layers - 1 + layout.n_out;
        let rows = vars.var("pos_embed", &[n_types, d], Init::Normal)?;
        Ok(Self { rows, layout: layout.clone(), hidden, io })
    }

    /// The rows of node layer `l` of a net with `n_layers` edge layers, for every net of a batch.
    ///
    /// # Shapes
    /// Result `[B, n, d]` for a layer of n nodes.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn of_layer(&self, l: usize, n_layers: usize, n_graphs: usize, n_nodes: usize) -> Result<Rows> {
        let rows = self.rows_of_layer(l, n_layers)?;
        if rows.dim(0)? == 1 {
            return Ok(Rows::row(&rows.squeeze(0)?, n_graphs, n_nodes)?);
        }
        Ok(Rows::nodes(spread_rows(&rows, n_graphs, n_nodes)?)?)
    }

    /// The row of each input or output, or the one of a hidden layer: `[n, d]` or `[1, d]`.
    fn rows_of_layer(&self, l: usize, n_layers: usize) -> Result<Tensor> {
        let Layout { n_in, n_out, n_layers: most_layers, .. } = self.layout;
        Ok(match l {
            0 => self.rows.narrow(0, 0, n_in)?,
            l if l == n_layers => self.rows.narrow(0, n_in + most_layers - 1, n_out)?,
            l => self.rows.narrow(0, n_in + l - 1, 1)?,
        })
    }

    /// The features of node layer `l` with their codes.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a code would be added to a feature that scales.
    pub fn apply(&self, nodes: &Field, l: usize, n_layers: usize) -> Result<Field> {
        let [n_graphs, n_nodes, _] = *nodes.values().dims() else { unreachable!("nodes have three axes") };
        let join = if l == 0 || l == n_layers { self.io } else { self.hidden };
        let codes = self.rows_of_layer(l, n_layers)?;
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
/// Edges are multiplied by their row; for permutations only, it is added.
///
/// Variables: `pos_embed` `[n_in + middle layers + n_out, d]`.
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
        let n_types = layout.n_in + layout.n_layers.saturating_sub(2) + layout.n_out;
        let rows = vars.var("pos_embed", &[n_types, d], Init::Normal)?;
        Ok(Self { rows, layout: layout.clone(), join, order })
    }

    /// The features of edge layer `l` of a net with `n_layers` of them, with their codes.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a code would be added to a feature that scales.
    pub fn apply(&self, edges: &Field, l: usize, n_layers: usize) -> Result<Field> {
        let [n_graphs, n_receivers, n_senders, _] = block_dims(edges);
        let Layout { n_in, n_out, n_layers: most_layers, .. } = self.layout;
        let last = n_in + most_layers.saturating_sub(2);
        let (start, n_types, axis) = match l {
            0 => (0, n_in, EdgeAxis::Senders),
            l if l + 1 == n_layers => (last, n_out, EdgeAxis::Receivers),
            l => (n_in + l - 1, 1, EdgeAxis::Senders),
        };
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

/// B, R, S, H of a block of edges.
fn block_dims(edges: &Field) -> [usize; 4] {
    edges.values().dims().try_into().expect("edges have four axes")
}

/// Rows `[n, d]` or one row `[1, d]` for every node of every net: `[B, n, d]`.
fn spread_rows(rows: &Tensor, n_graphs: usize, n_nodes: usize) -> Result<Tensor> {
    let d = rows.dim(1)?;
    Ok(rows.unsqueeze(0)?.broadcast_as((n_graphs, n_nodes, d))?.contiguous()?)
}
