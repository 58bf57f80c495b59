//! What the report says: text, tables and figures, the same for Markdown and for the page.

mod compare;
mod differences;
mod growth;
mod parts;
mod runs;

use anyhow::Result;

pub(super) use self::compare::{Told, compare, table};

use super::{
    nets::distributions,
    plan::Request,
    results::{Results, StudyResults},
    study::{ReportPart, Scale},
};
use crate::show::{Block, Figure, Page, Section, Svg};

/// Writes the report.
pub(super) fn compose(request: &Request, results: &Results, command: &str) -> Result<Page> {
    let composer = Composer { request, results };
    let mut sections = vec![composer.summary()];
    for part in ReportPart::ALL {
        if results.of(part).next().is_some() {
            sections.push(Section { title: part.title().to_owned(), blocks: composer.part(part)? });
        }
    }
    sections.extend(composer.distributions()?);
    sections.push(Section { title: "Runs".to_owned(), blocks: composer.runs(command) });
    Ok(Page {
        title: "ScaleGMN: the paper's experiments, run here".to_owned(),
        introduction: introduction(request).to_owned(),
        sections,
    })
}

/// What the reader is looking at.
fn introduction(request: &Request) -> &'static str {
    match request.scale {
        Scale::Quick => {
            "Models that read neural networks by their weights, trained and tested in minutes on networks that were made on \
             this machine. The paper's numbers stand beside ours; they are for other and more networks and for larger \
             models, so they say what the method can do, not what to expect here."
        }
        Scale::Small => {
            "Models that read neural networks by their weights, trained and tested on networks that were made on \
             this machine. The paper's numbers stand beside ours; its networks are more and others, its models larger."
        }
        Scale::Best => {
            "Models that read neural networks by their weights, in settings of our own, on networks that were made on this \
             machine by the published recipe. The paper's numbers stand beside ours; its networks are others, and its settings \
             too."
        }
        Scale::Paper => {
            "Models that read neural networks by their weights, in the published configurations on the published networks. \
             The paper's numbers stand beside ours."
        }
    }
}

struct Composer<'a> {
    request: &'a Request,
    results: &'a Results,
}

impl Composer<'_> {
    /// The findings of all parts, for who reads no further.
    fn summary(&self) -> Section {
        let mut blocks = Vec::new();
        // The device changes times only.
        let is_setting = |assignment: &&String| !assignment.starts_with("train.device=");
        let overrides: Vec<&str> =
            self.request.overrides.iter().filter(is_setting).map(String::as_str).collect();
        if !overrides.is_empty() {
            blocks.push(Block::Text(format!(
                "Not the experiments as they are: every run was made with {}.",
                overrides.join(", ")
            )));
        }
        let findings: Vec<String> =
            self.results.studies.iter().flat_map(super::comparison::findings).collect();
        if findings.is_empty() {
            let text = "No two models that are to be compared have finished yet.";
            blocks.push(Block::Text(text.to_owned()));
        } else {
            blocks.push(Block::List(findings));
        }
        Section { title: "In short".to_owned(), blocks }
    }

    /// Distributions of the weights of the nets that were read, once for each kind of nets.
    fn distributions(&self) -> Result<Option<Section>> {
        let mut shown = Vec::new();
        let mut blocks = Vec::new();
        for StudyResults { study, .. } in &self.results.studies {
            let data = self.request.data(study)?;
            if !shown.contains(&data) {
                blocks.extend(distributions(self.request, study)?);
                shown.push(data);
            }
        }
        let title = "What the weights look like".to_owned();
        Ok((!blocks.is_empty()).then_some(Section { title, blocks }))
    }
}

/// A figure of a study; its name is that of its file.
fn figure(results: &StudyResults, name: &str, svg: Svg, caption: &str) -> Block {
    Block::Figure(Figure { name: format!("{}-{name}", results.study.name), svg, caption: caption.to_owned() })
}
