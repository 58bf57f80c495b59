//! What does an INR draw?

use super::{Terms, paper, study};
use crate::{
    config::TaskKind,
    reproduction::study::{Published, ReportPart, Scale, Study},
};

const QUESTION: &str = "Sine networks (INRs) were fitted to images, one network an image; each model reads what a \
                        network draws from its weights and never sees the image. Models with probes also run the network \
                        at learned places, where it draws much of its image: another, easier question.";

/// Nets to train on in the published split of MNIST-INR and F-MNIST-INR.
const DWS: Option<usize> = Some(55_000);
/// Nets to train on in the published split of CIFAR-10-INR.
const NFN: Option<usize> = Some(45_000);

/// The models that read INRs.
const MODELS: [&str; 16] = [
    "flat-mlp",
    "inr2vec",
    "inr2vec-architecture",
    "dws",
    "nfn-np",
    "nfn-hnp",
    "ng-gnn",
    "ng-gnn-probes",
    "ng-t",
    "ng-t-probes",
    "probes",
    "scalegmn",
    "bidirectional",
    "scalegmn-probes",
    "gmn",
    "gmn-augmented",
];

/// The published configurations of MNIST.
const MNIST: [(&str, Published); 2] = [
    ("scalegmn", published("mnist", 1_772_042, DWS)),
    ("bidirectional", published("mnist-bidirectional", 3_089_162, DWS)),
];

/// Those of Fashion-MNIST.
const FMNIST: [(&str, Published); 2] = [
    ("scalegmn", published("fmnist", 1_160_970, DWS)),
    ("bidirectional", published("fmnist-bidirectional", 1_722_378, DWS)),
];

/// The models of the paper's table.
const OF_THE_PAPER: [&str; 9] =
    ["flat-mlp", "inr2vec", "dws", "nfn-np", "nfn-hnp", "ng-gnn", "scalegmn", "bidirectional", "gmn"];

const CLAIMS: &[(&str, &str)] = &[
    ("ScaleGMN", "MLP"),
    ("ScaleGMN", "GMN"),
    ("ScaleGMN", "NG-GNN"),
    ("ScaleGMN-B", "ScaleGMN"),
    ("ScaleGMN, runs the nets on 64 probes", "ScaleGMN"),
    ("ScaleGMN, runs the nets on 64 probes", "Probes alone, 64"),
    ("NG-GNN, runs the nets on 64 probes", "NG-GNN"),
    ("NG-T, runs the nets on 64 probes", "NG-T"),
];

pub(super) fn studies() -> Vec<Study> {
    let terms = |data, size| Terms { data, task: TaskKind::Classify, size };
    vec![
        Study {
            name: "digits",
            differs: Some(
                "Here are 2,000 nets to train on, fitted to the 2,500 digits that come with the project, and models of a \
             quarter of the published width for a tenth of the epochs or less; the paper's nets are 55,000 of MNIST-INR.",
            ),
            rows: terms("mini-inrs", "quick").rows(&MODELS, &MNIST),
            claims: CLAIMS,
            ..study(ReportPart::Classification, Scale::Quick, "INRs of digits", QUESTION)
        },
        Study {
            name: "small-digits",
            differs: Some(
                "Here are 55,000 nets to train on, fitted here to the images of MNIST by the published recipe, and models of a \
             quarter of the published width for 8 epochs; the paper's models are trained for 200 epochs.",
            ),
            manifests: &["mnist"],
            rows: terms("mnist-inrs-full", "small").rows(&MODELS, &MNIST),
            claims: CLAIMS,
            paper_column: Some(0),
            ..study(ReportPart::Classification, Scale::Small, "INRs of MNIST digits", QUESTION)
        },
        Study {
            name: "small-clothes",
            differs: Some(
                "Here are 55,000 nets to train on, fitted here to the images of Fashion-MNIST by the published recipe, and \
             models of a quarter of the published width for 8 epochs; the paper's models are trained for up to 200 epochs.",
            ),
            manifests: &["fashion-mnist"],
            rows: terms("fmnist-inrs-full", "small").rows(&OF_THE_PAPER, &FMNIST),
            claims: &[
                ("ScaleGMN", "MLP"),
                ("ScaleGMN", "NG-GNN"),
                ("ScaleGMN", "DWS"),
                ("ScaleGMN-B", "ScaleGMN"),
            ],
            paper_column: Some(1),
            ..study(ReportPart::Classification, Scale::Small, "INRs of Fashion-MNIST", QUESTION)
        },
        Study {
            name: "mnist",
            manifests: &["mnist-inr"],
            images: Some("mnist"),
            rows: paper(&MNIST),
            ..of_the_paper("MNIST", 0)
        },
        Study {
            name: "fmnist",
            manifests: &["fmnist-inr"],
            images: Some("fashion-mnist"),
            rows: paper(&FMNIST),
            ..of_the_paper("F-MNIST", 1)
        },
        Study {
            name: "cifar",
            manifests: &["cifar-inr"],
            rows: paper(&[
                ("scalegmn", published("cifar", 397_450, NFN)),
                ("bidirectional", published("cifar-bidirectional", 492_298, NFN)),
            ]),
            ..of_the_paper("CIFAR-10", 2)
        },
        Study {
            name: "cifar-aug",
            manifests: &["cifar-inr-aug"],
            rows: paper(&[
                ("scalegmn", published("cifar-aug", 2_285_322, None)),
                ("bidirectional", published("cifar-aug-bidirectional", 3_324_938, None)),
            ]),
            ..of_the_paper("augmented CIFAR-10", 3)
        },
    ]
}

fn of_the_paper(nets: &'static str, column: usize) -> Study {
    Study { paper_column: Some(column), ..study(ReportPart::Classification, Scale::Paper, nets, QUESTION) }
}

const fn published(experiment: &'static str, n_params: usize, n_train: Option<usize>) -> Published {
    Published { experiment, n_params, n_train }
}
