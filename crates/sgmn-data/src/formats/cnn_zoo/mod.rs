//! The Small CNN Zoo: some 270,000 small image classifiers in one NumPy table, to predict their test accuracy.
//!
//! ```text
//! weights.npy       one row of floats a net, memory-mapped: only the rows asked for are in memory
//! layout.csv        varname,start_idx,end_idx,size,shape: where each tensor stands in a row, in TensorFlow's order
//! metrics.csv.gz    one line a row: step, config.activation, test_accuracy, ...; or metrics.csv
//! *_split.csv       row numbers in the order of the published experiments (from the NFN repository)
//! ```
//!
//! The split is the published one: rows in the order of the split file, those of the last step kept, the second half
//! test, the first half shuffled by Python's `random.Random(0)` and cut 80 to 20 into train and val, and only then
//! filtered by activation. Rows that a split file does not list are in no split. Without a file the split is drawn.

mod layout;
mod metrics;
mod order;
mod table;
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
    order::Order,
    table::Table,
};
pub(crate) use self::write::{Line, Writer};
use crate::{
    Error, Result, Sample, Source, Target, beside,
    skip::OnBadNet,
    source::Dataset,
    split::{Draw, Splits},
};

/// What can be chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The CSV of row numbers; a relative path counts from the data set's folder. Without it, the folder's only file
    /// named `*_split.csv`.
    pub split: Option<PathBuf>,
    /// Draw the split, whatever files there are; so it is, with the default, where there is no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<Draw>,
    /// What to make of the split file's header line.
    pub header: Header,
    /// Keep the nets of one activation only; where the metrics have no activation, all nets have this one.
    pub activation: Option<ZooActivation>,
    /// Keep the nets of this training step only.
    pub step: i64,
    /// The column of the metrics that is asked for.
    #[serde(skip_serializing_if = "is_test_accuracy")]
    pub target: String,
    /// What becomes of rows that are no good nets.
    #[serde(skip_serializing_if = "OnBadNet::is_error")]
    pub on_bad_net: OnBadNet,
}

/// The number that the published experiments ask for.
const TEST_ACCURACY: &str = "test_accuracy";

fn is_test_accuracy(target: &str) -> bool {
    target == TEST_ACCURACY
}

impl Default for Options {
    /// The published split, both activations, the last step of training, the test accuracy.
    fn default() -> Self {
        const LAST_STEP: i64 = 86;
        Self {
            split: None,
            draw: None,
            header: Header::Published,
            activation: None,
            step: LAST_STEP,
            target: TEST_ACCURACY.to_owned(),
            on_bad_net: OnBadNet::Error,
        }
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

/// Opens a zoo. The target of a net is the number in the column that was chosen, as it stands there.
///
/// # Errors
/// [`Error::Io`] if a file cannot be read; [`Error::Format`] if the files contradict each other or themselves;
/// [`Error::Config`] if a split is both to be read and to be drawn.
pub fn open(root: &Path, options: &Options) -> Result<Dataset> {
    let weights = Table::open(&root.join("weights.npy"))?;
    let layout = Layout::read(&root.join("layout.csv"), weights.n_columns())?;
    let metrics = Metrics::read(root, &options.target, options.activation, weights.n_rows())?;
    let Listing { order, draw, notes } = listing(root, options, weights.n_rows())?;

    let kept = metrics.lines_of_step(&order, options.step)?;
    // Positions among the kept rows become positions among those of the wanted activation.
    let wanted = |line: &Result<Known, String>| match (options.activation, line) {
        (Some(activation), Ok(known)) => known.activation == activation,
        _ => true,
    };
    let mut new_position = vec![None; kept.len()];
    let mut items = Vec::new();
    for (position, (place, line)) in kept.iter().enumerate() {
        if wanted(line) {
            new_position[position] = Some(items.len());
            let row = order.rows[*place];
            let id = if order.repeats_header && *place == 0 { format!("row{row}-header") } else { format!("row{row}") };
            if let (Err(found), OnBadNet::Error) = (line, options.on_bad_net) {
                return Err(metrics.fault(row, found));
            }
            items.push(Item { id, row, line: line.clone() });
        }
    }
    let splits = match draw {
        Some(draw) => draw.splits(&vec![Target::None; items.len()])?,
        None => {
            let (split_order, assignment) = order::published_split(kept.len());
            let mut splits = Splits::default();
            for position in split_order {
                if let Some(new) = new_position[position] {
                    splits.push(assignment[position], new);
                }
            }
            splits
        }
    };
    let specs = [ZooActivation::Relu, ZooActivation::Tanh].map(|activation| layout.spec(activation.into()));
    let [relu, tanh] = specs;
    let (relu, tanh) = (Arc::new(relu?), Arc::new(tanh?));
    let source = ZooSource { weights, source_of: layout.source_of(), relu, tanh, items, metrics };
    Ok(Dataset { notes, on_bad_net: options.on_bad_net, ..Dataset::new(source, splits) })
}

/// The order of rows, and how to draw the split if it does not follow from the order.
struct Listing {
    order: Order,
    draw: Option<Draw>,
    notes: Vec<String>,
}

fn listing(root: &Path, options: &Options, n_rows: usize) -> Result<Listing> {
    let of_all = || Order { rows: (0..n_rows).collect(), repeats_header: false };
    let split_file = match (&options.split, options.draw) {
        (Some(path), Some(_)) => {
            let found = format!("split = {:?} and draw", path.display().to_string());
            return Err(Error::Config { field: "split".into(), expected: "a file, or draw, not both".into(), found });
        }
        (Some(path), None) => root.join(path),
        (None, Some(draw)) => return Ok(Listing { order: of_all(), draw: Some(draw), notes: Vec::new() }),
        (None, None) => match order::only_split_file(root)? {
            Some(path) => path,
            None => {
                let notes = vec![Draw::default().note("there is no file *_split.csv")];
                return Ok(Listing { order: of_all(), draw: Some(Draw::default()), notes });
            }
        },
    };
    let order = order::read(&split_file, options.header, n_rows)?;
    let n_listed = order.rows.len() - usize::from(order.repeats_header);
    let partial = (n_listed < n_rows)
        .then(|| format!("{}: {n_listed} of {n_rows} rows are listed, the others are not used", beside::name(&split_file)));
    Ok(Listing { order, draw: None, notes: partial.into_iter().collect() })
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
    /// What is known, or why the row is no good net.
    line: Result<Known, String>,
}

struct ZooSource {
    weights: Table,
    /// For every parameter in PyTorch's order its column.
    source_of: Vec<usize>,
    relu: Arc<NetSpec>,
    tanh: Arc<NetSpec>,
    items: Vec<Item>,
    metrics: Metrics,
}

impl Source for ZooSource {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let Item { id, row, line } = &self.items[i];
        let line = line.as_ref().map_err(|found| self.metrics.fault(*row, found))?;
        let spec = match line.activation {
            ZooActivation::Relu => &self.relu,
            ZooActivation::Tanh => &self.tanh,
        };
        let values = self.weights.row(*row);
        let params = self.source_of.iter().map(|&column| values[column]).collect();
        let net = Net::new(spec.clone(), params).map_err(|source| {
            let path = format!("{} row {row}", self.weights.path().display()).into();
            Error::Net { path, source }
        })?;
        Ok(Sample { id: id.clone(), net, target: Target::Score(line.target) })
    }

    fn name(&self, i: usize) -> String {
        self.items[i].id.clone()
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
