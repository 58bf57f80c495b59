//! What kernels are compared on before they are used.

mod gather;
mod nets;
mod optimizer;
mod steps;

use candle_core::{Result, Tensor};

use super::Kernel;

pub(super) type Operation<'a> = Box<dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a>;

/// An operation of one result.
fn one<'a>(f: impl Fn(&[Tensor]) -> Result<Tensor> + 'a) -> Operation<'a> {
    Box::new(move |x| Ok(vec![f(x)?]))
}

/// Two forms of an operation, and shapes to try them on.
pub(super) struct Case<'a> {
    pub(super) kernel: Kernel,
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) ours: Operation<'a>,
    pub(super) plain: Operation<'a>,
}

/// All kernels, each on the smallest inputs that reach all of its branches.
pub(super) fn cases<'a>() -> Vec<Case<'a>> {
    [steps::cases(), gather::cases(), nets::cases(), optimizer::cases()].into_iter().flatten().collect()
}
