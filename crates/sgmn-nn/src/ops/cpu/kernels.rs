//! Arithmetic on rows that lie one after the other, compiled for the instruction sets found at run time.

use super::{
    adapter::Element,
    simd::{Level, level, vectorized},
};

/// Added to the variance before the root, as PyTorch's LayerNorm does by default.
pub(in crate::ops) const NORM_EPS: f64 = 1e-5;

/// Numbers that one step of a loop over a row treats together: the width of the widest vectors in f32.
const LANES: usize = 16;

/// Runs a body for every position of a row: in steps of [`LANES`] whose slices have that length for certain, so that
/// the compiler uses vectors, then for the rest.
///
/// The names in brackets are slices of the row's width, read and written; inside the body they are cut to the step.
/// Rows are short, and left to itself the compiler would unroll further and leave a row of 32 to scalar code.
macro_rules! for_each_lane {
    ($width:expr, [$($read:ident),*], [$($written:ident),*], |$lane:ident| $body:block) => {{
        const FITS: &str = "the range has this length";
        // Taken first: the names in it are cut below.
        let width: usize = $width;
        let whole = width / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            $(let $read: &[T; LANES] = $read[start..start + LANES].try_into().expect(FITS);)*
            $(let $written: &mut [T; LANES] = (&mut $written[start..start + LANES]).try_into().expect(FITS);)*
            for $lane in 0..LANES $body
        }
        $(let $read = &$read[whole..width];)*
        $(let $written = &mut $written[whole..width];)*
        for $lane in 0..width - whole $body
    }};
}

vectorized! {
    /// `y = a ⊙ b`.
    fn mul<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = *a * *b;
        }
    }
}

vectorized! {
    /// `y = a + b`.
    fn add<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = *a + *b;
        }
    }
}

vectorized! {
    /// `y += x`.
    fn add_assign<T>(x: &[T], y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += *x;
        }
    }
}

vectorized! {
    /// `y += factor · x`.
    fn add_scaled<T>(x: &[T], factor: T, y: &mut [T]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += factor * *x;
        }
    }
}

vectorized! {
    /// `y += a ⊙ b`.
    fn add_product<T>(a: &[T], b: &[T], y: &mut [T]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y += *a * *b;
        }
    }
}

vectorized! {
    /// `y += sign(x) ⊙ g`, with 0 for the sign of 0.
    fn add_signed<T>(g: &[T], x: &[T], y: &mut [T]) {
        for ((y, g), x) in y.iter_mut().zip(g).zip(x) {
            let sign = if *x > T::zero() { T::one() } else if *x < T::zero() { -T::one() } else { T::zero() };
            *y += sign * *g;
        }
    }
}

vectorized! {
    /// `y = x + b`, the same row b for every row.
    fn add_bias<T>(x: &[T], b: &[T], y: &mut [T]) {
        for (x, y) in x.chunks_exact(b.len()).zip(y.chunks_exact_mut(b.len())) {
            for_each_lane!(b.len(), [x, b], [y], |i| { y[i] = x[i] + b[i]; });
        }
    }
}

vectorized! {
    /// Adds every row to `sums`.
    fn sum_rows<T>(x: &[T], sums: &mut [T]) {
        for row in x.chunks_exact(sums.len()) {
            for_each_lane!(row.len(), [row], [sums], |i| { sums[i] += row[i]; });
        }
    }
}

vectorized! {
    /// Adds `SiLU(LayerNorm(sign · x + b))` to `y`; `packed` is `[b, γ, β]`.
    fn norm_silu<T>(x: &[T], packed: &[T], sign: T, y: &mut [T]) {
        let width = packed.len() / 3;
        let (b, gamma, beta) = (&packed[..width], &packed[width..2 * width], &packed[2 * width..3 * width]);
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let (mean, rstd) = row_stats(x, b, sign);
            for_each_lane!(width, [x, b, gamma, beta], [y], |i| {
                y[i] += silu((sign * x[i] + b[i] - mean) * rstd * gamma[i] + beta[i]);
            });
        }
    }
}

vectorized! {
    /// Adds the gradients of [`norm_silu`] to `dx` and to `sums`, which is packed as the parameters are.
    fn norm_silu_grad<T>(x: &[T], packed: &[T], sign: T, grad: &[T], dx: &mut [T], sums: &mut [T]) {
        let width = packed.len() / 3;
        let (b, gamma, beta) = (&packed[..width], &packed[width..2 * width], &packed[2 * width..3 * width]);
        let (db, rest) = sums[..3 * width].split_at_mut(width);
        let (dgamma, dbeta) = rest.split_at_mut(width);
        let n = T::from_f64(width as f64);
        // Normalized row and gradient of it, kept for the second pass over the row.
        let mut normal_row = vec![T::zero(); width];
        let mut dnormal_row = vec![T::zero(); width];
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let (mean, rstd) = row_stats(x, b, sign);
            let (normal, dnormal) = (&mut normal_row[..], &mut dnormal_row[..]);
            let mut sum_d = [T::zero(); LANES];
            let mut sum_dv = [T::zero(); LANES];
            for_each_lane!(width, [x, b, gamma, beta, grad], [normal, dnormal, dgamma, dbeta], |i| {
                let v = (sign * x[i] + b[i] - mean) * rstd;
                let dz = grad[i] * silu_slope(v * gamma[i] + beta[i]);
                let dv = dz * gamma[i];
                dgamma[i] += dz * v;
                dbeta[i] += dz;
                sum_d[i] += dv;
                sum_dv[i] += dv * v;
                normal[i] = v;
                dnormal[i] = dv;
            });
            let (mean_d, mean_dv) = (sum(sum_d) / n, sum(sum_dv) / n);
            for_each_lane!(width, [normal, dnormal], [db, dx], |i| {
                let dh = rstd * (dnormal[i] - mean_d - normal[i] * mean_dv);
                db[i] += dh;
                dx[i] += sign * dh;
            });
        }
    }
}

vectorized! {
    /// Adds `SiLU(sign · x + b)` to `y`.
    fn bias_silu<T>(x: &[T], b: &[T], sign: T, y: &mut [T]) {
        for (x, y) in x.chunks_exact(b.len()).zip(y.chunks_exact_mut(b.len())) {
            for_each_lane!(b.len(), [x, b], [y], |i| { y[i] += silu(sign * x[i] + b[i]); });
        }
    }
}

vectorized! {
    /// Adds the gradients of [`bias_silu`] to `dx` and `db`.
    fn bias_silu_grad<T>(x: &[T], b: &[T], sign: T, grad: &[T], dx: &mut [T], db: &mut [T]) {
        let width = b.len();
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            for_each_lane!(width, [x, b, grad], [dx, db], |i| {
                let dz = grad[i] * silu_slope(sign * x[i] + b[i]);
                db[i] += dz;
                dx[i] += sign * dz;
            });
        }
    }
}

vectorized! {
    /// `y = x / ‖x‖`; `y` must hold zeros, and keeps them where a row is zero.
    fn unit_norm<T>(x: &[T], width: usize, guard: Option<T>, y: &mut [T]) {
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm(x, guard) else { continue };
            for_each_lane!(width, [x], [y], |i| { y[i] = x[i] / scale / norm; });
        }
    }
}

vectorized! {
    /// Adds `(g − ŷ (u·g)) / (‖x‖ + guard)` to `dx`, with the result ŷ and the unit vector u along x.
    fn unit_norm_grad<T>(x: &[T], width: usize, guard: Option<T>, grad: &[T], dx: &mut [T]) {
        for ((x, grad), dx) in x.chunks_exact(width).zip(grad.chunks_exact(width)).zip(dx.chunks_exact_mut(width)) {
            let Some((scale, norm)) = row_norm(x, guard) else { continue };
            // ‖x‖ itself, which the guard is not part of.
            let length = norm - guard.unwrap_or(T::zero());
            let mut along = [T::zero(); LANES];
            for_each_lane!(width, [x, grad], [], |i| { along[i] += x[i] / scale * grad[i]; });
            // A row that underflows to length zero behind a guard has no direction.
            let along = if length == T::zero() { T::zero() } else { sum(along) / length / norm };
            for_each_lane!(width, [x, grad], [dx], |i| {
                dx[i] += (grad[i] - x[i] / scale * along) / norm / scale;
            });
        }
    }
}

/// `z / (1 + exp(−z))`.
#[inline(always)]
fn silu<T: Element>(z: T) -> T {
    z / (T::one() + Element::exp(-z))
}

/// The derivative of [`silu`].
#[inline(always)]
fn silu_slope<T: Element>(z: T) -> T {
    let s = T::one() / (T::one() + Element::exp(-z));
    s * (T::one() + z * (T::one() - s))
}

/// Mean and `1 / √(var + ε)` of `sign · x + b`.
#[inline(always)]
fn row_stats<T: Element>(x: &[T], b: &[T], sign: T) -> (T, T) {
    let n = T::from_f64(x.len() as f64);
    let mut lanes = [T::zero(); LANES];
    for_each_lane!(x.len(), [x, b], [], |i| {
        lanes[i] += sign * x[i] + b[i];
    });
    let mean = sum(lanes) / n;
    let mut lanes = [T::zero(); LANES];
    for_each_lane!(x.len(), [x, b], [], |i| {
        let d = sign * x[i] + b[i] - mean;
        lanes[i] += d * d;
    });
    (mean, T::one() / Element::sqrt(sum(lanes) / n + T::from_f64(NORM_EPS)))
}

/// What a row is divided by, as a rescaling and a norm of the rescaled row; `None` for a zero row.
#[inline(always)]
fn row_norm<T: Element>(x: &[T], guard: Option<T>) -> Option<(T, T)> {
    let mut lanes = [T::zero(); LANES];
    if let Some(guard) = guard {
        for_each_lane!(x.len(), [x], [], |i| {
            lanes[i] += x[i] * x[i];
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
    let mut lanes = [T::zero(); LANES];
    for_each_lane!(x.len(), [x], [], |i| {
        lanes[i] += (x[i] / largest) * (x[i] / largest);
    });
    Some((largest, Element::sqrt(sum(lanes))))
}

/// The sum of partial sums, pairwise.
#[inline(always)]
fn sum<T: Element>(mut lanes: [T; LANES]) -> T {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            let upper = lanes[i + half];
            lanes[i] += upper;
        }
        half /= 2;
    }
    lanes[0]
}
