//! Loops over parts of an array, on several threads where it pays.

use rayon::prelude::*;

/// Work (products, or numbers that a function is computed of) below this is done before a second thread wakes up.
pub(crate) const WORTH_THREADS: usize = 1 << 17;

/// Calls `each` with the place and the numbers of each part of `size` numbers; the last may be shorter. `work` is the
/// work of all parts together. Parts must not depend on each other, so results do not depend on the threads.
pub(crate) fn for_parts(
    numbers: &mut [f64],
    size: usize,
    work: usize,
    each: impl Fn(usize, &mut [f64]) + Sync,
) {
    if work < WORTH_THREADS {
        numbers.chunks_mut(size).enumerate().for_each(|(i, part)| each(i, part));
    } else {
        numbers.par_chunks_mut(size).enumerate().for_each(|(i, part)| each(i, part));
    }
}
