//! A net as numbers, as a graph, and as a function.
//!
//! All file formats are read into one type, [`Net`]; all symmetries and models work on [`Graph`]. This crate reads no files
//! and has no hidden randomness.
//!
//! ```text
//! NetSpec + numbers → Net → lower → Graph → collate → GraphBatch (candle tensors)
//!                      ↑                ↓
//!                      └──── raise ─────┘          eval: what the net computes, in f64
//! ```
//!
//! ```
//! use std::sync::Arc;
//! use sgmn_graph::{Activation, Net, NetSpec, Topology, eval, lower};
//!
//! // A sine network from two coordinates to one grey value.
//! let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5)?);
//! let params = (0..spec.n_params()).map(|i| i as f64 / 100.0).collect();
//! let net = Net::new(spec.clone(), params)?;
//!
//! let topology = Arc::new(Topology::new(spec)?);
//! let graph = lower(&net, &topology)?;
//! assert_eq!(topology.n_nodes(), 6); // 2 inputs, 3 hidden, 1 output
//! assert_eq!(topology.n_edges(), 9); // 2·3 + 3·1 weights
//! assert_eq!(graph.raise()?, net); // bit for bit
//!
//! let grey = eval::run(&net, &[0.5, -0.25])?;
//! assert_eq!(grey.len(), 1);
//! # Ok::<(), sgmn_graph::Error>(())
//! ```

mod activations;
mod batch;
mod error;
pub mod eval;
pub mod flow;
mod graph;
mod layers;
mod lent;
mod lowering;
mod net;
mod nonlinearity;
mod seed;
mod sites;
mod spec;
#[cfg(feature = "testing")]
pub mod testing;
mod topology;

pub use activations::{Activation, ActivationWords};
pub use batch::{Batch, Bucket, GraphBatch};
pub use error::{Error, Result};
pub use graph::{Graph, lower};
pub use layers::{LayerMap, LayerPool, PoolAt, PoolKind, PoolWords, Reading};
pub use lent::LentNet;
pub use lowering::Lowering;
pub use net::Net;
pub use nonlinearity::Nonlinearity;
pub use seed::{Seed, normal};
pub use sites::{Block, NodeRole, Site, Tie};
pub use spec::{LayerSpec, NetSpec};
pub use topology::{Parts, Topology};
