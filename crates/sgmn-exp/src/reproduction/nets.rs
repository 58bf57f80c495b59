//! The nets that the models of a reproduction read: opened or made once, with a note of the time it took.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sgmn_data::{Source, formats::packed::Reader};
use sgmn_graph::Seed;

use super::{plan::Request, results::StudyResults, study::Study};
use crate::{
    config::{Data, Fitted},
    data::datasets::{self, MINI_NAME},
    metrics::tau_ceiling,
    show::{
        Block,
        save::{read_json, write_json},
        statistics::{self, Sample, Statistics},
        thousands,
    },
};

/// What is known about nets that were made here.
#[derive(Debug, Clone, PartialEq)]
pub struct Nets {
    /// How they were made.
    pub data: Data,
    /// The file or folder that holds them.
    pub path: PathBuf,
    /// Number of nets.
    pub n_nets: usize,
    /// Time of making them in seconds; unknown if that was done elsewhere.
    pub seconds: Option<f64>,
    /// Median of the peak signal-to-noise ratios of INRs in decibels, and the share of them that reached the goal.
    pub fit: Option<(f64, f64)>,
}

/// How long nets took, all calls together; kept beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MakingTime {
    seconds: f64,
}

/// Opens the nets of some studies once, which makes those that are made here and do not exist yet.
///
/// # Errors
/// If files are missing or damaged, the models of a study do not read the same nets, or the work was interrupted.
pub fn make(request: &Request, stop: &AtomicBool) -> Result<()> {
    let mut opened: Vec<PathBuf> = Vec::new();
    for study in request.studies()? {
        let data = request.data(study)?;
        let Some(path) = made_path(&data, &request.data_dir) else {
            datasets::open(&data, &request.data_dir, stop)?;
            continue;
        };
        if opened.contains(&path) {
            continue;
        }
        let is_new = !path.exists();
        let began = Instant::now();
        let dataset = datasets::open(&data, &request.data_dir, stop);
        if is_new {
            let note = note(&path);
            // The time of a call that was interrupted counts too.
            let before = read_json(&note).map_or(0.0, |MakingTime { seconds }| seconds);
            if note.parent().is_some_and(Path::is_dir) {
                write_json(&note, &MakingTime { seconds: before + began.elapsed().as_secs_f64() })?;
            }
        }
        eprintln!("{}: {:?}", study.nets, dataset?);
        opened.push(path);
    }
    Ok(())
}

/// Where nets are kept that are made here; nothing for those that come from elsewhere.
fn made_path(data: &Data, data_dir: &Path) -> Option<PathBuf> {
    match data {
        Data::Files(_) => None,
        Data::Fitted(fitted) => Some(datasets::fitted_path(fitted, data_dir)),
        Data::Trained(trained) => Some(datasets::trained_path(trained, data_dir)),
        Data::Wild(wild) => Some(datasets::wild_path(wild, data_dir)),
    }
}

/// How weights, biases and signs are distributed over the units of the nets of a study; nothing if they are not here.
///
/// # Errors
/// If a net cannot be read.
pub(super) fn distributions(request: &Request, study: &Study) -> Result<Vec<Block>> {
    /// Of large datasets so many are read.
    const MOST_NETS: usize = 10_000;
    let data = request.data(study)?;
    if !datasets::exists(&data, &request.data_dir)? {
        return Ok(Vec::new());
    }
    let dataset = datasets::open_existing(&data, &request.data_dir)?;
    if dataset.source.has_flows() {
        // Statistics are of layers, which these nets have not in common.
        return Ok(Vec::new());
    }
    let sample = Sample::Drawn { n_nets: MOST_NETS, seed: Seed::new(0) };
    let statistics = Statistics::of(dataset.source.as_ref(), sample, &|| ())?;
    statistics::blocks(study.name, study.nets, &statistics)
}

/// Whether nets, or the images that they are made from, are on this machine.
pub(super) fn is_here(data: &Data, data_dir: &Path) -> bool {
    let images = |name: &str| name == MINI_NAME || data_dir.join(name).exists();
    match data {
        Data::Files(files) => data_dir.join(&files.path).exists(),
        Data::Fitted(fitted) => images(&fitted.images),
        Data::Trained(trained) => images(&trained.images),
        Data::Wild(wild) => images(&wild.images),
    }
}

/// How far the noise of their test lets the accuracies of the test nets of a study be ordered, in a sentence; nothing if
/// they were not tested here, or no model has read them yet.
///
/// # Errors
/// If the images are damaged.
pub(super) fn ceiling(request: &Request, results: &StudyResults) -> Result<Option<String>> {
    let data = request.data(results.study)?;
    let folder = match &data {
        Data::Trained(trained) => &trained.images,
        Data::Wild(wild) => &wild.images,
        Data::Files(_) | Data::Fitted(_) => return Ok(None),
    };
    let Some(run) = results.runs().next().filter(|_| is_here(&data, &request.data_dir)) else {
        return Ok(None);
    };
    let (_, tested_on) = datasets::image_sets(folder, &request.data_dir)?;
    let accuracies: Vec<f64> = run.summary.pairs.iter().map(|[_, accuracy]| *accuracy).collect();
    let tau = tau_ceiling(&accuracies, tested_on.len(), Seed::new(0));
    Ok(tau.map(|tau| {
        format!(
            "{}: accuracies were measured on {} test images. Repeating the test on as many others agrees with it to about \
             τ = {tau:.3}, if the errors of the nets are independent; they share their images, so a model may do a little better.",
            results.study.nets,
            thousands(tested_on.len()),
        )
    }))
}

impl Nets {
    /// What is known about the nets of a study; nothing if they were not made here, or not yet.
    ///
    /// # Errors
    /// If what holds the nets is damaged.
    pub fn of(request: &Request, study: &Study) -> Result<Option<Self>> {
        let data = request.data(study)?;
        let Some(path) = made_path(&data, &request.data_dir).filter(|path| path.exists()) else {
            return Ok(None);
        };
        let seconds = read_json(&note(&path)).ok().map(|MakingTime { seconds }| seconds);
        let (n_nets, fit) = match &data {
            Data::Fitted(_) => {
                let reader = Reader::open(&path)?;
                let fact = |name: &str| reader.provenance().get(name).and_then(|text| text.parse().ok());
                (reader.len(), fact("psnr_db_median").zip(fact("share_reached")))
            }
            Data::Trained(trained) => (trained.n_nets, None),
            Data::Wild(wild) => (wild.n_nets, None),
            Data::Files(_) => return Ok(None),
        };
        Ok(Some(Self { data, path, n_nets, seconds, fit }))
    }

    /// The nets and what making them gave, in a few sentences.
    pub fn describe(&self) -> String {
        let mut text = match &self.data {
            Data::Fitted(Fitted { n_train, n_val, n_test, recipe, .. }) => {
                let widths: Vec<String> = recipe.hidden.iter().map(usize::to_string).collect();
                let mut text = format!(
                    "{} sine networks with hidden layers of {} units, fitted here: {n_train} to train on, {n_val} to \
                     choose the best epoch on, {n_test} to test on.",
                    self.n_nets,
                    widths.join(" and "),
                );
                if let Some((median, share)) = self.fit {
                    text += &format!(
                        " Median peak signal-to-noise ratio {median:.1} dB; {:.1} % reached the goal of {} dB.",
                        100.0 * share,
                        recipe.goal_psnr_db,
                    );
                }
                text
            }
            Data::Trained(trained) => format!(
                "{} CNNs, about half of them ReLU and half tanh, trained here{} for {} epochs each with hyper-parameters drawn \
                 as those of the Small CNN Zoo, and split as it is: half to test on, 40 % to train on, 10 % to choose \
                 the best epoch on.",
                self.n_nets,
                trained.n_images.map_or_else(String::new, |n| format!(" on {} images", thousands(n))),
                trained.epochs
            ),
            Data::Wild(wild) => format!(
                "{} nets of many architectures (perceptrons and convolutional nets, residual or not, with batch, layer or no \
                 normalization, five activations, {} nets of one architecture in a row), trained here for at most {} epochs \
                 each, some on wrong labels: 70 % to train on, 10 % to choose the best epoch on, the rest to test on.",
                self.n_nets, wild.per_architecture, wild.most_epochs
            ),
            Data::Files(_) => format!("{} nets.", self.n_nets),
        };
        if let Some(seconds) = self.seconds {
            text += &format!(
                " Making them took {seconds:.0} s, {:.1} nets/s.",
                self.n_nets as f64 / seconds.max(1e-9)
            );
        }
        text
    }
}

fn note(path: &Path) -> PathBuf {
    path.with_extension("time.json")
}
