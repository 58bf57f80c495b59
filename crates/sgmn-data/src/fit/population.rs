//! Fits a whole population into a dataset on disk, in as many calls as it takes.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use serde::Serialize;
use serde_json::{Map, Value};
use sgmn_graph::{NetSpec, Seed};

use super::{Fitted, Images, Progress, Recipe, Summary, arithmetic, finished::Population, siren::fit_some};
use crate::{
    Error, Made, Result, Shard,
    journal::{self, Finished, Journal, Record, Subject, make_shard, seed_fingerprint},
    split::Split,
};

/// What is to be fitted, and how the items will be called.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The images, one net each.
    pub images: &'a Images,
    /// Name of each item, unique.
    pub ids: &'a [String],
    /// Split of each item.
    pub splits: &'a [Option<Split>],
    /// How the nets are fitted.
    pub recipe: &'a Recipe,
    /// Where chance begins; net `i` starts from `seed.child("fit").index(i)`.
    pub seed: &'a Seed,
}

impl Request<'_> {
    fn validate(&self) -> Result<()> {
        let refuse = |field: &str, expected: String, found: String| {
            Err(Error::Config { field: field.into(), expected, found })
        };
        let n_nets = self.images.len();
        for (field, found) in [("ids", self.ids.len()), ("splits", self.splits.len())] {
            if found != n_nets || n_nets == 0 {
                return refuse(
                    field,
                    format!("one for each of {n_nets} images, at least one"),
                    found.to_string(),
                );
            }
        }
        let mut taken = BTreeSet::new();
        match self.ids.iter().find(|id| !taken.insert(*id)) {
            Some(id) => refuse("ids", "names that differ".into(), format!("{id:?} twice")),
            None => Ok(()),
        }
    }

    /// The architecture of the nets, and what they depend on.
    fn subject(&self) -> Result<(Arc<NetSpec>, Subject)> {
        self.validate()?;
        let &Request { images, recipe, seed, .. } = self;
        let spec = Arc::new(recipe.spec(images.size()[2])?);
        let header = Header {
            recipe,
            seed: &seed_fingerprint(seed),
            images_sha256: &images.digest(),
            n_nets: images.len(),
            arithmetic: arithmetic(),
        };
        let n_bytes = RECORD_HEAD + 4 * spec.n_params();
        let subject = Subject::new(MARK, &header, images.len(), n_bytes);
        Ok((spec, subject))
    }

    /// Everything that the nets depend on, by name: requests with equal facts have equal nets, bit for bit.
    ///
    /// # Errors
    /// [`Error::Config`] if the request cannot be fulfilled.
    pub fn facts(&self) -> Result<Map<String, Value>> {
        Ok(self.subject()?.1.facts())
    }
}

/// Fits a net to every image and writes them as one packed file.
///
/// Finished nets wait in `OUT.partial`, a journal; a call that was stopped or killed is continued by the next one with
/// the same request, and the file has the same bytes as if nothing had happened. `out` appears when all nets are there,
/// replacing what stood there; then the journal is deleted.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled;
/// [`Error::Format`] if the journal is of another request; [`Error::InUse`] if another process has it; [`Error::Io`] from
/// the disk.
pub fn fit_to_packed(
    request: &Request<'_>,
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Summary> {
    let (population, made) = fit(request, out, progress, stop)?;
    population.write_packed(request, out, made)
}

/// Fits a net to every image and writes them as a folder of safetensors files, which PyTorch reads as DWS's state dicts.
///
/// As [`fit_to_packed`], with `folder` in the place of `out`; the folder must be new or empty, so that no older net
/// mixes with these.
///
/// # Errors
/// As [`fit_to_packed`], and [`Error::Format`] if the folder holds something or two ids make one file name.
pub fn fit_to_safetensors(
    request: &Request<'_>,
    folder: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Summary> {
    refuse_full(folder)?;
    let (population, made) = fit(request, folder, progress, stop)?;
    population.write_safetensors(request, folder, made)
}

/// Fits the nets of one shard into its file in a folder, which must exist; nothing is left to do where the file is.
///
/// Finished nets wait in a journal beside the file, as in [`fit_to_packed`].
///
/// # Errors
/// As [`fit_to_packed`], and [`Error::Format`] if the file of the shard is of another request or another cut.
pub fn fit_shard(
    request: &Request<'_>,
    shard: Shard,
    folder: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Made> {
    let (_, subject) = request.subject()?;
    make_shard(&subject, shard, folder, |journal| fit_missing(request, journal, progress, stop))
}

/// Writes the nets of all shards, of `count`, as one packed file: the same bytes as [`fit_to_packed`].
///
/// # Errors
/// [`Error::Io`] if a shard is missing, and from the disk; [`Error::Format`] if a shard is of another request or another
/// cut, or a net in it fails its checksum; then no file appears.
pub fn gather_to_packed(request: &Request<'_>, folder: &Path, count: usize, out: &Path) -> Result<Summary> {
    gather(request, folder, count)?.write_packed(request, out, Made::default())
}

/// Writes the nets of all shards, of `count`, as a folder: the same files as [`fit_to_safetensors`].
///
/// # Errors
/// As [`gather_to_packed`] and [`fit_to_safetensors`].
pub fn gather_to_safetensors(
    request: &Request<'_>,
    folder: &Path,
    count: usize,
    out: &Path,
) -> Result<Summary> {
    refuse_full(out)?;
    gather(request, folder, count)?.write_safetensors(request, out, Made::default())
}

fn refuse_full(folder: &Path) -> Result<()> {
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_some()) {
        Ok(true) => Err(Error::format(folder, "a new or empty folder", "one that holds something")),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Fits what is missing in the journal beside `out`.
fn fit(
    request: &Request<'_>,
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<(Population, Made)> {
    let began = Instant::now();
    let (spec, subject) = request.subject()?;
    let mut journal = Journal::open(&journal::beside(out), &subject)?;
    let n_made_now = journal.missing().len();
    fit_missing(request, &mut journal, progress, stop)?;
    let (n_nets, seconds) = (request.images.len(), began.elapsed().as_secs_f64());
    let population = Population::new(request, spec, Finished::Journal(journal));
    Ok((population, Made { n_nets, n_made_now, seconds }))
}

/// Takes the nets from the files of shards.
fn gather(request: &Request<'_>, folder: &Path, count: usize) -> Result<Population> {
    let (spec, subject) = request.subject()?;
    Ok(Population::new(request, spec, Finished::in_shards(folder, count, subject)))
}

/// Fits what a journal is missing.
fn fit_missing(
    request: &Request<'_>,
    journal: &mut Journal<Fitted>,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<()> {
    let &Request { images, recipe, seed, .. } = request;
    let (missing, n_total) = (journal.missing(), journal.n_nets());
    let keep = |i: usize, fitted: Fitted| journal.append(i, &fitted);
    fit_some(images, (&missing, n_total), recipe, seed, keep, progress, stop)
}

/// What a population depends on.
#[derive(Debug, Serialize)]
struct Header<'a> {
    recipe: &'a Recipe,
    /// Fingerprint of the seed.
    seed: &'a str,
    images_sha256: &'a str,
    n_nets: usize,
    /// How the machine rounds, see [`super::arithmetic`].
    arithmetic: &'a str,
}

const MARK: &[u8; 8] = b"SGMNFIT1";
/// Bytes of a record before the parameters.
const RECORD_HEAD: usize = 12;

/// Updates (u32), PSNR in dB (f64), parameters (f32 each).
impl Record for Fitted {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.n_steps.to_le_bytes());
        bytes.extend_from_slice(&self.psnr_db.to_le_bytes());
        bytes.extend(self.params.iter().flat_map(|param| param.to_le_bytes()));
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (n_steps, bytes) = bytes.split_first_chunk::<4>()?;
        let (psnr_db, params) = bytes.split_first_chunk::<8>()?;
        let params = params.as_chunks::<4>().0.iter().map(|param| f32::from_le_bytes(*param)).collect();
        let (n_steps, psnr_db) = (u32::from_le_bytes(*n_steps), f64::from_le_bytes(*psnr_db));
        Some(Self { params, psnr_db, n_steps })
    }
}
