//! A net without its numbers: the text of an architecture file, and names and shapes of its tensors.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sgmn_graph::flow::{Flow, Role, Stored};

use super::{
    Document, Plan, bind,
    document::{self, MAX_FILE},
    role,
};
use crate::{
    Error, Result,
    any_net::{ReadOptions, Record, assemble_without_numbers, shared::Share},
};

/// A net without its numbers. All its tensors may change: nothing is fixed, unused or shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The text of an architecture file (`docs/architecture-files.md`).
    pub toml: String,
    /// Its tensors, in the order in which a row of numbers holds them.
    pub tensors: Vec<TensorShape>,
}

/// A tensor without its numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorShape {
    /// Its name, by which layers find it.
    pub name: String,
    /// Sizes of its axes.
    pub shape: Vec<usize>,
}

impl Description {
    /// The flow, and how many layers the text has; sizes that are left open are as small as can be.
    ///
    /// The parameters of the flow are the tensors, perhaps in another order.
    ///
    /// # Errors
    /// [`Error::Format`] or [`Error::Flow`] for a text that is none of an architecture, tensors that do not fit its
    /// layers, are named twice, or reach no output; `path` is for messages.
    pub fn flow(&self, path: &Path) -> Result<(Flow, usize)> {
        if self.toml.len() as u64 > MAX_FILE {
            let found = self.toml.len().to_string();
            return Err(Error::format(path, format!("an architecture of at most {MAX_FILE} bytes"), found));
        }
        let document = document::parse(path, &self.toml)?;
        let (inputs, open) = bind(&document.inputs(path)?, &ReadOptions::default())?;
        let layers = document.layers(path)?;
        let n_layers = layers.len();
        let Document { outputs, under, unused, fixed, .. } = document;
        if !(under.is_empty() && unused.is_empty() && fixed.is_empty()) {
            return Err(Error::format(
                path,
                "an architecture without under, unused and fixed",
                "one of them",
            ));
        }
        let mut shares = BTreeMap::new();
        for (record, TensorShape { name, .. }) in self.tensors.iter().enumerate() {
            if shares.insert(name.clone(), Share { record, order: Vec::new() }).is_some() {
                return Err(Error::format(path, "tensors of different names", format!("two named {name:?}")));
            }
        }
        let records: Vec<Record> = self.tensors.iter().map(record).collect();
        let roles: Vec<Role> = self.tensors.iter().map(|tensor| role(&tensor.name)).collect();
        let (others, idle) = (BTreeSet::new(), BTreeSet::new());
        let (path, of) = (path.to_owned(), path.to_owned());
        let plan = Plan { path, inputs, open, outputs, layers, shares, others, idle, of };
        let flow = assemble_without_numbers(&plan.path, &records, &roles, |tensors| plan.lower(tensors))?;
        if flow.params().len() != self.tensors.len() {
            let is_lost = |tensor: &&TensorShape| flow.params().iter().all(|param| param.name != tensor.name);
            let lost = self.tensors.iter().find(is_lost).map_or("", |tensor| &tensor.name);
            return Err(Error::format(
                plan.path,
                "tensors that reach an output",
                format!("{lost:?}, which does not"),
            ));
        }
        Ok((flow, n_layers))
    }
}

fn record(tensor: &TensorShape) -> Record {
    let TensorShape { name, shape } = tensor.clone();
    Record { known: None, name, shape, numbers: Stored::F32([].into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(toml: &str, tensors: &[(&str, &[usize])]) -> Description {
        let tensor = |(name, shape): &(&str, &[usize])| TensorShape {
            name: (*name).to_owned(),
            shape: shape.to_vec(),
        };
        Description { toml: toml.to_owned(), tensors: tensors.iter().map(tensor).collect() }
    }

    const TEXT: &str =
        "layers = [{ op = \"linear\", name = \"a\" }, \"relu\"]\ninput.x.shape = [\"batch\", 3]";

    #[test]
    fn a_description_becomes_a_flow_without_any_numbers() {
        let (flow, n_layers) =
            description(TEXT, &[("a.bias", &[2]), ("a.weight", &[2, 3])]).flow("net".as_ref()).unwrap();
        assert_eq!((flow.params().len(), flow.n_numbers(), n_layers), (2, 8, 2));
        assert_eq!(flow.shape(flow.outputs()[0].value), [1, 2]);
    }

    #[test]
    fn what_is_wrong_with_a_description_is_said() {
        let said = |toml: &str, tensors: &[(&str, &[usize])]| {
            description(toml, tensors).flow("net".as_ref()).unwrap_err().to_string()
        };
        assert!(said(TEXT, &[]).contains("a.weight"));
        let twice = said(TEXT, &[("a.weight", &[2, 3]), ("a.weight", &[2, 3])]);
        assert!(twice.contains("two named \"a.weight\""), "{twice}");
        let left = said(TEXT, &[("a.weight", &[2, 3]), ("b", &[2])]);
        assert!(left.contains("used by a layer"), "{left}");
        assert!(said(&format!("unused = [\"c\"]\n{TEXT}"), &[]).contains("without under, unused and fixed"));
        let lost = said(
            "outputs = [\"x\"]\nlayers = [{ op = \"linear\", name = \"a\" }]\ninput.x.shape = [1, 3]",
            &[("a.weight", &[2, 3])],
        );
        assert!(lost.contains("tensors that reach an output"), "{lost}");
    }
}
