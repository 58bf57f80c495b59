//! How accurate is a CNN on images it has not seen?

use super::{
    BIDIRECTIONAL, FORWARD, GMN, GMN_AUGMENTED, LINEAR, LINEAR_FOURIER, LINEAR_NP, NEURAL_GRAPH,
    NEURAL_GRAPH_PROBES, PROBES, SCALEGMN_PROBES, TRANSFORMER, TRANSFORMER_PROBES, published, row, study,
};
use crate::reproduction::study::{Group, Row, Scale, Study};

const QUESTION: &str = "Small CNNs were trained with random hyper-parameters; each model reads from the weights of a CNN \
                        how accurate it is on its test images. Kendall's τ compares the order of predicted and true \
                        accuracies: 1 is the same order, 0 no relation.";
const STATISTICS: &str = "mean, variance and quantiles of each layer's weights and biases";

/// The models that read CNNs of one activation, at one scale, with the learned numbers of the published ScaleGMNs.
macro_rules! rows {
    ($zoo:literal, $paper:literal, $n_forward:literal, $n_bidirectional:literal) => {
        &[
            row("StatNN", concat!($zoo, "-stat-nn"), STATISTICS),
            row("DWS", concat!($zoo, "-dws"), LINEAR),
            row("NFN_NP", concat!($zoo, "-nfn-np"), LINEAR_NP),
            row("NFN_HNP", concat!($zoo, "-nfn-hnp"), LINEAR_FOURIER),
            row("NG-GNN", concat!($zoo, "-ng-gnn"), NEURAL_GRAPH),
            row("NG-GNN, runs the nets on 16 probes", concat!($zoo, "-ng-gnn-probes"), NEURAL_GRAPH_PROBES),
            row("NG-T", concat!($zoo, "-ng-t"), TRANSFORMER),
            row("NG-T, runs the nets on 16 probes", concat!($zoo, "-ng-t-probes"), TRANSFORMER_PROBES),
            row("Probes alone, 16", concat!($zoo, "-probes"), PROBES),
            published("ScaleGMN", $zoo, FORWARD, $paper, $n_forward, None),
            published(
                "ScaleGMN-B",
                concat!($zoo, "-bidirectional"),
                BIDIRECTIONAL,
                concat!($paper, "-bidirectional"),
                $n_bidirectional,
                None,
            ),
            row("ScaleGMN, runs the nets on 16 probes", concat!($zoo, "-scalegmn-probes"), SCALEGMN_PROBES),
            row("GMN", concat!($zoo, "-gmn"), GMN),
            row("GMN, augmented", concat!($zoo, "-gmn-augmented"), GMN_AUGMENTED),
        ]
    };
}

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

pub(in crate::reproduction) const GENERALIZATION: &[Study] = &[
    Study {
        name: "zoo-relu",
        differs: QUICK,
        rows: rows!("quick-zoo-relu", "cifar10-gs-relu", 1_356_801, 2_263_809),
        claims: CLAIMS,
        ..study(Group::Generalization, Scale::Quick, "own zoo, ReLU", QUESTION)
    },
    Study {
        name: "zoo-tanh",
        differs: QUICK,
        rows: rows!("quick-zoo-tanh", "cifar10-gs-tanh", 2_318_849, 3_441_665),
        claims: CLAIMS,
        ..study(Group::Generalization, Scale::Quick, "own zoo, tanh", QUESTION)
    },
    Study {
        name: "zoo-hetero",
        differs: QUICK,
        rows: &[
            row("StatNN", "quick-zoo-hetero-stat-nn", STATISTICS),
            published("ScaleGMN", "quick-zoo-hetero", FORWARD, "cifar10-gs-hetero", 1_688_577, None),
            published(
                "ScaleGMN-B",
                "quick-zoo-hetero-bidirectional",
                BIDIRECTIONAL,
                "cifar10-gs-hetero-bidirectional",
                4_250_625,
                None,
            ),
        ],
        claims: &[("ScaleGMN", "StatNN"), ("ScaleGMN-B", "StatNN")],
        ..study(Group::Generalization, Scale::Quick, "own zoo, both", QUESTION)
    },
    Study {
        name: "small-zoo-relu",
        differs: SMALL,
        rows: rows!("small-zoo-relu", "cifar10-gs-relu", 1_356_801, 2_263_809),
        claims: CLAIMS,
        ..study(Group::Generalization, Scale::Small, "own zoo, ReLU", QUESTION)
    },
    Study {
        name: "small-zoo-tanh",
        differs: SMALL,
        rows: rows!("small-zoo-tanh", "cifar10-gs-tanh", 2_318_849, 3_441_665),
        claims: CLAIMS,
        ..study(Group::Generalization, Scale::Small, "own zoo, tanh", QUESTION)
    },
    Study {
        name: "cifar10-gs-relu",
        manifests: &["cnn-zoo-cifar10"],
        rows: &[
            paper("ScaleGMN", "cifar10-gs-relu", FORWARD, 1_356_801),
            paper("ScaleGMN-B", "cifar10-gs-relu-bidirectional", BIDIRECTIONAL, 2_263_809),
        ],
        ..of_the_paper("CIFAR-10-GS ReLU", Some(0))
    },
    Study {
        name: "svhn-gs-relu",
        manifests: &["cnn-zoo-svhn"],
        rows: &[
            paper("ScaleGMN", "svhn-gs-relu", FORWARD, 467_969),
            paper("ScaleGMN-B", "svhn-gs-relu-bidirectional", BIDIRECTIONAL, 559_105),
        ],
        ..of_the_paper("SVHN-GS ReLU", Some(1))
    },
    Study {
        name: "cifar10-gs-tanh",
        manifests: &["cnn-zoo-cifar10"],
        rows: &[
            paper("ScaleGMN", "cifar10-gs-tanh", FORWARD, 2_318_849),
            paper("ScaleGMN-B", "cifar10-gs-tanh-bidirectional", BIDIRECTIONAL, 3_441_665),
        ],
        ..of_the_paper("CIFAR-10-GS tanh", Some(2))
    },
    Study {
        name: "svhn-gs-tanh",
        manifests: &["cnn-zoo-svhn"],
        rows: &[
            paper("ScaleGMN", "svhn-gs-tanh", FORWARD, 547_457),
            paper("ScaleGMN-B", "svhn-gs-tanh-bidirectional", BIDIRECTIONAL, 2_680_577),
        ],
        ..of_the_paper("SVHN-GS tanh", Some(3))
    },
    Study {
        name: "cifar10-gs-hetero",
        manifests: &["cnn-zoo-cifar10"],
        rows: &[
            paper("ScaleGMN", "cifar10-gs-hetero", FORWARD, 1_688_577),
            paper("ScaleGMN-B", "cifar10-gs-hetero-bidirectional", BIDIRECTIONAL, 4_250_625),
        ],
        ..of_the_paper("CIFAR-10-GS both", None)
    },
];

const QUICK: Option<&str> = Some(
    "Here is a small zoo, trained in minutes on the digits that come with the project, and models of a quarter of the \
     published width; the paper's zoos hold tens of thousands of CNNs, trained for 86 epochs on CIFAR-10 and SVHN. A τ on \
     other nets is another question: compare rows of our column with each other.",
);
const SMALL: Option<&str> = Some(
    "Here are about 10,000 CNNs of each activation, two fifths of them to train on, trained on the digits that come with the project, and models of half the \
     published width; the paper's zoos hold tens of thousands of CNNs, trained for 86 epochs on CIFAR-10 and SVHN.",
);

const fn of_the_paper(nets: &'static str, column: Option<usize>) -> Study {
    Study { paper_column: column, ..study(Group::Generalization, Scale::Paper, nets, QUESTION) }
}

const fn paper(method: &'static str, experiment: &'static str, knows: &'static str, n_params: usize) -> Row {
    published(method, experiment, knows, experiment, n_params, None)
}
