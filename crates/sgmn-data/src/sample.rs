//! One item of a dataset: a net, its name, and what is asked about it.

use serde::{Deserialize, Serialize};
use sgmn_graph::{Net, flow::FlowNet};

/// One item of a dataset: a net and what is asked about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Stable name of the item inside its dataset.
    pub id: String,
    /// The net.
    pub net: Net,
    /// What is to be predicted from it.
    pub target: Target,
}

/// One item of a dataset whose nets may have any architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowSample {
    /// Stable name of the item inside its dataset.
    pub id: String,
    /// The net.
    pub net: FlowNet,
    /// What is to be predicted from it.
    pub target: Target,
}

/// What is to be predicted from a net.
///
/// Matched in full by tasks, so that none takes a new kind of target for another one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Nothing is known about the net.
    None,
    /// One of several classes, counted from 0.
    Class(u32),
    /// A number, such as a test accuracy in [0, 1].
    Score(f64),
}
