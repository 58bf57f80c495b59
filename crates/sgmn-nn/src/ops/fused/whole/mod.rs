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

use candle_core::{
    CpuStorage, CudaStorage, CustomOp3, Layout, MetalStorage, Result, Shape, Storage, Tensor,
    backend::{BackendDevice, BackendStorage},
};

use self::{
    folds::Folds,
    tie::{Ends, Thread},
};
use super::{
    param::Param,
    plan::Plan,
    program::{NodeRows, Out, Place, Program},
    store::Store,
};
use crate::ops::{
    EdgeAxis, ProductPrecision,
    meter::{Kind, note},
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

/// A program in candle's graph.
struct Tied {
    whole: Whole,
    ends: Ends,
    /// The rows, until the graph has them; none if they are in a store, and a token stands for them.
    result: Mutex<Option<Tensor>>,
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
        let tracked = Whole::new(self, None)?;
        tracked.run(shape)
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
        let mut n_params = 0;
        let mut operand = |tensor: &Tensor| -> Result<Operand> {
            // Rows of a width that the operand has; its place among others does not matter here.
            let values =
                tensor.detach().contiguous()?.reshape(((), tensor.dims().last().copied().unwrap_or(1)))?;
            n_params += 1;
            Ok(Operand { values, param: Param::new(tensor.clone(), n_params..n_params) })
        };
        let edges = program.operands.edges.iter().map(&mut operand).collect::<Result<_>>()?;
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
        let result = Mutex::new(result);
        ends.apply(|ends| Tied { whole: self, ends, result })
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
            Place::Packed(start) => Ok(self.packed_nodes(start).values.clone()),
            Place::Store(store) => as_rows(self.program.stores[store].0.tensor()),
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

impl Tied {
    /// What the graph gets: a copy of the rows, or a token beside some other numbers.
    fn result<S: BackendStorage<Device: BackendDevice<Storage = S>>>(
        &self,
        beside: &S,
        of: impl Fn(&Storage) -> Option<&S>,
    ) -> Result<(S, Shape)> {
        match self.result.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(rows) => storage(&rows, of),
            None => tie::zero(beside),
        }
    }
}

/// Rows `[N, W]` of a tensor of any shape.
fn as_rows(x: &Tensor) -> Result<Tensor> {
    x.reshape(((), x.dims().last().copied().unwrap_or(1)))
}

/// The storage of a tensor, by itself.
fn storage<S: BackendStorage>(tensor: &Tensor, of: impl Fn(&Storage) -> Option<&S>) -> Result<(S, Shape)> {
    note(Kind::Copy, 1, 2 * tensor.elem_count() * tensor.dtype().size_in_bytes());
    // Storages are copied whole: a view that begins inside one is made a tensor of its own first.
    let own = match tensor.layout().start_offset() {
        0 => tensor.contiguous()?,
        _ => tensor.force_contiguous()?,
    };
    let (storage, layout) = own.storage_and_layout();
    let Some(storage) = of(&storage) else {
        candle_core::bail!("rows: a pass on one device was asked for on another")
    };
    Ok((storage.try_clone(layout)?, layout.shape().clone()))
}

impl CustomOp3 for Tied {
    fn name(&self) -> &'static str {
        "steps over rows"
    }

    fn cpu_fwd(
        &self,
        beside: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.result(beside, |storage| if let Storage::Cpu(own) = storage { Some(own) } else { None })
    }

    fn cuda_fwd(
        &self,
        beside: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.result(beside, |storage| if let Storage::Cuda(own) = storage { Some(own) } else { None })
    }

    fn metal_fwd(
        &self,
        beside: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        self.result(beside, |storage| if let Storage::Metal(own) = storage { Some(own) } else { None })
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let grad = grad.contiguous()?;
        precision::again(self.whole.precision, || self.whole.back(&grad))?;
        // What tokens are given is one number, whichever.
        let number = match grad.elem_count() {
            0 => Tensor::zeros(1, grad.dtype(), grad.device())?,
            _ => grad.flatten_all()?.narrow(0, 0, 1)?,
        };
        self.ends.gradients(&number)
    }
}
