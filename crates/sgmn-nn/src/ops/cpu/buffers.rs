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

    /// The values, whose memory then leaves the pool.
    pub(in crate::ops) fn into_vec(mut self) -> Vec<T> {
        std::mem::take(&mut self.0)
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
/// The steps of a training ask for the same lengths again and again. A length that is not there is allocated anew, and
/// as much as it takes is given back to the system, so a change of shapes does not add the memory of both.
#[derive(Debug)]
pub(in crate::ops) struct Pool<T>(Mutex<Free<T>>);

#[derive(Debug)]
struct Free<T> {
    by_length: BTreeMap<usize, Vec<Vec<T>>>,
    n_values: usize,
}

/// Shorter buffers are left to the allocator, which keeps small memory itself.
const LEAST_VALUES: usize = 1 << 10;

impl<T: Element> Pool<T> {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Free { by_length: BTreeMap::new(), n_values: 0 }))
    }

    fn take(&self, n_values: usize) -> Vec<T> {
        if n_values >= LEAST_VALUES {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(values) = free.by_length.get_mut(&n_values).and_then(Vec::pop) {
                free.n_values -= n_values;
                return values;
            }
            free.release(n_values);
        }
        vec![T::zero(); n_values]
    }

    fn give(&self, values: Vec<T>) {
        if values.len() >= LEAST_VALUES {
            let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            free.n_values += values.len();
            free.by_length.entry(values.len()).or_default().push(values);
        }
    }
}

impl<T> Free<T> {
    /// Gives buffers of at least so many values back to the system, as far as there are any.
    fn release(&mut self, n_values: usize) {
        let mut released = 0;
        while released < n_values {
            let Some(mut longest) = self.by_length.last_entry() else { return };
            match longest.get_mut().pop() {
                Some(values) => {
                    released += values.len();
                    self.n_values -= values.len();
                }
                None => {
                    longest.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_used_again_and_a_new_one_displaces_old_ones() {
        let pool = Pool::<f32>::new();
        let n_free = || pool.0.lock().unwrap().n_values;
        pool.give(vec![1.0; 4096]);
        pool.give(vec![2.0; 4096]);
        assert_eq!(pool.take(4096)[0], 2.0);
        assert_eq!(n_free(), 4096);
        assert_eq!(pool.take(5000).len(), 5000);
        assert_eq!(n_free(), 0);
        pool.give(vec![3.0; LEAST_VALUES - 1]);
        assert_eq!(n_free(), 0, "small memory is the allocator's");
    }
}
