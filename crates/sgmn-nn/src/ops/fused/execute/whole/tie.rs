//! How a program hangs in candle's graph: by the parameters it reads and by tokens of earlier programs, three at a time.
//!
//! candle prepares a place for the gradient of everything in its graph and adds to it, two small launches each. Ties of
//! three need fewest of them: what they hand on is one number, whose gradient nobody computes.

use std::sync::Arc;

use candle_core::{
    CpuStorage, CudaStorage, CustomOp3, Layout, MetalStorage, Result, Shape, Storage, Tensor,
    backend::{BackendDevice, BackendStorage},
};

use crate::ops::{
    fused::compile::{Param, Sink},
    meter::{Kind, note},
};

/// Something in candle's graph: a tensor whose gradient waits in a sink, or a token, which only keeps the order.
#[derive(Debug, Clone)]
pub(super) struct Thread {
    tensor: Tensor,
    sink: Option<Arc<Sink>>,
}

impl Thread {
    pub(super) fn of_param(param: &Param) -> Self {
        Self { tensor: param.tensor.clone(), sink: Some(param.sink.clone()) }
    }

    pub(super) fn of_token(token: &Tensor) -> Self {
        Self { tensor: token.clone(), sink: None }
    }

    /// What candle is to add to the gradient of this: none if a variable got none, or if it was told once already.
    fn gradient(&self, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(sink) = &self.sink else { return Ok(Some(grad.clone())) };
        match sink.take_tensor(&self.tensor)? {
            // candle insists on a gradient for what was computed; a variable without one shall be seen to have none.
            None if !self.tensor.is_variable() => self.tensor.zeros_like().map(Some),
            gradient => Ok(gradient),
        }
    }
}

/// At most three threads, which one operation of candle can hold; the last one may stand for several.
#[derive(Debug)]
pub(super) struct Ends(Vec<Thread>);

impl Ends {
    /// Ties threads together until three are left; none if there was none.
    pub(super) fn of(mut threads: Vec<Thread>) -> Result<Option<Self>> {
        while threads.len() > 3 {
            let rest = threads.split_off(3);
            let token = Self(threads).tied(Tie)?;
            threads = rest;
            threads.push(Thread::of_token(&token));
        }
        Ok((!threads.is_empty()).then_some(Self(threads)))
    }

    /// What a knot of the ends hands on: its rows, or a token.
    pub(super) fn tied(self, knot: impl Knot) -> Result<Tensor> {
        let end = |i: usize| self.0[i.min(self.0.len() - 1)].tensor.clone();
        let (a, b, c) = (end(0), end(1), end(2));
        a.apply_op3(&b, &c, Tied { knot, ends: self })
    }

    /// The gradients of the three operands; of the same one given again there is none.
    pub(super) fn gradients(
        &self,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let gradient = |i: usize| self.0.get(i).map_or(Ok(None), |end| end.gradient(grad));
        let all = [gradient(0)?, gradient(1)?, gradient(2)?];
        // A place for each, and a sum.
        note(Kind::Other, 2 * all.iter().flatten().count(), 0);
        let [a, b, c] = all;
        Ok((a, b, c))
    }
}

/// What happens where ends are tied together.
pub(super) trait Knot: Send + Sync + 'static {
    /// The rows that candle's graph gets, once; none where a token stands for them.
    fn rows(&self) -> Option<Tensor>;

    /// The way back, before the sinks of the ends are asked for what it left there.
    ///
    /// # Errors
    /// If the device refuses.
    fn back(&self, grad: &Tensor) -> Result<()>;
}

/// A knot that holds threads together, and nothing else.
struct Tie;

impl Knot for Tie {
    fn rows(&self) -> Option<Tensor> {
        None
    }

    fn back(&self, _grad: &Tensor) -> Result<()> {
        Ok(())
    }
}

/// A knot in candle's graph.
struct Tied<K> {
    knot: K,
    ends: Ends,
}

impl<K: Knot> Tied<K> {
    /// A copy of the rows, or one number beside some others.
    fn result<S: BackendStorage<Device: BackendDevice<Storage = S>>>(
        &self,
        beside: &S,
        of: impl Fn(&Storage) -> Option<&S>,
    ) -> Result<(S, Shape)> {
        let Some(rows) = self.knot.rows() else {
            note(Kind::Other, 1, 0);
            let shape = Shape::from(1);
            return Ok((beside.device().zeros_impl(&shape, beside.dtype())?, shape));
        };
        note(Kind::Copy, 1, 2 * rows.elem_count() * rows.dtype().size_in_bytes());
        // Storages are copied whole: a view that begins inside one is made a tensor of its own first.
        let own = match rows.layout().start_offset() {
            0 => rows.contiguous()?,
            _ => rows.force_contiguous()?,
        };
        let (storage, layout) = own.storage_and_layout();
        let Some(storage) = of(&storage) else {
            candle_core::bail!("rows: a program on one device was asked for on another")
        };
        Ok((storage.try_clone(layout)?, layout.shape().clone()))
    }
}

impl<K: Knot> CustomOp3 for Tied<K> {
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
        self.knot.back(&grad)?;
        // What tokens are given is one number, whichever.
        let number = match grad.elem_count() {
            0 => Tensor::zeros(1, grad.dtype(), grad.device())?,
            _ => grad.flatten_all()?.narrow(0, 0, 1)?,
        };
        self.ends.gradients(&number)
    }
}
