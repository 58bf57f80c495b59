//! What does an INR draw?

use super::{
    BIDIRECTIONAL, FORWARD, GMN, GMN_AUGMENTED, INR2VEC, INR2VEC_ALONE, LINEAR, LINEAR_FOURIER, LINEAR_NP,
    LIST, NEURAL_GRAPH, NEURAL_GRAPH_PROBES, PROBES, SCALEGMN_PROBES, TRANSFORMER, TRANSFORMER_PROBES,
    published, row, study,
};
use crate::reproduction::study::{Group, Row, Scale, Study};

const QUESTION: &str = "Sine networks (INRs) were fitted to images, one network an image; each model reads what a \
                        network draws from its weights and never sees the image. Models with probes also run the network \
                        at learned places, where it draws much of its image: another, easier question.";

/// Nets to train on in the published split of MNIST-INR and F-MNIST-INR.
const DWS: Option<usize> = Some(55_000);
/// Nets to train on in the published split of CIFAR-10-INR.
const NFN: Option<usize> = Some(45_000);

/// The models that read INRs of digits, at one scale.
macro_rules! rows {
    ($scale:literal) => {
        &[
            row("MLP", concat!($scale, "-flat-mlp"), LIST),
            row("Inr2Vec", concat!($scale, "-inr2vec"), INR2VEC),
            row("Inr2Vec, architecture alone", concat!($scale, "-inr2vec-architecture"), INR2VEC_ALONE),
            row("DWS", concat!($scale, "-dws"), LINEAR),
            row("NFN_NP", concat!($scale, "-nfn-np"), LINEAR_NP),
            row("NFN_HNP", concat!($scale, "-nfn-hnp"), LINEAR_FOURIER),
            row("NG-GNN", concat!($scale, "-ng-gnn"), NEURAL_GRAPH),
            row("NG-GNN, runs the nets on 64 probes", concat!($scale, "-ng-gnn-probes"), NEURAL_GRAPH_PROBES),
            row("NG-T", concat!($scale, "-ng-t"), TRANSFORMER),
            row("NG-T, runs the nets on 64 probes", concat!($scale, "-ng-t-probes"), TRANSFORMER_PROBES),
            row("Probes alone, 64", concat!($scale, "-probes"), PROBES),
            published("ScaleGMN", $scale, FORWARD, "mnist", 1_772_042, DWS),
            published(
                "ScaleGMN-B",
                concat!($scale, "-bidirectional"),
                BIDIRECTIONAL,
                "mnist-bidirectional",
                3_089_162,
                DWS,
            ),
            row("ScaleGMN, runs the nets on 64 probes", concat!($scale, "-scalegmn-probes"), SCALEGMN_PROBES),
            row("GMN", concat!($scale, "-gmn"), GMN),
            row("GMN, augmented", concat!($scale, "-gmn-augmented"), GMN_AUGMENTED),
        ]
    };
}

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

pub(in crate::reproduction) const CLASSIFICATION: &[Study] = &[
    Study {
        name: "digits",
        differs: Some(
            "Here are 2,000 nets to train on, fitted to the 2,500 digits that come with the project, and models of a \
             quarter of the published width for a tenth of the epochs or less; the paper's nets are 55,000 of MNIST-INR.",
        ),
        rows: rows!("quick"),
        claims: CLAIMS,
        ..study(Group::Classification, Scale::Quick, "INRs of digits", QUESTION)
    },
    Study {
        name: "small-digits",
        differs: Some(
            "Here are 10,000 nets to train on, fitted to images of MNIST, and models of half the published width for 30 \
             epochs; the paper's nets are 55,000 of MNIST-INR, its models are trained for 200 epochs.",
        ),
        manifests: &["mnist"],
        rows: rows!("small"),
        claims: CLAIMS,
        ..study(Group::Classification, Scale::Small, "INRs of MNIST digits", QUESTION)
    },
    Study {
        name: "mnist",
        manifests: &["mnist-inr"],
        images: Some("mnist"),
        rows: &[
            paper("ScaleGMN", "mnist", FORWARD, 1_772_042, DWS),
            paper("ScaleGMN-B", "mnist-bidirectional", BIDIRECTIONAL, 3_089_162, DWS),
        ],
        ..of_the_paper("MNIST", 0)
    },
    Study {
        name: "fmnist",
        manifests: &["fmnist-inr"],
        images: Some("fashion-mnist"),
        rows: &[
            paper("ScaleGMN", "fmnist", FORWARD, 1_160_970, DWS),
            paper("ScaleGMN-B", "fmnist-bidirectional", BIDIRECTIONAL, 1_722_378, DWS),
        ],
        ..of_the_paper("F-MNIST", 1)
    },
    Study {
        name: "cifar",
        manifests: &["cifar-inr"],
        rows: &[
            paper("ScaleGMN", "cifar", FORWARD, 397_450, NFN),
            paper("ScaleGMN-B", "cifar-bidirectional", BIDIRECTIONAL, 492_298, NFN),
        ],
        ..of_the_paper("CIFAR-10", 2)
    },
    Study {
        name: "cifar-aug",
        manifests: &["cifar-inr-aug"],
        rows: &[
            paper("ScaleGMN", "cifar-aug", FORWARD, 2_285_322, None),
            paper("ScaleGMN-B", "cifar-aug-bidirectional", BIDIRECTIONAL, 3_324_938, None),
        ],
        ..of_the_paper("augmented CIFAR-10", 3)
    },
];

const fn of_the_paper(nets: &'static str, column: usize) -> Study {
    Study { paper_column: Some(column), ..study(Group::Classification, Scale::Paper, nets, QUESTION) }
}

const fn paper(
    method: &'static str,
    experiment: &'static str,
    knows: &'static str,
    n_params: usize,
    n_train: Option<usize>,
) -> Row {
    published(method, experiment, knows, experiment, n_params, n_train)
}
