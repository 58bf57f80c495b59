//! Programs run step by step, each step over all rows of the batch: on devices, whose memory is large and far away.
//!
//! The passes of the CPU run all steps on a block of rows that stays in cache; here a register is a tensor. What the two
//! share is the program, and so the algebra that made it cheap. candle's graph sees tokens only: gradients are added up
//! here, without the zeros and the copies that candle would make of every row.

mod backward;
mod folds;
mod forward;
mod tie;

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use candle_core::{Result, Shape, Tensor};

use self::{
    folds::Folds,
    tie::{Ends, Knot, Thread},
};
use crate::ops::{
    EdgeAxis, ProductPrecision,
    fused::{
        compile::{NodePlace, NodeRows, Out, Param, Plan, Program},
        record::Store,
    },
    precision,
    steps::Block,
};

/// A program with what it reads, about to run or kept for its way back.
#[derive(Debug)]
pub(super) struct Whole {
    program: Program,
    plan: Plan,
    folds: Folds,
    block: Block,
    /// Rows in memory, `[N, W]`, in the order of their columns.
    edges: Vec<Operand>,
    /// Rows of nodes that are in no store, by where they begin among the packed ones.
    nodes: Vec<(usize, Operand)>,
    /// Where the rows go, if not into a tensor.
    store: Option<Arc<Store>>,
    /// Registers that the way back reads.
    kept: Mutex<Option<Vec<Option<Tensor>>>>,
    /// Of products, forward and back.
    precision: ProductPrecision,
}

/// A program that ran, with the rows that candle's graph is to get; none if they are in a store.
struct Run {
    whole: Whole,
    rows: Mutex<Option<Tensor>>,
}

/// A tensor that a program reads, outside candle's graph, and the way of its gradient.
#[derive(Debug)]
struct Operand {
    values: Tensor,
    param: Param,
}

impl Program {
    /// Runs the program step by step; the rows as a tensor `[B, R, S, W]`, or `[B, n, W]` for a sum.
    pub(super) fn apply_whole(self) -> Result<Tensor> {
        let shape = self.out_shape();
        Whole::new(self, None)?.run(shape)
    }

    /// Runs the program step by step and leaves its result in a store, with the token that stands for it.
    pub(super) fn store_whole(self) -> Result<(Arc<Store>, Tensor)> {
        let store = Arc::new(Store::default());
        let token = Whole::new(self, Some(store.clone()))?.run(1.into())?;
        Ok((store, token))
    }

    /// The shape of the result as a tensor.
    fn out_shape(&self) -> Shape {
        let ([b, r, s], width) = (self.block, self.out_width());
        match self.out {
            Out::Rows => (b, r, s, width).into(),
            Out::Sum(EdgeAxis::Senders) => (b, r, width).into(),
            Out::Sum(EdgeAxis::Receivers) => (b, s, width).into(),
        }
    }
}

impl Whole {
    fn new(mut program: Program, store: Option<Arc<Store>>) -> Result<Self> {
        for param in &mut program.params {
            param.tensor = param.tensor.contiguous()?;
        }
        let operand = |tensor: &Tensor| -> Result<Operand> {
            let values = as_rows(&tensor.detach().contiguous()?)?;
            // Nothing is packed here, so it has no place among others.
            Ok(Operand { values, param: Param::new(tensor.clone(), 0..0) })
        };
        let edges = program.operands.edges.iter().map(operand).collect::<Result<_>>()?;
        let nodes = program.operands.packed_nodes();
        let nodes = nodes.map(|(start, tensor)| Ok((start, operand(tensor)?))).collect::<Result<_>>()?;
        let [b, r, s] = program.block;
        let (plan, folds) = (Plan::new(&program), Folds::of(&program));
        Ok(Self {
            plan,
            folds,
            block: Block { b, r, s },
            edges,
            nodes,
            store,
            kept: Mutex::default(),
            precision: precision::current(),
            program,
        })
    }

    /// Runs forward, and ties the result to what it was computed from.
    fn run(self, shape: Shape) -> Result<Tensor> {
        let ends = Ends::of(self.threads())?;
        let (rows, kept) = self.forward(ends.is_some())?;
        let result = match &self.store {
            Some(store) => {
                store.write_tensor(rows);
                None
            }
            None => Some(rows.reshape(&shape)?),
        };
        let Some(ends) = ends else {
            let witness = self.witness();
            return result.map_or_else(|| Tensor::zeros(1, witness.dtype(), witness.device()), Ok);
        };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        ends.tied(Run { whole: self, rows: Mutex::new(result) })
    }

    /// Everything that is read and may want a gradient.
    fn threads(&self) -> Vec<Thread> {
        if !crate::ops::wants_gradients() {
            return Vec::new();
        }
        let operands = self.edges.iter().chain(self.nodes.iter().map(|(_, operand)| operand));
        let params = operands.map(|operand| &operand.param).chain(&self.program.params);
        let own = params.filter(|param| param.tensor.track_op()).map(Thread::of_param);
        let tokens = self.program.operands.tokens.iter().filter(|token| token.track_op());
        own.chain(tokens.map(Thread::of_token)).collect()
    }

    /// A tensor of the program's number type and device.
    fn witness(&self) -> &Tensor {
        let operands = self.edges.iter().chain(self.nodes.iter().map(|(_, operand)| operand));
        let mut all = operands
            .map(|operand| &operand.values)
            .chain(self.program.params.iter().map(|param| &param.tensor))
            .chain(&self.program.operands.tokens);
        all.next().expect("an expression reads at least one tensor")
    }

    /// The operand that holds some columns of the packed rows.
    fn edges(&self, columns: &Range<usize>) -> &Operand {
        let mut start = 0;
        let mut found = None;
        for operand in &self.edges {
            if start == columns.start {
                found = Some(operand);
            }
            start += operand.values.dims()[1];
        }
        found.expect("a step reads columns that one operand has")
    }

    /// Rows of nodes, `[B·n, W]`.
    fn nodes(&self, nodes: NodeRows) -> Result<Tensor> {
        match self.program.node_operands[nodes.operand].place {
            NodePlace::Packed(start) => Ok(self.packed_nodes(start).values.clone()),
            NodePlace::Store(store) => as_rows(self.program.stores[store].0.tensor()),
        }
    }

    fn packed_nodes(&self, start: usize) -> &Operand {
        let found = self.nodes.iter().find(|(place, _)| *place == start);
        &found.expect("a program knows where its nodes lie").1
    }

    /// The number of a parameter and its values, outside candle's graph.
    fn param(&self, range: &Range<usize>) -> (usize, Tensor) {
        let number = self.program.params.iter().position(|param| param.range == *range);
        let number = number.expect("a step reads a parameter of its program");
        (number, self.program.params[number].tensor.detach())
    }

    /// Whether there is nothing to compute.
    fn is_empty(&self) -> bool {
        self.block.n_rows() * self.program.out_width() == 0
    }

    fn back(&self, grad: &Tensor) -> Result<()> {
        let grad = match &self.store {
            Some(store) => store.take_gradient_tensor(),
            None => Some(grad.detach()),
        };
        // Nobody has given to the rows of this pass, or there are none: nothing flows further.
        let Some(grad) = grad.filter(|_| !self.is_empty()) else { return Ok(()) };
        // Kept registers serve once: whoever asks for gradients a second time pays for computing them again.
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).take();
        let registers = match kept {
            Some(kept) => kept,
            None => self.forward(true)?.1,
        };
        self.backward(&grad, registers)
    }
}

impl Knot for Run {
    fn rows(&self) -> Option<Tensor> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn back(&self, grad: &Tensor) -> Result<()> {
        precision::again(self.whole.precision, || self.whole.back(grad))
    }
}

/// Rows `[N, W]` of a tensor of any shape.
fn as_rows(x: &Tensor) -> Result<Tensor> {
    x.reshape(((), x.dims().last().copied().unwrap_or(1)))
}
