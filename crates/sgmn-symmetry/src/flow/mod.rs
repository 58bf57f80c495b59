//! What may change in any net: inferred from its computation graph, as types are inferred in a compiler.

pub mod derive;
