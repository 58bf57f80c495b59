//! Our numbers beside the paper's: tables, and what they come to in words.

use super::{
    paper::{self, PaperTable, Value},
    plan::RunState,
    results::{Results, RowResults, RunResult, StudyResults},
    study::Group,
};
use crate::{
    config::TrainLength,
    metrics::{Criterion, Spread},
    report::{Table, duration, thousands},
};

/// One table of a part of the report: a row a method, a column for each of our studies, and the paper's columns.
///
/// A study on the paper's own nets stands left of the paper's column on them, other studies stand first. Methods of the
/// paper come in its order, others after them. Nothing if the part has no table in the paper.
pub(super) fn table(results: &Results, group: Group) -> Option<Table> {
    let paper = paper::table(group)?;
    let studies: Vec<&StudyResults> = results.of(group).collect();
    let mut columns: Vec<Column<'_>> = Vec::new();
    let own = |place: Option<usize>| {
        studies.iter().filter(move |results| results.study.paper_column == place).map(|r| Column::Ours(r))
    };
    columns.extend(own(None));
    for place in 0..paper.columns.len() {
        columns.extend(own(Some(place)));
        columns.push(Column::Paper(paper, place));
    }
    let mut methods: Vec<&str> = paper.rows.iter().map(|row| row.method).collect();
    for row in studies.iter().flat_map(|results| &results.study.rows) {
        if !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
    }
    let heading = |column: &Column<'_>| column.heading(paper.criterion);
    let header = std::iter::once("method".to_owned()).chain(columns.iter().map(heading)).collect();
    let row = |method: &&str| {
        let cells = columns.iter().map(|column| column.cell(method, paper.criterion));
        std::iter::once((*method).to_owned()).chain(cells).collect()
    };
    Some(Table { header, rows: methods.iter().map(row).collect() })
}

enum Column<'a> {
    Ours(&'a StudyResults),
    Paper(&'static PaperTable, usize),
}

impl Column<'_> {
    fn heading(&self, criterion: Criterion) -> String {
        match self {
            Self::Ours(results) => format!("here: {}, {}", results.study.nets, criterion.heading()),
            Self::Paper(table, place) => format!("paper: {}", table.columns[*place]),
        }
    }

    fn cell(&self, method: &str, criterion: Criterion) -> String {
        match self {
            Self::Ours(results) => results.row(method).map_or_else(dash, |row| row.cell(criterion)),
            Self::Paper(table, place) => {
                let shown = |(mean, std): Value| criterion.shown_spread(mean, std);
                table.value(method, *place).map_or_else(dash, shown)
            }
        }
    }
}

/// All tables of a part under their titles: one beside the paper's, or one a study where the paper has none.
pub(super) fn tables(results: &Results, group: Group) -> Vec<(String, Table)> {
    let title = |detail: &str| format!("{}{detail}", group.title());
    match table(results, group) {
        Some(table) => vec![(title(""), table)],
        None => {
            let of_study = |results: &StudyResults| {
                (title(&format!(", {}", results.study.nets)), ablation_table(results))
            };
            results.of(group).map(of_study).collect()
        }
    }
}

/// The rows of one study against its first: criterion, difference, seeds, time.
pub(super) fn ablation_table(results: &StudyResults) -> Table {
    let criterion = results.criterion;
    let value = |run: &RunResult| run.summary.test.get(criterion.name()).copied();
    // Of the same seeds only: rows that other tables share have more of them.
    let against_first = |row: &RowResults| {
        let first = results.rows.first()?;
        let difference = |run: &RunResult| {
            let other = first.runs.iter().find(|other| other.summary.seed == run.summary.seed)?;
            Some(value(run)? - value(other)?)
        };
        Spread::of(&row.runs.iter().filter_map(difference).collect::<Vec<f64>>())
    };
    let header = [
        "model",
        "what is different",
        criterion.heading(),
        "against the first, same seeds",
        "seeds",
        "time a seed",
    ];
    let rows = results.rows.iter().enumerate().map(|(place, row)| {
        let difference = against_first(row).filter(|_| place > 0);
        let seconds = Spread::of(&row.values(|run| run.summary.seconds));
        vec![
            row.row.method.clone(),
            row.row.knows.clone(),
            row.cell(criterion),
            difference.map_or_else(dash, |spread| signed(criterion, spread)),
            row.runs.len().to_string(),
            seconds.map_or_else(dash, |spread| duration(spread.mean)),
        ]
    });
    Table { header: header.map(str::to_owned).to_vec(), rows: rows.collect() }
}

/// The models of a study: what they reach, how large they are, how they were trained and how long that took.
pub(super) fn size_table(results: &StudyResults) -> Table {
    let header = [
        "model",
        results.criterion.heading(),
        "parameters",
        "learning rate",
        "epochs",
        "seeds",
        "time a seed",
        "nets/s in training",
    ];
    let rows = results.rows.iter().map(|row| {
        let seconds = Spread::of(&row.values(|run| run.summary.seconds));
        let speed = Spread::of(&row.values(|run| run.summary.nets_per_second));
        let train = row.experiment.train();
        vec![
            row.row.method.to_owned(),
            row.cell(results.criterion),
            row.runs.first().map_or_else(dash, |run| thousands(run.summary.n_params)),
            format!("{:e}", train.learning_rate),
            match train.length() {
                TrainLength::Epochs(n) => n.to_string(),
                TrainLength::Steps(_) => dash(),
            },
            row.runs.len().to_string(),
            seconds.map_or_else(dash, |spread| duration(spread.mean)),
            speed.map_or_else(dash, |spread| format!("{:.0}", spread.mean)),
        ]
    });
    Table { header: header.map(str::to_owned).to_vec(), rows: rows.collect() }
}

/// What the claims of a study come to, a sentence each; nothing about models that were not run.
pub(super) fn findings(results: &StudyResults) -> Vec<String> {
    let claims = results.study.claims.iter();
    claims.filter_map(|(better, than)| finding(results, results.row(better)?, results.row(than)?)).collect()
}

fn finding(results: &StudyResults, better: &RowResults, than: &RowResults) -> Option<String> {
    let criterion = results.criterion;
    let (ours, theirs) = (better.test(criterion), than.test(criterion));
    let (a, b) = (Spread::of(&ours)?, Spread::of(&theirs)?);
    let spread = a.std.zip(b.std).map(|(a, b)| a + b);
    let is_clear = spread.is_some_and(|spread| (a.mean - b.mean).abs() > spread);
    let verdict = match (criterion.is_better(a.mean, b.mean), is_clear, spread) {
        (true, true, _) => "beats",
        (true, false, Some(_)) => "is within the spread ahead of",
        (true, false, None) => "is, with too few seeds to know the spread, ahead of",
        (false, true, _) => "is worse than",
        (false, false, _) => "does not beat",
    };
    let seeds = |n: usize| if n == 1 { "one seed".to_owned() } else { format!("{n} seeds") };
    let seeds = match (ours.len(), theirs.len()) {
        (a, b) if a == b => seeds(a),
        (a, b) => format!("{} and {}", seeds(a), seeds(b)),
    };
    Some(format!(
        "{}: {} {verdict} {}, {} against {} ({}, {seeds}).",
        results.study.nets,
        better.row.method,
        than.row.method,
        criterion.shown_spread(a.mean, a.std),
        criterion.shown_spread(b.mean, b.std),
        criterion.heading(),
    ))
}

impl RowResults {
    /// Mean ± standard deviation over the finished runs; says so if there is none.
    fn cell(&self, criterion: Criterion) -> String {
        let n_diverged = self.missing.iter().filter(|run| run.state == RunState::Diverged).count();
        match (Spread::of(&self.test(criterion)), n_diverged) {
            (Some(spread), 0) => criterion.shown_spread(spread.mean, spread.std),
            (Some(spread), n) => {
                format!("{}, {n} diverged", criterion.shown_spread(spread.mean, spread.std))
            }
            (None, 0) => "not run".to_owned(),
            (None, _) => "diverged".to_owned(),
        }
    }
}

/// A difference with its sign.
fn signed(criterion: Criterion, Spread { mean, std }: Spread) -> String {
    let shown = criterion.shown_spread(mean, std);
    if mean > 0.0 { format!("+{shown}") } else { shown }
}

pub(super) fn dash() -> String {
    "–".to_owned()
}
