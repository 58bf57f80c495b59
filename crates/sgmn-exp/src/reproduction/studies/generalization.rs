//! How accurate is a CNN on images it has not seen?

use super::{Terms, paper, study};
use crate::{
    config::TaskKind,
    reproduction::study::{Published, ReportPart, Scale, Study},
};

const QUESTION: &str = "Small CNNs were trained with random hyper-parameters; each model reads from the weights of a CNN \
                        how accurate it is on its test images. Kendall's τ compares the order of predicted and true \
                        accuracies: 1 is the same order, 0 no relation.";

/// The models that read CNNs of one activation.
const MODELS: [&str; 14] = [
    "stat-nn",
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

// The published configurations of CIFAR-10-GS.
const RELU: [(&str, Published); 2] = [
    ("scalegmn", published("cifar10-gs-relu", 1_356_801)),
    ("bidirectional", published("cifar10-gs-relu-bidirectional", 2_263_809)),
];
const TANH: [(&str, Published); 2] = [
    ("scalegmn", published("cifar10-gs-tanh", 2_318_849)),
    ("bidirectional", published("cifar10-gs-tanh-bidirectional", 3_441_665)),
];
const HETERO: [(&str, Published); 2] = [
    ("scalegmn", published("cifar10-gs-hetero", 1_688_577)),
    ("bidirectional", published("cifar10-gs-hetero-bidirectional", 4_250_625)),
];

const CLAIMS: &[(&str, &str)] = &[
    ("ScaleGMN", "StatNN"),
    ("ScaleGMN-B", "StatNN"),
    ("ScaleGMN", "GMN"),
    ("ScaleGMN", "NG-GNN"),
    ("ScaleGMN, runs the nets on 16 probes", "ScaleGMN"),
    ("ScaleGMN, runs the nets on 16 probes", "Probes alone, 16"),
    ("NG-GNN, runs the nets on 16 probes", "NG-GNN"),
    ("NG-T, runs the nets on 16 probes", "NG-T"),
];

pub(super) fn studies() -> Vec<Study> {
    let terms = |data, size| Terms { data, task: TaskKind::Predict, size };
    vec![
        Study {
            name: "zoo-relu",
            differs: QUICK,
            rows: terms("zoo-relu", "quick").rows(&MODELS, &RELU),
            claims: CLAIMS,
            ..study(ReportPart::Generalization, Scale::Quick, "own zoo, ReLU", QUESTION)
        },
        Study {
            name: "zoo-tanh",
            differs: QUICK,
            rows: terms("zoo-tanh", "quick").rows(&MODELS, &TANH),
            claims: CLAIMS,
            ..study(ReportPart::Generalization, Scale::Quick, "own zoo, tanh", QUESTION)
        },
        Study {
            name: "zoo-hetero",
            differs: QUICK,
            rows: terms("zoo-hetero", "quick").rows(&["stat-nn", "scalegmn", "bidirectional"], &HETERO),
            claims: &[("ScaleGMN", "StatNN"), ("ScaleGMN-B", "StatNN")],
            ..study(ReportPart::Generalization, Scale::Quick, "own zoo, both", QUESTION)
        },
        Study {
            name: "small-zoo-relu",
            differs: SMALL,
            manifests: &["mnist"],
            rows: terms("zoo-relu-full", "small").rows(&MODELS, &RELU),
            claims: CLAIMS,
            ..study(ReportPart::Generalization, Scale::Small, "own zoo, ReLU", QUESTION)
        },
        Study {
            name: "small-zoo-tanh",
            differs: SMALL,
            manifests: &["mnist"],
            rows: terms("zoo-tanh-full", "small").rows(&MODELS, &TANH),
            claims: CLAIMS,
            ..study(ReportPart::Generalization, Scale::Small, "own zoo, tanh", QUESTION)
        },
        Study {
            name: "small-zoo-hetero",
            differs: SMALL,
            manifests: &["mnist"],
            rows: terms("zoo-hetero-full", "small").rows(&["stat-nn", "scalegmn", "bidirectional"], &HETERO),
            claims: &[("ScaleGMN", "StatNN"), ("ScaleGMN-B", "StatNN")],
            ..study(ReportPart::Generalization, Scale::Small, "own zoo, both", QUESTION)
        },
        Study {
            name: "cifar10-gs-relu",
            manifests: &["cnn-zoo-cifar10"],
            rows: paper(&RELU),
            ..of_the_paper("CIFAR-10-GS ReLU", Some(0))
        },
        Study {
            name: "svhn-gs-relu",
            manifests: &["cnn-zoo-svhn"],
            rows: paper(&[
                ("scalegmn", published("svhn-gs-relu", 467_969)),
                ("bidirectional", published("svhn-gs-relu-bidirectional", 559_105)),
            ]),
            ..of_the_paper("SVHN-GS ReLU", Some(1))
        },
        Study {
            name: "cifar10-gs-tanh",
            manifests: &["cnn-zoo-cifar10"],
            rows: paper(&TANH),
            ..of_the_paper("CIFAR-10-GS tanh", Some(2))
        },
        Study {
            name: "svhn-gs-tanh",
            manifests: &["cnn-zoo-svhn"],
            rows: paper(&[
                ("scalegmn", published("svhn-gs-tanh", 547_457)),
                ("bidirectional", published("svhn-gs-tanh-bidirectional", 2_680_577)),
            ]),
            ..of_the_paper("SVHN-GS tanh", Some(3))
        },
        Study {
            name: "cifar10-gs-hetero",
            manifests: &["cnn-zoo-cifar10"],
            rows: paper(&HETERO),
            ..of_the_paper("CIFAR-10-GS both", None)
        },
    ]
}

const QUICK: Option<&str> = Some(
    "Here is a small zoo, trained in minutes on the digits that come with the project, and models of a quarter of the \
     published width; the paper's zoos hold tens of thousands of CNNs, trained for 86 epochs on CIFAR-10 and SVHN. A τ on \
     other nets is another question: compare rows of our column with each other.",
);
const SMALL: Option<&str> = Some(
    "Here are about 5,000 CNNs of each activation, two fifths of them to train on, trained on 10,000 digits of MNIST, and \
     models of a quarter of the published width; the paper's zoos hold tens of thousands of CNNs, trained for 86 epochs on \
     CIFAR-10 and SVHN.",
);

fn of_the_paper(nets: &'static str, column: Option<usize>) -> Study {
    Study { paper_column: column, ..study(ReportPart::Generalization, Scale::Paper, nets, QUESTION) }
}

const fn published(experiment: &'static str, n_params: usize) -> Published {
    Published { experiment, n_params, n_train: None }
}
