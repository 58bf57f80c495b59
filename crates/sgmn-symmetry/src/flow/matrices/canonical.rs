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

use sgmn_graph::flow::{Flow, FlowNet, Numbers};

pub(in crate::flow) use self::moments::{Read, unfolded};

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
        // Matrices alone leave columns where they stand.
        let read = |holder: &Holder| match !anchored || is_usable(matrices, &done, space, holder) {
            true => Read::Enough,
            false => Read::Nothing,
        };
        let ties = settle_space(flow, net, matrices, &mut element, space, &read)?;
        repairs += ties;
        done[space] = true;
        repairs += if anchored { 0 } else { matrices[space].blocks };
    }
    Ok(CanonicalMatrices { element, repairs })
}

/// Puts one more space at its canonical point, found from what may be read of its holders; returns its ties.
pub(in crate::flow) fn settle_space(
    flow: &Flow,
    net: &dyn Numbers,
    matrices: &[Matrix],
    element: &mut MatrixElement,
    space: usize,
    read: &dyn Fn(&Holder) -> Read,
) -> Result<usize> {
    let kind = &matrices[space].kind;
    let mut ties = 0;
    for _ in 0..passes(kind) {
        let mixed = element.act_unchecked(flow, matrices, net)?;
        let moments = moments(flow, &mixed, matrices, space, read)?;
        let found: Vec<(Block, usize)> = moments.iter().map(|moments| moments.canonical(kind)).collect();
        ties = found.iter().map(|(_, ties)| ties).sum();
        let blocks = found.iter().zip(&element.blocks()[space]).map(|((block, _), first)| block.after(first));
        let blocks = blocks.collect();
        element.set(space, blocks);
    }
    Ok(ties)
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
}
