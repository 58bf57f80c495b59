//! Operations noted down, by rules that make them fewer.

pub(super) mod algebra;
mod expr;
mod store;

pub(super) use expr::{Expr, Memory, Of, Op};
pub(super) use store::{Held, Storable, Store};
