//! How much memory passes may spend on values for their way back, instead of computing them a second time.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be kept at a time; see [`keep_at_most`].
static LIMIT: AtomicUsize = AtomicUsize::new(1 << 30);
/// Bytes that are kept now.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// Sets how many bytes all passes together may keep between forward and backward; 1 GiB at the start of a program.
///
/// A pass over rows keeps the results of its matrix products as long as there is room, and computes them again on the
/// way back when there is none. Both ways give the same bits; 0 recomputes everything, which takes about a third more
/// time and the least memory. Only passes of the CPU are concerned: on a device, where memory is what a step costs, all
/// that the way back reads is kept.
pub fn keep_at_most(n_bytes: usize) {
    LIMIT.store(n_bytes, Ordering::Relaxed);
}

/// Bytes that passes keep at the moment for their way back.
pub fn kept_bytes() -> usize {
    KEPT.load(Ordering::Relaxed)
}

/// A share of the limit, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share(usize);

impl Share {
    /// A share of so many bytes, if there is room.
    pub(crate) fn of(n_bytes: usize) -> Option<Self> {
        let limit = LIMIT.load(Ordering::Relaxed);
        let fits = |kept: usize| kept.checked_add(n_bytes).filter(|kept| *kept <= limit);
        KEPT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).ok().map(|_| Self(n_bytes))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.0, Ordering::Relaxed);
    }
}
