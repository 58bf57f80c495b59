//! Which experiments are compared with each other, and what the paper says about them.

use anyhow::{Context, Result};

/// Experiments on the same nets, compared in one table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Study {
    /// Its name on the command line and in file names.
    pub name: &'static str,
    /// Heading of the report.
    pub title: &'static str,
    /// What was asked of the models, in one sentence.
    pub question: &'static str,
    /// The data of the values in [`StudyModel::paper`]; absent: those of this study.
    pub paper_data: Option<&'static str>,
    /// Nets that the paper trained on, if it says so.
    pub paper_n_train: Option<usize>,
    /// The models, the one to defend first.
    pub models: &'static [StudyModel],
}

/// One row of a study.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudyModel {
    /// Name in tables.
    pub title: &'static str,
    /// Its experiment; all experiments of a study name the same data.
    pub experiment: &'static str,
    /// What the model knows about nets, in a few words.
    pub knows: &'static str,
    /// Accuracy in the paper, mean and standard deviation over three seeds, in [0, 1].
    pub paper: Option<(f64, f64)>,
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
}

const FORWARD: &str = "hidden units may be reordered and may change their sign";
const BIDIRECTIONAL: &str = "the same, with messages along the edges and against them";

/// All studies, the one without downloads first.
///
/// # Source
/// Paper values: ScaleGMN (NeurIPS 2024), table of INR classification.
pub const STUDIES: &[Study] = &[
    Study {
        name: "mini",
        title: "Which digit does a sine network draw?",
        question: "Sine networks (INRs) were fitted to handwritten digits, one network a digit; each model reads \
                   which digit a network draws from its weights alone and never sees a pixel.",
        paper_data: Some("MNIST-INR"),
        paper_n_train: Some(55_000),
        models: &[
            StudyModel {
                title: "ScaleGMN",
                experiment: "quick",
                knows: FORWARD,
                paper: Some((0.9657, 0.0010)),
                published: Some(Published { experiment: "mnist", n_params: 1_772_042 }),
            },
            StudyModel {
                title: "ScaleGMN-B",
                experiment: "quick-bidirectional",
                knows: BIDIRECTIONAL,
                paper: Some((0.9659, 0.0024)),
                published: Some(Published { experiment: "mnist-bidirectional", n_params: 3_089_162 }),
            },
            StudyModel {
                title: "permutation only",
                experiment: "quick-permutation",
                knows: "hidden units may be reordered",
                paper: None,
                published: None,
            },
            StudyModel {
                title: "MLP on the flat weights",
                experiment: "quick-flat-mlp",
                knows: "nothing",
                paper: Some((0.1755, 0.0001)),
                published: None,
            },
        ],
    },
    published_study(
        "mnist",
        "ScaleGMN on MNIST-INR",
        "Each model reads from the weights of a sine network which digit of MNIST it was fitted to.",
        Some(55_000),
        &[
            published_model("ScaleGMN", "mnist", 1_772_042, FORWARD, (0.9657, 0.0010)),
            published_model("ScaleGMN-B", "mnist-bidirectional", 3_089_162, BIDIRECTIONAL, (0.9659, 0.0024)),
        ],
    ),
    published_study(
        "fmnist",
        "ScaleGMN on F-MNIST-INR",
        "Each model reads from the weights of a sine network which garment of Fashion-MNIST it was fitted to.",
        Some(55_000),
        &[
            published_model("ScaleGMN", "fmnist", 1_160_970, FORWARD, (0.8046, 0.0032)),
            published_model("ScaleGMN-B", "fmnist-bidirectional", 1_722_378, BIDIRECTIONAL, (0.8078, 0.0016)),
        ],
    ),
    published_study(
        "cifar",
        "ScaleGMN on CIFAR-10-INR",
        "Each model reads from the weights of a sine network what the image of CIFAR-10 shows that it was fitted to.",
        Some(45_000),
        &[
            published_model("ScaleGMN", "cifar", 397_450, FORWARD, (0.3643, 0.0041)),
            published_model("ScaleGMN-B", "cifar-bidirectional", 492_298, BIDIRECTIONAL, (0.3882, 0.0010)),
        ],
    ),
    published_study(
        "cifar-aug",
        "ScaleGMN on CIFAR-10-INR with augmented copies",
        "Each model reads from the weights of a sine network what the image of CIFAR-10 shows that it was fitted to; \
         every image of the training set has further nets, fitted from other random starts.",
        None,
        &[
            published_model("ScaleGMN", "cifar-aug", 2_285_322, FORWARD, (0.5662, 0.0024)),
            published_model(
                "ScaleGMN-B",
                "cifar-aug-bidirectional",
                3_324_938,
                BIDIRECTIONAL,
                (0.5695, 0.0057),
            ),
        ],
    ),
];

impl Study {
    /// The study of this name.
    ///
    /// # Errors
    /// An unknown name lists the known ones.
    pub fn named(name: &str) -> Result<&'static Self> {
        STUDIES.iter().find(|study| study.name == name).with_context(|| {
            let known: Vec<&str> = STUDIES.iter().map(|study| study.name).collect();
            format!("study: expected one of {}, found {name:?}", known.join(", "))
        })
    }
}

const fn published_study(
    name: &'static str,
    title: &'static str,
    question: &'static str,
    paper_n_train: Option<usize>,
    models: &'static [StudyModel],
) -> Study {
    Study { name, title, question, paper_data: None, paper_n_train, models }
}

const fn published_model(
    title: &'static str,
    experiment: &'static str,
    n_params: usize,
    knows: &'static str,
    paper: (f64, f64),
) -> StudyModel {
    let published = Some(Published { experiment, n_params });
    StudyModel { title, experiment, knows, paper: Some(paper), published }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ExperimentFile;

    #[test]
    fn all_models_of_a_study_read_the_same_nets() {
        for study in STUDIES {
            let data = |model: &StudyModel| {
                ExperimentFile::open(model.experiment).unwrap().resolve().unwrap().data().clone()
            };
            assert!(study.models.iter().all(|model| data(model) == data(&study.models[0])), "{}", study.name);
        }
    }

    #[test]
    fn paper_values_are_those_of_the_experiment_files() {
        for model in STUDIES.iter().flat_map(|study| study.models) {
            let Some(published) = model.published else { continue };
            let experiment = ExperimentFile::open(published.experiment).unwrap().resolve().unwrap();
            let expect = experiment.expect().unwrap();
            assert_eq!(Some((expect.paper_mean, expect.paper_std.unwrap())), model.paper, "{published:?}");
        }
    }

    #[test]
    fn an_unknown_study_lists_the_known_ones() {
        let message = Study::named("minni").unwrap_err().to_string();
        assert_eq!(message, "study: expected one of mini, mnist, fmnist, cifar, cifar-aug, found \"minni\"");
    }
}
