//! The fitted nets that all models of a study read: made once, with a note of the time it took.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::Instant,
};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use sgmn_data::{formats::packed::Reader, source::Source};

use super::plan::{Plan, Request};
use crate::{
    config::{Data, Fitted},
    datasets,
    run_folder::{read_json, write_json},
};

/// What is known about the fitted nets of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Inrs {
    /// How they were fitted.
    pub fitted: Fitted,
    /// Number of nets.
    pub n_nets: usize,
    /// Median of their peak signal-to-noise ratios, in decibels, if the file tells.
    pub psnr_db_median: Option<f64>,
    /// Share that reached the goal of the recipe, in [0, 1], if the file tells.
    pub share_reached: Option<f64>,
    /// Time of fitting in seconds; unknown if it was done elsewhere.
    pub seconds: Option<f64>,
}

/// How long the nets of one file took, all calls together; kept beside the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FitTime {
    seconds: f64,
}

/// Opens the nets of a request once, which fits those that are to be fitted and do not exist yet.
///
/// # Errors
/// If files are missing or damaged, the models of the study do not read the same nets, or the fitting was interrupted.
pub fn fit(request: &Request, stop: &AtomicBool) -> Result<()> {
    let data = shared_data(request)?;
    let is_new = match &data {
        Data::Files(_) | Data::Trained(_) => false,
        Data::Fitted(fitted) => !datasets::fitted_path(fitted, &request.data_dir).exists(),
    };
    let began = Instant::now();
    let opened = datasets::open(&data, &request.data_dir, stop);
    if let Data::Fitted(fitted) = &data
        && is_new
    {
        let note = note(&datasets::fitted_path(fitted, &request.data_dir));
        // The time of a call that was interrupted counts too.
        let before = read_json(&note).map_or(0.0, |FitTime { seconds }| seconds);
        if note.parent().is_some_and(Path::is_dir) {
            write_json(&note, &FitTime { seconds: before + began.elapsed().as_secs_f64() })?;
        }
    }
    let dataset = opened?;
    eprintln!("{dataset:?}");
    Ok(())
}

/// The data that all experiments of a request name.
fn shared_data(request: &Request) -> Result<Data> {
    let runs = Plan::new(&Request { n_seeds: 1, ..request.clone() })?.runs;
    let data = runs[0].experiment.data();
    if let Some(other) = runs.iter().find(|run| run.experiment.data() != data) {
        bail!(
            "[data]: expected all models of a study to read the same nets, found others for {}",
            other.model
        );
    }
    Ok(data.clone())
}

impl Inrs {
    /// What is known about the nets of a request; nothing if they were not fitted here, or not yet.
    ///
    /// # Errors
    /// If the file of the nets is damaged.
    pub fn of(request: &Request) -> Result<Option<Self>> {
        let Data::Fitted(fitted) = shared_data(request)? else { return Ok(None) };
        let path = datasets::fitted_path(&fitted, &request.data_dir);
        if !path.exists() {
            return Ok(None);
        }
        let reader = Reader::open(&path)?;
        let fact = |name: &str| reader.provenance().get(name).and_then(|text| text.parse().ok());
        Ok(Some(Self {
            n_nets: reader.len(),
            psnr_db_median: fact("psnr_db_median"),
            share_reached: fact("share_reached"),
            seconds: read_json(&note(&path)).ok().map(|FitTime { seconds }| seconds),
            fitted,
        }))
    }

    /// The nets and what the fitting gave, in one or two sentences.
    pub fn describe(&self) -> String {
        let Fitted { n_train, n_val, n_test, recipe, .. } = &self.fitted;
        let widths: Vec<String> = recipe.hidden.iter().map(usize::to_string).collect();
        let mut text = format!(
            "{} sine networks with hidden layers of {} units, fitted here: {n_train} to train on, {n_val} to choose the \
             best epoch on, {n_test} to test on.",
            self.n_nets,
            widths.join(" and "),
        );
        if let (Some(median), Some(share)) = (self.psnr_db_median, self.share_reached) {
            text += &format!(
                " Median peak signal-to-noise ratio {median:.1} dB; {:.1} % reached the goal of {} dB.",
                100.0 * share,
                recipe.goal_psnr_db,
            );
        }
        if let Some(seconds) = self.seconds {
            text += &format!(
                " Fitting took {seconds:.0} s, {:.0} nets/s.",
                self.n_nets as f64 / seconds.max(1e-9)
            );
        }
        text
    }
}

fn note(packed: &Path) -> PathBuf {
    packed.with_extension("time.json")
}
