//! Products with small matrices, on one thread: parallelism stands outside, over blocks of rows.

use super::element::Element;

/// Gives `x V` to `y`, with V = Wᵀ: the product of a linear map whose weight was turned around.
///
/// # Shapes
/// x `[n, d_in]`, v `[d_in, d_out]`, y `[n, d_out]`.
pub(in crate::ops) fn multiply<T: Element>(
    x: &[T],
    v: &[T],
    y: &mut [T],
    [d_in, d_out]: [usize; 2],
    into: Onto,
) {
    let n = y.len() / d_out;
    product(y, [n, d_out, d_in], x, [d_in, 1], v, [d_out, 1], into);
}

/// `dw += dyᵀ x`.
///
/// # Shapes
/// dy `[n, d_out]`, x `[n, d_in]`, dw `[d_out, d_in]`.
pub(in crate::ops) fn multiply_outer<T: Element>(dy: &[T], x: &[T], dw: &mut [T], [d_in, d_out]: [usize; 2]) {
    let n = x.len() / d_in;
    product(dw, [d_out, d_in, n], dy, [1, d_out], x, [d_in, 1], Onto::Add);
}

/// `c += a bᵀ`: inner products of rows.
///
/// # Shapes
/// a `[n_a, d]`, b `[n_b, d]`, c `[n_a, n_b]`.
pub(in crate::ops) fn multiply_rows<T: Element>(a: &[T], b: &[T], c: &mut [T], [n_b, d]: [usize; 2]) {
    let n_a = a.len() / d;
    product(c, [n_a, n_b, d], a, [d, 1], b, [1, d], Onto::Add);
}

/// `Wᵀ` in memory. Products read it faster than a weight whose columns are far apart.
pub(in crate::ops) fn transpose<T: Element>(w: &[T], [d_in, d_out]: [usize; 2], v: &mut [T]) {
    // Small tiles, so that both sides stay in the first cache.
    const TILE: usize = 16;
    for rows in (0..d_out).step_by(TILE) {
        for columns in (0..d_in).step_by(TILE) {
            for i in rows..(rows + TILE).min(d_out) {
                for j in columns..(columns + TILE).min(d_in) {
                    v[j * d_out + i] = w[i * d_in + j];
                }
            }
        }
    }
}

/// What happens to what stood in the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::ops) enum Onto {
    Replace,
    Add,
}

impl Onto {
    /// The first gift replaces what the memory held.
    pub(in crate::ops) fn first(first: bool) -> Self {
        if first { Self::Replace } else { Self::Add }
    }
}

/// `c = a b` or `c += a b` for a row-major c `[m, n]`; a `[m, k]` and b `[k, n]` have the given row and column strides.
#[allow(unsafe_code, reason = "the gemm crate takes pointers")]
fn product<T: Element>(
    c: &mut [T],
    [m, n, k]: [usize; 3],
    a: &[T],
    a_strides: [usize; 2],
    b: &[T],
    b_strides: [usize; 2],
    into: Onto,
) {
    assert!(c.len() >= m * n, "result of {} values for {m} × {n}", c.len());
    for (values, rows, columns, strides) in [(a, m, k, a_strides), (b, k, n, b_strides)] {
        let last = rows.saturating_sub(1) * strides[0] + columns.saturating_sub(1) * strides[1];
        assert!(
            rows * columns == 0 || last < values.len(),
            "operand of {} values ends before {last}",
            values.len()
        );
    }
    let adds = into == Onto::Add;
    let (one, zero) = (T::one(), T::zero());
    // SAFETY: every position that the strides reach lies inside its slice, as asserted above, and c does not overlap
    // a and b, for it is borrowed alone.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            adds,
            a.as_ptr(),
            a_strides[1] as isize,
            a_strides[0] as isize,
            b.as_ptr(),
            b_strides[1] as isize,
            b_strides[0] as isize,
            if adds { one } else { zero },
            one,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_equal_their_sums() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0f64]; // 2 × 3
        let w = [1.0, 0.0, -1.0, 2.0, 1.0, 0.5]; // 2 × 3
        let mut v = [0.0; 6];
        transpose(&w, [3, 2], &mut v);
        assert_eq!(v, [1.0, 2.0, 0.0, 1.0, -1.0, 0.5]);
        let mut y = [9.0; 4];
        multiply(&x, &v, &mut y, [3, 2], Onto::Replace);
        assert_eq!(y, [-2.0, 5.5, -2.0, 16.0]);
        let mut dx = [1.0; 6];
        multiply(&y, &w, &mut dx, [2, 3], Onto::Add);
        assert_eq!(dx, [10.0, 6.5, 5.75, 31.0, 17.0, 11.0]);
        let mut dw = [0.0; 6];
        multiply_outer(&y, &x, &mut dw, [3, 2]);
        assert_eq!(dw, [-10.0, -14.0, -18.0, 69.5, 91.0, 112.5]);
        let mut c = [1.0; 4];
        multiply_rows(&x, &w, &mut c, [2, 3]);
        assert_eq!(c, [-1.0, 6.5, -1.0, 17.0]);
    }
}
