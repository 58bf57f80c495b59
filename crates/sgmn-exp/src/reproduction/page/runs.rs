//! How the report came about: time, machine, commands, every run.

use std::path::Path;

use super::Composer;
use crate::{
    reproduction::{
        comparison::dash,
        plan::RunState,
        results::{Results, RunResult, StudyResults},
    },
    show::{Block, Table, duration},
};

impl Composer<'_> {
    pub(super) fn runs(&self, command: &str) -> Vec<Block> {
        let runs = self.results.runs();
        let seconds: f64 = runs.iter().map(|run| run.summary.seconds).sum();
        let mut blocks = vec![
            Block::Text(format!(
                "{} runs, {} of training and testing together. The command:",
                runs.len(),
                duration(seconds)
            )),
            Block::Commands(vec![command.to_owned()]),
        ];
        let mut machines = Vec::new();
        let mut commits = Vec::new();
        for run in &runs {
            push_new(&mut machines, run.facts.machine.rows());
            push_new(&mut commits, run.facts.commit.as_deref().map_or_else(|| "unknown".to_owned(), short));
        }
        for mut facts in machines {
            if !commits.is_empty() {
                let text = commits.join(", ");
                let changed =
                    if text.contains('+') { " (+: with changes that were not committed)" } else { "" };
                facts.push(("commit".to_owned(), text + changed));
            }
            blocks.push(Block::Facts(facts));
        }
        blocks.push(Block::Text(
            "Where the time went; a run that several studies show counts once:".to_owned(),
        ));
        blocks.push(Block::Table(table_of_hours(self.results)));
        blocks.extend(self.results.studies.iter().filter_map(left_out).map(Block::Text));
        let tables = self.results.studies.iter().flat_map(|results| {
            [Block::Text(format!("{}:", results.study.name)), Block::Table(table_of_runs(results))]
        });
        blocks.push(Block::Fold("Every run".to_owned(), tables.collect()));
        let commands = runs.iter().map(|run| command_of(run)).collect();
        blocks.push(Block::Fold("The command of every run".to_owned(), vec![Block::Commands(commands)]));
        blocks
    }
}

/// How many nets of a study could not be read, if there are any.
fn left_out(results: &StudyResults) -> Option<String> {
    let n = results.runs().map(|run| run.summary.n_skipped).max().filter(|n| *n > 0)?;
    let nets = results.study.nets;
    Some(format!(
        "{nets}: {n} nets could not be read and were left out; `skipped.csv` in the folder of each run names them."
    ))
}

/// Runs and time of each study that has a finished run of its own.
fn table_of_hours(results: &Results) -> Table {
    let mut counted: Vec<&Path> = Vec::new();
    let mut rows = Vec::new();
    for study in &results.studies {
        let new: Vec<&RunResult> = study.runs().filter(|run| !counted.contains(&run.folder.path())).collect();
        counted.extend(new.iter().map(|run| run.folder.path()));
        if !new.is_empty() {
            let seconds = new.iter().map(|run| run.summary.seconds).sum();
            let StudyResults { study, .. } = study;
            rows.push(vec![
                study.name.to_owned(),
                study.nets.to_owned(),
                new.len().to_string(),
                duration(seconds),
            ]);
        }
    }
    let header = ["study", "nets", "runs", "training and testing"];
    Table { header: header.map(str::to_owned).to_vec(), rows }
}

/// One row a run that was begun.
fn table_of_runs(results: &StudyResults) -> Table {
    let criterion = results.criterion;
    let test = format!("test {}", criterion.heading());
    let header = ["model", "seed", test.as_str(), "validation", "best epoch", "steps", "time"];
    let mut rows = Vec::new();
    for row in &results.rows {
        for RunResult { summary, .. } in &row.runs {
            let value = summary.test.get(criterion.name());
            rows.push(vec![
                row.row.method.clone(),
                summary.seed.to_string(),
                value.map_or_else(dash, |value| criterion.shown(*value)),
                criterion.shown(summary.best_val),
                summary.best_epoch.to_string(),
                summary.n_steps.to_string(),
                duration(summary.seconds),
            ]);
        }
        for run in &row.missing {
            let state = match run.state {
                // The part of the report says in one line which models were not run.
                RunState::New if row.is_unrun() => continue,
                RunState::New => "not run",
                RunState::Diverged => "diverged",
                RunState::Unfinished | RunState::Finished { .. } => "unfinished",
            };
            let mut cells = vec![row.row.method.clone(), run.seed.to_string(), state.to_owned()];
            cells.resize_with(header.len(), dash);
            rows.push(cells);
        }
    }
    Table { header: header.map(str::to_owned).to_vec(), rows }
}

/// The command of a run as a person types it in the root of the repository.
fn command_of(run: &RunResult) -> String {
    let words = run.facts.command.iter().skip(1);
    std::iter::once(format!("cargo run --bin {} --", run.program))
        .chain(words.map(|word| quoted(word)))
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The first digits of a commit; a `+` behind it, for changes since, stays.
fn short(commit: &str) -> String {
    const N_DIGITS: usize = 12;
    let digits = commit.trim_end_matches('+');
    let changed = &commit[digits.len()..];
    format!("{}{changed}", digits.get(..N_DIGITS).unwrap_or(digits))
}

fn push_new<T: PartialEq>(list: &mut Vec<T>, item: T) {
    if !list.contains(&item) {
        list.push(item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_shortened_and_keeps_its_mark() {
        assert_eq!(short("075c5bd20005a5e037e2da72569ca8b777fb4614+"), "075c5bd20005+");
        assert_eq!(short("abc"), "abc");
    }

    #[test]
    fn words_with_spaces_are_quoted() {
        assert_eq!(quoted("train.seed=0"), "train.seed=0");
        assert_eq!(quoted("x=[1, 2]"), "'x=[1, 2]'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}
