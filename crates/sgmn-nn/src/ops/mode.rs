//! Which way operations run: what a thread, or the whole process, has asked for.

use std::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
    thread::LocalKey,
};

use candle_core::{Device, Tensor};

use super::precision;

/// Runs `f` without noting down what gradients would need: for predictions, which then take less time and memory.
///
/// Results do not know where they came from; asking for their gradient finds none. Only this thread is concerned, and
/// only what is computed before `f` returns: hand out tensors, not [`Rows`](super::Rows) that are still to be computed.
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    while_set(&NO_GRAD, f)
}

/// Runs `f` with every operation composed of candle's own, one by one as layers say them: the plain twin, for proofs
/// and benchmarks. Only operations of this thread are concerned.
pub fn plainly<R>(f: impl FnOnce() -> R) -> R {
    while_set(&PLAIN, f)
}

/// Runs `f` with every chain of operations on rows run step by step over all rows, as on a device that is not the CPU: for
/// proofs, and to count what a device would have to do. Only operations of this thread are concerned.
pub fn step_by_step<R>(f: impl FnOnce() -> R) -> R {
    while_set(&WHOLE, f)
}

/// Leaves the kernels for other devices than the CPU aside, in the whole process and for good: their plain forms run, and
/// no device is examined.
///
/// For a device on which one of them does harm: after an access to memory that is not there, a CUDA device answers nothing
/// that the process asks.
pub fn leave_kernels() {
    KERNELS_LEFT.store(true, Ordering::Relaxed);
}

static KERNELS_LEFT: AtomicBool = AtomicBool::new(false);

/// Whether kernels for other devices are left aside.
#[cfg(feature = "cuda")]
pub(super) fn leaves_kernels() -> bool {
    KERNELS_LEFT.load(Ordering::Relaxed)
}

thread_local! {
    static WHOLE: Cell<bool> = const { Cell::new(false) };
    static PLAIN: Cell<bool> = const { Cell::new(false) };
    static NO_GRAD: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` while a mark of this thread is set, and resets it even if `f` panics.
fn while_set<R>(mark: &'static LocalKey<Cell<bool>>, f: impl FnOnce() -> R) -> R {
    struct Reset(&'static LocalKey<Cell<bool>>, bool);
    impl Drop for Reset {
        fn drop(&mut self) {
            self.0.set(self.1);
        }
    }
    let _reset = Reset(mark, mark.replace(true));
    f()
}

/// Whether gradients may be asked for.
pub(super) fn wants_gradients() -> bool {
    !NO_GRAD.get()
}

/// Whether the kernels for the CPU are to be used; their products do not round.
pub(super) fn on_cpu(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && !PLAIN.get() && !precision::rounds()
}

/// Whether everything is composed of candle's own operations.
pub(super) fn is_plain() -> bool {
    PLAIN.get()
}

/// Whether operations on rows are noted down and made cheaper before they run.
pub(super) fn is_recorded() -> bool {
    !PLAIN.get()
}

/// Whether a program runs step by step, rather than as a pass of the CPU, whose products do not round.
pub(super) fn runs_whole(x: &Tensor) -> bool {
    !x.device().is_cpu() || precision::rounds() || WHOLE.get()
}

/// Whether a kernel for CUDA devices is to be used.
#[cfg(feature = "cuda")]
pub(super) fn on_cuda(kernel: super::cuda::Kernel, x: &Tensor) -> bool {
    x.device().is_cuda() && !PLAIN.get() && super::cuda::serves(kernel, x)
}
