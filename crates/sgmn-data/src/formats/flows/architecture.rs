//! How the nets of a packed file of flows are built, each kind of net once.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sgmn_graph::flow::{Flow, Parts};

use crate::{Error, Result, any_net::architecture::Description};

/// A net without its numbers, as the file holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Architecture {
    /// By an architecture file; a row has the numbers of its tensors in their order.
    Described(Description),
    /// By its steps, of a net that came from any other file; a row has the numbers of the flow's parameters in their order.
    Flow(Box<Parts>),
}

/// An architecture that was built.
#[derive(Debug)]
pub(super) struct Built {
    pub(super) flow: Flow,
    /// Layers of its text, or steps.
    pub(super) n_layers: usize,
    /// The tensors of a row: the parameter each is, and how many numbers it has.
    pub(super) tensors: Vec<(usize, usize)>,
}

impl Architecture {
    /// The flow, and how a row holds its numbers; `path` is for messages.
    ///
    /// # Errors
    /// As [`Description::flow`] and [`Flow::of_parts`].
    pub(super) fn build(&self, path: &Path) -> Result<Built> {
        let (flow, n_layers) = match self {
            Self::Described(description) => description.flow(path)?,
            Self::Flow(parts) => {
                let flow = Flow::of_parts((**parts).clone()).map_err(Error::flow(path))?;
                let n_steps = flow.steps().len();
                (flow, n_steps)
            }
        };
        let len = |param: usize| flow.param_shape(param).iter().product::<usize>();
        let tensors = match self {
            Self::Described(description) => {
                // The parameters of the flow are the tensors of the description, as its flow promises.
                let place = |name: &str| flow.params().iter().position(|param| param.name == name);
                let tensors = description.tensors.iter().filter_map(|tensor| place(&tensor.name));
                tensors.map(|param| (param, len(param))).collect()
            }
            Self::Flow(_) => (0..flow.params().len()).map(|param| (param, len(param))).collect(),
        };
        Ok(Built { flow, n_layers, tensors })
    }
}
