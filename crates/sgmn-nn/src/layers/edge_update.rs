//! Edge updates: what an edge learns from its ends.

use sgmn_symmetry::ScaleGroup;

use super::{Canon, InvariantConfig, LinearMap, Mlp, Scalings};
use crate::{Field, Pass, Result, VarBuilder, ops::Rows};

/// `e'_ij = (W e_ij) ⊙ φ([canon(x_j), canon(x_i)])`, sender first.
///
/// For permutations only, `φ([e_ij, x_j, x_i])`.
/// The first layer of φ is split by columns, so everything but two products is done on nodes.
///
/// Variables: `W`, `g1.rho` (`g_sign.rho` where both groups may occur), `phi`.
///
/// # Source
/// ScaleGMN, section 5, and the published implementation.
#[derive(Debug, Clone)]
pub struct EdgeUpdate {
    scaled: Option<(LinearMap, Canon)>,
    phi: Mlp,
    d: usize,
}

impl EdgeUpdate {
    /// The update of one layer, from edges and nodes of width `d` to edges of width `d_out`.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(config: &InvariantConfig, d: usize, d_out: usize, vars: &VarBuilder) -> Result<Self> {
        let n_parts = if config.scalings == Scalings::Permutation { 3 } else { 2 };
        let scaled = match config.scalings {
            Scalings::Permutation => None,
            scalings => {
                let branch = if scalings == Scalings::Own { "g_sign" } else { "g1" };
                Some((LinearMap::new(d, d_out, &vars.at("W"))?, Canon::new(config, d, &vars.at(branch))?))
            }
        };
        let (mlp, vars) = (&config.mlp, vars.at("phi"));
        let phi = match scaled {
            Some(_) => Mlp::gate(mlp, n_parts * d, d_out, &vars)?,
            None => Mlp::new(mlp, n_parts * d, d_out, &vars)?,
        };
        Ok(Self { scaled, phi, d })
    }

    /// The invariants of a layer of nodes, computed once for the edges on both sides of it.
    ///
    /// # Shapes
    /// `[B, n, d]` to `[B, n, d]`.
    ///
    /// # Errors
    /// [`crate::Error::Law`] if a node scales although only permutations are expected.
    pub fn node_invariants(&self, nodes: &Field, group: ScaleGroup, pass: &Pass) -> Result<Rows> {
        match &self.scaled {
            Some((_, canonical)) => Ok(canonical.forward(nodes, group, pass)?.values().computed()?),
            None => Ok(nodes.invariant("edge update")?.clone()),
        }
    }

    /// The new features of one block of edges, from the invariants of the nodes at their ends.
    ///
    /// # Shapes
    /// edges `[B, R, S, d]`, senders and receivers `[B, ·, d]`, result `[B, R, S, d_out]`.
    ///
    /// # Law
    /// Kept.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn forward(&self, edges: &Field, senders: &Rows, receivers: &Rows, pass: &Pass) -> Result<Field> {
        let d = self.d;
        let columns = self.phi.first_columns(&vec![d; if self.scaled.is_some() { 2 } else { 3 }])?;
        let [of_sender, of_receiver] = columns.last_chunk().expect("φ reads at least the two ends");
        let senders = edges.spread(&senders.linear(of_sender)?, edges.sender_axis())?;
        let first = edges.spread(&receivers.linear(of_receiver)?, edges.receiver_axis())?.add(&senders)?;
        match &self.scaled {
            Some((w, _)) => w.forward(edges)?.mul(&edges.map_invariant(self.phi.finish(first, pass)?)),
            None => {
                let of_edges = edges.invariant("edge update")?.linear(&columns[0])?;
                Ok(edges.map_invariant(self.phi.finish(first.add(&of_edges)?, pass)?))
            }
        }
    }
}
