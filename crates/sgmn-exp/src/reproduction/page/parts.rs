//! One part of the report: question, our numbers beside the paper's, figures, the nets, what differs.

use anyhow::Result;

use sgmn_data::split::Split;

use super::{Composer, figure};
use crate::{
    metrics::Criterion,
    reproduction::{
        comparison::{ablation_table, own_tables, size_table, table, unrun},
        examples::{Example, Examples},
        nets::{Nets, ceiling, is_here},
        plan::RunState,
        results::{MOST_CURVES, StudyResults},
        study::{ReportPart, Scale},
    },
    run::edited,
    show::{Block, confusion_svg, scatter_svg},
    tasks::UNEDITED,
};

/// Edited nets that are shown.
const N_EDITED: usize = 10;

impl Composer<'_> {
    pub(super) fn part(&self, part: ReportPart) -> Result<Vec<Block>> {
        let studies: Vec<&StudyResults> = self.results.of(part).collect();
        if part == ReportPart::Growth {
            return self.growth(&studies);
        }
        let mut blocks = Vec::new();
        let questions = distinct(studies.iter().map(|results| results.study.question));
        blocks.extend(questions.iter().map(|question| Block::Text((*question).to_owned())));
        // What is seen at a glance first, numbers after.
        for results in &studies {
            blocks.extend(self.figures(results)?);
        }
        if part == ReportPart::Ablations {
            // They are compared within one study, everything else across the studies of the part.
            for results in studies.iter().filter(|results| results.runs().next().is_some()) {
                blocks.push(Block::Text(format!("{}:", results.study.nets)));
                blocks.push(Block::Table(ablation_table(results)));
            }
        }
        if let Some(table) = table(self.results, part) {
            blocks.push(Block::Table(table));
            blocks.push(Block::Text(note(part).to_owned()));
        }
        if part == ReportPart::Wild {
            blocks.extend(own_tables(&studies).into_iter().map(|(_, table)| Block::Table(table)));
            blocks.push(Block::Text(note(part).to_owned()));
        }
        for difference in distinct(studies.iter().filter_map(|results| results.study.differs)) {
            blocks.push(Block::Text(difference.to_owned()));
        }
        blocks.extend(self.not_run(&studies).map(Block::Text));
        let mut described = Vec::new();
        for results in &studies {
            if let Some(nets) = Nets::of(self.request, results.study)?
                && !described.contains(&nets.path)
            {
                blocks.push(Block::Text(nets.describe()));
                described.push(nets.path);
            }
        }
        for results in &studies {
            blocks.extend(ceiling(self.request, results)?.map(Block::Text));
        }
        if part != ReportPart::Ablations {
            for results in &studies {
                blocks.push(Block::Text(format!("The same with sizes and times, {}:", results.study.nets)));
                blocks.push(Block::Table(size_table(results)));
            }
            blocks.push(Block::Text(budget(self.request.scale).to_owned()));
            blocks.push(Block::Fold("What each model knows of the nets".to_owned(), knows(&studies)));
            let differences = self.differences(&studies)?;
            if !differences.is_empty() {
                blocks.push(Block::Fold("Settings that differ from the paper's".to_owned(), differences));
            }
        }
        Ok(blocks)
    }

    /// Why there are rows without a number, or with fewer seeds than were asked for; nothing if there are none.
    pub(super) fn not_run(&self, studies: &[&StudyResults]) -> Option<String> {
        let mut missing = studies.iter().flat_map(|results| &results.rows).flat_map(|row| &row.missing);
        if missing.all(|run| run.state == RunState::Diverged) {
            return None;
        }
        let mut text = match unrun(studies).as_slice() {
            [] => String::new(),
            methods => format!("Not run: {}. ", methods.join("; ")),
        };
        text += "Seeds after the first are run while time allows, and the same command goes on from here.";
        for results in studies {
            let study = results.study;
            let is_here = self.request.data(study).is_ok_and(|data| is_here(&data, &self.request.data_dir));
            for manifest in self.request.manifests(study).iter().filter(|_| !is_here) {
                text += &format!(" {} needs `cargo xtask datasets fetch {manifest}` first.", study.nets);
            }
        }
        Some(text)
    }

    pub(super) fn figures(&self, results: &StudyResults) -> Result<Vec<Block>> {
        let mut blocks = Vec::new();
        let criterion = results.criterion;
        if results.study.part == ReportPart::Ablations {
            return Ok(blocks);
        }
        let title = format!("{}: {} of the validation nets", results.study.nets, criterion.name());
        if let Some(svg) = results.curves(&title, Split::Val, criterion.name(), criterion.range())? {
            let mut caption = "Mean over seeds; a band runs from the worst to the best seed.".to_owned();
            if results.shown().count() > MOST_CURVES {
                caption += &format!(" The {MOST_CURVES} models that are best on the validation nets.");
            }
            if criterion == Criterion::Mse {
                caption += " The table has a hundred times this.";
            }
            blocks.push(figure(results, criterion.name(), svg, &caption));
        }
        let Some((row, run)) = results.best() else { return Ok(blocks) };
        let model = format!("{}, seed {}", row.row.method, run.summary.seed);
        match criterion {
            Criterion::Accuracy => {
                if let Some(confusion) = &run.summary.confusion {
                    let caption =
                        "Test nets of the model that did best on the validation nets; rows are true classes.";
                    blocks.push(figure(results, "confusion", confusion_svg(&model, confusion)?, caption));
                }
                if let Some(examples) = Examples::new(self.request, run)? {
                    blocks.extend(pictures(&examples, &model));
                }
            }
            Criterion::Tau | Criterion::R2 => {
                let caption = format!(
                    "{}: test nets of the model that did best on the validation nets.",
                    results.study.nets
                );
                let scatter = scatter_svg(
                    &model,
                    &run.summary.pairs,
                    (criterion == Criterion::Tau).then_some((0.0, 1.0)),
                )?;
                blocks.push(figure(results, "scatter", scatter, &caption));
            }
            Criterion::Mse => {
                if let Some(unedited) = run.summary.test.get(UNEDITED) {
                    let unedited = criterion.shown(*unedited);
                    blocks.push(Block::Text(format!(
                        "Nets that are not edited have an error of {unedited} · 10⁻²."
                    )));
                }
                let caption = format!(
                    "Test nets, edited by {model}, which did best on the validation nets: what each net drew, what it \
                     should draw, what it draws now; the error before and after the edit."
                );
                let grid = edited::grid(&run.folder, &self.request.data_dir, N_EDITED, &caption)?;
                blocks.extend(grid.map(Block::Images));
            }
        }
        Ok(blocks)
    }
}

/// Test nets as images.
fn pictures(Examples { of_each_class, mistakes }: &Examples, model: &str) -> Vec<Block> {
    let caption = format!(
        "Above the image, below what the net fitted to it draws. Under each: its class → what the model ({model}) says, how \
         sure it is of that, and how well the net draws the image."
    );
    let mut blocks = vec![Block::Images(Example::grid(of_each_class, &caption))];
    if !mistakes.is_empty() {
        let caption = "The first test nets that the same model reads wrongly.";
        blocks.push(Block::Images(Example::grid(mistakes, caption)));
    }
    blocks
}

fn knows(studies: &[&StudyResults]) -> Vec<Block> {
    let rows = studies.iter().flat_map(|results| &results.study.rows);
    let facts = rows.map(|row| (row.method.clone(), row.knows.clone()));
    vec![Block::Facts(distinct(facts))]
}

/// On what terms the models of a table were trained.
fn budget(scale: Scale) -> &'static str {
    match scale {
        Scale::Quick => {
            "All models of a table have the same nets, batches, epochs, optimizer and warm-up; of each the epoch that is best on \
             the validation nets is tested. Learning rates by the validation nets, from one grid (`cargo xtask tune`)."
        }
        Scale::Small => {
            "All models of a table have the same nets, batches, epochs, optimizer and warm-up; of each the epoch that is best on \
             the validation nets is tested. Learning rates are those that were chosen at scale quick, whose models these are \
             (`cargo xtask tune`)."
        }
        Scale::Best => {
            "All models of a table have the same nets, batches, epochs, warm-up and moves, ScaleGMNs Muon and noise too; of each the epoch that is best \
             on the validation nets is tested."
        }
        Scale::Paper => "Settings as published.",
    }
}

/// How the values of a part are to be read.
pub(super) fn note(part: ReportPart) -> &'static str {
    match part {
        ReportPart::Classification => {
            "Accuracy on nets that neither training nor the choice of the best epoch has seen; mean ± sample standard deviation \
             over seeds. \"≈ chance\": no more than two standard deviations of luck above always saying the commonest class. \
             Probes ask another, easier question: a model with probes also runs each net at places that it chooses, so it sees \
             what the net draws; the others see weights alone. A dash: not published, or not run on these nets. Elsewhere: \
             the best result of another paper."
        }
        ReportPart::Generalization => {
            "Kendall's τ-b on nets that neither training nor the choice of the best epoch has seen; mean ± sample standard \
             deviation over seeds. Any constant prediction has τ = 0. Probes: the model also runs each net on inputs that it \
             learns. A dash: not published, or not run on these nets. Elsewhere: the best result of another paper."
        }
        ReportPart::Editing => {
            "Error on nets that neither training nor the choice of the best epoch has seen, times 100: less is better; mean ± \
             sample standard deviation over seeds. A dash: not published, or not run on these nets. Elsewhere: the best result of another paper."
        }
        ReportPart::Wild => {
            "Kendall's τ-b or accuracy on nets that neither training nor the choice of the best epoch has seen; mean ± sample \
             standard deviation over seeds. Any constant prediction has τ = 0. \"≈ chance\": no more than two standard \
             deviations of luck above always saying the commonest class. A dash: not run."
        }
        ReportPart::Growth | ReportPart::Ablations => "",
    }
}

/// The items without repetitions, in their order.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}
