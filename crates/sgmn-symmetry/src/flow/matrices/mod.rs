//! Matrices that may stand before and after what is linear: more freedom than order and scale.
//!
//! If all that touches a set of n units is linear, any invertible matrix A may be put behind what writes it, and its
//! contragredient `A⁻ᵀ` into what reads it: the queries and keys of each head, its values and output, the residual
//! stream of a net without norms. What is not linear leaves a smaller group, or the identity:
//!
//! | what touches the set | group | dimensions |
//! | --- | --- | --- |
//! | linear maps, sums, means over places, concatenation | GL(n) | n² |
//! | a norm without centre, gains behind it too | O(n) | n(n−1)/2 |
//! | a norm with centre | O(n) that keeps (1, …, 1) | (n−1)(n−2)/2 |
//! | a rotary code | a complex number for each pair | n |
//! | a rotary code and a norm | a turn for each pair | n/2 |
//! | a nonlinear function of each unit, a product along it, an input, an output | the identity | 0 |
//!
//! [`matrices`] infers all this from a flow, [`MatrixElement`] is a choice of matrices, and [`canonical`] finds the
//! element that carries a net to a place that all nets of its orbit share.

mod act;
mod canonical;
mod conjugate;
pub(in crate::flow) mod dense;
mod element;
mod gains;
mod infer;
mod thin;
mod words;

use sgmn_graph::flow::{Flow, ValueId};

pub use act::{Mixed, passable};
pub(in crate::flow) use act::{diagonal, numbers_of_gains};
pub use canonical::{CanonicalMatrices, canonical};
pub(in crate::flow) use canonical::{Read, settle_space, unfolded};
pub use element::{Block, MatrixElement};

/// A space on which matrices act: blocks of n units each, each block with a matrix of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Which matrices.
    pub kind: Kind,
    /// Units of a block: rows of each matrix.
    pub n: usize,
    /// How many blocks, as heads of attention.
    pub blocks: usize,
    /// Where the matrices act, each block's holders in the order of parameters.
    pub holders: Vec<Holder>,
}

/// Which matrices of n rows a block admits.
///
/// Matched in full where matrices are counted and proven, so that no new kind is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All that are invertible: GL(n).
    General,
    /// Orthogonal ones: O(n).
    Orthogonal,
    /// Orthogonal ones that keep (1, …, 1).
    OrthogonalKeepingOnes,
    /// A complex number other than 0 for each of these pairs (i, j), i < j, which hold all units:
    /// rows i and j have `(a, −b; b, a)`.
    Pairs(Vec<(usize, usize)>),
    /// The same with complex numbers of magnitude 1.
    UnitPairs(Vec<(usize, usize)>),
}

/// A place where a block's matrix A acts: at these places of an axis of a parameter, numbers w become
/// `D B D⁻¹ w` with `B = A` or `A⁻ᵀ` and a diagonal matrix D of gains, which are those of the net acted on.
#[derive(Debug, Clone, PartialEq)]
pub struct Holder {
    /// The block, below [`Matrix::blocks`].
    pub block: usize,
    /// The parameter, in the order of [`Flow::params`].
    pub param: usize,
    /// The axis of its shape.
    pub axis: usize,
    /// For each unit of the block its place along the axis.
    pub places: Vec<usize>,
    /// Which of A and `A⁻ᵀ`.
    pub side: Side,
    /// The factors of D; none: D is the identity.
    pub gains: Vec<Gain>,
}

/// On which side of a product a matrix acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// By A, as a writer's rows.
    Plain,
    /// By the contragredient `A⁻ᵀ`, as a reader's columns.
    Dual,
}

/// A factor g^power of a diagonal matrix: numbers of a value that no matrix moves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gain {
    /// A value of the flow that is made of parameters and constants alone.
    pub value: ValueId,
    /// For each unit of the block the place in the value, row-major.
    pub places: Vec<usize>,
    /// The exponent.
    pub power: i32,
}

/// All matrices that a flow admits, by the first parameter that holds each. It depends on the flow alone.
///
/// ```
/// use sgmn_graph::flow::{Contract, FlowBuilder, Role};
/// use sgmn_symmetry::flow::matrices::{Kind, matrices};
///
/// // Two linear layers with nothing between them: any matrix of three rows may be put there.
/// let mut flow = FlowBuilder::new();
/// let x = flow.input("x", vec![1, 2], Default::default())?;
/// let a = flow.param("a", vec![3, 2], Role::Trained)?;
/// let b = flow.param("b", vec![4, 3], Role::Trained)?;
/// let linear = || Contract { batch: vec![], sum: vec![(1, 1)] };
/// let hidden = flow.step(linear(), &[x, a], "first")?;
/// let y = flow.step(linear(), &[hidden, b], "second")?;
/// flow.output("y", y);
/// let found = matrices(&flow.build()?);
/// assert_eq!((found.len(), &found[0].kind, found[0].n), (1, &Kind::General, 3));
/// # Ok::<(), sgmn_graph::flow::FlowError>(())
/// ```
pub fn matrices(flow: &Flow) -> Vec<Matrix> {
    infer::infer(flow)
}

impl Matrix {
    /// By how many dimensions a net can be moved, over all blocks.
    pub fn dims(&self) -> usize {
        let n = self.n;
        self.blocks
            * match &self.kind {
                Kind::General => n * n,
                Kind::Orthogonal => n * (n - 1) / 2,
                Kind::OrthogonalKeepingOnes => (n - 1) * (n - 2) / 2,
                Kind::Pairs(pairs) => 2 * pairs.len(),
                Kind::UnitPairs(pairs) => pairs.len(),
            }
    }

    /// The holders of one block.
    pub fn of_block(&self, block: usize) -> impl Iterator<Item = &Holder> {
        self.holders.iter().filter(move |holder| holder.block == block)
    }
}
