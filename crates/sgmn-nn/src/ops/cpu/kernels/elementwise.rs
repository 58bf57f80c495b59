//! Kernels that treat every number, or every row with one common row, by itself.

use super::{Element, LANES, for_each_lane, given};
use crate::ops::cpu::simd::{Level, level, vectorized};

vectorized! {
    /// `y = a ⊙ b`.
    fn mul<T, FUSED>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = *a * *b;
        }
    }
}

vectorized! {
    /// Gives `x` to `y`.
    fn put<T, FUSED>(x: &[T], first: bool, y: &mut [T]) {
        if first {
            y.copy_from_slice(x);
        } else {
            for (y, x) in y.iter_mut().zip(x) {
                *y += *x;
            }
        }
    }
}

vectorized! {
    /// Gives `factor · x` to `y`.
    fn put_scaled<T, FUSED>(x: &[T], factor: T, first: bool, y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = given(*y, factor * *x, first);
        }
    }
}

vectorized! {
    /// Gives `a ⊙ b` to `y`.
    fn put_product<T, FUSED>(a: &[T], b: &[T], first: bool, y: &mut [T]) {
        if first {
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                *y = *a * *b;
            }
        } else {
            for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
                *y = a.times_plus::<FUSED>(*b, *y);
            }
        }
    }
}

vectorized! {
    /// Gives `sign(x) ⊙ g` to `y`, with 0 for the sign of 0.
    fn put_signed<T, FUSED>(g: &[T], x: &[T], first: bool, y: &mut [T]) {
        for ((y, g), x) in y.iter_mut().zip(g).zip(x) {
            let sign = if *x > T::zero() { T::one() } else if *x < T::zero() { -T::one() } else { T::zero() };
            *y = given(*y, sign * *g, first);
        }
    }
}

vectorized! {
    /// `y = b`, the same row for every row.
    fn fill_rows<T, FUSED>(b: &[T], y: &mut [T]) {
        for y in y.chunks_exact_mut(b.len()) {
            y.copy_from_slice(b);
        }
    }
}

vectorized! {
    /// Gives `x ⊙ r` to `y`, the same row r for every row.
    fn mul_row<T, FUSED>(x: &[T], r: &[T], first: bool, y: &mut [T]) {
        for (x, y) in x.chunks_exact(r.len()).zip(y.chunks_exact_mut(r.len())) {
            for_each_lane!(r.len(), [x, r], [y], |i| { y[i] = given(y[i], x[i] * r[i], first); });
        }
    }
}

vectorized! {
    /// Adds every row to `sums`.
    fn sum_rows<T, FUSED>(x: &[T], sums: &mut [T]) {
        for row in x.chunks_exact(sums.len()) {
            for_each_lane!(row.len(), [row], [sums], |i| { sums[i] += row[i]; });
        }
    }
}

vectorized! {
    /// Adds `a ⊙ b` of every row to `sums`.
    fn sum_products<T, FUSED>(a: &[T], b: &[T], sums: &mut [T]) {
        for (a, b) in a.chunks_exact(sums.len()).zip(b.chunks_exact(sums.len())) {
            for_each_lane!(a.len(), [a, b], [sums], |i| { sums[i] = a[i].times_plus::<FUSED>(b[i], sums[i]); });
        }
    }
}
