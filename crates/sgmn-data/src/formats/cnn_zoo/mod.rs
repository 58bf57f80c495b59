//! The Small CNN Zoo: some 270,000 small image classifiers in one NumPy table, to predict their test accuracy.
//!
//! ```text
//! weights.npy       one row of f32 a net, memory-mapped: only the rows asked for are in memory
//! layout.csv        varname,start_idx,end_idx,size,shape: where each tensor stands in a row, in TensorFlow's order
//! metrics.csv.gz    one line a row: step, config.activation, test_accuracy, ...
//! *_split.csv       row numbers in the order of the published experiments (from the NFN repository)
//! ```
//!
//! The split is the published one: rows in the order of the split file, those of the last step kept, the second half
//! test, the first half shuffled by Python's `random.Random(0)` and cut 80 to 20 into train and val, and only then
//! filtered by activation.

mod layout;
mod metrics;
mod order;
mod write;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, Net, NetSpec};

use self::{
    layout::Layout,
    metrics::{Known, Metrics},
};
pub(crate) use self::write::{Line, Writer};
use crate::{
    Error, Result, Sample, Source, Target, containers::npy::NpyTable, source::Dataset, split::Splits,
};

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The CSV of row numbers; a relative path counts from the data set's folder. Without it, the folder's only file
    /// named `*_split.csv`.
    pub split: Option<PathBuf>,
    /// What to make of the split file's header line.
    pub header: Header,
    /// Keep the nets of one activation only.
    pub activation: Option<ZooActivation>,
    /// Keep the nets of this training step only.
    pub step: i64,
}

impl Default for Options {
    /// The published split, both activations, the last step of training.
    fn default() -> Self {
        const LAST_STEP: i64 = 86;
        Self { split: None, header: Header::Published, activation: None, step: LAST_STEP }
    }
}

/// What to make of a first line `0` that is the name of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Header {
    /// The published code reads it as row 0, which so stands in the data twice, perhaps in training and in test.
    Published,
    /// It is a header, and skipped. It counts as one if row 0 stands again further down.
    Exact,
}

/// The activations of the zoo; their words are those of any [`Activation`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", try_from = "String")]
pub enum ZooActivation {
    /// `max(x, 0)`.
    Relu,
    /// Hyperbolic tangent.
    Tanh,
}

/// Opens a zoo. The target of a net is its test accuracy in [0, 1].
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Format`] if the files contradict each other or themselves.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let split_file = match &options.split {
        Some(path) => root.join(path),
        None => order::only_split_file(root)?,
    };
    let weights = NpyTable::open(&root.join("weights.npy"))?;
    let layout = Layout::read(&root.join("layout.csv"), weights.n_columns())?;
    let metrics = Metrics::read(&root.join("metrics.csv.gz"), weights.n_rows())?;
    let order = order::read(&split_file, options.header, weights.n_rows())?;

    let kept = metrics.lines_of_step(&order, options.step)?;
    let (split_order, assignment) = order::published_split(kept.len());
    // Positions among the kept rows become positions among those of the wanted activation.
    let wanted = |position: usize| options.activation.is_none_or(|activation| kept[position].1.activation == activation);
    let mut new_position = vec![None; kept.len()];
    let mut items = Vec::new();
    for (position, &(place, line)) in kept.iter().enumerate() {
        if wanted(position) {
            new_position[position] = Some(items.len());
            let row = order.rows[place];
            let id = if order.repeats_header && place == 0 { format!("row{row}-header") } else { format!("row{row}") };
            items.push(Item { id, row, line });
        }
    }
    let mut splits = Splits::default();
    for position in split_order {
        if let Some(new) = new_position[position] {
            splits.push(assignment[position], new);
        }
    }
    let specs = [ZooActivation::Relu, ZooActivation::Tanh].map(|activation| layout.spec(activation.into()));
    let [relu, tanh] = specs;
    let (relu, tanh) = (Arc::new(relu?), Arc::new(tanh?));
    let source = ZooSource { weights, source_of: layout.source_of(), relu, tanh, items };
    Ok(Dataset { source: Box::new(source), splits })
}

/// Whether the folder looks like a zoo.
pub(super) fn detect(root: &Path) -> bool {
    root.join("weights.npy").is_file() && root.join("layout.csv").is_file()
}

/// One net of the zoo.
#[derive(Debug, Clone, PartialEq)]
struct Item {
    id: String,
    row: usize,
    line: Known,
}

struct ZooSource {
    weights: NpyTable,
    /// For every parameter in PyTorch's order its column.
    source_of: Vec<usize>,
    relu: Arc<NetSpec>,
    tanh: Arc<NetSpec>,
    items: Vec<Item>,
}

impl Source for ZooSource {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let Item { id, row, line } = &self.items[i];
        let spec = match line.activation {
            ZooActivation::Relu => &self.relu,
            ZooActivation::Tanh => &self.tanh,
        };
        let values = self.weights.row(*row);
        let params = self.source_of.iter().map(|&column| f64::from(values[column])).collect();
        let net = Net::new(spec.clone(), params).map_err(|source| {
            let path = format!("{} row {row}", self.weights.path().display()).into();
            Error::Net { path, source }
        })?;
        Ok(Sample { id: id.clone(), net, target: Target::Score(line.test_accuracy) })
    }
}

impl From<ZooActivation> for Activation {
    fn from(activation: ZooActivation) -> Self {
        match activation {
            ZooActivation::Relu => Self::Relu,
            ZooActivation::Tanh => Self::Tanh,
        }
    }
}

impl TryFrom<String> for ZooActivation {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        match word.parse() {
            Ok(Activation::Relu) => Ok(Self::Relu),
            Ok(Activation::Tanh) => Ok(Self::Tanh),
            _ => Err(format!("expected relu or tanh, the activations of the zoo, found {word:?}")),
        }
    }
}
