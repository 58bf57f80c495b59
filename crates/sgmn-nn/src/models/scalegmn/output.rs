//! What a ScaleGMN returns: numbers for each net, or changes of its parameters.

use serde::{Deserialize, Serialize};

use super::super::Returns;
use crate::{Error, Result};

/// Which nodes the read-out reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadoutRange {
    /// Output nodes, and input nodes of a bidirectional model.
    LastLayer,
    /// All nodes.
    FullGraph,
}

/// Numbers for each net.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "PerGraphInFile", into = "PerGraphInFile")]
pub struct PerGraph {
    /// Which nodes are read.
    pub readout: ReadoutRange,
    /// Numbers for each net.
    pub d_out: usize,
    /// Hidden width of the read-out's perceptrons.
    pub d_rho: usize,
}

/// [`PerGraph`] as files have it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PerGraphInFile {
    readout: ReadoutRange,
    d_out: usize,
    d_rho: usize,
    /// Perceptrons in place of the linear maps of a bidirectional read-out: an option of the published program that none
    /// of its configurations takes. Files go on saying so, since their digests name experiments.
    #[serde(default)]
    mlp_directions: bool,
}

impl TryFrom<PerGraphInFile> for PerGraph {
    type Error = String;

    fn try_from(file: PerGraphInFile) -> std::result::Result<Self, String> {
        let PerGraphInFile { readout, d_out, d_rho, mlp_directions } = file;
        if mlp_directions {
            return Err(
                "mlp_directions: expected false, as read-outs project by linear maps alone, found true"
                    .into(),
            );
        }
        Ok(Self { readout, d_out, d_rho })
    }
}

impl From<PerGraph> for PerGraphInFile {
    fn from(PerGraph { readout, d_out, d_rho }: PerGraph) -> Self {
        Self { readout, d_out, d_rho, mlp_directions: false }
    }
}

/// What the model returns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum OutputConfig {
    /// Numbers for each net.
    PerGraph(PerGraph),
    /// A change of every parameter, times a learned scale a layer that starts at `initial_scale`.
    PerParam {
        /// Start of the learned scales.
        initial_scale: f64,
        /// Changed nets for each net, k; a task may average what they compute. 1 if left out.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        n_copies: usize,
    },
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

/// More copies are taken for a mistake.
const MOST_COPIES: usize = 1024;

impl OutputConfig {
    /// Checks everything that the types do not.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first field that cannot be used.
    pub fn validate(&self) -> Result<()> {
        match self {
            Self::PerGraph(output) if output.d_out == 0 || output.d_rho == 0 => {
                Err(Error::config("model.output", "widths of at least 1", "0"))
            }
            Self::PerParam { initial_scale, .. } if !initial_scale.is_finite() => {
                Err(Error::config("model.output.initial_scale", "a finite number", initial_scale))
            }
            Self::PerParam { n_copies, .. } if !(1..=MOST_COPIES).contains(n_copies) => {
                Err(Error::config("model.output.n_copies", format!("from 1 to {MOST_COPIES}"), n_copies))
            }
            _ => Ok(()),
        }
    }

    /// What the model returns.
    pub fn returns(&self) -> Returns {
        match self {
            Self::PerGraph(output) => Returns::PerGraph { d_out: output.d_out, field: "model.output.d_out" },
            Self::PerParam { n_copies, .. } => Returns::PerParam { n_copies: *n_copies },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_by_perceptrons_are_refused_and_files_go_on_denying_them() {
        let json = |flag: bool| {
            format!(
                r#"{{"kind":"per_graph","readout":"last_layer","d_out":1,"d_rho":2,"mlp_directions":{flag}}}"#
            )
        };
        let read = |flag: bool| serde_json::from_str::<OutputConfig>(&json(flag));
        assert_eq!(serde_json::to_string(&read(false).unwrap()).unwrap(), json(false));
        let message = read(true).unwrap_err().to_string();
        assert!(message.contains("mlp_directions: expected false"), "{message}");
    }
}
