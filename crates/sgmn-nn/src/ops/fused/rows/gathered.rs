//! What nodes gather from their edges, which is computed at once.

use candle_core::Result;

use super::{Repr, Rows};
use crate::ops::{
    self, EdgeAxis,
    fused::{execute, record::Of},
};

impl Rows {
    /// See [`ops::sum_edges`]: rows of the nodes that remain.
    ///
    /// # Errors
    /// If the rows are not those of edges.
    pub fn sum_edges(&self, axis: EdgeAxis) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::sum_edges(x, axis)?.into()),
            Repr::Lazy(expr) if expr.of() != Of::Edges => {
                candle_core::bail!("sum_edges: expected edges [B, R, S, H], found {:?}", self.dims())
            }
            Repr::Lazy(expr) => Ok(Self::lazy(execute::sum_edges(expr, axis)?)),
        }
    }

    /// See [`ops::aggregate`]: rows of the nodes that remain.
    ///
    /// # Errors
    /// If the rows are not those of edges.
    pub fn aggregate(&self, axis: EdgeAxis) -> Result<Self> {
        match &self.0 {
            Repr::Tensor(x) => Ok(ops::aggregate(x, axis)?.into()),
            Repr::Lazy(expr) if expr.of() != Of::Edges => {
                candle_core::bail!("aggregate: expected edges [B, R, S, H], found {:?}", self.dims())
            }
            Repr::Lazy(expr) => Ok(Self::lazy(execute::aggregate(expr, axis)?)),
        }
    }

    /// See [`ops::attend`]; these are the nodes' own rows.
    ///
    /// # Errors
    /// If shapes do not fit each other or the heads.
    pub fn attend(&self, incoming: Option<&Self>, outgoing: Option<&Self>, n_heads: usize) -> Result<Self> {
        let &[b, n, row] = self.dims() else {
            candle_core::bail!("attend: expected nodes [B, n, H], found {:?}", self.dims())
        };
        if n_heads == 0 || row <= n_heads || !(row - n_heads).is_multiple_of(n_heads) {
            candle_core::bail!(
                "attend: expected logits of {n_heads} heads, at least one, and as many channels for each, found rows of {row}"
            );
        }
        for (edges, axis) in [(incoming, 1), (outgoing, 2)] {
            if let Some(edges) = edges
                && (edges.dims().len() != 4
                    || [edges.dims()[0], edges.dims()[axis], edges.dims()[3]] != [b, n, row])
            {
                candle_core::bail!(
                    "attend: expected edges of {b} nets at {n} nodes in rows of {row}, found {:?}",
                    edges.dims()
                );
            }
        }
        match &self.0 {
            Repr::Tensor(own) => {
                let tensor = |rows: Option<&Self>| rows.map(Self::tensor).transpose();
                let (incoming, outgoing) = (tensor(incoming)?, tensor(outgoing)?);
                Ok(ops::attend_tensors(own, incoming.as_ref(), outgoing.as_ref(), n_heads)?.into())
            }
            Repr::Lazy(own) => {
                let expr = |rows: Option<&Self>| rows.map(Self::expr).transpose();
                let (incoming, outgoing) = (expr(incoming)?, expr(outgoing)?);
                Ok(Self::lazy(execute::attend(own, incoming.as_ref(), outgoing.as_ref(), n_heads)?))
            }
        }
    }
}
