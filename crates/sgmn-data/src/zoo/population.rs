//! Trains a whole zoo into its folder, in as many calls as it takes.

use std::{path::Path, sync::atomic::AtomicBool, time::Instant};

use rand::seq::SliceRandom;
use serde::Serialize;
use serde_json::{Map, Value};
use sgmn_graph::Seed;
use sha2::{Digest, Sha256};

use super::{
    Checkpoint, Evaluation, Hyperparameters, Progress, Recipe, Summary, Trained,
    architecture::{N_CHANNELS, N_CLASSES, N_PARAMS, SIDES, layout},
    network::MULTIPLY_ADDS,
    train::train_some,
};
use crate::{
    Error, Made, Result, Shard,
    fit::{self, Images},
    formats::cnn_zoo::{Line, Writer, ZooActivation},
    journal::{self, Finished, Journal, Record, Subject, make_shard, seed_fingerprint},
};

/// What is to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Grey images of 28 × 28 with classes 0 to 9, to train on.
    pub train: &'a Images,
    /// Images of the same kind, to test on.
    pub test: &'a Images,
    /// Name of the images, which becomes part of a file's name.
    pub dataset: &'a str,
    /// Number of nets.
    pub n_nets: usize,
    /// What all nets share.
    pub recipe: &'a Recipe,
    /// The activation of all nets; drawn for each if left out.
    pub activation: Option<ZooActivation>,
    /// Where chance begins; net `i` draws from `seed.child("net").index(i)`.
    pub seed: &'a Seed,
}

impl Request<'_> {
    /// Hyper-parameters of a net.
    pub(super) fn draw(&self, seed: &Seed) -> Hyperparameters {
        let drawn = Hyperparameters::draw(&seed.child("hyperparameters"));
        Hyperparameters { activation: self.activation.unwrap_or(drawn.activation), ..drawn }
    }

    pub(super) fn validate(&self) -> Result<()> {
        let refuse = |field: &str, expected: String, found: String| {
            Err(Error::Config { field: field.into(), expected, found })
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if self.dataset.is_empty() || !self.dataset.chars().all(is_name) {
            return refuse("dataset", "letters, digits, '-' and '_'".into(), format!("{:?}", self.dataset));
        }
        check_images("training images", self.train)?;
        check_images("test images", self.test)?;
        self.recipe.validate(self.train.len())?;
        // Only now: a recipe may have too many epochs to count.
        let most = u32::MAX as usize / self.recipe.kept().len();
        if !(1..=most).contains(&self.n_nets) {
            return refuse("n_nets", format!("1 to {most}"), self.n_nets.to_string());
        }
        Ok(())
    }

    /// What the nets depend on.
    fn subject(&self) -> Result<Subject> {
        self.validate()?;
        let header = Header {
            recipe: self.recipe,
            activation: self.activation,
            seed: &seed_fingerprint(self.seed),
            train_sha256: &digest(self.train),
            test_sha256: &digest(self.test),
            n_nets: self.n_nets,
            arithmetic: fit::arithmetic(),
        };
        let n_bytes = 4 + self.recipe.kept().len() * N_CHECKPOINT_BYTES;
        Ok(Subject::new(MARK, &header, self.n_nets, n_bytes))
    }

    /// Everything that the nets depend on, by name: requests with equal facts have equal nets, bit for bit.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be fulfilled.
    pub fn facts(&self) -> Result<Map<String, Value>> {
        Ok(self.subject()?.facts())
    }
}

/// Refuses images that are not grey, of 28 × 28, and of classes 0 to 9.
pub(super) fn check_images(field: &str, images: &Images) -> Result<()> {
    let refuse =
        |expected: String, found: String| Err(Error::Config { field: field.into(), expected, found });
    if images.size() != [SIDES[0], SIDES[0], 1] || images.is_empty() {
        let found = format!("{} of size {:?}", images.len(), images.size());
        return refuse(format!("grey images of {} × {}, at least one", SIDES[0], SIDES[0]), found);
    }
    let classes = || (0..images.len()).map(|i| images.label(i));
    match classes().enumerate().find(|(_, class)| class.is_none_or(|c| c as usize >= N_CLASSES)) {
        None => Ok(()),
        Some((i, class)) => {
            let found = class.map_or("none".to_owned(), |class| format!("{class} at image {i}"));
            refuse(format!("classes below {N_CLASSES}"), found)
        }
    }
}

/// What a zoo depends on.
#[derive(Debug, Serialize)]
struct Header<'a> {
    recipe: &'a Recipe,
    activation: Option<ZooActivation>,
    /// Fingerprint of the seed.
    seed: &'a str,
    train_sha256: &'a str,
    test_sha256: &'a str,
    n_nets: usize,
    /// How the machine rounds, see [`fit::arithmetic`].
    arithmetic: &'a str,
}

const MARK: &[u8; 8] = b"SGMNZOO1";
/// Bytes of a checkpoint: epoch (u32), accuracy and loss in training and test (f64 each), parameters (f32 each).
const N_CHECKPOINT_BYTES: usize = 4 + 4 * 8 + 4 * N_PARAMS;

/// What the journal holds of a net; its hyper-parameters follow from the request.
struct Kept {
    n_diverged: u32,
    checkpoints: Vec<Checkpoint>,
}

impl Record for Kept {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.n_diverged.to_le_bytes());
        for Checkpoint { epoch, params, train, test } in &self.checkpoints {
            bytes.extend_from_slice(&epoch.to_le_bytes());
            for number in [train.accuracy, train.loss, test.accuracy, test.loss] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.extend(params.iter().flat_map(|param| param.to_le_bytes()));
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (n_diverged, bytes) = bytes.split_first_chunk::<4>()?;
        let (checkpoints, []) = bytes.as_chunks::<N_CHECKPOINT_BYTES>() else { return None };
        let checkpoint = |bytes: &[u8; N_CHECKPOINT_BYTES]| {
            let (epoch, bytes) = bytes.split_first_chunk::<4>()?;
            let (numbers, params) = bytes.split_first_chunk::<32>()?;
            let number = |i: usize| numbers.as_chunks::<8>().0.get(i).map(|bytes| f64::from_le_bytes(*bytes));
            Some(Checkpoint {
                epoch: u32::from_le_bytes(*epoch),
                params: params.as_chunks::<4>().0.iter().map(|param| f32::from_le_bytes(*param)).collect(),
                train: Evaluation { accuracy: number(0)?, loss: number(1)? },
                test: Evaluation { accuracy: number(2)?, loss: number(3)? },
            })
        };
        let checkpoints = checkpoints.iter().map(checkpoint).collect::<Option<_>>()?;
        Some(Self { n_diverged: u32::from_le_bytes(*n_diverged), checkpoints })
    }
}

/// Trains all nets of a request and writes them as a folder with the zoo's files.
///
/// Finished nets wait in `FOLDER.partial`, a journal; a call that was stopped or killed is continued by the next one
/// with the same request, and the files have the same bytes as if nothing had happened. `folder` must be new or empty;
/// it appears when all nets are there, and then the journal is deleted.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled;
/// [`Error::Format`] if the folder holds something or the journal is of another request; [`Error::InUse`] if another
/// process has it; [`Error::Io`] from the disk.
pub fn train_to_zoo(
    request: &Request<'_>,
    folder: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Summary> {
    let began = Instant::now();
    let subject = request.subject()?;
    refuse_full(folder)?;
    let mut journal = Journal::open(&journal::beside(folder), &subject)?;
    let n_missing = journal.missing().len();
    let n_images = train_missing(request, &mut journal, progress, stop)?;
    let seconds = began.elapsed().as_secs_f64();
    let (accuracies, n_diverged) = write(request, Finished::Journal(journal), folder)?;
    Ok(Summary::new(accuracies, n_diverged, n_missing, n_images, seconds).of_work(MULTIPLY_ADDS))
}

/// Trains the nets of one shard into its file in a folder, which must exist; nothing is left to do where the file is.
///
/// Finished nets wait in a journal beside the file, as in [`train_to_zoo`].
///
/// # Errors
/// As [`train_to_zoo`], and [`Error::Format`] if the file of the shard is of another request or another cut.
pub fn train_shard(
    request: &Request<'_>,
    shard: Shard,
    folder: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Made> {
    let train = |journal: &mut _| train_missing(request, journal, progress, stop).map(drop);
    make_shard(&request.subject()?, shard, folder, train)
}

/// Writes the nets of all shards, of `count`, as a zoo: the same bytes as [`train_to_zoo`].
///
/// # Errors
/// [`Error::Io`] if a shard is missing, and from the disk; [`Error::Format`] if `out` holds something, a shard is of
/// another request or another cut, or a net in it fails its checksum; then no folder appears.
pub fn gather_to_zoo(request: &Request<'_>, folder: &Path, count: usize, out: &Path) -> Result<Summary> {
    let subject = request.subject()?;
    refuse_full(out)?;
    let (accuracies, n_diverged) = write(request, Finished::in_shards(folder, count, subject), out)?;
    Ok(Summary::new(accuracies, n_diverged, 0, 0, 0.0))
}

/// Trains what a journal is missing; the images that this took.
fn train_missing(
    request: &Request<'_>,
    journal: &mut Journal<Kept>,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<u64> {
    let (missing, n_nets) = (journal.missing(), journal.n_nets());
    let keep = |i: usize, trained: Trained| {
        let Trained { n_diverged, checkpoints, .. } = trained;
        journal.append(i, &Kept { n_diverged, checkpoints })
    };
    train_some(request, (&missing, n_nets), keep, progress, stop)
}

/// Writes finished nets as the files of a zoo; their accuracies, and draws that diverged.
fn write(request: &Request<'_>, mut nets: Finished<Kept>, folder: &Path) -> Result<(Vec<f64>, usize)> {
    let n_kept = request.recipe.kept().len();
    let mut accuracies = Vec::with_capacity(request.n_nets);
    let mut n_diverged = 0;
    write_folder(folder, |files| {
        let mut writer = Writer::create(files, request.n_nets * n_kept, N_PARAMS)?;
        for i in 0..request.n_nets {
            let net = nets.read(i)?;
            n_diverged += net.n_diverged as usize;
            let seed = request.seed.child("net").index(i as u64).index(net.n_diverged.into());
            let drawn = request.draw(&seed);
            for checkpoint in &net.checkpoints {
                writer.push(&line(request, i, &drawn, checkpoint), &checkpoint.params)?;
            }
            accuracies.extend(net.checkpoints.last().map(|last| last.test.accuracy));
        }
        let order = split_order(request.n_nets * n_kept, request.seed);
        writer.finish(&layout(), request.dataset, &order)
    })?;
    nets.discard()?;
    Ok((accuracies, n_diverged))
}

/// Refuses a folder that holds something.
pub(super) fn refuse_full(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::format(folder, "a new or empty folder", "one that holds something")),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Lets `write` fill a folder that appears as a whole: one with some of its files would look like a damaged zoo.
pub(super) fn write_folder(folder: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix(".writing-").tempdir_in(parent).map_err(Error::io(folder))?;
    let files = aside.path().join("zoo");
    std::fs::create_dir(&files).map_err(Error::io(folder))?;
    write(&files)?;
    std::fs::rename(&files, folder).map_err(Error::io(folder))
}

/// The line of `metrics.csv.gz` of one row.
fn line(request: &Request<'_>, i: usize, drawn: &Hyperparameters, checkpoint: &Checkpoint) -> Line {
    /// The zoo's, whose checkpoints a recipe may thin out.
    const EPOCHS_BETWEEN_CHECKPOINTS: u32 = 20;
    Line {
        activation: drawn.activation,
        b_init: "zeros".into(),
        dataset: request.dataset.to_owned(),
        dnn_architecture: "cnn".into(),
        dropout: drawn.dropout,
        epochs: request.recipe.epochs,
        epochs_between_checkpoints: EPOCHS_BETWEEN_CHECKPOINTS,
        init_std: drawn.init_std,
        l2reg: drawn.l2,
        learning_rate: drawn.learning_rate,
        num_layers: 3,
        num_units: N_CHANNELS as u32,
        optimizer: word(drawn.optimizer),
        random_seed: i as u64,
        train_fraction: drawn.train_fraction,
        w_init: word(drawn.w_init),
        modeldir: format!("net-{i:06}"),
        step: checkpoint.epoch,
        test_accuracy: checkpoint.test.accuracy,
        test_loss: checkpoint.test.loss,
        train_accuracy: checkpoint.train.accuracy,
        train_loss: checkpoint.train.loss,
        laststep: request.recipe.epochs,
    }
}

/// The word by which files name a choice.
pub(super) fn word(choice: impl Serialize) -> String {
    match serde_json::to_value(choice) {
        Ok(serde_json::Value::String(word)) => word,
        other => unreachable!("choices without data are written as words, not {other:?}"),
    }
}

/// All rows in the order of the split file: row 0 first, the others shuffled.
///
/// The published files begin with a line `0` that is a header, and are read as if it were row 0, which so stands in the
/// data twice. Here that line is row 0 and no header, so every reading has every row once: the published one, ours in
/// both forms, and one that takes the first line for a header has all rows but this.
fn split_order(n_rows: usize, seed: &Seed) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n_rows).collect();
    order[1..].shuffle(&mut seed.child("split").rng());
    order
}

/// SHA-256 of images and classes, in hexadecimal.
pub(super) fn digest(images: &Images) -> String {
    let mut hash = Sha256::new();
    hash.update(images.digest());
    for i in 0..images.len() {
        hash.update(images.label(i).unwrap_or(u32::MAX).to_le_bytes());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
