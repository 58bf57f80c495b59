//! Rows divided by their length.

use super::{Element, LANES, for_each_lane, given, sum};
use crate::ops::cpu::simd::{Level, level, vectorized};

vectorized! {
    /// `y = x / (‖x‖ + guard)`; without a guard `x / ‖x‖`, and zero where a row is zero.
    fn unit_norm<T, FUSED>(x: &[T], width: usize, guard: Option<T>, y: &mut [T]) {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm::<T, FUSED>(x, guard) else {
                y.fill(T::zero());
                continue;
            };
            for_each_lane!(width, [x], [y], |i| { y[i] = x[i] * scale / norm; });
        }
    }
}

vectorized! {
    /// Gives `(g − ŷ (u·g)) / (‖x‖ + guard)` to `dx`, with the result ŷ and the unit vector u along x; nothing for rows
    /// that are too short.
    fn unit_norm_grad<T, FUSED>(x: &[T], width: usize, guard: Option<T>, grad: &[T], first: bool, dx: &mut [T]) {
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let has_gradient = |(scale, _): &(T, T)| *scale <= T::STEEPEST;
            let Some((scale, norm)) = row_norm::<T, FUSED>(x, guard).filter(has_gradient) else {
                if first {
                    dx.fill(T::zero());
                }
                continue;
            };
            // ‖x‖ itself, which the guard is not part of.
            let length = norm - guard.unwrap_or(T::zero());
            let mut along = [T::zero(); LANES];
            for_each_lane!(width, [x, grad], [], |i| {
                along[i] = (x[i] * scale / length).times_plus::<FUSED>(grad[i], along[i]);
            });
            // A row that underflows to length zero behind a guard has no direction.
            let along = if length == T::zero() { T::zero() } else { sum(along) };
            let factor = scale / norm;
            for_each_lane!(width, [x, grad], [dx], |i| {
                dx[i] = given(dx[i], (grad[i] - x[i] * scale / norm * along) * factor, first);
            });
        }
    }
}

/// A power of two that rescales a row, and what the rescaled row is divided by; `None` for a zero row.
#[inline(always)]
fn row_norm<T: Element, const FUSED: bool>(x: &[T], guard: Option<T>) -> Option<(T, T)> {
    let mut lanes = [T::zero(); LANES];
    if let Some(guard) = guard {
        for_each_lane!(x.len(), [x], [], |i| {
            lanes[i] = x[i].times_plus::<FUSED>(x[i], lanes[i]);
        });
        return Some((T::one(), Element::sqrt(sum(lanes)) + guard));
    }
    for_each_lane!(x.len(), [x], [], |i| {
        lanes[i] = Element::abs(x[i]).larger(lanes[i]);
    });
    let largest = lanes.into_iter().fold(T::zero(), |largest, x| x.larger(largest));
    if largest == T::zero() {
        return None;
    }
    let scale = largest.rescaling();
    let mut lanes = [T::zero(); LANES];
    for_each_lane!(x.len(), [x], [], |i| {
        let scaled = x[i] * scale;
        lanes[i] = scaled.times_plus::<FUSED>(scaled, lanes[i]);
    });
    Some((scale, Element::sqrt(sum(lanes))))
}
