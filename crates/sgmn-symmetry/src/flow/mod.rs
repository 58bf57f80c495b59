//! What may change in any net: inferred from its computation graph, as types are inferred in a compiler.

mod act;
mod derive;
mod element;
pub mod matrices;
mod spaces;

pub use act::Acted;
pub use element::{FlowElement, ParamElement, PartElement};
pub use spaces::{Draw, Spaces, derive};
