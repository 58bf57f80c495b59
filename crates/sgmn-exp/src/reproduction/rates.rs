//! Which learning rate each model does best with, by the validation nets: one grid and one rule for all of them.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::{
    plan::{Request, RunState},
    results::{Results, RowResults},
};
use crate::{metrics::Spread, show::Table};

/// A request made once for every learning rate of a grid.
#[derive(Debug, Clone)]
pub struct Grid {
    /// What is made at each rate; its folder holds one folder a rate.
    pub request: Request,
    /// The rates, in the order of the columns.
    pub rates: Vec<f64>,
}

impl Grid {
    /// The request at one rate. Only this changes: nets, epochs and the choice of the best epoch stay.
    pub fn request(&self, rate: f64) -> Request {
        let mut request = self.request.clone();
        request.overrides.push(format!("train.learning_rate={rate:e}"));
        request.out = self.folder(rate);
        request
    }

    fn folder(&self, rate: f64) -> PathBuf {
        self.request.out.join(format!("{rate:e}"))
    }

    /// A table for each study, under its nets: the criterion on the validation nets at each rate, mean over seeds; the
    /// best rate, and the one that the experiment has.
    ///
    /// Runs that are not made yet are dashes.
    ///
    /// # Errors
    /// If there is no rate, or a file of a finished run is damaged.
    pub fn tables(&self) -> Result<Vec<(String, Table)>> {
        ensure!(!self.rates.is_empty(), "learning rates: expected at least one, found none");
        let results =
            self.rates.iter().map(|rate| Results::read(&self.request(*rate))).collect::<Result<Vec<_>>>()?;
        let plain = Results::read(&self.request)?;
        let mut tables = Vec::new();
        for (s, study) in plain.studies.iter().enumerate() {
            let criterion = study.criterion;
            let mut header = vec!["model".to_owned()];
            header.extend(self.rates.iter().map(|rate| format!("{rate:e}")));
            header.extend(["best".to_owned(), "in the experiment".to_owned()]);
            let rows = study.rows.iter().enumerate().map(|(r, row)| {
                let at_rates: Vec<&RowResults> = results.iter().map(|at| &at.studies[s].rows[r]).collect();
                let means: Vec<Option<f64>> = at_rates.iter().map(|row| mean_validation(row)).collect();
                let mut best: Option<(f64, f64)> = None;
                for (mean, rate) in means.iter().zip(&self.rates) {
                    let Some(mean) = mean else { continue };
                    if best.is_none_or(|(_, earlier)| criterion.is_better(*mean, earlier)) {
                        best = Some((*rate, *mean));
                    }
                }
                let mut cells = vec![row.row.method.to_owned()];
                cells.extend(means.iter().zip(&at_rates).map(|(mean, row)| match mean {
                    Some(mean) => criterion.shown(*mean),
                    None if row.missing.iter().any(|run| run.state == RunState::Diverged) => {
                        "diverged".to_owned()
                    }
                    None => super::comparison::dash(),
                }));
                cells.push(best.map_or_else(super::comparison::dash, |(rate, _)| format!("{rate:e}")));
                cells.push(format!("{:e}", row.experiment.train().learning_rate));
                cells
            });
            let title =
                format!("{}: {}, {}", study.study.part.title(), study.study.nets, criterion.heading());
            tables.push((title, Table { header, rows: rows.collect() }));
        }
        Ok(tables)
    }

    /// The tables as a document that says how it was made.
    ///
    /// # Errors
    /// As [`Grid::tables`].
    pub fn document(&self, command: &str) -> Result<String> {
        let mut text = format!(
            "# Learning rates\n\nModels trained with the learning rates of one grid, all other settings as in their experiments of \
             scale {}: the same nets, epochs and choice of the best epoch, {} a model and rate.\nThe tables show that epoch's \
             validation nets; test nets choose nothing. A dash: not run.\nAn experiment keeps the rate that it inherits unless \
             another is better by more than 0.01 in accuracy or τ, or 0.001 in squared error, about the spread of \
             seeds.\n\n```sh\n{command}\n```\n",
            self.request.scale.name(),
            if self.request.n_seeds == 1 {
                "one run".to_owned()
            } else {
                format!("{} runs", self.request.n_seeds)
            },
        );
        for (title, table) in self.tables()? {
            text += &format!("\n## {title}\n\n{}", table.to_markdown());
        }
        Ok(text)
    }
}

/// The criterion on the validation nets at the best epoch, mean over the finished runs.
fn mean_validation(row: &RowResults) -> Option<f64> {
    Spread::of(&row.values(|run| run.summary.best_val)).map(|spread| spread.mean)
}
