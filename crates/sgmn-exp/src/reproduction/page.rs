//! What the report of a study says: text, tables and figures, the same for Markdown and for the page.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use super::{
    examples::{Example, Examples},
    inrs::Inrs,
    plan::Request,
    results::{ModelResults, Results, RunResult},
};
use crate::{
    config::{Experiment, ExperimentFile},
    report::{Block, Page, Section, Split, Svg, Table, confusion_svg, percent, thousands},
};

/// A page and the names under which its figures are kept as files, in their order.
pub(super) struct Composed {
    pub(super) page: Page,
    pub(super) figures: Vec<(String, Svg)>,
}

/// Writes the report of a study.
pub(super) fn compose(request: &Request, results: &Results, command: &str) -> Result<Composed> {
    let inrs = Inrs::of(request)?;
    let mut composer = Composer { request, results, figures: Vec::new(), sections: Vec::new() };
    composer.section("Result", |composer, blocks| composer.result(blocks))?;
    composer.section("Training", |composer, blocks| composer.training(blocks))?;
    composer.section("What is taken for what", |composer, blocks| composer.confusion(blocks))?;
    composer.section("The nets", |composer, blocks| composer.nets(inrs.as_ref(), blocks))?;
    composer.section("What differs from the paper", |composer, blocks| composer.differences(blocks))?;
    composer.section("All runs", |composer, blocks| composer.runs(command, blocks))?;
    let Composer { figures, sections, .. } = composer;
    let study = results.study;
    let page = Page { title: study.title.to_owned(), introduction: study.question.to_owned(), sections };
    Ok(Composed { page, figures })
}

struct Composer<'a> {
    request: &'a Request,
    results: &'a Results,
    figures: Vec<(String, Svg)>,
    sections: Vec<Section>,
}

impl Composer<'_> {
    /// A section, left out if it has nothing to say.
    fn section(
        &mut self,
        title: &str,
        fill: impl FnOnce(&mut Self, &mut Vec<Block>) -> Result<()>,
    ) -> Result<()> {
        let mut blocks = Vec::new();
        fill(self, &mut blocks)?;
        if !blocks.is_empty() {
            self.sections.push(Section { title: title.to_owned(), blocks });
        }
        Ok(())
    }

    fn figure(&mut self, blocks: &mut Vec<Block>, name: &str, svg: Svg, caption: &str) {
        self.figures.push((format!("{}-{name}.svg", self.results.study.name), svg.clone()));
        blocks.push(Block::Figure(svg, caption.to_owned()));
    }

    fn result(&mut self, blocks: &mut Vec<Block>) -> Result<()> {
        let results = self.results;
        let overrides = &self.request.overrides;
        if !overrides.is_empty() {
            blocks.push(Block::Text(format!(
                "Not the experiments as they are: every run was made with {}.",
                overrides.join(", ")
            )));
        }
        if let Some(sentence) = headline(results) {
            blocks.push(Block::Text(sentence));
        }
        blocks.push(Block::Table(results.table()));
        let mut note =
            "Accuracy is measured on nets that neither training nor the choice of the best epoch has seen; \
                        ± is the sample standard deviation over seeds."
                .to_owned();
        if let Some(data) = results.study.paper_data {
            note += &format!(
                " The paper's values are for {data}, other and more data: they say what the method can do, not what \
                 to expect here."
            );
        }
        blocks.push(Block::Text(note));
        let knows =
            results.models.iter().map(|model| (model.model.title.to_owned(), model.model.knows.to_owned()));
        blocks.push(Block::Text("What each model knows of the nets:".to_owned()));
        blocks.push(Block::Facts(knows.collect()));
        Ok(())
    }

    fn training(&mut self, blocks: &mut Vec<Block>) -> Result<()> {
        let results = self.results;
        let range = Some((0.0, 1.0));
        if let Some(svg) = results.curves("accuracy on the validation nets", Split::Val, "accuracy", range)? {
            self.figure(
                blocks,
                "accuracy",
                svg,
                "Mean over seeds; the band runs from the worst to the best seed.",
            );
        }
        if let Some(svg) = results.curves("loss on the training nets", Split::Train, "loss", None)? {
            self.figure(blocks, "loss", svg, "Cross-entropy in nats per net, averaged while training.");
        }
        Ok(())
    }

    fn confusion(&mut self, blocks: &mut Vec<Block>) -> Result<()> {
        let Some((model, run)) = self.results.best() else { return Ok(()) };
        let Some(confusion) = &run.summary.confusion else { return Ok(()) };
        let svg = confusion_svg(&format!("{}, seed {}", model.model.title, run.summary.seed), confusion)?;
        let caption = "Test nets of the model that did best on the validation nets; rows are true classes.";
        self.figure(blocks, "confusion", svg, caption);
        Ok(())
    }

    fn nets(&mut self, inrs: Option<&Inrs>, blocks: &mut Vec<Block>) -> Result<()> {
        let Some(inrs) = inrs else { return Ok(()) };
        blocks.push(Block::Text(inrs.describe()));
        let Some((model, run)) = self.results.best() else { return Ok(()) };
        let Some(Examples { of_each_class, mistakes }) = Examples::new(self.request, run)? else {
            return Ok(());
        };
        let reader = format!("{}, seed {}", model.model.title, run.summary.seed);
        let caption = format!(
            "Above the image, below what the net fitted to it draws. Under each: its class → what the model ({reader}) \
             says, how sure it is of that, and how well the net draws the image."
        );
        blocks.push(Block::Images(Example::grid(&of_each_class, &caption)));
        if !mistakes.is_empty() {
            let caption = "The first test nets that the same model reads wrongly.";
            blocks.push(Block::Images(Example::grid(&mistakes, caption)));
        }
        Ok(())
    }

    fn differences(&mut self, blocks: &mut Vec<Block>) -> Result<()> {
        let study = self.results.study;
        for model in &self.results.models {
            let Some(published) = model.model.published else { continue };
            let mut rows = Vec::new();
            if let Some(RunResult { summary, .. }) = model.runs.first() {
                let counts = [
                    ("nets to train on", summary.n_nets[0], study.paper_n_train),
                    ("parameters of the model", summary.n_params, Some(published.n_params)),
                ];
                for (name, here, paper) in counts {
                    if let Some(paper) = paper.filter(|paper| *paper != here) {
                        rows.push(vec![name.to_owned(), thousands(here), thousands(paper)]);
                    }
                }
            }
            rows.extend(differing_settings(&model.experiment, published.experiment)?);
            if !rows.is_empty() {
                let header = [model.model.title, "here", "paper"].map(str::to_owned).to_vec();
                blocks.push(Block::Table(Table { header, rows }));
            }
        }
        if let Some(data) = study.paper_data {
            let text = format!("The nets differ too: the paper's are those of {data}, which others fitted.");
            blocks.push(Block::Text(text));
        }
        Ok(())
    }

    fn runs(&mut self, command: &str, blocks: &mut Vec<Block>) -> Result<()> {
        let results = self.results;
        blocks.push(Block::Table(results.table_of_runs()));
        if results.models.iter().any(|model| !model.missing.is_empty()) {
            let text = "Not all runs were made: seeds after the first are run while time allows, and a further call goes on \
                        from here.";
            blocks.push(Block::Text(text.to_owned()));
        }
        let mut machines = Vec::new();
        let mut commits = Vec::new();
        for run in results.runs() {
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
        let mut commands = vec![command.to_owned()];
        commands.extend(results.runs().map(command_of));
        blocks.push(Block::Text("The command, and the runs that it made:".to_owned()));
        blocks.push(Block::Commands(commands));
        Ok(())
    }
}

/// The result in one sentence.
fn headline(results: &Results) -> Option<String> {
    let share = |model: &ModelResults| model.accuracy().map(|spread| percent(spread.mean, spread.std));
    let (first, others) = results.models.split_first()?;
    let mut sentence = format!("{} reads {} % of the test nets rightly", first.model.title, share(first)?);
    if let Some((last, share)) = others.last().and_then(|last| Some((last, share(last)?))) {
        sentence += &format!(", {} {share} %", last.model.title);
    }
    let n_classes = first.runs.first()?.summary.confusion.as_ref()?.labels().len();
    Some(format!("{sentence}; guessing would be right on {} %.", percent(1.0 / n_classes as f64, None)))
}

/// Settings in which an experiment differs from the published one, as rows of name, value here and value there.
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
    // The one setting in which the files of the published configurations depart from the paper.
    paper.set("pipeline.normalize=none")?;
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

/// The command of a run as a person types it in the root of the repository.
fn command_of(run: &RunResult) -> String {
    let words = run.facts.command.iter().skip(1);
    std::iter::once("cargo run --bin inr-classification --")
        .chain(words.map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ")
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
}
