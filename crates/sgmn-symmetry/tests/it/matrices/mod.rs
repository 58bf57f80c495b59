//! Matrices: which a flow admits, that they keep the function, and where their canonical points are.

mod canonical;
mod function;
mod kinds;
mod nets;
