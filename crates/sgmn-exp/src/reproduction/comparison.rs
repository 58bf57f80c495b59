//! Our numbers beside the paper's: tables, and what they come to in words.

use super::{
    paper::{self, PaperTable, Value},
    plan::RunState,
    results::{Results, RowResults, RunResult, StudyResults},
    study::{ReportPart, Scale},
};
use crate::{
    config::TrainLength,
    metrics::{Chance, Criterion, Spread},
    run::train::of_copies,
    show::{Table, duration, thousands},
};

/// One table of a part of the report: a row a method, a column for each of our studies, and the paper's columns.
///
/// A study on nets that the paper has a column about, or on nets of the same images, stands left of it, others stand first. The first row is
/// what an answer reaches that does not look at the nets. Methods of the paper come in its order, others after them; those
/// of our studies that were not run are left out. Nothing if the part has no table in the paper.
pub(super) fn table(results: &Results, part: ReportPart) -> Option<Table> {
    let paper = paper::table(part)?;
    let studies: Vec<&StudyResults> = results.of(part).collect();
    let columns = columns(&studies, paper);
    let mut methods: Vec<&str> = paper.rows.iter().map(|row| row.method).collect();
    for row in studies.iter().flat_map(|results| &results.study.rows) {
        if !methods.contains(&row.method.as_str()) {
            methods.push(&row.method);
        }
    }
    methods.retain(|method| !is_unrun(&studies, method));
    Some(beside(&columns, &methods, paper.criterion))
}

/// The tables of a part in the few lines of a front page, under their titles: beside the paper's where it has one.
pub(super) fn short_tables(results: &Results, part: ReportPart) -> Vec<(String, Table)> {
    let studies: Vec<&StudyResults> = results.of(part).collect();
    match (paper::table(part), part) {
        (Some(paper), _) => vec![(part.title().to_owned(), short_table(&studies, paper))],
        (None, ReportPart::Wild) => tables(results, part),
        (None, _) => Vec::new(),
    }
}

/// Chance, the paper's methods and the rival that knows one symmetry less (of our own settings all rows), beside the paper's
/// columns on such nets, or else its first.
fn short_table(studies: &[&StudyResults], paper: &'static PaperTable) -> Table {
    let mut columns: Vec<Column<'_>> = Vec::new();
    for results in studies {
        columns.push(Column::Ours(results));
        columns.extend(results.study.paper_column.map(|place| Column::Paper(paper, place)));
    }
    if studies.iter().all(|results| results.study.paper_column.is_none()) {
        columns.push(Column::Paper(paper, 0));
    }
    let published = paper.rows.iter().map(|row| row.method);
    let is_elsewhere = |method: &str| method.starts_with("elsewhere");
    let is_run = |method: &str| {
        studies.iter().any(|results| results.row(method).is_some()) && !is_unrun(studies, method)
    };
    let mut methods: Vec<&str> = Vec::new();
    if studies.iter().all(|results| results.study.scale == Scale::Best) {
        // Our own settings have few rows, and stand beside the best that others have reached.
        let own = studies.iter().flat_map(|results| &results.study.rows).map(|row| row.method.as_str());
        own.for_each(|method| {
            if !methods.contains(&method) {
                methods.push(method)
            }
        });
        methods.extend(published.filter(|method| is_elsewhere(method)));
        methods.retain(|method| is_elsewhere(method) || is_run(method));
    } else {
        methods.extend(published.chain(["GMN"]).filter(|method| !is_elsewhere(method) && is_run(method)));
    }
    beside(&columns, &methods, paper.criterion)
}

/// The rows of studies of the same models that the paper has no table of: one table a criterion, a column a study.
pub(super) fn own_tables(studies: &[&StudyResults]) -> Vec<(Criterion, Table)> {
    let mut criteria: Vec<Criterion> = Vec::new();
    for results in studies.iter().filter(|results| results.runs().next().is_some()) {
        if !criteria.contains(&results.criterion) {
            criteria.push(results.criterion);
        }
    }
    let table = |criterion: Criterion| {
        let studies: Vec<&StudyResults> =
            studies.iter().copied().filter(|results| results.criterion == criterion).collect();
        let columns: Vec<Column<'_>> = studies.iter().map(|results| Column::Ours(results)).collect();
        let rows = studies.first().map_or(&[][..], |first| &first.study.rows);
        let mut methods: Vec<&str> = rows.iter().map(|row| row.method.as_str()).collect();
        methods.retain(|method| !is_unrun(&studies, method));
        (criterion, beside(&columns, &methods, criterion))
    };
    criteria.into_iter().map(table).collect()
}

/// The methods of a part of which no run has come to an end.
pub(super) fn unrun<'a>(studies: &[&'a StudyResults]) -> Vec<&'a str> {
    let mut methods: Vec<&str> = Vec::new();
    for row in studies.iter().flat_map(|results| &results.rows) {
        let method = row.row.method.as_str();
        if !methods.contains(&method) && is_unrun(studies, method) {
            methods.push(method);
        }
    }
    methods
}

/// Whether our studies have the method, and none has run it.
fn is_unrun(studies: &[&StudyResults], method: &str) -> bool {
    let mut rows = studies.iter().filter_map(|results| results.row(method)).peekable();
    rows.peek().is_some() && rows.all(RowResults::is_unrun)
}

/// Our studies, each left of the paper's column on such nets or else first, and the paper's columns.
fn columns<'a>(studies: &[&'a StudyResults], paper: &'static PaperTable) -> Vec<Column<'a>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    let own = |place: Option<usize>| {
        studies.iter().filter(move |results| results.study.paper_column == place).map(|r| Column::Ours(r))
    };
    columns.extend(own(None));
    for place in 0..paper.columns.len() {
        columns.extend(own(Some(place)));
        columns.push(Column::Paper(paper, place));
    }
    columns
}

/// A row of chance, if it is known, and one for each method.
fn beside(columns: &[Column<'_>], methods: &[&str], criterion: Criterion) -> Table {
    let header =
        std::iter::once("method".to_owned()).chain(columns.iter().map(|column| column.heading(criterion)));
    let row = |name: &str, cell: &dyn Fn(&Column<'_>) -> String| -> Vec<String> {
        std::iter::once(name.to_owned()).chain(columns.iter().map(cell)).collect()
    };
    let mut rows = Vec::new();
    let is_known =
        |column: &Column<'_>| matches!(column, Column::Ours(results) if results.chance().is_some());
    if columns.iter().any(is_known) {
        rows.push(row(constant(criterion), &|column| column.chance(criterion)));
    }
    rows.extend(methods.iter().map(|method| row(method, &|column| column.cell(method, criterion))));
    Table { header: header.collect(), rows }
}

/// The row of chance in a table whose first columns are the model and the criterion; nothing if it is not known.
pub(super) fn chance_row(results: &StudyResults, n_columns: usize) -> Option<Vec<String>> {
    let mut cells =
        vec![constant(results.criterion).to_owned(), results.criterion.shown(results.chance()?.value)];
    cells.resize_with(n_columns, dash);
    Some(cells)
}

/// The name of what an answer reaches that does not look at the nets.
fn constant(criterion: Criterion) -> &'static str {
    match criterion {
        Criterion::Accuracy => "chance: always the commonest class",
        Criterion::Tau | Criterion::R2 => "chance: any constant",
        Criterion::Mse => "nets left as they are",
    }
}

/// Behind a value that chance explains.
const CHANCE_MARK: &str = " ≈ chance";

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

    fn chance(&self, criterion: Criterion) -> String {
        match self {
            Self::Ours(results) => results.chance().map_or_else(dash, |chance| criterion.shown(chance.value)),
            Self::Paper(..) => dash(),
        }
    }

    fn cell(&self, method: &str, criterion: Criterion) -> String {
        match self {
            Self::Ours(results) => {
                results.row(method).map_or_else(dash, |row| row.cell(criterion, results.chance()))
            }
            Self::Paper(table, place) => {
                let shown = |(mean, std): Value| criterion.shown_spread(mean, std);
                table.value(method, *place).map_or_else(dash, shown)
            }
        }
    }
}

/// All tables of a part under their titles: one beside the paper's, one over all numbers of training nets or a criterion,
/// else one a study.
pub(super) fn tables(results: &Results, part: ReportPart) -> Vec<(String, Table)> {
    let title = |detail: &str| format!("{}{detail}", part.title());
    if matches!(part, ReportPart::Growth | ReportPart::Wild) {
        let tables = own_tables(&results.of(part).collect::<Vec<_>>());
        let is_one = tables.len() == 1;
        let titled = |(criterion, table): (Criterion, Table)| {
            (if is_one { title("") } else { title(&format!(", {}", criterion.heading())) }, table)
        };
        return tables.into_iter().map(titled).collect();
    }
    match table(results, part) {
        Some(table) => vec![(title(""), table)],
        None => {
            let of_study = |results: &StudyResults| {
                (title(&format!(", {}", results.study.nets)), ablation_table(results))
            };
            results.of(part).map(of_study).collect()
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
    let chance = results.chance();
    let rows = results.shown().map(|row| {
        let is_first = results.rows.first().is_some_and(|first| first.row == row.row);
        let difference = against_first(row).filter(|_| !is_first);
        let seconds = Spread::of(&row.values(|run| run.summary.seconds));
        vec![
            row.row.method.clone(),
            row.row.knows.clone(),
            row.cell(criterion, chance),
            difference.map_or_else(dash, |spread| signed(criterion, spread)),
            row.runs.len().to_string(),
            seconds.map_or_else(dash, |spread| duration(spread.mean)),
        ]
    });
    Table { header: header.map(str::to_owned).to_vec(), rows: rows.collect() }
}

/// The models of a study: what they reach, how large they are, how they were trained and how long that took.
pub(super) fn size_table(results: &StudyResults) -> Table {
    let criterion = results.criterion;
    let copies = of_copies(criterion);
    let with_copies = |row: &RowResults| {
        let values = row.runs.iter().filter_map(|run| run.summary.test.get(&copies).copied());
        Spread::of(&values.collect::<Vec<f64>>())
    };
    // Only where nets are moved in training.
    let has_copies = results.shown().any(|row| with_copies(row).is_some());
    let mut header = vec!["model".to_owned(), criterion.heading().to_owned()];
    header.extend(has_copies.then(|| "with moved copies".to_owned()));
    let rest = ["parameters", "learning rate", "epochs", "seeds", "time a seed", "nets/s in training"];
    header.extend(rest.map(str::to_owned));
    let chance = results.chance();
    let rows = results.shown().map(|row| {
        let seconds = Spread::of(&row.values(|run| run.summary.seconds));
        let speed = Spread::of(&row.values(|run| run.summary.nets_per_second));
        let train = row.experiment.train();
        let mut cells = vec![row.row.method.clone(), row.cell(criterion, chance)];
        cells.extend(has_copies.then(|| {
            with_copies(row).map_or_else(dash, |spread| criterion.shown_spread(spread.mean, spread.std))
        }));
        cells.extend([
            row.runs.first().map_or_else(dash, |run| thousands(run.summary.n_params)),
            format!("{:e}", train.learning_rate),
            match train.length() {
                TrainLength::Epochs(n) => n.to_string(),
                TrainLength::Steps(_) => dash(),
            },
            row.runs.len().to_string(),
            seconds.map_or_else(dash, |spread| duration(spread.mean)),
            speed.map_or_else(dash, |spread| format!("{:.0}", spread.mean)),
        ]);
        cells
    });
    let rows = rows.collect();
    Table { header, rows }
}

/// What the claims of a study come to, a sentence each; nothing about models that were not run.
pub(super) fn findings(results: &StudyResults) -> Vec<String> {
    let claims = results.study.claims.iter();
    let compared =
        claims.filter_map(|(better, than)| finding(results, results.row(better)?, results.row(than)?));
    at_chance(results).into_iter().chain(compared).collect()
}

/// What chance is, and which models it explains.
pub(super) fn at_chance(results: &StudyResults) -> Option<String> {
    let (criterion, chance) = (results.criterion, results.chance()?);
    let explained = results.rows.iter().filter(|row| {
        let mean = Spread::of(&row.test(criterion)).map(|spread| spread.mean);
        mean.is_some_and(|mean| chance.explains(criterion, mean, row.runs.len()))
    });
    let names: Vec<&str> = explained.map(|row| row.row.method.as_str()).collect();
    let reached = match criterion {
        Criterion::Accuracy => "always the commonest class is",
        Criterion::Tau | Criterion::R2 => "any constant answer is",
        Criterion::Mse => "leaving nets as they are is",
    };
    let n_shown = results.shown().count();
    let explained = match names.len() {
        0 => "every model is better by more than luck".to_owned(),
        n if n == n_shown => "no model is better by more than luck".to_owned(),
        _ => format!("no better by more than luck: {}", names.join("; ")),
    };
    Some(format!(
        "{}: {reached} {} ({}); {explained}.",
        results.study.nets,
        criterion.shown(chance.value),
        criterion.heading(),
    ))
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
    /// Mean ± standard deviation over the finished runs; says so if there is none, or if chance explains it.
    fn cell(&self, criterion: Criterion, chance: Option<Chance>) -> String {
        let n_diverged = self.missing.iter().filter(|run| run.state == RunState::Diverged).count();
        let shown = |Spread { mean, std }: Spread| {
            let is_chance = chance.is_some_and(|chance| chance.explains(criterion, mean, self.runs.len()));
            let mark = if is_chance { CHANCE_MARK } else { "" };
            format!("{}{mark}", criterion.shown_spread(mean, std))
        };
        match (Spread::of(&self.test(criterion)), n_diverged) {
            (Some(spread), 0) => shown(spread),
            (Some(spread), n) => format!("{}, {n} diverged", shown(spread)),
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
