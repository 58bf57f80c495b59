//! In which settings an experiment differs from the published configuration that it is a version of.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::Composer;
use crate::{
    config::{Experiment, ExperimentFile},
    reproduction::results::{RunResult, StudyResults},
    show::{Block, Table, thousands},
};

impl Composer<'_> {
    pub(super) fn differences(&self, studies: &[&StudyResults]) -> Result<Vec<Block>> {
        let mut blocks = Vec::new();
        for (results, row) in
            studies.iter().flat_map(|results| results.rows.iter().map(move |row| (results, row)))
        {
            let Some(published) = row.row.published else { continue };
            let mut rows = Vec::new();
            if let Some(RunResult { summary, .. }) = row.runs.first() {
                let counts = [
                    ("nets to train on", summary.n_nets[0], published.n_train),
                    ("parameters of the model", summary.n_params, Some(published.n_params)),
                ];
                for (name, here, paper) in counts {
                    if let Some(paper) = paper.filter(|paper| *paper != here) {
                        rows.push(vec![name.to_owned(), thousands(here), thousands(paper)]);
                    }
                }
            }
            rows.extend(differing_settings(&row.experiment, published.experiment)?);
            if !rows.is_empty() {
                let title = format!("{} on {}", row.row.method, results.study.nets);
                let header = [title.as_str(), "here", "paper"].map(str::to_owned).to_vec();
                blocks.push(Block::Table(Table { header, rows }));
            }
        }
        Ok(blocks)
    }
}

/// Rows of name, value here and value there.
fn differing_settings(experiment: &Experiment, published: &str) -> Result<Vec<Vec<String>>> {
    /// What decides neither the model nor what it learns.
    const NOT_COMPARED: [&str; 5] = [
        "pipeline.workers",
        "train.seed",
        "train.device",
        "train.eval_every",
        "train.checkpoint_every_epochs",
    ];
    let mut paper = ExperimentFile::open(published)?;
    // The two settings in which the files of the published configurations depart from the paper.
    paper.set("pipeline.normalize=none")?;
    paper.set("model.compatibility=published")?;
    let [here, there] = [settings(experiment)?, settings(&paper.resolve()?)?];
    let names: BTreeSet<&String> = here.keys().chain(there.keys()).collect();
    let value = |settings: &BTreeMap<String, String>, name: &String| {
        settings.get(name).cloned().unwrap_or_else(|| "–".to_owned())
    };
    let rows = names.into_iter().filter(|name| !NOT_COMPARED.contains(&name.as_str())).filter_map(|name| {
        let (here, there) = (value(&here, name), value(&there, name));
        (here != there).then(|| vec![name.clone(), here, there])
    });
    Ok(rows.collect())
}

/// The values of an experiment that decide the model and its training, by dotted name.
fn settings(experiment: &Experiment) -> Result<BTreeMap<String, String>> {
    fn flatten(name: &str, value: &toml::Value, settings: &mut BTreeMap<String, String>) {
        match value {
            toml::Value::Table(table) => {
                table.iter().for_each(|(key, value)| flatten(&format!("{name}.{key}"), value, settings));
            }
            other => {
                settings.insert(name.to_owned(), other.to_string().trim_matches('"').to_owned());
            }
        }
    }
    let table: toml::Table = experiment.to_toml().parse()?;
    let mut settings = BTreeMap::new();
    for part in ["pipeline", "model", "train"] {
        flatten(part, &table[part], &mut settings);
    }
    Ok(settings)
}
