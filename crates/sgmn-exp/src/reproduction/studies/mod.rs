//! The studies, one file a part of the report.

mod ablations;
mod best;
mod classification;
mod editing;
mod generalization;
mod growth;
mod wild;

use std::sync::LazyLock;

use super::study::{Published, ReportPart, Row, Scale, Study};
use crate::config::{Composition, DataPart, ModelPart, SizePart, TaskKind};

/// All studies, in the order of the report.
pub(super) fn all() -> &'static [Study] {
    static ALL: LazyLock<Vec<Study>> = LazyLock::new(|| {
        [
            classification::studies(),
            generalization::studies(),
            wild::studies(),
            editing::studies(),
            growth::studies(),
            ablations::studies(),
            best::studies(),
        ]
        .concat()
    });
    &ALL
}

/// What the models of a study have in common.
#[derive(Debug, Clone, Copy)]
struct Terms {
    data: &'static str,
    task: TaskKind,
    size: &'static str,
}

/// Why an experiment of a study cannot fail to resolve.
const TESTED: &str = "the experiments of all studies come with the program, and tests resolve them";

impl Terms {
    /// A model on these terms.
    fn row(self, model: &str) -> Row {
        let composed = || {
            let (data, size) = (DataPart::open(self.data)?, SizePart::open(self.size)?);
            Row::of(&Composition::new(data, Some(self.task), ModelPart::open(model)?, size)?)
        };
        composed().expect(TESTED)
    }

    /// Models on these terms, some of them small versions of published configurations.
    fn rows(self, models: &[&str], published: &[(&str, Published)]) -> Vec<Row> {
        let row = |model: &&str| {
            let paper = published.iter().find(|(of, _)| of == model);
            Row { published: paper.map(|(_, published)| *published), ..self.row(model) }
        };
        models.iter().map(row).collect()
    }
}

/// Published configurations, by the models that they are.
fn paper(published: &[(&str, Published)]) -> Vec<Row> {
    let row = |(model, published): &(&str, Published)| Row {
        published: Some(*published),
        ..ours(model, published.experiment)
    };
    published.iter().map(row).collect()
}

/// A whole experiment on published data that the paper does not have.
fn ours(model: &str, experiment: &str) -> Row {
    ModelPart::open(model).and_then(|model| Row::new(&model, experiment)).expect(TESTED)
}

/// A study on nets that are made here, to be completed by name and rows.
fn study(part: ReportPart, scale: Scale, nets: &'static str, question: &'static str) -> Study {
    Study {
        name: "",
        part,
        scale,
        nets,
        question,
        paper_column: None,
        differs: None,
        manifests: &[],
        images: None,
        rows: Vec::new(),
        claims: &[],
    }
}
