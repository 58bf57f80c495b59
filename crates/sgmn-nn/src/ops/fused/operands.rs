//! What a program reads: rows of edges and nodes, parameters, and what stands for them in candle's graph.

use std::{ops::Range, rc::Rc, sync::Arc};

use candle_core::{DType, Result, Tensor, TensorId};

use super::{
    expr::{Expr, Memory},
    param::Param,
    program::{NodeOperand, NodeRows, Place, Program},
    run::Fused,
    store::Store,
};
use crate::ops::{EdgeAxis, runs_whole};

/// The tensors that a program reads, until it runs.
#[derive(Debug, Default)]
pub(super) struct Operands {
    pub(super) edges: Vec<Tensor>,
    nodes: Vec<Tensor>,
    n_node_values: usize,
    n_params: usize,
    /// Of stores.
    pub(super) tokens: Vec<Tensor>,
    /// Operands that were met before and where they lie; a program has a dozen, so a list is searched fastest.
    known_nodes: Vec<(TensorId, usize)>,
}

impl Program {
    /// The rows of nodes, which are computed now: they are few.
    pub(super) fn node_rows(&mut self, nodes: &Rc<Expr>, axis: EdgeAxis) -> Result<NodeRows> {
        let memory = nodes.compute()?;
        let place = match &memory {
            Memory::Stored(store, token) => Place::Store(self.stored(store, token)),
            Memory::Tensor(tensor) => Place::Packed(self.operands.node(tensor)),
        };
        let [b, n, _, h] = nodes.dims;
        if b != self.block[0] {
            candle_core::bail!("rows: expected nodes of {} nets, found {b}", self.block[0]);
        }
        let known = self.node_operands.iter().position(|known| known.place == place);
        let operand = known.unwrap_or_else(|| {
            self.node_operands.push(NodeOperand { place, per_net: n * h });
            self.node_operands.len() - 1
        });
        Ok(NodeRows { operand, axis })
    }

    /// The number of a store among those that the program reads.
    pub(super) fn stored(&mut self, store: &Arc<Store>, token: &Tensor) -> usize {
        if let Some(known) = self.stores.iter().position(|(known, _)| Arc::ptr_eq(known, store)) {
            return known;
        }
        self.operands.tokens.push(token.clone());
        self.stores.push((store.clone(), token.track_op()));
        self.stores.len() - 1
    }

    /// Where a tensor lies among the packed parameters; it is packed if it is met for the first time.
    pub(super) fn param(&mut self, tensor: &Tensor) -> Range<usize> {
        if let Some(known) = self.params.iter().find(|known| known.tensor.id() == tensor.id()) {
            return known.range.clone();
        }
        let range = self.operands.n_params..self.operands.n_params + tensor.elem_count();
        self.operands.n_params = range.end;
        self.params.push(Param::new(tensor.clone(), range.clone()));
        range
    }

    /// Runs the program; gradients flow to every tensor that it reads.
    pub(super) fn apply(mut self) -> Result<Tensor> {
        if runs_whole(self.checked()?) {
            return self.apply_whole();
        }
        let (operands, tracked) = self.pack()?;
        Fused::new(self, tracked, None).apply(operands)
    }

    /// Runs the program and leaves its result in a store, with the token that stands for it.
    pub(super) fn store(mut self) -> Result<(Arc<Store>, Tensor)> {
        if runs_whole(self.checked()?) {
            return self.store_whole();
        }
        let (operands, tracked) = self.pack()?;
        let store = Arc::new(Store::default());
        let token = Fused::new(self, tracked, Some(store.clone())).apply(operands)?;
        Ok((store, token))
    }

    /// Some tensor that the program reads, after a look at its number type and the number of rows.
    fn checked(&self) -> Result<&Tensor> {
        let Operands { edges, nodes, tokens, .. } = &self.operands;
        let some = edges.first().or(nodes.first()).or(tokens.first());
        let some = some.or(self.params.first().map(|param| &param.tensor));
        let some = some.expect("an expression reads at least one tensor");
        if !matches!(some.dtype(), DType::F32 | DType::F64) {
            candle_core::bail!("rows: expected f32 or f64, found {:?}", some.dtype());
        }
        let [b, r, s] = self.block;
        if b.checked_mul(r).and_then(|n| n.checked_mul(s)).is_none_or(|n| u32::try_from(n).is_err()) {
            candle_core::bail!("rows: expected less than 2^32 of them, found {b} × {r} × {s}");
        }
        Ok(some)
    }

    /// Packed edges, packed nodes and the tokens of all else; and whether anything before them wants a gradient.
    fn pack(&mut self) -> Result<([Tensor; 3], bool)> {
        let some = self.checked()?.clone();
        let Operands { edges, nodes, mut tokens, .. } = std::mem::take(&mut self.operands);
        let wants_gradients = crate::ops::wants_gradients();
        for param in &mut self.params {
            param.tensor = param.tensor.contiguous()?;
            if wants_gradients && param.tensor.track_op() {
                tokens.push(param.token()?);
            }
        }
        // A program without operands of a kind is given one number that it does not read.
        let unread = || Tensor::zeros(1, some.dtype(), some.device());
        let flat = |tensors: &[Tensor]| -> Result<Tensor> {
            match tensors {
                [] => unread(),
                [one] => one.flatten_all()?.contiguous(),
                many => Tensor::cat(&many.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?, 0),
            }
        };
        let packed = match edges.as_slice() {
            [] => unread()?,
            [one] => one.contiguous()?,
            many => Tensor::cat(many, 3)?,
        };
        let mut operands = [packed, flat(&nodes)?, flat(&tokens)?];
        if !wants_gradients {
            operands = operands.map(|tensor| tensor.detach());
        }
        let tracked = operands.iter().any(Tensor::track_op);
        Ok((operands, tracked))
    }
}

impl Operands {
    /// The tensors of packed nodes, and where each begins among them.
    pub(super) fn packed_nodes(&self) -> impl Iterator<Item = (usize, &Tensor)> {
        self.known_nodes.iter().map(|(_, start)| *start).zip(&self.nodes)
    }

    /// Where a tensor lies among the packed nodes; it is packed if it is met for the first time.
    fn node(&mut self, tensor: &Tensor) -> usize {
        if let Some((_, start)) = self.known_nodes.iter().find(|(id, _)| *id == tensor.id()) {
            return *start;
        }
        let start = self.n_node_values;
        self.n_node_values += tensor.elem_count();
        self.nodes.push(tensor.clone());
        self.known_nodes.push((tensor.id(), start));
        start
    }
}
