//! Trains a whole wild zoo into its folder, in as many calls as it takes.

use std::{path::Path, sync::atomic::AtomicBool, time::Instant};

use serde::Serialize;
use serde_json::{Map, Value};
use sgmn_graph::Seed;

use super::{
    Architecture, Facts, Trained, Training,
    train::{BATCH, Trainer},
    training::FRACTIONS,
};
use crate::{
    Error, Made, Result, Shard, Target,
    bytes::atomic::AtomicFile,
    fit::{self, Images},
    formats::flows,
    journal::{self, Finished, Journal, Record, Subject, make_shard, seed_fingerprint},
    split::{Split, Splits},
    zoo::{
        Evaluation, Progress, Summary,
        each::train_each,
        population::{check_images, digest, refuse_full, write_folder},
    },
};

/// The file of all nets in the folder of a zoo.
pub const NETS: &str = "nets.flows";
/// The table of what is known of each net.
pub const METRICS: &str = "metrics.csv";

/// What is to be trained.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Grey images of 28 × 28 with classes 0 to 9, to train on.
    pub train: &'a Images,
    /// Images of the same kind, to test on.
    pub test: &'a Images,
    /// Name of the images.
    pub dataset: &'a str,
    /// Number of nets.
    pub n_nets: usize,
    /// Nets in a row that share an architecture.
    pub per_architecture: usize,
    /// Passes over the images of a net at most.
    pub most_epochs: u32,
    /// Where chance begins.
    pub seed: &'a Seed,
}

/// Shares of the nets to train and to validate models on; the rest is to test them.
const SHARES: [f64; 2] = [0.7, 0.1];
/// More nets or epochs are taken for a mistake.
const MOST: usize = 1 << 24;

impl Request<'_> {
    /// The architecture of net `i`.
    pub(super) fn architecture(&self, i: usize) -> Architecture {
        Architecture::draw(&self.seed.child("architecture").index((i / self.per_architecture) as u64))
    }

    /// How net `i` learns after so many draws that diverged, and where the chance of that training begins.
    pub(super) fn training(&self, i: usize, n_diverged: u32) -> (Training, Seed) {
        let seed = self.seed.child("net").index(i as u64).index(n_diverged.into());
        (Training::draw(&seed.child("training"), self.most_epochs), seed)
    }

    pub(super) fn validate(&self) -> Result<()> {
        check_images("training images", self.train)?;
        check_images("test images", self.test)?;
        let least = (BATCH as f64 / FRACTIONS[0]).ceil() as usize;
        let counts = [
            ("n_nets", self.n_nets, 1, MOST),
            ("per_architecture", self.per_architecture, 1, MOST),
            ("most_epochs", self.most_epochs as usize, 1, MOST),
            // The smallest share of the images fills a batch.
            ("number of training images", self.train.len(), least, usize::MAX),
        ];
        for (field, found, least, most) in counts {
            if !(least..=most).contains(&found) {
                let expected = if most == usize::MAX {
                    format!("at least {least}")
                } else {
                    format!("{least} to {most}")
                };
                return Err(Error::Config { field: field.into(), expected, found: found.to_string() });
            }
        }
        Ok(())
    }

    /// Numbers of the largest net.
    fn largest(&self) -> usize {
        let firsts = (0..self.n_nets).step_by(self.per_architecture);
        firsts.map(|i| n_numbers(&self.architecture(i))).max().unwrap_or(0)
    }

    /// What the nets depend on.
    fn subject(&self) -> Result<Subject> {
        self.validate()?;
        let header = Header {
            n_nets: self.n_nets,
            per_architecture: self.per_architecture,
            most_epochs: self.most_epochs,
            seed: &seed_fingerprint(self.seed),
            train_sha256: &digest(self.train),
            test_sha256: &digest(self.test),
            arithmetic: fit::arithmetic(),
        };
        let n_bytes = N_KEPT_BYTES + self.largest() * size_of::<f32>();
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

/// What a zoo depends on.
#[derive(Debug, Serialize)]
struct Header<'a> {
    n_nets: usize,
    per_architecture: usize,
    most_epochs: u32,
    /// Fingerprint of the seed.
    seed: &'a str,
    train_sha256: &'a str,
    test_sha256: &'a str,
    /// How the machine rounds, see [`fit::arithmetic`].
    arithmetic: &'a str,
}

const MARK: &[u8; 8] = b"SGMNWILD";

/// What the journal holds of a net; all else follows from the request. Zeros fill the numbers of small nets.
struct Kept {
    n_diverged: u32,
    train: Evaluation,
    test: Evaluation,
    numbers: Vec<f32>,
}

/// Bytes of a record besides the numbers.
const N_KEPT_BYTES: usize = 4 + 4 * 8;

impl Record for Kept {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.n_diverged.to_le_bytes());
        for number in [self.train.accuracy, self.train.loss, self.test.accuracy, self.test.loss] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend(self.numbers.iter().flat_map(|number| number.to_le_bytes()));
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (n_diverged, bytes) = bytes.split_first_chunk::<4>()?;
        let (scores, numbers) = bytes.split_first_chunk::<32>()?;
        let score = |i: usize| scores.as_chunks::<8>().0.get(i).map(|bytes| f64::from_le_bytes(*bytes));
        Some(Self {
            n_diverged: u32::from_le_bytes(*n_diverged),
            train: Evaluation { accuracy: score(0)?, loss: score(1)? },
            test: Evaluation { accuracy: score(2)?, loss: score(3)? },
            numbers: numbers.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        })
    }
}

/// Trains all nets of a request and writes them as a folder with [`NETS`] and [`METRICS`].
///
/// Finished nets wait in `FOLDER.partial`, a journal; a call that was stopped or killed is continued by the next one
/// with the same request, and the files have the same bytes as if nothing had happened. `folder` must be new or empty;
/// it appears when all nets are there, and then the journal is deleted.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled;
/// [`Error::Format`] if the folder holds something or the journal is of another request; [`Error::Io`] from the disk.
pub fn train_to_flows(
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
    Ok(Summary::new(accuracies, n_diverged, n_missing, n_images, seconds))
}

/// Trains the nets of one shard into its file in a folder, which must exist; nothing is left to do where the file is.
///
/// Finished nets wait in a journal beside the file, as in [`train_to_flows`].
///
/// # Errors
/// As [`train_to_flows`], and [`Error::Format`] if the file of the shard is of another request or another cut.
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

/// Writes the nets of all shards, of `count`, as a wild zoo: the same bytes as [`train_to_flows`].
///
/// # Errors
/// [`Error::Io`] if a shard is missing, and from the disk; [`Error::Format`] if `out` holds something, a shard is of
/// another request or another cut, or a net in it fails its checksum; then no folder appears.
pub fn gather_to_flows(request: &Request<'_>, folder: &Path, count: usize, out: &Path) -> Result<Summary> {
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
    let (missing, n_nets, largest) = (journal.missing(), journal.n_nets(), request.largest());
    let trainer = Trainer::new(request);
    let keep = |i: usize, net: Trained| {
        let Trained { n_diverged, train, test, mut numbers, .. } = net;
        numbers.resize(largest, 0.0);
        journal.append(i, &Kept { n_diverged, train, test, numbers })
    };
    let train = |_: &mut (), i: usize| trainer.train(i, stop);
    train_each(n_nets, &missing, || (), train, keep, progress)
}

/// Writes finished nets as a file of flows and a table; their accuracies, and draws that diverged.
fn write(request: &Request<'_>, mut nets: Finished<Kept>, folder: &Path) -> Result<(Vec<f64>, usize)> {
    let n_nets = request.n_nets;
    let splits = Splits::stratified(&request.seed.child("split"), &vec![Target::None; n_nets], SHARES)?
        .assignment(n_nets)?;
    let (mut accuracies, mut n_diverged_of_all) = (Vec::with_capacity(n_nets), 0);
    write_folder(folder, |files| {
        let mut writer = flows::Writer::create(&files.join(NETS), provenance(request))?;
        let mut table = csv::Writer::from_writer(Vec::new());
        for (i, split) in splits.iter().enumerate() {
            let Kept { n_diverged, train, test, mut numbers } = nets.read(i)?;
            n_diverged_of_all += n_diverged as usize;
            accuracies.push(test.accuracy);
            let architecture = request.architecture(i);
            numbers.truncate(n_numbers(&architecture));
            let (training, _) = request.training(i, n_diverged);
            let net = Trained { architecture, training, n_diverged, numbers, train, test };
            push(&mut writer, &mut table, request, (i, *split), &net)?;
        }
        writer.finish()?;
        let path = files.join(METRICS);
        let table =
            table.into_inner().map_err(|why| Error::io(&path)(std::io::Error::other(why.to_string())))?;
        let mut file = AtomicFile::create(&path)?;
        file.write(&table)?;
        file.commit()
    })?;
    nets.discard()?;
    Ok((accuracies, n_diverged_of_all))
}

/// Writes one net into file and table.
fn push(
    writer: &mut flows::Writer,
    table: &mut csv::Writer<Vec<u8>>,
    request: &Request<'_>,
    (i, split): (usize, Option<Split>),
    net: &Trained,
) -> Result<()> {
    let Facts { numbers, words } = Facts::of(net);
    let io = |why: csv::Error| Error::io(METRICS)(why.into());
    if i == 0 {
        let names = ["net", "architecture", "split"].into_iter().chain(numbers.iter().map(|(name, _)| *name));
        table.write_record(names.chain(words.iter().map(|(name, _)| *name))).map_err(io)?;
    }
    let place = [i, i / request.per_architecture].map(|number| number.to_string());
    let line = place.into_iter().chain([split.map_or("", Split::name).to_owned()]);
    let line = line.chain(numbers.iter().map(|(_, number)| number.to_string()));
    table.write_record(line.chain(words.iter().map(|(_, word)| word.clone()))).map_err(io)?;
    writer.push(flows::Item {
        architecture: &flows::Architecture::Described(net.architecture.description()),
        row: &net.numbers,
        split,
        numbers: &numbers,
        words: &words,
    })
}

/// How many numbers a net of an architecture has.
fn n_numbers(architecture: &Architecture) -> usize {
    let tensors = architecture.steps().into_iter().flat_map(|step| step.tensors());
    tensors.map(|(_, tensor)| tensor.shape.iter().product::<usize>()).sum()
}

fn provenance(request: &Request<'_>) -> std::collections::BTreeMap<String, String> {
    let Request { train, test, dataset, per_architecture, most_epochs, .. } = *request;
    let facts = [
        ("made_by", "the wild zoo of sgmn".to_owned()),
        (
            "images",
            format!("{dataset}: {} to train on, {} to test on, at half their size", train.len(), test.len()),
        ),
        ("nets_of_one_architecture", per_architecture.to_string()),
        ("most_epochs", most_epochs.to_string()),
        ("images_an_update", BATCH.to_string()),
        ("seed_fingerprint", seed_fingerprint(request.seed)),
    ];
    facts.map(|(key, text)| (key.to_owned(), text)).into()
}
