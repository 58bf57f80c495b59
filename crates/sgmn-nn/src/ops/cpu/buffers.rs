//! Memory that is used again: fresh pages cost more than the arithmetic that fills them.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use super::element::Element;

/// Values in memory that returns to its [`Pool`] when they are dropped.
#[derive(Debug)]
pub(in crate::ops) struct Buffer<T: Element>(Vec<T>);

impl<T: Element> Buffer<T> {
    /// A buffer whose values are whatever its memory held before: for those who write every value first.
    pub(in crate::ops) fn stale(n_values: usize) -> Self {
        Self(T::pool().take(n_values))
    }

    /// A buffer of zeros.
    pub(in crate::ops) fn zeros(n_values: usize) -> Self {
        let mut buffer = Self::stale(n_values);
        buffer.fill(T::zero());
        buffer
    }
}

impl<T: Element> Drop for Buffer<T> {
    fn drop(&mut self) {
        T::pool().give(std::mem::take(&mut self.0));
    }
}

impl<T: Element> Deref for Buffer<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Element> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

/// Buffers of one type that nobody uses, by length.
///
/// The steps of a training ask for the same lengths again and again. A new length is allocated anew; all memory together
/// stays within what was once in use at the same time, so a change of shapes does not add the memory of both.
#[derive(Debug)]
pub(in crate::ops) struct Pool<T>(Mutex<Free<T>>);

#[derive(Debug)]
struct Free<T> {
    by_length: BTreeMap<usize, Vec<Vec<T>>>,
    n_free: usize,
    n_used: usize,
    /// The most values that were ever in use at a time.
    most_used: usize,
}

/// Shorter buffers are left to the allocator, which keeps small memory itself.
const LEAST_VALUES: usize = 1 << 10;

impl<T: Element> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Free { by_length: BTreeMap::new(), n_free: 0, n_used: 0, most_used: 0 }))
    }

    fn take(&self, n_values: usize) -> Vec<T> {
        if n_values >= LEAST_VALUES {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.n_used += n_values;
            free.most_used = free.most_used.max(free.n_used);
            if let Some(values) = free.by_length.get_mut(&n_values).and_then(Vec::pop) {
                free.n_free -= n_values;
                return values;
            }
            free.shrink();
        }
        vec![T::zero(); n_values]
    }

    fn give(&self, values: Vec<T>) {
        if values.len() >= LEAST_VALUES {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.n_used -= values.len();
            free.n_free += values.len();
            free.by_length.entry(values.len()).or_default().push(values);
        }
    }
}

impl<T> Free<T> {
    /// Gives the longest free buffers back to the system until the limit holds.
    fn shrink(&mut self) {
        while self.n_used + self.n_free > self.most_used {
            let Some(mut longest) = self.by_length.last_entry() else { return };
            if let Some(values) = longest.get_mut().pop() {
                self.n_free -= values.len();
            }
            if longest.get().is_empty() {
                longest.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_used_again_and_new_ones_displace_old_ones() {
        let pool = Pool::<f32>::new();
        let free = || pool.0.lock().unwrap().n_free;
        let (mut first, second) = (pool.take(4096), pool.take(4096));
        first[0] = 2.0;
        pool.give(second);
        pool.give(first);
        let first = pool.take(4096);
        assert_eq!((first[0], free()), (2.0, 4096), "the last one given is taken first");
        let longer = pool.take(4097);
        assert_eq!((longer.len(), free()), (4097, 0), "more than was ever in use: the old one went");
        pool.give(longer);
        assert_eq!(
            pool.take(LEAST_VALUES - 1).len() + free(),
            LEAST_VALUES - 1 + 4097,
            "small memory is the allocator's"
        );
        pool.give(first);
    }
}
