//! What may change in any net, read from its computation graph.

pub mod freedoms;
