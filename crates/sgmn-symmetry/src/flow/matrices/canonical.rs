//! A net of each orbit under matrices: the element that leads there, found from the net's numbers.
//!
//! Let P be the numbers a block's matrix A acts on (`P → A P`, columns of all writers side by side) and R those it acts
//! on dually (`R → A⁻ᵀ R`). The canonical point:
//!
//! | group | point |
//! | --- | --- |
//! | GL(n) | balanced: `P Pᵀ = R Rᵀ` is diagonal and falls, the singular values of `Rᵀ P` |
//! | GL(n), one side known | `P` has orthonormal rows, triangular in the order of its longest columns |
//! | O(n) | `P Pᵀ + R Rᵀ` is diagonal and falls |
//! | O(n) keeping (1, …, 1) | the same between the other directions |
//! | complex numbers | the two rows of a pair are as long in P as in R, and its largest number is real and positive |
//!
//! Signs that this leaves make the largest number of each row positive. Of P and R only those parameters are read that
//! no space moves elsewhere which has no canonical point yet: spaces are settled from the inputs inwards.

mod moments;
mod points;

use sgmn_graph::flow::FlowNet;

use self::moments::moments;
use super::{Block, Holder, Kind, Matrix, MatrixElement, Side};
use crate::Result;

/// The element that carries a net to its canonical point, and how often the point was not unique.
#[derive(Debug, Clone, PartialEq)]
pub struct CanonicalMatrices {
    /// Acts on the net.
    pub element: MatrixElement,
    /// Directions whose place was chosen though others would do: singular values or numbers that tie, matrices that lack
    /// rank, spaces that nothing anchors.
    pub repairs: usize,
}

/// The element that carries a net to the canonical point of its orbit under these matrices of its flow.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) if a gain through which a matrix acts is 0.
pub fn canonical(net: &FlowNet, matrices: &[Matrix]) -> Result<CanonicalMatrices> {
    let flow = net.flow();
    let mut element = MatrixElement::identity(matrices);
    let mut done = vec![false; matrices.len()];
    let mut repairs = 0;
    while let Some((space, anchored)) = next(matrices, &done) {
        let kind = &matrices[space].kind;
        let mut ties = 0;
        for _ in 0..passes(kind) {
            let mixed = element.act_unchecked(flow, matrices, net)?;
            let usable = |holder: &Holder| !anchored || is_usable(matrices, &done, space, holder);
            let moments = moments(flow, &mixed, matrices, space, usable)?;
            let found: Vec<(Block, usize)> = moments.iter().map(|moments| moments.canonical(kind)).collect();
            ties = found.iter().map(|(_, ties)| ties).sum();
            let blocks =
                found.iter().zip(&element.blocks()[space]).map(|((block, _), first)| block.after(first));
            let blocks = blocks.collect();
            element.set(space, blocks);
        }
        repairs += ties;
        done[space] = true;
        repairs += if anchored { 0 } else { matrices[space].blocks };
    }
    Ok(CanonicalMatrices { element, repairs })
}

/// A second pass on the net that the first one made removes what rounding leaves of matrices that are badly conditioned.
fn passes(kind: &Kind) -> usize {
    if *kind == Kind::General { 2 } else { 1 }
}

/// The next space, and whether something anchors it: best one that writers and readers both do.
fn next(matrices: &[Matrix], done: &[bool]) -> Option<(usize, bool)> {
    let open = || (0..matrices.len()).filter(|space| !done[*space]);
    let has = |space: usize, side: Option<Side>| {
        matrices[space].holders.iter().any(|holder| {
            side.is_none_or(|side| holder.side == side) && is_usable(matrices, done, space, holder)
        })
    };
    let both = |space: &usize| match matrices[*space].kind {
        Kind::General | Kind::Pairs(_) => has(*space, Some(Side::Plain)) && has(*space, Some(Side::Dual)),
        _ => has(*space, None),
    };
    let found = open().find(both).or_else(|| open().find(|space| has(*space, None)));
    found.map(|space| (space, true)).or_else(|| open().next().map(|space| (space, false)))
}

/// Whether no other axis of the holder's parameter is moved by a space without a canonical point.
fn is_usable(matrices: &[Matrix], done: &[bool], space: usize, holder: &Holder) -> bool {
    let other = |other: &Holder| other.param == holder.param && other.axis != holder.axis;
    matrices
        .iter()
        .enumerate()
        .all(|(at, matrix)| (done[at] && at != space) || !matrix.holders.iter().any(other))
<<<<<<< HEAD
=======
}

/// What is read of a block's numbers.
struct Moments {
    n: usize,
    /// `P Pᵀ`, if there are writers.
    plain: Option<Vec<f64>>,
    /// `R Rᵀ`, if there are readers.
    dual: Option<Vec<f64>>,
    /// Columns of P, or of R if there are no writers: n rows.
    columns: Vec<f64>,
}

/// Columns that are looked at for signs and pivots, as a multiple of n: the first ones in the order of parameters.
const LOOK_AT: usize = 4;

fn moments(
    flow: &Flow,
    net: &dyn Numbers,
    matrices: &[Matrix],
    space: usize,
    usable: impl Fn(&Holder) -> bool,
) -> Result<Vec<Moments>> {
    let Matrix { n, blocks, holders, .. } = &matrices[space];
    let gains = numbers_of_gains(flow, &matrices[space..=space], net)?;
    let mut all: Vec<(Moments, Vec<Vec<f64>>)> = (0..*blocks)
        .map(|_| (Moments { n: *n, plain: None, dual: None, columns: Vec::new() }, Vec::new()))
        .collect();
    let mut holders: Vec<&Holder> = holders.iter().filter(|holder| usable(holder)).collect();
    holders.sort_by_key(|holder| holder.param);
    let has_plain: Vec<bool> =
        (0..*blocks).map(|block| holders.iter().any(|h| h.block == block && h.side == Side::Plain)).collect();
    let mut numbers = None;
    for holder in holders {
        if numbers.as_ref().is_none_or(|(param, _)| *param != holder.param) {
            numbers = Some((holder.param, net.numbers(holder.param)));
        }
        let Some((_, values)) = &numbers else { continue };
        let mut part = unfolded(values, flow.param_shape(holder.param), holder);
        let width = part.len() / n;
        for (row, by) in part.chunks_mut(width.max(1)).zip(diagonal(holder, &gains)) {
            row.iter_mut().for_each(|value| *value /= by);
        }
        let gram = dense::gram(&part, *n);
        let (moments, parts) = &mut all[holder.block];
        let sum = if holder.side == Side::Plain { &mut moments.plain } else { &mut moments.dual };
        match sum {
            Some(sum) => sum.iter_mut().zip(&gram).for_each(|(sum, value)| *sum += value),
            None => *sum = Some(gram),
        }
        let seen: usize = parts.iter().map(|part| part.len() / n).sum();
        if (holder.side == Side::Plain) == has_plain[holder.block] && seen < LOOK_AT * n {
            parts.push(part);
        }
    }
    let joined = all.into_iter().map(|(moments, parts)| {
        let columns = (0..*n).flat_map(|row| {
            let of_row = |part: &Vec<f64>| {
                let width = part.len() / n;
                part[row * width..(row + 1) * width].to_vec()
            };
            parts.iter().flat_map(of_row).collect::<Vec<_>>()
        });
        Moments { columns: columns.collect(), ..moments }
    });
    Ok(joined.collect())
}

/// The numbers that a holder's matrix acts on: n rows.
fn unfolded(numbers: &[f64], shape: &[usize], holder: &Holder) -> Vec<f64> {
    let size = shape[holder.axis];
    let inner: usize = shape[holder.axis + 1..].iter().product();
    let mut rows = Vec::with_capacity(numbers.len() / size.max(1) * holder.places.len());
    for place in &holder.places {
        for part in numbers.chunks(size * inner) {
            rows.extend_from_slice(&part[place * inner..][..inner]);
        }
    }
    rows
}

impl Moments {
    /// The matrix that leads to the canonical point, and the number of ties.
    fn canonical(&self, kind: &Kind) -> (Block, usize) {
        let n = self.n;
        let failed = (Block::identity(n), n);
        match kind {
            Kind::General => match (&self.plain, &self.dual) {
                (Some(plain), Some(dual)) => self.balanced(plain, dual).unwrap_or(failed),
                (Some(one), None) => self.triangular(one).unwrap_or(failed),
                (None, Some(one)) => match self.triangular(one) {
                    // R moves by A⁻ᵀ: what was found for R is that.
                    Some((block, ties)) => {
                        let (matrix, inverse) = (block.inverse(), block.matrix());
                        let (matrix, inverse) = (dense::transposed(matrix, n), dense::transposed(inverse, n));
                        (Block::pair(n, matrix, inverse), ties)
                    }
                    None => failed,
                },
                (None, None) => failed,
            },
            Kind::Orthogonal => self.eigenbasis(self.sum(), &[]),
            Kind::OrthogonalKeepingOnes => {
                // A reflection carries (1, …, 1) to the first unit vector.
                let mut reflection = vec![-(n as f64).sqrt().recip(); n];
                reflection[0] += 1.0;
                let mut sum = self.sum();
                dense::reflect_rows(&mut sum, &reflection);
                dense::reflect_columns(&mut sum, &reflection);
                self.eigenbasis(sum, &reflection)
            }
            Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => {
                self.phases(pairs, matches!(kind, Kind::UnitPairs(_)))
            }
        }
    }

    fn sum(&self) -> Vec<f64> {
        let mut sum = vec![0.0; self.n * self.n];
        for gram in self.plain.iter().chain(&self.dual) {
            sum.iter_mut().zip(gram).for_each(|(sum, value)| *sum += value);
        }
        sum
    }

    /// `P Pᵀ = L Lᵀ`, `R Rᵀ = K Kᵀ`, `Lᵀ K = U Σ Vᵀ`: then `A = Σ^½ Uᵀ L⁻¹` makes both Σ.
    fn balanced(&self, plain: &[f64], dual: &[f64]) -> Option<(Block, usize)> {
        let n = self.n;
        let l = dense::cholesky(plain, n)?;
        let k = dense::cholesky(dual, n)?;
        let between = dense::product(&dense::transposed(&l, n), &k, n);
        let (turn, values) = if n <= SMALL {
            dense::left_singular(&between, n)
        } else {
            let (turn, squares) = dense::symmetric_eigen(&dense::gram(&between, n), n);
            (turn, squares.iter().map(|square| square.max(0.0).sqrt()).collect())
        };
        let has_rank = values[n - 1] > values[0] * f64::EPSILON;
        if !has_rank {
            return None;
        }
        let mut matrix = dense::product(&turn, &dense::lower_inverse(&l, n), n);
        let mut inverse = dense::product(&l, &dense::transposed(&turn, n), n);
        let signs = self.signs(&matrix);
        for (i, value) in values.iter().enumerate() {
            let by = value.sqrt() * signs.0[i];
            matrix[i * n..][..n].iter_mut().for_each(|entry| *entry *= by);
            inverse.iter_mut().skip(i).step_by(n).for_each(|entry| *entry /= by);
        }
        Some((Block::pair(n, matrix, inverse), signs.1 + ties(&values)))
    }

    /// Orthonormal rows, triangular in the order of pivots.
    fn triangular(&self, gram: &[f64]) -> Option<(Block, usize)> {
        let n = self.n;
        let l = dense::cholesky(gram, n)?;
        let whitening = dense::lower_inverse(&l, n);
        let white = dense::product(&whitening, &self.columns, n);
        let width = white.len() / n;
        let mut columns = dense::transposed(&white, n);
        let mut basis: Vec<f64> = Vec::with_capacity(n * n);
        let mut repairs = 0;
        for _ in 0..n {
            let squares: Vec<f64> =
                columns.chunks(n).map(|column| column.iter().map(|x| x * x).sum()).collect();
            let pivot = (0..width).max_by(|i, j| squares[*i].total_cmp(&squares[*j]).then(j.cmp(i)))?;
            let has_rank = squares[pivot] > f64::EPSILON;
            if !has_rank {
                return None;
            }
            let near =
                squares.iter().filter(|square| squares[pivot] - **square <= CLOSE * squares[pivot]).count();
            repairs += usize::from(near > 1);
            let length = squares[pivot].sqrt();
            let unit: Vec<f64> = columns[pivot * n..][..n].iter().map(|value| value / length).collect();
            for column in columns.chunks_mut(n) {
                // Twice, for rounding.
                for _ in 0..2 {
                    let dot: f64 = column.iter().zip(&unit).map(|(a, b)| a * b).sum();
                    column.iter_mut().zip(&unit).for_each(|(value, unit)| *value -= dot * unit);
                }
            }
            basis.extend(unit);
        }
        let matrix = dense::product(&basis, &whitening, n);
        let inverse = dense::product(&l, &dense::transposed(&basis, n), n);
        Some((Block::pair(n, matrix, inverse), repairs))
    }

    /// The eigenbasis of a sum of Gram matrices. If there is a reflection, the sum is seen through it, and the first
    /// coordinate there stays.
    fn eigenbasis(&self, sum: Vec<f64>, reflection: &[f64]) -> (Block, usize) {
        let n = self.n;
        let kept = usize::from(!reflection.is_empty());
        let m = n - kept;
        let inner: Vec<f64> = sum.chunks(n).skip(kept).flat_map(|row| row[kept..].iter().copied()).collect();
        let (vectors, values) = dense::symmetric_eigen(&inner, m);
        let mut matrix = dense::identity(n);
        for (row, vector) in matrix.chunks_mut(n).skip(kept).zip(vectors.chunks(m.max(1))) {
            row[kept..].copy_from_slice(vector);
        }
        if kept > 0 {
            dense::reflect_columns(&mut matrix, reflection);
        }
        // Rows of the reflected net, whose first one stays as it is.
        let signs = self.signs(&matrix);
        for (row, sign) in matrix.chunks_mut(n).zip(&signs.0).skip(kept) {
            row.iter_mut().for_each(|value| *value *= sign);
        }
        if kept > 0 {
            dense::reflect_rows(&mut matrix, reflection);
        }
        (Block::orthogonal(n, matrix), signs.1 + ties(&values))
    }

    /// Signs that make the largest number of each row of `matrix` times the columns positive, and ties.
    fn signs(&self, matrix: &[f64]) -> (Vec<f64>, usize) {
        let rows = dense::product(matrix, &self.columns, self.n);
        let width = (rows.len() / self.n).max(1);
        let largest = |row: &[f64]| row.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        // A row that is small to rounding has no sign.
        let least = largest(&rows) * tolerance::TIE;
        let mut repairs = 0;
        let signs = rows.chunks(width).map(|row| {
            let most = largest(row);
            let mut near = row.iter().filter(|value| value.abs() >= most * (1.0 - tolerance::TIE));
            let first = near.next().copied().unwrap_or(0.0);
            repairs += usize::from(most <= least || near.any(|value| value.signum() != first.signum()));
            if first < 0.0 { -1.0 } else { 1.0 }
        });
        let signs = signs.collect();
        (signs, repairs)
    }

    /// For each pair the complex number that makes its rows as long in P as in R and its largest number positive.
    fn phases(&self, pairs: &[(usize, usize)], unit: bool) -> (Block, usize) {
        let n = self.n;
        let width = self.columns.len() / n;
        let length = |gram: &Option<Vec<f64>>, i: usize, j: usize| {
            gram.as_ref().map_or(1.0, |gram| (gram[i * n + i] + gram[j * n + j]).sqrt())
        };
        let mut repairs = 0;
        let numbers: Vec<(f64, f64)> = pairs
            .iter()
            .map(|(i, j)| {
                let entries =
                    self.columns[i * width..][..width].iter().zip(&self.columns[j * width..][..width]);
                let entries: Vec<(f64, f64)> = entries.map(|(a, b)| (*a, *b)).collect();
                let most = entries.iter().fold(0.0, |most: f64, (a, b)| most.max(a.hypot(*b)));
                let near = |entry: &&(f64, f64)| entry.0.hypot(entry.1) >= most * (1.0 - tolerance::TIE);
                let (a, b) = *entries.iter().find(near).unwrap_or(&(0.0, 0.0));
                let magnitude = (length(&self.dual, *i, *j) / length(&self.plain, *i, *j)).sqrt();
                if most == 0.0 || !(magnitude.is_finite() && magnitude > 0.0) {
                    repairs += 1;
                    return (1.0, 0.0);
                }
                repairs += usize::from(entries.iter().filter(near).count() > 1);
                let by = if unit { most.recip() } else { magnitude / most };
                (by * a, -by * b)
            })
            .collect();
        (Block::complex(n, pairs, &numbers), repairs)
    }
}

/// How many values lie too close to the one before.
fn ties(values: &[f64]) -> usize {
    let most = values.first().copied().unwrap_or(0.0).abs();
    values.windows(2).filter(|pair| pair[0] - pair[1] <= CLOSE * most).count()
>>>>>>> main
}
