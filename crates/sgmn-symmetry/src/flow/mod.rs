//! What may change in any net: inferred from its computation graph, as types are inferred in a compiler.

mod act;
pub mod align;
mod canonical;
mod complete;
mod declared;
mod derive;
mod element;
mod fits;
pub mod fold;
pub mod freedoms;
mod graph;
mod low_rank;
pub mod matrices;
mod orders;
mod spaces;
pub mod transport;
#[cfg(test)]
mod twins;
mod views;

pub use act::Acted;
pub use canonical::{
    CanonicalFlow, Difference, FlowRepairs, ParamDistance, Relation, canonicalize_flow,
    canonicalize_unfolded, check_same_flow, relate,
};
pub use complete::{Completeness, completeness, directions, redrawn};
pub use declared::{Declared, DeclaredParam};
pub use graph::FlowLowering;
pub use element::{FlowElement, ParamElement, PartElement};
pub use low_rank::LowRank;
pub use orders::{Holder, Order, ScaleSpace};
pub use spaces::{Draw, PartNumbers, Spaces, derive};
pub use views::{IndexView, PartView};

/// The index along each axis of the number at a row-major place.
fn coordinates(number: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = number;
    let mut index = vec![0; shape.len()];
    for (at, size) in index.iter_mut().zip(shape).rev() {
        *at = rest % size;
        rest /= size;
    }
    index
}

/// The row-major index along some axes of the number at a row-major place.
fn along(number: usize, shape: &[usize], axes: &[usize]) -> usize {
    let index = coordinates(number, shape);
    axes.iter().fold(0, |at, axis| at * shape[*axis] + index[*axis])
}
