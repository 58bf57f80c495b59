//! Chains of operations as layers form them, on tensors of few channels.

use candle_core::{Result, Tensor};

use crate::ops::{
    EdgeAxis, Rows,
    Symmetrize::{self, No, Signs},
};

pub(super) const SENDERS: EdgeAxis = EdgeAxis::Senders;
pub(super) const RECEIVERS: EdgeAxis = EdgeAxis::Receivers;

/// Tensors a chain reads: edges of H channels and of one, nodes at both ends, square weights, rows.
pub(super) struct Given<'a> {
    pub(super) dims: [usize; 4],
    pub(super) x: &'a [Tensor],
}

impl Given<'_> {
    pub(super) fn shapes([b, r, s, h]: [usize; 4]) -> Vec<Vec<usize>> {
        let mut shapes = vec![vec![b, r, s, h], vec![b, r, s, 1], vec![b, r, h], vec![b, s, h]];
        shapes.extend([vec![h, h], vec![h, h], vec![h, h], vec![h, 1], vec![h, 2 * h], vec![h, 3 * h]]);
        shapes.extend(vec![vec![h]; 4]);
        shapes
    }
    pub(super) fn edges(&self) -> Result<Rows> {
        Rows::edges(self.x[0].clone())
    }
    pub(super) fn numbers(&self) -> Result<Rows> {
        Rows::edges(self.x[1].clone())
    }
    pub(super) fn nodes(&self, axis: EdgeAxis) -> Result<Rows> {
        Rows::nodes(self.x[if axis == RECEIVERS { 2 } else { 3 }].clone())
    }
    /// The nodes of one end along the edges.
    pub(super) fn spread(&self, axis: EdgeAxis) -> Result<Rows> {
        self.along(&self.nodes(axis)?, axis)
    }
    pub(super) fn along(&self, nodes: &Rows, axis: EdgeAxis) -> Result<Rows> {
        Rows::spread(nodes, self.dims[if axis == RECEIVERS { 2 } else { 1 }], axis)
    }
    /// One row along the edges.
    pub(super) fn constant(&self, row: usize) -> Result<Rows> {
        self.along(&Rows::row(self.row(row), self.dims[0], self.dims[2])?, SENDERS)
    }
    pub(super) fn weight(&self, i: usize) -> &Tensor {
        &self.x[4 + i]
    }
    pub(super) fn column(&self) -> &Tensor {
        &self.x[7]
    }
    pub(super) fn wide(&self, n_parts: usize) -> &Tensor {
        &self.x[6 + n_parts]
    }
    pub(super) fn row(&self, i: usize) -> &Tensor {
        &self.x[10 + i]
    }
    pub(super) fn normed(&self, rows: &Rows, signs: Symmetrize) -> Result<Rows> {
        rows.norm_silu(self.row(0), self.row(1), self.row(2), signs)
    }
}

pub(super) type Chain = fn(&Given<'_>) -> Result<Rows>;

/// Every rule and step, in chains as layers form them.
pub(super) const CHAINS: [(&str, Chain); 18] = [
    ("adjacent maps", |g| {
        let inner =
            g.normed(&g.edges()?.linear(g.weight(0))?, Signs)?.linear(g.weight(1))?.add_bias(g.row(3))?;
        g.normed(&inner.linear(g.weight(2))?, No)
    }),
    ("a first layer along its senders", |g| {
        let e = g.numbers()?.linear(g.column())?.mul_row(g.row(0))?.linear(g.weight(0))?;
        let u = e.mul(&g.spread(SENDERS)?)?;
        g.normed(&u.linear(g.weight(1))?, Signs)?.linear(g.weight(2))?.mul(&u.linear(g.weight(0))?)
    }),
    ("a first layer across its senders", |g| {
        let e = g.numbers()?.linear(g.column())?.mul(&g.spread(RECEIVERS)?)?;
        let u = g.spread(SENDERS)?.mul(&e.linear(g.weight(0))?)?;
        u.linear(g.weight(1))?.mul(&e)
    }),
    ("products of node rows", |g| {
        let nodes = g.spread(SENDERS)?.mul(&g.spread(SENDERS)?)?.mul_row(g.row(1))?.add_bias(g.row(2))?;
        g.edges()?.mul(&nodes.linear(g.weight(0))?)
    }),
    ("concatenation of all kinds", |g| {
        let even = g.normed(&g.edges()?, Signs)?.linear(g.weight(0))?.add_bias(g.row(0))?;
        let all = Rows::concat(&[&even, &g.spread(RECEIVERS)?, &g.constant(3)?])?;
        g.normed(&all.linear(g.wide(3))?, No)?.linear(g.weight(1))?.add_bias(g.row(1))?.mul(&g.edges()?)
    }),
    ("concatenation that is read as it is", |g| {
        let both = Rows::concat(&[&g.edges()?, &g.spread(SENDERS)?])?.abs()?;
        both.unit_norm(None)?.linear(g.wide(2))
    }),
    ("sums of everything", |g| {
        let sum = g.edges()?.linear(g.weight(0))?.add(&g.spread(RECEIVERS)?.add(&g.spread(SENDERS)?)?)?;
        let sum = g.constant(0)?.add(&sum)?.add(&g.edges()?)?.add_bias(g.row(1))?;
        sum.add(&g.edges()?.linear(g.weight(1))?.add_bias(g.row(2))?)?.bias_silu(g.row(3), No)
    }),
    ("a gate of nodes alone", |g| {
        let ends = g.along(&g.nodes(RECEIVERS)?.linear(g.weight(0))?, RECEIVERS)?.add(&g.spread(SENDERS)?)?;
        let gate = g.normed(&ends, No)?.linear(g.weight(1))?.add_bias(g.row(3))?;
        g.edges()?.linear(g.weight(2))?.mul(&gate)
    }),
    ("a last map before a sum", |g| {
        let x = g
            .edges()?
            .linear(g.weight(0))?
            .add(&g.along(&g.nodes(SENDERS)?.linear(g.weight(1))?, SENDERS)?)?;
        g.normed(&x, No)?.linear(g.weight(2))?.add_bias(g.row(3))
    }),
    ("a square", |g| {
        let x = g.edges()?.linear(g.weight(0))?;
        x.mul(&x)
    }),
    ("one product read three times", |g| {
        let x = g.edges()?.linear(g.weight(0))?;
        x.add(&x.mul(&x.unit_norm(Some(0.3))?)?)?.add(&x)
    }),
    ("small steps", |g| {
        let x = g.edges()?.scale(-0.5)?.mul_row(g.row(0))?.abs()?.add_bias(g.row(1))?;
        x.bias_silu(g.row(2), Signs)?.unit_norm(None)
    }),
    ("an activation read by products and by others", |g| {
        let x = g.normed(&g.edges()?, No)?;
        x.linear(g.weight(0))?.mul(&x)
    }),
    ("rows kept in between", |g| {
        let e = g.normed(&g.edges()?.linear(g.weight(0))?, No)?.computed()?;
        let nodes = g.normed(&g.nodes(SENDERS)?.linear(g.weight(1))?, No)?.computed()?;
        let sum = e.linear(g.weight(1))?.mul(&g.along(&nodes, SENDERS)?)?.sum_edges(SENDERS)?;
        e.linear(g.weight(2))?.mul(&g.along(&sum, RECEIVERS)?)?.add(&g.along(&nodes, SENDERS)?)
    }),
    ("rows kept and given back at once", |g| g.edges()?.linear(g.weight(0))?.computed()),
    ("the same rows kept twice", |g| {
        let x = g.normed(&g.edges()?, No)?;
        x.computed()?.mul(&x.computed()?)?.add(&x)
    }),
    ("data times a gate", |g| {
        let x = g.edges()?;
        x.mul(&g.normed(&x, No)?.linear(g.weight(0))?)
    }),
    ("a constant", |g| g.constant(0)?.linear(g.weight(0))?.bias_silu(g.row(1), No)),
];
