//! How a program hangs in candle's graph: by the parameters it reads and by tokens of earlier programs, three at a time.
//!
//! candle prepares a place for the gradient of everything in its graph and adds to it, two small launches each. Ties of
//! three need fewest of them: what they hand on is one number, whose gradient nobody computes.

use std::sync::Arc;

use candle_core::{
    CpuStorage, CudaStorage, CustomOp3, Layout, MetalStorage, Result, Shape, Tensor,
    backend::{BackendDevice, BackendStorage},
};

use super::super::param::{Param, Sink};
use crate::ops::meter::{Kind, note};

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
            let token = Self(threads).apply(|ends| Tie { ends })?;
            threads = rest;
            threads.push(Thread::of_token(&token));
        }
        Ok((!threads.is_empty()).then_some(Self(threads)))
    }

    /// The result of an operation on the ends, which it keeps for its way back.
    pub(super) fn apply<O: CustomOp3 + Send + Sync + 'static>(
        self,
        operation: impl FnOnce(Self) -> O,
    ) -> Result<Tensor> {
        let end = |i: usize| self.0[i.min(self.0.len() - 1)].tensor.clone();
        let (a, b, c) = (end(0), end(1), end(2));
        a.apply_op3(&b, &c, operation(self))
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

/// Several threads as one.
struct Tie {
    ends: Ends,
}

/// One number beside some others.
pub(super) fn zero<S: BackendStorage<Device: BackendDevice<Storage = S>>>(beside: &S) -> Result<(S, Shape)> {
    note(Kind::Other, 1, 0);
    let shape = Shape::from(1);
    Ok((beside.device().zeros_impl(&shape, beside.dtype())?, shape))
}

impl CustomOp3 for Tie {
    fn name(&self) -> &'static str {
        "tie"
    }

    fn cpu_fwd(
        &self,
        first: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        zero(first)
    }

    fn cuda_fwd(
        &self,
        first: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
        _: &CudaStorage,
        _: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        zero(first)
    }

    fn metal_fwd(
        &self,
        first: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
        _: &MetalStorage,
        _: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        zero(first)
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.ends.gradients(grad)
    }
}
