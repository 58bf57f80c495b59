//! A matrix for each block of each space: elements of the group, and its law.

use std::{borrow::Cow, f64::consts::TAU};

use rand::{Rng, RngExt};
use sgmn_graph::{Seed, normal};

use super::{Kind, Matrix, Side, dense, thin::Thin};
use crate::{Error, Result};

/// One choice of a matrix for each block of each space.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixElement {
    blocks: Vec<Vec<Block>>,
}

/// The matrix of a block, with its inverse.
#[derive(Debug, Clone)]
pub struct Block {
    n: usize,
    matrix: Vec<f64>,
    inverse: Vec<f64>,
    /// The same as few columns, if the matrix is orthogonal and was made of few reflections.
    thin: Option<Thin>,
}

/// A matrix that acts: as a whole, or as few columns.
#[derive(Debug)]
pub(super) enum Acting<'a> {
    Whole(Cow<'a, [f64]>),
    Thin(Cow<'a, Thin>),
}

impl PartialEq for Block {
    /// Whether the matrices are equal, however they were made.
    fn eq(&self, other: &Self) -> bool {
        (self.n, &self.matrix, &self.inverse) == (other.n, &other.matrix, &other.inverse)
    }
}

/// Rows of an orthogonal matrix may differ from orthonormal ones by this.
const ORTHONORMAL: f64 = 1e-8;

impl Block {
    /// A block from its matrix, n rows of n numbers.
    ///
    /// # Errors
    /// [`Error::Unlike`] if there are not n² finite numbers or the matrix is singular.
    pub fn new(n: usize, matrix: Vec<f64>) -> Result<Self> {
        if matrix.len() != n * n || matrix.iter().any(|value| !value.is_finite()) {
            return Err(unlike(
                "a matrix",
                format!("{n} × {n} finite numbers"),
                format!("{} numbers", matrix.len()),
            ));
        }
        match dense::inverse(&matrix, n) {
            Some(inverse) => Ok(Self::pair(n, matrix, inverse)),
            None => Err(unlike("a matrix", "one that can be inverted", "a singular one")),
        }
    }

    /// The matrix that changes nothing.
    pub fn identity(n: usize) -> Self {
        Self::pair(n, dense::identity(n), dense::identity(n))
    }

    /// A matrix and its inverse, known to belong together.
    pub(super) fn pair(n: usize, matrix: Vec<f64>, inverse: Vec<f64>) -> Self {
        Self { n, matrix, inverse, thin: None }
    }

    /// `1 + step · generator`, with an inverse that is right to first order.
    pub(in crate::flow) fn near_identity(n: usize, generator: &[f64], step: f64) -> Self {
        let along = |by: f64| dense::identity(n).iter().zip(generator).map(|(a, x)| a + by * x).collect();
        Self::pair(n, along(step), along(-step))
    }

    /// An orthogonal matrix.
    pub(in crate::flow) fn orthogonal(n: usize, matrix: Vec<f64>) -> Self {
        let inverse = dense::transposed(&matrix, n);
        Self::pair(n, matrix, inverse)
    }

    /// How many rows.
    pub fn n(&self) -> usize {
        self.n
    }

    /// The matrix A, row-major.
    pub fn matrix(&self) -> &[f64] {
        &self.matrix
    }

    /// `A⁻¹`, row-major.
    pub fn inverse(&self) -> &[f64] {
        &self.inverse
    }

    /// A or `A⁻ᵀ`, as it acts most cheaply.
    pub(super) fn on(&self, side: Side) -> Acting<'_> {
        match (&self.thin, side) {
            // An orthogonal matrix is the same on both sides.
            (Some(thin), _) => Acting::Thin(Cow::Borrowed(thin)),
            (None, Side::Plain) => Acting::Whole(Cow::Borrowed(&self.matrix)),
            (None, Side::Dual) => Acting::Whole(Cow::Owned(dense::transposed(&self.inverse, self.n))),
        }
    }

    /// The inverse, with the matrix as its inverse.
    fn undone(&self) -> Self {
        let thin = self.thin.as_ref().map(Thin::turned);
        Self { n: self.n, matrix: self.inverse.clone(), inverse: self.matrix.clone(), thin }
    }

    /// First `first`, then this one.
    pub(super) fn after(&self, first: &Self) -> Self {
        let n = self.n;
        let matrix = dense::product(&self.matrix, &first.matrix, n);
        Self::pair(n, matrix, dense::product(&first.inverse, &self.inverse, n))
    }

    fn sample(kind: &Kind, n: usize, rng: &mut impl Rng) -> Self {
        match kind {
            Kind::General => {
                let stretch: Vec<f64> =
                    (0..n).map(|_| (0.6 * (2.0 * rng.random::<f64>() - 1.0)).exp()).collect();
                let mut matrix = dense::identity(n);
                let mut inverse = dense::identity(n);
                for (i, by) in stretch.iter().enumerate() {
                    (matrix[i * n + i], inverse[i * n + i]) = (*by, by.recip());
                }
                for v in reflections(n, false, rng) {
                    dense::reflect_rows(&mut matrix, &v);
                    dense::reflect_columns(&mut inverse, &v);
                }
                for v in reflections(n, false, rng) {
                    dense::reflect_columns(&mut matrix, &v);
                    dense::reflect_rows(&mut inverse, &v);
                }
                Self::pair(n, matrix, inverse)
            }
            Kind::Orthogonal | Kind::OrthogonalKeepingOnes => {
                let vectors = reflections(n, *kind == Kind::OrthogonalKeepingOnes, rng);
                if Thin::is_worth(n, vectors.len()) {
                    let thin = Thin::of_reflections(n, &vectors);
                    return Self { thin: Some(thin.clone()), ..Self::orthogonal(n, thin.dense()) };
                }
                let mut matrix = dense::identity(n);
                vectors.iter().for_each(|v| dense::reflect_rows(&mut matrix, v));
                Self::orthogonal(n, matrix)
            }
            Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => {
                let unit = matches!(kind, Kind::UnitPairs(_));
                let numbers: Vec<(f64, f64)> = pairs
                    .iter()
                    .map(|_| {
                        let magnitude = if unit { 1.0 } else { (rng.random::<f64>() - 0.5).exp() };
                        let angle = TAU * rng.random::<f64>();
                        (magnitude * angle.cos(), magnitude * angle.sin())
                    })
                    .collect();
                Self::complex(n, pairs, &numbers)
            }
        }
    }

    /// The matrix that is `(a, −b; b, a)` on each pair, and its inverse.
    pub(in crate::flow) fn complex(n: usize, pairs: &[(usize, usize)], numbers: &[(f64, f64)]) -> Self {
        let mut block = Self::identity(n);
        for ((i, j), (a, b)) in pairs.iter().zip(numbers) {
            let square = a * a + b * b;
            for (of, a, b) in [(&mut block.matrix, *a, *b), (&mut block.inverse, a / square, -b / square)] {
                (of[i * n + i], of[i * n + j], of[j * n + i], of[j * n + j]) = (a, -b, b, a);
            }
        }
        block
    }

    /// What keeps the matrix out of a space, if anything does.
    fn fault(&self, kind: &Kind, n: usize) -> Option<Error> {
        if self.n != n {
            return Some(unlike("rows of a matrix", n, self.n));
        }
        let a = &self.matrix;
        let near = |a: f64, b: f64| (a - b).abs() <= ORTHONORMAL;
        let orthogonal = || {
            let gram = dense::gram(a, n);
            gram.iter().zip(dense::identity(n)).all(|(a, b)| near(*a, b))
        };
        let keeps = || a.chunks(n).all(|row| near(row.iter().sum(), 1.0));
        let (fits, expected) = match kind {
            Kind::General => (true, ""),
            Kind::Orthogonal => (orthogonal(), "an orthogonal one"),
            Kind::OrthogonalKeepingOnes => {
                (orthogonal() && keeps(), "an orthogonal one that keeps (1, …, 1)")
            }
            Kind::Pairs(pairs) | Kind::UnitPairs(pairs) => {
                let numbers: Vec<(f64, f64)> =
                    pairs.iter().map(|(i, j)| (a[i * n + i], a[j * n + i])).collect();
                let unit = matches!(kind, Kind::UnitPairs(_));
                let magnitudes = numbers.iter().all(|(a, b)| !unit || near(a.hypot(*b), 1.0));
                (
                    Self::complex(n, pairs, &numbers).matrix == *a && magnitudes,
                    "a complex number for each pair",
                )
            }
        };
        (!fits).then(|| unlike("a matrix", expected, "another one"))
    }
}

/// Reflections in one draw at most: so many mix all coordinates of any width, and a few of them are cheap to apply.
const MOST_REFLECTIONS: usize = 48;

/// Random reflections, an even or an odd number of them; `keep`: those that keep (1, …, 1).
fn reflections(n: usize, keep: bool, rng: &mut impl Rng) -> Vec<Vec<f64>> {
    let count = n.min(MOST_REFLECTIONS) + usize::from(rng.random_bool(0.5));
    let mut all = Vec::with_capacity(count);
    for _ in 0..count {
        let mut v: Vec<f64> = (0..n).map(|_| normal(rng)).collect();
        if keep {
            let mean = v.iter().sum::<f64>() / n as f64;
            v.iter_mut().for_each(|value| *value -= mean);
        }
        // A vector that vanishes has no direction; of one unit nothing is left when the mean is taken.
        if v.iter().map(|value| value * value).sum::<f64>() > 1e-12 {
            all.push(v);
        }
    }
    all
}

impl MatrixElement {
    /// An element from a matrix for each block of each space.
    ///
    /// # Errors
    /// [`Error::Unlike`] if it does not fit the spaces.
    pub fn new(matrices: &[Matrix], blocks: Vec<Vec<Block>>) -> Result<Self> {
        let element = Self { blocks };
        element.check_fits(matrices)?;
        Ok(element)
    }

    /// The element that changes nothing.
    pub fn identity(matrices: &[Matrix]) -> Self {
        let blocks = matrices.iter().map(|space| vec![Block::identity(space.n); space.blocks]);
        Self { blocks: blocks.collect() }
    }

    /// A random element; its matrices are well-conditioned: magnitudes differ by a factor of 3.4 at most.
    pub fn sample(matrices: &[Matrix], seed: Seed) -> Self {
        let blocks = matrices.iter().enumerate().map(|(at, space)| {
            let mut rng = seed.child("matrices").index(at as u64).rng();
            (0..space.blocks).map(|_| Block::sample(&space.kind, space.n, &mut rng)).collect()
        });
        Self { blocks: blocks.collect() }
    }

    /// The matrices, by space and block.
    pub fn blocks(&self) -> &[Vec<Block>] {
        &self.blocks
    }

    /// Puts other matrices in one space.
    pub(in crate::flow) fn set(&mut self, space: usize, blocks: Vec<Block>) {
        self.blocks[space] = blocks;
    }

    /// First `first`, then `self`: `a.compose(&b)?` acts as b and then a. The gains that stand between the matrices are
    /// moved by neither.
    ///
    /// # Errors
    /// [`Error::Unlike`] if the elements belong to different spaces.
    pub fn compose(&self, first: &Self) -> Result<Self> {
        let sizes = |element: &Self| -> Vec<Vec<usize>> {
            element.blocks.iter().map(|blocks| blocks.iter().map(Block::n).collect()).collect()
        };
        if sizes(self) != sizes(first) {
            return Err(unlike(
                "rows of matrices",
                format!("{:?}", sizes(self)),
                format!("{:?}", sizes(first)),
            ));
        }
        let after = |(second, first): (&Vec<Block>, &Vec<Block>)| {
            second.iter().zip(first).map(|(second, first)| second.after(first)).collect()
        };
        Ok(Self { blocks: self.blocks.iter().zip(&first.blocks).map(after).collect() })
    }

    /// The element that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let undo = |blocks: &Vec<Block>| blocks.iter().map(Block::undone).collect();
        Self { blocks: self.blocks.iter().map(undo).collect() }
    }

    /// Whether the element has a matrix of the right kind for each block.
    ///
    /// # Errors
    /// [`Error::Unlike`] with the first fact that does not hold.
    pub fn check_fits(&self, matrices: &[Matrix]) -> Result<()> {
        if self.blocks.len() != matrices.len() {
            return Err(unlike("spaces of matrices", matrices.len(), self.blocks.len()));
        }
        for (blocks, space) in self.blocks.iter().zip(matrices) {
            if blocks.len() != space.blocks {
                return Err(unlike("blocks of a space", space.blocks, blocks.len()));
            }
            if let Some(fault) = blocks.iter().find_map(|block| block.fault(&space.kind, space.n)) {
                return Err(fault);
            }
        }
        Ok(())
    }
}

pub(super) fn unlike(what: impl Into<String>, expected: impl ToString, found: impl ToString) -> Error {
    Error::Unlike { what: what.into(), expected: expected.to_string(), found: found.to_string() }
}
