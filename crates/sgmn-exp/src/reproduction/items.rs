//! The runs of a request as items that several workers share: what each item is, one made, and what is still missing.

use std::sync::atomic::AtomicBool;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use sgmn_data::Error;

use super::{
    plan::{Plan, Request, RunState},
    results::Results,
    run::{Wishes, run},
};

/// One item: a model with one seed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunItem {
    /// The study, by its name in the report.
    pub study: String,
    /// The model, by its name there.
    pub method: String,
    /// Its seed; left out where all runs of the model are one item, because later ones depend on earlier ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Hash of the experiment; of an item without a seed, that of the model before a rate is chosen.
    pub experiment: String,
}

impl RunItem {
    /// The items of a request: its runs, in the order in which one process would make them.
    ///
    /// `methods` are models by their names in the report; none for all.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn all(request: &Request, methods: &[String]) -> Result<Vec<Self>> {
        let runs = Plan::new(request)?.runs.into_iter();
        let is_wanted = |method: &String| methods.is_empty() || methods.contains(method);
        Ok(runs
            .filter(|run| is_wanted(&run.method))
            .map(|run| Self {
                study: run.study.to_owned(),
                method: run.method,
                seed: Some(run.seed),
                experiment: run.experiment.hash(),
            })
            .collect())
    }

    /// Makes the run, or goes on with it; names of what failed are returned.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if `stop` became true; what fails otherwise is said and named.
    pub(super) fn make(&self, request: &Request, wishes: &Wishes, stop: &AtomicBool) -> Result<Vec<String>> {
        let Self { study, method, seed, .. } = self;
        let request = Request { studies: vec![study.clone()], ..request.clone() };
        let wishes = Wishes { methods: vec![method.clone()], seed: *seed, ..wishes.clone() };
        match run(&request, &wishes, stop) {
            Err(error) if !matches!(error.downcast_ref(), Some(Error::Interrupted)) => {
                eprintln!("failed: {error:#}");
                Ok(vec![self.to_string()])
            }
            made => made,
        }
    }
}

impl std::fmt::Display for RunItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { study, method, seed, .. } = self;
        write!(f, "{study}: {method}")?;
        seed.map_or(Ok(()), |seed| write!(f, ", seed {seed}"))
    }
}

/// Makes several items, or goes on with them, one after the other; names of what failed are returned.
///
/// # Errors
/// [`Error::Interrupted`] if `stop` became true; what fails otherwise is said and named.
pub fn make_items(
    request: &Request,
    wishes: &Wishes,
    items: &[RunItem],
    stop: &AtomicBool,
) -> Result<Vec<String>> {
    let mut failed = Vec::new();
    for item in items {
        failed.extend(item.make(request, wishes, stop)?);
    }
    Ok(failed)
}

/// The runs that have not come to an end, a few words each.
pub(super) fn missing(results: &Results) -> Vec<String> {
    let rows = results.studies.iter().flat_map(|study| study.rows.iter().map(move |row| (study, row)));
    let runs = rows.flat_map(|(study, row)| row.missing.iter().map(move |run| (study, run)));
    let words = runs.filter_map(|(study, run)| {
        let state = match run.state {
            RunState::New => "not run",
            RunState::Unfinished => "not finished",
            RunState::Diverged | RunState::Finished { .. } => return None,
        };
        Some(format!("{}: {}, seed {}: {state}", study.study.name, run.method, run.seed))
    });
    words.collect()
}
