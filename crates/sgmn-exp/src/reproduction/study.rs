//! Which experiments are compared with each other: the rows and columns of the report.

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::studies;
use crate::config::{Composition, ExperimentFile, ModelPart};

/// A part of the report, as a person asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum ReportPart {
    /// What does an INR draw?
    Classification,
    /// How accurate is a CNN?
    Generalization,
    /// How must an INR's weights change so that its image does?
    Editing,
    /// What do the weights of nets of many architectures tell?
    Wild,
    /// How does accuracy grow with the number of training nets?
    Growth,
    /// What is each part of the model worth?
    Ablations,
}

/// How much work a reproduction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Small models on the data that come with the project: minutes on two cores
    Quick,
    /// The same models on full-size data, made here from images: hours on two cores
    Small,
    /// Our own settings on full-size data, with everything that helps: days on two cores
    Best,
    /// The published configurations on the published data: days on a processor, hours on a GPU
    Paper,
}

/// Experiments on the same nets: one column of a table of results, one row a model.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    /// Its name on the command line and in file names.
    pub name: &'static str,
    /// The part of the report it stands in.
    pub part: ReportPart,
    /// How much work it is.
    pub scale: Scale,
    /// The kind of nets in a few words: the heading of its column.
    pub nets: &'static str,
    /// What was asked of the models, in one sentence.
    pub question: &'static str,
    /// The column of the paper's table that it stands beside: about the same nets, or about nets of the same images.
    pub paper_column: Option<usize>,
    /// How data and size differ from the paper's, in one sentence; nothing if they do not.
    pub differs: Option<&'static str>,
    /// Names of the manifests of nets and images that have to be fetched; none for what comes with the project.
    pub manifests: &'static [&'static str],
    /// Folder of images to which such nets can be fitted here by the published recipe, where that is known.
    pub images: Option<&'static str>,
    /// The models.
    pub rows: Vec<Row>,
    /// Methods that are compared in words: the first is expected to be better than the second.
    pub claims: &'static [(&'static str, &'static str)],
}

/// One model of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The method, by its name in the paper's tables where it is there.
    pub method: String,
    /// The name of its experiment, or the path of its file; all experiments of a study name the same data.
    pub experiment: String,
    /// What the model knows about nets, or what is changed against the first row, in a few words.
    pub knows: String,
    /// The published configuration that the experiment is, or is a small version of.
    pub published: Option<Published>,
}

/// A configuration of the paper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Its experiment.
    pub experiment: &'static str,
    /// Learned numbers of its model.
    pub n_params: usize,
    /// Nets that the paper trained on, where it says so.
    pub n_train: Option<usize>,
}

impl ReportPart {
    /// All parts, in the order of the report.
    pub const ALL: [Self; 6] = [
        Self::Classification,
        Self::Generalization,
        Self::Editing,
        Self::Wild,
        Self::Growth,
        Self::Ablations,
    ];

    /// Heading of the part.
    pub fn title(self) -> &'static str {
        match self {
            Self::Classification => "INR classification",
            Self::Generalization => "Generalization prediction",
            Self::Editing => "INR editing",
            Self::Wild => "Nets of many architectures",
            Self::Growth => "Accuracy against training nets",
            Self::Ablations => "Ablations",
        }
    }
}

impl Scale {
    /// Its word on the command line and in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Small => "small",
            Self::Best => "best",
            Self::Paper => "paper",
        }
    }
}

impl Row {
    /// A composition, by what its model says of itself.
    ///
    /// # Errors
    /// If it does not resolve.
    pub fn of(composition: &Composition) -> Result<Self> {
        Self::new(composition.model(), &composition.name())
    }

    /// An experiment whose model is, or is a version of, one that comes with the program.
    ///
    /// # Errors
    /// If it does not resolve.
    pub fn new(model: &ModelPart, experiment: &str) -> Result<Self> {
        let resolved = ExperimentFile::open(experiment)?.resolve()?;
        let (method, knows) = (model.title(&resolved), model.knows().to_owned());
        Ok(Self { method, experiment: experiment.to_owned(), knows, published: None })
    }

    /// A word for its experiment in names of folders: its name, or that of its file.
    pub fn name(&self) -> &str {
        let path = Path::new(&self.experiment);
        let stem = path.file_stem().filter(|_| path.extension().is_some_and(|ending| ending == "toml"));
        stem.and_then(|stem| stem.to_str()).unwrap_or(&self.experiment)
    }

    /// The same row under another name.
    #[must_use]
    pub fn called(self, method: &str) -> Self {
        Self { method: method.to_owned(), ..self }
    }

    /// The same row with other words for what the model knows, or what is changed.
    #[must_use]
    pub fn knowing(self, knows: &str) -> Self {
        Self { knows: knows.to_owned(), ..self }
    }
}

impl Study {
    /// All studies, in the order of the report.
    pub fn all() -> impl Iterator<Item = &'static Self> {
        studies::all().iter()
    }

    /// The study of this name.
    ///
    /// # Errors
    /// An unknown name lists the known ones.
    pub fn named(name: &str) -> Result<&'static Self> {
        Self::all().find(|study| study.name == name).with_context(|| {
            let known: Vec<&str> = Self::all().map(|study| study.name).collect();
            format!("study: expected one of {}, found {name:?}", known.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reproduction::paper;

    #[test]
    fn all_models_of_a_study_read_the_same_nets() {
        for study in Study::all() {
            let data =
                |row: &Row| ExperimentFile::open(&row.experiment).unwrap().resolve().unwrap().data().clone();
            assert!(study.rows.iter().all(|row| data(row) == data(&study.rows[0])), "{}", study.name);
            let is_row = |method: &str| study.rows.iter().any(|row| row.method == method);
            assert!(study.claims.iter().all(|(a, b)| is_row(a) && is_row(b)), "{}", study.name);
        }
    }

    #[test]
    fn published_experiments_expect_the_values_of_the_papers_tables() {
        for study in Study::all() {
            let Some(column) = study.paper_column.filter(|_| study.scale == Scale::Paper) else { continue };
            let table = paper::table(study.part).unwrap();
            for row in &study.rows {
                let experiment = ExperimentFile::open(&row.experiment).unwrap().resolve().unwrap();
                let place = format!("{}: {}", study.name, row.method);
                let Some(value) = table.value(&row.method, column) else {
                    // What the paper has not tried is ours; a published configuration is one of its rows.
                    assert_eq!(row.published, None, "{place}: not in the table");
                    continue;
                };
                let metric = experiment.expect().map(|expect| expect.metric);
                let expected = experiment.expect().map(|expect| (expect.paper_mean, expect.paper_std));
                // Percent in one place and shares in the other, so not to the last bit.
                let rounded = |(mean, std): paper::Value| {
                    let digits = |value: f64| (1e6 * value).round();
                    (digits(mean), std.map(digits))
                };
                assert_eq!(metric, Some(table.criterion), "{place}");
                assert_eq!(expected.map(rounded), Some(rounded(value)), "{place}");
            }
        }
    }

    #[test]
    fn an_unknown_study_lists_the_known_ones() {
        let message = Study::named("minni").unwrap_err().to_string();
        assert!(message.starts_with("study: expected one of digits, "), "{message}");
        assert!(message.ends_with("found \"minni\""), "{message}");
    }
}
