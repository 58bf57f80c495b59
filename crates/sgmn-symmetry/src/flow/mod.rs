//! What may change in any net: inferred from its computation graph, as types are inferred in a compiler.

mod act;
mod canonical;
mod complete;
mod declared;
mod derive;
mod element;
mod fits;
pub mod fold;
pub mod freedoms;
pub mod matrices;
mod orders;
mod spaces;
mod views;

pub use act::Acted;
pub use canonical::{
    CanonicalFlow, FlowRepairs, Relation, canonicalize_flow, canonicalize_unfolded, check_same_flow, relate,
};
pub use complete::{Completeness, completeness, directions, redrawn};
pub use declared::{Declared, DeclaredParam};
pub use element::{FlowElement, ParamElement, PartElement};
pub use orders::{Holder, Order, ScaleSpace};
pub use spaces::{Draw, Spaces, derive};
pub use views::{IndexView, PartView};
