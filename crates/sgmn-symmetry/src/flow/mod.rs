//! What may change in any net that is read as a [`Flow`](sgmn_graph::flow::Flow).

pub mod matrices;
