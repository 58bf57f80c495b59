//! Fits a whole population into a dataset on disk, in as many calls as it takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicBool},
    time::Instant,
};

use serde::Serialize;
use sgmn_graph::{Net, NetSpec, Seed};

use super::{Fitted, Images, Progress, Recipe, Summary, arithmetic, siren::fit_some};
use crate::{
    Error, Result, Sample, Source, Target,
    formats::{folder, packed},
    journal::{self, Journal, Record, Subject, seed_fingerprint},
    source::Dataset,
    split::{Split, Splits},
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
}

/// Fits a net to every image and writes them as one packed file.
///
/// Finished nets wait in `OUT.partial`, a journal; a call that was stopped or killed is continued by the next one with
/// the same request, and the file has the same bytes as if nothing had happened. `out` appears when all nets are there,
/// replacing what stood there; then the journal is deleted.
///
/// # Errors
/// [`Error::Interrupted`] soon after `stop` becomes true; [`Error::Config`] if the request cannot be fulfilled;
/// [`Error::Format`] if the journal is of another request; [`Error::Io`] from the disk.
pub fn fit_to_packed(
    request: &Request<'_>,
    out: &Path,
    progress: &(dyn Fn(Progress) + Sync),
    stop: &AtomicBool,
) -> Result<Summary> {
    let (population, summary) = Population::fit(request, out, progress, stop)?;
    let mut provenance = provenance(request);
    provenance.extend(summary.facts());
    let mut writer = packed::Writer::create(out, provenance)?;
    for i in 0..population.len() {
        let (id, target, spec) =
            (population.ids[i].clone(), population.targets[i], Arc::clone(&population.spec));
        let Fitted { params, .. } = population.fitted(i)?;
        writer.push(packed::Item { id, spec, params, target, split: request.splits[i] })?;
    }
    writer.finish()?;
    drop(population);
    journal::remove_beside(out)?;
    Ok(summary)
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
    if let Ok(mut entries) = std::fs::read_dir(folder)
        && entries.next().is_some()
    {
        return Err(Error::format(folder, "a new or empty folder", "one that holds something"));
    }
    let (population, summary) = Population::fit(request, folder, progress, stop)?;
    let dataset = Dataset::new(population, Splits::from_assignment(request.splits.iter().copied()));
    // The nets are written aside and moved as a whole: a folder with some of them would look like a smaller dataset.
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let aside = tempfile::Builder::new().prefix(".writing-").tempdir_in(parent).map_err(Error::io(folder))?;
    let nets = aside.path().join("nets");
    folder::write(&dataset, &nets, |_, _| {})?;
    std::fs::rename(&nets, folder).map_err(Error::io(folder))?;
    drop(dataset);
    journal::remove_beside(folder)?;
    Ok(summary)
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

/// A population whose nets are all in the journal.
struct Population {
    spec: Arc<NetSpec>,
    ids: Vec<String>,
    targets: Vec<Target>,
    journal: Mutex<Journal<Fitted>>,
}

impl Population {
    /// Fits what is missing.
    fn fit(
        request: &Request<'_>,
        out: &Path,
        progress: &(dyn Fn(Progress) + Sync),
        stop: &AtomicBool,
    ) -> Result<(Self, Summary)> {
        let began = Instant::now();
        request.validate()?;
        let &Request { images, recipe, seed, .. } = request;
        let spec = Arc::new(recipe.spec(images.size()[2])?);
        let header = Header {
            recipe,
            seed: &seed_fingerprint(seed),
            images_sha256: &images.digest(),
            n_nets: images.len(),
            arithmetic: arithmetic(),
        };
        let n_bytes = RECORD_HEAD + 4 * spec.n_params();
        let subject = Subject { mark: MARK, header: &header, n_nets: images.len(), n_bytes };
        let mut journal = Journal::open(&journal::beside(out), subject)?;
        let missing = journal.missing();
        let keep = |i: usize, fitted: Fitted| journal.append(i, &fitted);
        fit_some(images, &missing, recipe, seed, keep, progress, stop)?;
        let targets =
            (0..images.len()).map(|i| images.label(i).map_or(Target::None, Target::Class)).collect();
        let population = Self { spec, ids: request.ids.to_vec(), targets, journal: Mutex::new(journal) };
        let nets: Vec<(f64, u32)> = (0..images.len())
            .map(|i| population.fitted(i).map(|fitted| (fitted.psnr_db, fitted.n_steps)))
            .collect::<Result<_>>()?;
        let summary = Summary::new(&nets, recipe.goal_psnr_db, missing.len(), began.elapsed().as_secs_f64());
        Ok((population, summary))
    }

    fn fitted(&self, i: usize) -> Result<Fitted> {
        let mut journal = self.journal.lock().expect("reading does not panic");
        Ok(journal.read(i)?.expect("every missing net was fitted and appended"))
    }
}

impl Source for Population {
    fn len(&self) -> usize {
        self.ids.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let id = self.ids[i].clone();
        let params = self.fitted(i)?.params.into_iter().map(f64::from).collect();
        let net = Net::new(Arc::clone(&self.spec), params)
            .map_err(|source| Error::Net { path: PathBuf::from(&id), source })?;
        Ok(Sample { id, net, target: self.targets[i] })
    }
}

/// Where the nets come from; the same for the same request.
fn provenance(request: &Request<'_>) -> BTreeMap<String, String> {
    let recipe = serde_json::to_string(request.recipe).expect("numbers can be written as JSON");
    let facts = [
        ("made_by", "fit of SIRENs to images".to_owned()),
        ("recipe", recipe),
        ("seed", seed_fingerprint(request.seed)),
        ("images_sha256", request.images.digest()),
        ("image_size", format!("{:?}", request.images.size())),
        ("arithmetic", arithmetic().to_owned()),
    ];
    facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
