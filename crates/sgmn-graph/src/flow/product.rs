//! Products of matrices: small ones sum by sum in order, large ones in blocks by the gemm crate.

use rayon::prelude::*;

use super::threads::WORTH_THREADS;

/// A matrix somewhere in a slice: its sizes, and by how many numbers a step down and a step right move.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// The slice.
    pub data: &'a [f64],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Numbers from one row to the next.
    pub down: usize,
    /// Numbers from one column to the next.
    pub right: usize,
}

/// Products with fewer multiplications than this are summed in order, to the bit as [`eval`](crate::eval) sums.
pub(crate) const SMALL: usize = 1 << 15;
/// Rows or columns of the result in one block; a block reads all of the other operand, so it should not be narrow.
const BLOCK: usize = 128;

impl<'a> Matrix<'a> {
    /// The matrix from its first number on, row-major without gaps.
    pub fn dense(data: &'a [f64], rows: usize, columns: usize) -> Self {
        Self { data, rows, columns, down: columns, right: 1 }
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn turned(self) -> Self {
        Self { rows: self.columns, columns: self.rows, down: self.right, right: self.down, ..self }
    }

    fn row_block(self, first: usize, rows: usize) -> Self {
        Self { data: self.data.get(first * self.down..).unwrap_or(&[]), rows, ..self }
    }

    fn column_block(self, first: usize, columns: usize) -> Self {
        self.turned().row_block(first, columns).turned()
    }
}

/// Puts `a b` into c, whose rows are `down` numbers apart. The result does not depend on the number of threads: blocks
/// are cut by sizes alone and no sum is cut.
///
/// # Panics
/// If an operand ends before its last number, or the sizes do not fit.
pub fn multiply(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f64], down: usize) {
    let (rows, columns, inner) = (a.rows, b.columns, a.columns);
    assert_eq!(inner, b.rows, "columns of the left and rows of the right matrix");
    if rows == 0 || columns == 0 {
        return;
    }
    let size = rows.saturating_mul(columns).saturating_mul(inner);
    if size < SMALL {
        return in_order(a, b, c, down);
    }
    if size < WORTH_THREADS {
        return block(a, b, c, down);
    }
    if rows == 1 {
        // One row is as well one column, the blocks of which lie apart.
        let blocks = c[..columns].par_chunks_mut(BLOCK).enumerate();
        blocks.for_each(|(i, c)| block(b.turned().row_block(i * BLOCK, c.len()), a.turned(), c, 1));
    } else if rows >= 2 * BLOCK || columns < 2 * BLOCK {
        let most = BLOCK.min(rows.div_ceil(2));
        let end = (rows - 1) * down + columns;
        let blocks = c[..end].par_chunks_mut(most * down).enumerate();
        blocks.for_each(|(i, c)| block(a.row_block(i * most, most.min(rows - i * most)), b, c, down));
    } else {
        // Few rows: blocks of columns, each in memory of its own first.
        let blocks: Vec<Vec<f64>> = (0..columns.div_ceil(BLOCK))
            .into_par_iter()
            .map(|i| {
                let width = BLOCK.min(columns - i * BLOCK);
                let mut c = vec![0.0; rows * width];
                block(a, b.column_block(i * BLOCK, width), &mut c, width);
                c
            })
            .collect();
        for (i, block) in blocks.iter().enumerate() {
            let width = block.len() / rows;
            for (row, numbers) in block.chunks(width).enumerate() {
                c[row * down + i * BLOCK..][..width].copy_from_slice(numbers);
            }
        }
    }
}

fn in_order(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f64], down: usize) {
    for row in 0..a.rows {
        for column in 0..b.columns {
            let products = (0..a.columns)
                .map(|i| a.data[row * a.down + i * a.right] * b.data[i * b.down + column * b.right]);
            c[row * down + column] = products.sum();
        }
    }
}

/// One call of the gemm crate on this thread.
#[allow(unsafe_code, reason = "the gemm crate takes pointers")]
fn block(a: Matrix<'_>, b: Matrix<'_>, c: &mut [f64], down: usize) {
    let (rows, columns, inner) = (a.rows, b.columns, a.columns);
    for matrix in [a, b] {
        let last =
            matrix.rows.saturating_sub(1) * matrix.down + matrix.columns.saturating_sub(1) * matrix.right;
        let inside = matrix.rows * matrix.columns == 0 || last < matrix.data.len();
        assert!(inside, "operand of {} numbers ends before {last}", matrix.data.len());
    }
    assert!(rows == 1 || down >= columns, "rows of {columns} numbers overlap, {down} apart");
    let last = (rows.saturating_sub(1)) * down + columns.saturating_sub(1);
    assert!(rows * columns == 0 || last < c.len(), "result of {} numbers ends before {last}", c.len());
    let step = |step: usize| isize::try_from(step).expect("a step inside a slice");
    // SAFETY: every place that the steps reach lies inside its slice, as asserted above, and c overlaps neither a nor
    // b, for it is borrowed alone.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            c.as_mut_ptr(),
            1,
            step(down),
            false,
            a.data.as_ptr(),
            step(a.right),
            step(a.down),
            b.data.as_ptr(),
            step(b.right),
            step(b.down),
            0.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::Seed;

    #[test]
    fn every_way_to_multiply_gives_the_sums() {
        // Small, one row, blocks of rows, blocks of columns; the last two do not divide evenly.
        for [rows, inner, columns] in
            [[3, 4, 5], [1, 700, 1600], [300, 70, 60], [20, 130, 450], [1, 40, 1000]]
        {
            let mut rng = Seed::new(1).child("matrices").rng();
            let mut draw =
                |n: usize| (0..n).map(|_| f64::from(rng.random_range(-3i8..=3))).collect::<Vec<_>>();
            let (a, b) = (draw(rows * inner), draw(columns * inner));
            let down = columns + 2;
            let mut c = vec![7.5; rows * down];
            let (left, right) = (Matrix::dense(&a, rows, inner), Matrix::dense(&b, columns, inner).turned());
            multiply(left, right, &mut c, down);
            for row in 0..rows {
                for column in 0..columns {
                    let sum: f64 = (0..inner).map(|i| a[row * inner + i] * b[column * inner + i]).sum();
                    assert_eq!(
                        c[row * down + column],
                        sum,
                        "{rows} × {inner} × {columns} at {row}, {column}"
                    );
                }
                assert_eq!(c[row * down + columns..][..2], [7.5, 7.5], "what stands between rows stays");
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        for [rows, inner, columns] in [[1, 700, 1600], [300, 70, 60], [20, 130, 450]] {
            let mut rng = Seed::new(2).child("matrices").rng();
            let a: Vec<f64> = (0..rows * inner).map(|_| rng.random()).collect();
            let b: Vec<f64> = (0..inner * columns).map(|_| rng.random()).collect();
            let on = |n_threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
                let mut c = vec![0.0; rows * columns];
                let (a, b) = (Matrix::dense(&a, rows, inner), Matrix::dense(&b, inner, columns));
                pool.install(|| multiply(a, b, &mut c, columns));
                c
            };
            assert_eq!(on(1), on(3));
        }
    }

    #[test]
    fn a_sum_over_nothing_is_zero() {
        let mut c = [1.0; 4];
        multiply(Matrix::dense(&[], 2, 0), Matrix::dense(&[], 0, 2), &mut c, 2);
        assert_eq!(c, [0.0; 4]);
    }

    #[test]
    #[should_panic(expected = "ends before")]
    fn an_operand_that_is_too_short_is_no_undefined_behaviour() {
        let a = vec![1.0; 99];
        block(Matrix::dense(&a, 10, 10), Matrix::dense(&a, 9, 11).turned().turned(), &mut [0.0; 110], 11);
    }
}
