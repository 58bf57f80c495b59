//! Which learning rate each model runs with: the one that did best on the validation nets.

use super::{super::results::Results, Entrant};
use crate::metrics::Spread;

/// What the validation nets said about a model.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::reproduction) struct Choice {
    /// What tables call the model.
    pub(in crate::reproduction) title: String,
    /// The rate; nothing if the model keeps its own.
    pub(in crate::reproduction) rate: Option<f64>,
    /// The criterion on the validation nets at each rate of the grid, where a run came to an end.
    pub(in crate::reproduction) values: Vec<Option<f64>>,
}

/// Chooses for every model; test nets choose nothing.
///
/// `grid` has a row for each model and rate, rates fastest. A model of which no run came to an end gets the first rate.
pub(super) fn choose(entrants: &[Entrant], rates: &[f64], grid: Option<&Results>) -> Vec<Choice> {
    let choice = |(place, entrant): (usize, &Entrant)| {
        let title = entrant.title();
        let Some(study) = grid.and_then(|grid| grid.studies.first()) else {
            return Choice { title, rate: rates.first().copied(), values: Vec::new() };
        };
        let rows = &study.rows[place * rates.len()..][..rates.len()];
        let values: Vec<Option<f64>> = rows
            .iter()
            .map(|row| Spread::of(&row.values(|run| run.summary.best_val)).map(|spread| spread.mean))
            .collect();
        let mut best: Option<(f64, f64)> = None;
        for (&rate, value) in rates.iter().zip(&values) {
            let Some(value) = *value else { continue };
            if best.is_none_or(|(_, earlier)| study.criterion.is_better(value, earlier)) {
                best = Some((rate, value));
            }
        }
        let rate = best.map(|(rate, _)| rate).or(rates.first().copied());
        Choice { title, rate, values }
    };
    entrants.iter().enumerate().map(choice).collect()
}
