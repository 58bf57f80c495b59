//! CNN Wild Park: CNNs of many architectures, each at several steps of its training, to predict their test accuracy.
//!
//! ```text
//! park/cnn_park_splits.json         {"train": {"path": [...], "score": [...], "step": [...]}, "val": ..., "test": ...}
//! park/ZOO/TRAINING/checkpoint_000010/checkpoint.pt      {"model": state dict, "config": settings, "optimizer": ..., ...}
//! ```
//!
//! The settings say widths, kernels, activations and residual connections of each convolution. A net with residual
//! connections is no chain and is refused with that reason: with `on_bad_net = "skip"` such nets are left out and counted.
//!
//! # Source
//! Kofinas et al. 2024, "Graph Neural Networks for Learning Equivariant Representations of Neural Networks", and its program.

mod config;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use self::config::Config;
use super::{
    architectures::Architectures,
    known::{self, Epochs},
};
use crate::{
    Error, Result, Sample, Source, Target, containers,
    skip::OnBadNet,
    source::Dataset,
    split::{self, Entry, SplitFile, Splits},
};

const SPLIT_FILE: &str = "cnn_park_splits.json";

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The split file; a relative path counts from the data set's folder.
    pub splits: PathBuf,
    /// Which steps of each training are read: `"all"`, as published, `"last"`, or a number.
    pub steps: Epochs,
    /// What becomes of nets that cannot be read or represented.
    pub on_bad_net: OnBadNet,
}

impl Default for Options {
    /// The published file, all its steps.
    fn default() -> Self {
        Self { splits: SPLIT_FILE.into(), steps: Epochs::All, on_bad_net: OnBadNet::Error }
    }
}

/// Opens the data set: items in the order of the split file, train first, then val, then test.
///
/// # Errors
/// [`Error::Io`] and [`Error::Format`] for the split file; files of nets are opened when they are asked for.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let split_file = root.join(&options.splits);
    let fault = |expected: &str, found: String| Error::format(&split_file, expected, found);
    let SplitFile { entries, notes } = split::read_json(&split_file)?;
    let mut items = Vec::new();
    let mut seen = BTreeMap::new();
    for (split, Entry { name, score, step, .. }) in entries {
        let parts: Vec<&str> = name.split(['/', '\\']).filter(|part| !matches!(*part, "" | ".")).collect();
        if parts.is_empty() || parts.iter().any(|part| *part == ".." || part.contains(['\0', ':'])) {
            return Err(fault("paths below the folder", format!("{name:?}")));
        }
        let Some(score) = score else {
            return Err(fault("a score for every path", format!("none for {name:?}")));
        };
        let id = parts.join("/");
        if seen.insert(id.clone(), split).is_some() {
            return Err(fault("every net once", format!("{id} twice")));
        }
        let training = parts[..parts.len().saturating_sub(2)].join("/");
        items.push((
            split,
            training,
            step,
            Item { id, path: root.join(parts.iter().collect::<PathBuf>()), score },
        ));
    }
    if options.steps != Epochs::All {
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for (_, training, step, Item { id, .. }) in &items {
            let step = step.ok_or_else(|| {
                fault("a step for every path, to choose among them", format!("none for {id}"))
            })?;
            let last = last.entry(training.clone()).or_insert(step);
            *last = step.max(*last);
        }
        items.retain(|(_, training, step, _)| match options.steps {
            Epochs::One(wanted) => *step == i64::try_from(wanted).ok(),
            _ => *step == last.get(training).copied(),
        });
    }
    if items.is_empty() {
        return Err(fault(&format!("nets of {:?}, the option steps", options.steps), "none".to_owned()));
    }
    let splits = Splits::from_assignment(items.iter().map(|(split, ..)| Some(*split)));
    let items = items.into_iter().map(|(_, _, _, item)| item).collect();
    let source = ParkSource { items, architectures: Architectures::default() };
    Ok(Dataset { notes, on_bad_net: options.on_bad_net, ..Dataset::new(source, splits) })
}

/// Whether the folder looks like this data set.
pub(super) fn detect(root: &Path) -> bool {
    root.join(SPLIT_FILE).is_file()
}

/// One net.
struct Item {
    id: String,
    path: PathBuf,
    score: f64,
}

struct ParkSource {
    items: Vec<Item>,
    architectures: Architectures,
}

impl Source for ParkSource {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let Item { id, path, score } = &self.items[i];
        let tree = containers::read(path)?;
        let fault = |(expected, found): (String, String)| Error::format(path, expected, found);
        let entry = |name: &str| {
            let missing = || fault((format!("a checkpoint with the entry {name:?}"), tree.root.describe()));
            tree.root.get(name).cloned().ok_or_else(missing)
        };
        let (config, state_dict) = (Config::read(&entry("config")?).map_err(fault)?, entry("model")?);
        let spec = config.spec().map_err(|why| known::unsupported(&tree, why))?;
        let net = known::net(tree, state_dict, config.names(), &spec, &self.architectures)?;
        Ok(Sample { id: id.clone(), net, target: Target::Score(*score) })
    }

    fn name(&self, i: usize) -> String {
        self.items[i].id.clone()
    }
}
