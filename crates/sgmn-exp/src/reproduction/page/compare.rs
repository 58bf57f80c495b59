//! The page of a comparison on a person's own nets.

use std::path::Path;

use anyhow::Result;

use super::{Composer, parts::note};
use crate::{
    config::SizePart,
    metrics::{Criterion, Spread},
    reproduction::{
        compare::{Choice, Excluded},
        comparison::{at_chance, chance_row, dash, size_table, unrun},
        plan::Request,
        results::{Results, RowResults, StudyResults},
    },
    show::{Block, Page, Section, Table},
};

/// What a comparison knows beside its results.
pub(in crate::reproduction) struct Told<'a> {
    pub(in crate::reproduction) choices: &'a [Choice],
    pub(in crate::reproduction) rates: &'a [f64],
    /// Models that cannot read the nets, and why.
    pub(in crate::reproduction) excluded: &'a [Excluded],
    pub(in crate::reproduction) size: &'a SizePart,
}

/// Writes the page.
///
/// # Errors
/// If a figure fails, or a file of a run is damaged.
pub(in crate::reproduction) fn compare(
    request: &Request,
    results: &Results,
    told: &Told<'_>,
    command: &str,
) -> Result<Page> {
    let composer = Composer { request, results };
    let study = &results.studies[0];
    let mut blocks = vec![Block::Text(study.study.question.to_owned())];
    blocks.extend(composer.figures(study)?);
    blocks.push(Block::Table(table(results)));
    blocks.push(Block::Text(note(study.study.part).to_owned()));
    if let methods @ [_, ..] = unrun(&[study]).as_slice() {
        blocks.push(Block::Text(format!("Not run: {}.", methods.join("; "))));
    }
    if !told.excluded.is_empty() {
        let reasons = told.excluded.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
        blocks.push(Block::Fold("Models that were left out, and why".to_owned(), vec![Block::List(reasons)]));
    }
    if told.choices.iter().any(|choice| !choice.values.is_empty()) {
        blocks
            .push(Block::Fold("Learning rates, by the validation nets".to_owned(), vec![rates(study, told)]));
    }
    let knows = study.shown().map(|row| (row.row.method.clone(), row.row.knows.clone())).collect();
    blocks.push(Block::Fold("What each model knows of the nets".to_owned(), vec![Block::Facts(knows)]));
    Ok(Page {
        title: format!("Which model reads {} best?", study.study.nets),
        introduction: format!(
            "Models that read neural networks by their weights, at size {}, on equal terms: the same nets, batches, epochs \
             and optimizer. Learning rate and epoch of each were chosen by the validation nets; the test nets chose nothing.",
            told.size.name()
        ),
        sections: vec![
            Section { title: "In short".to_owned(), blocks: short(study) },
            Section { title: "Results".to_owned(), blocks },
            Section { title: "Runs".to_owned(), blocks: composer.runs(command) },
        ],
    })
}

/// Chance first, then the models, the best on the test nets first.
pub(in crate::reproduction) fn table(results: &Results) -> Table {
    let study = &results.studies[0];
    let mut sorted = study.clone();
    sorted.rows.sort_by(|a, b| {
        let mean = |row: &RowResults| Spread::of(&row.test(study.criterion)).map(|spread| spread.mean);
        let is_better = |a: &RowResults, b: &RowResults| match (mean(a), mean(b)) {
            (Some(a), Some(b)) => study.criterion.is_better(a, b),
            (Some(_), None) => true,
            _ => false,
        };
        is_better(b, a).cmp(&is_better(a, b))
    });
    let mut table = size_table(&sorted);
    if let Some(row) = chance_row(study, table.header.len()) {
        table.rows.insert(0, row);
    }
    table
}

/// The findings, and what to do with them.
fn short(study: &StudyResults) -> Vec<Block> {
    let Some((row, run)) = study.best() else {
        return vec![Block::Text("No model has finished yet.".to_owned())];
    };
    let criterion = study.criterion;
    let mut items = Vec::new();
    if let Some(spread) = Spread::of(&row.test(criterion)) {
        items.push(format!(
            "By the validation nets {} is the best model; on the test nets it has {} ({}).",
            row.row.method,
            criterion.shown_spread(spread.mean, spread.std),
            criterion.heading(),
        ));
    }
    items.extend(at_chance(study));
    let apply = match criterion {
        Criterion::Mse => "edit",
        _ => "predict",
    };
    let out = if apply == "edit" { "edited.packed" } else { "answers.csv" };
    let checkpoint = run.folder.best_checkpoint();
    vec![
        Block::List(items),
        Block::Text("Its best run applied to other nets:".to_owned()),
        Block::Commands(vec![format!("sgmn {apply} {} NETS --out {out}", shown(&checkpoint))]),
    ]
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn rates(study: &StudyResults, told: &Told<'_>) -> Block {
    let mut header = vec!["model".to_owned()];
    header.extend(told.rates.iter().map(|rate| format!("{rate:e}")));
    header.push("chosen".to_owned());
    let rows = told.choices.iter().map(|choice| {
        let values = choice.values.iter().map(|value| value.map_or_else(dash, |v| study.criterion.shown(v)));
        let mut cells = vec![choice.title.clone()];
        cells.extend(values);
        cells.resize_with(told.rates.len() + 1, dash);
        cells.push(choice.rate.map_or_else(dash, |rate| format!("{rate:e}")));
        cells
    });
    Block::Table(Table { header, rows: rows.collect() })
}
