//! The Model Zoo collections: CNNs in the folders that Ray Tune leaves, one a training, with a checkpoint an epoch.
//!
//! ```text
//! zoo/**/NN_tune_trainable_*/params.json                        settings: model::type, model::nlin, ...
//! zoo/**/NN_tune_trainable_*/result.json                        one JSON object an epoch: training_iteration, test_acc, ...
//! zoo/**/NN_tune_trainable_*/checkpoint_000050/checkpoints      a PyTorch archive without ending
//! ```
//!
//! All epochs of a training are in one split.
//!
//! # Source
//! Schürholt et al. 2022, "Model Zoos: A Dataset of Diverse Populations of Neural Network Models", and its program.

mod architecture;
mod params;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::params::Params;
use super::{
    architectures::Architectures,
    known::{self, Epochs},
};
use crate::{
    Error, Result, Sample, Source, Target, containers, skip::OnBadNet, source::Dataset, split::Draw,
};

/// Folders between the whole and the trainings.
const MAX_DEPTH: usize = 8;
/// File of a net, in the folder of its epoch.
const NET_FILE: &str = "checkpoints";

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// Which epochs are read: `"last"`, `"all"`, or a number.
    pub epochs: Epochs,
    /// The metric of `result.json` that is asked for, at the net's epoch.
    pub target: String,
    /// How the split is drawn; no split comes with the collections.
    pub draw: Option<Draw>,
    /// What becomes of nets that cannot be read.
    pub on_bad_net: OnBadNet,
}

impl Default for Options {
    /// The last epoch of each training, and its test accuracy.
    fn default() -> Self {
        Self { epochs: Epochs::Last, target: "test_acc".to_owned(), draw: None, on_bad_net: OnBadNet::Error }
    }
}

/// Opens a collection: items by training, then epoch.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be listed; [`Error::Format`] if there are no trainings, none with the epoch, or a
/// text file of one is damaged, unless that may be left out.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let mut trainings = Vec::new();
    find(root, root, 0, &mut trainings)?;
    if trainings.is_empty() {
        return Err(Error::format(root, "folders with params.json and checkpoint_*", "none"));
    }
    let said: Vec<Result<Said>> =
        trainings.par_iter().map(|training| training.said(&options.target)).collect();
    let (mut items, mut group_of, mut n_without) = (Vec::new(), Vec::new(), 0);
    let mut known_epochs = BTreeSet::new();
    for (group, (training, said)) in trainings.iter().zip(said).enumerate() {
        let facts = match said {
            Err(why) if options.on_bad_net == OnBadNet::Error => return Err(why),
            said => said.map_err(|why| why.to_string()),
        };
        let epochs = training.epochs()?;
        known_epochs.extend(epochs.keys().copied());
        let chosen: Vec<u64> = match options.epochs {
            Epochs::All => epochs.keys().copied().collect(),
            Epochs::Last => epochs.keys().next_back().copied().into_iter().collect(),
            Epochs::One(epoch) => epochs.keys().copied().filter(|&found| found == epoch).collect(),
        };
        n_without += usize::from(chosen.is_empty());
        for epoch in chosen {
            let folder = &epochs[&epoch];
            let id = format!("{}/{folder}", training.name);
            let facts = facts.clone().and_then(|Said { params, metrics }| match metrics.get(&epoch) {
                Some(&score) => Ok((params, score)),
                None => {
                    Err(format!("no finite {} of training_iteration {epoch} in result.json", options.target))
                }
            });
            items.push(Item { id, path: training.path.join(folder).join(NET_FILE), facts });
            group_of.push(group);
        }
    }
    if items.is_empty() {
        let found = known_epochs.iter().take(20).map(u64::to_string).collect::<Vec<_>>().join(", ");
        return Err(Error::format(
            root,
            format!("checkpoints of {:?}, the option epochs", options.epochs),
            format!("epochs {found}"),
        ));
    }
    let mut notes = Vec::new();
    if n_without > 0 {
        notes.push(format!("{n_without} training(s) without a checkpoint that was asked for"));
    }
    let draw = options.draw.unwrap_or_else(|| {
        let draw = Draw::default();
        notes.push(draw.note("no split comes with the collection, all epochs of a training stay together"));
        draw
    });
    let splits = draw.splits_of_groups(&group_of)?;
    let source = CollectionSource { items, architectures: Architectures::default() };
    Ok(Dataset { notes, on_bad_net: options.on_bad_net, ..Dataset::new(source, splits) })
}

/// Whether there are trainings in a folder.
pub(super) fn detect(root: &Path) -> bool {
    let mut trainings = Vec::new();
    root.is_dir()
        && !root.join("weights.npy").exists()
        && find(root, root, MAX_DEPTH - 2, &mut trainings).is_ok()
        && !trainings.is_empty()
}

/// What the text files of a training say.
#[derive(Clone)]
struct Said {
    params: Params,
    /// By epoch.
    metrics: BTreeMap<u64, f64>,
}

/// The folder of one training.
struct Training {
    path: PathBuf,
    /// Its path below the whole.
    name: String,
}

impl Training {
    /// What its text files say, with the metric of this name.
    fn said(&self, metric: &str) -> Result<Said> {
        let params = Params::read(&self.path.join("params.json"))?;
        Ok(Said { params, metrics: params::metric(&self.path.join("result.json"), metric)? })
    }

    /// The folders of its epochs, by number, that have a net.
    fn epochs(&self) -> Result<BTreeMap<u64, String>> {
        let mut epochs = BTreeMap::new();
        for entry in std::fs::read_dir(&self.path).map_err(Error::io(&self.path))? {
            let name = entry.map_err(Error::io(&self.path))?.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("checkpoint_").and_then(|number| number.parse().ok());
            if let Some(number) = number
                && self.path.join(&name).join(NET_FILE).is_file()
            {
                epochs.insert(number, name);
            }
        }
        Ok(epochs)
    }
}

/// Finds the folders of trainings, in the order of their names.
fn find(root: &Path, folder: &Path, depth: usize, trainings: &mut Vec<Training>) -> Result<()> {
    if folder.join("params.json").is_file() {
        let below = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
        let own = || folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if below.is_empty() { own() } else { below };
        let training = Training { path: folder.to_owned(), name };
        if !training.epochs()?.is_empty() {
            trainings.push(training);
        }
        return Ok(());
    }
    if depth == MAX_DEPTH {
        return Ok(());
    }
    let mut folders = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
        let entry = entry.map_err(Error::io(folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') && entry.path().is_dir() {
            folders.insert(entry.path());
        }
    }
    folders.iter().try_for_each(|folder| find(root, folder, depth + 1, trainings))
}

/// One net.
struct Item {
    id: String,
    path: PathBuf,
    /// The training's settings and the net's metric, or why they are not known.
    facts: Result<(Params, f64), String>,
}

struct CollectionSource {
    items: Vec<Item>,
    architectures: Architectures,
}

impl Source for CollectionSource {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let Item { id, path, facts } = &self.items[i];
        let (params, score) =
            facts.as_ref().map_err(|why| Error::format(path, "settings and a metric beside the net", why))?;
        let tree = containers::read(path)?;
        let state_dict = tree.root.clone();
        let layers = known::layers(&state_dict);
        if let Some((name, shape)) = layers.iter().find(|(_, shape)| shape.contains(&0)) {
            return Err(Error::format(path, format!("{name}.weight without an axis of 0"), format!("{shape:?}")));
        }
        let spec = architecture::spec(params, &layers).map_err(|why| known::unsupported(&tree, why))?;
        let names = layers.into_iter().map(|(name, _)| name).collect();
        let net = known::net(tree, state_dict, names, &spec, &self.architectures)?;
        Ok(Sample { id: id.clone(), net, target: Target::Score(*score) })
    }

    fn name(&self, i: usize) -> String {
        self.items[i].id.clone()
    }
}
