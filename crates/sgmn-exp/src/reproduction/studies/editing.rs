//! How must an INR's weights change so that its image does?

use super::{
    BIDIRECTIONAL, FORWARD, GMN, LINEAR, LINEAR_FOURIER, LINEAR_NP, LIST, NEURAL_GRAPH, NEURAL_GRAPH_PROBES,
    SCALEGMN_PROBES, TRANSFORMER, TRANSFORMER_PROBES, published, row, study,
};
use crate::reproduction::study::{Group, Row, Scale, Study};

const QUESTION: &str = "Each model changes the weights of a sine network so that what it draws becomes the dilated image: \
                        strokes grow by a pixel on every side. The error is the mean squared difference of pixels \
                        between the drawing of the edited network and the dilated image.";
const CONTRAST: &str = "The same for color: what the edited network draws should have one and a half times the contrast of \
                        what it drew before.";
const AVERAGED: &str = "the same; several edited nets are returned, and their drawings are averaged";

/// Nets to train on in the published split of MNIST-INR.
const DWS: Option<usize> = Some(55_000);

/// The models that edit INRs of digits, at one scale, and how many nets those return whose drawings are averaged.
macro_rules! rows {
    ($scale:literal, [$($n_copies:literal),*]) => {
        &[
            row("MLP", concat!($scale, "-flat-mlp"), LIST),
            row("DWS", concat!($scale, "-dws"), LINEAR),
            row("NFN_NP", concat!($scale, "-nfn-np"), LINEAR_NP),
            row("NFN_HNP", concat!($scale, "-nfn-hnp"), LINEAR_FOURIER),
            row("NG-GNN", concat!($scale, "-ng-gnn"), NEURAL_GRAPH),
            row("NG-GNN, runs the nets on 64 probes", concat!($scale, "-ng-gnn-probes"), NEURAL_GRAPH_PROBES),
            row("NG-T", concat!($scale, "-ng-t"), TRANSFORMER),
            row("NG-T, runs the nets on 64 probes", concat!($scale, "-ng-t-probes"), TRANSFORMER_PROBES),
            published("ScaleGMN", $scale, FORWARD, "mnist-editing", 4_002_058, DWS),
            published(
                "ScaleGMN-B",
                concat!($scale, "-bidirectional"),
                BIDIRECTIONAL,
                "mnist-editing-bidirectional",
                4_821_385,
                DWS,
            ),
            $(row(
                concat!("ScaleGMN-B, mean of ", $n_copies, " edited nets"),
                concat!($scale, "-averaged-", $n_copies),
                AVERAGED,
            ),)*
            row("ScaleGMN, runs the nets on 64 probes", concat!($scale, "-scalegmn-probes"), SCALEGMN_PROBES),
            row("GMN", concat!($scale, "-gmn"), GMN),
        ]
    };
}

const CLAIMS: &[(&str, &str)] = &[
    ("ScaleGMN-B", "ScaleGMN"),
    ("ScaleGMN-B, mean of 8 edited nets", "ScaleGMN-B"),
    ("ScaleGMN", "GMN"),
    ("ScaleGMN", "NG-GNN"),
    ("ScaleGMN, runs the nets on 64 probes", "ScaleGMN"),
    ("NG-GNN, runs the nets on 64 probes", "NG-GNN"),
    ("NG-T, runs the nets on 64 probes", "NG-T"),
];

pub(in crate::reproduction) const EDITING: &[Study] = &[
    Study {
        name: "digits-dilated",
        differs: Some(
            "Here are 2,000 nets to train on, fitted to the digits that come with the project, and small models of a few \
             layers for a few epochs; the paper's are models of width 128 and ten layers, trained for 300 epochs on \
             55,000 nets.",
        ),
        rows: rows!("quick-editing", [2, 4, 8]),
        claims: CLAIMS,
        ..study(Group::Editing, Scale::Quick, "INRs of digits", QUESTION)
    },
    Study {
        name: "small-digits-dilated",
        differs: Some(
            "Here are 10,000 nets to train on, fitted to images of MNIST, and models of half the published width and depth; \
             the paper's are models of width 128 and ten layers, trained for 300 epochs on 55,000 nets.",
        ),
        manifests: &["mnist"],
        rows: rows!("small-editing", [8]),
        claims: CLAIMS,
        ..study(Group::Editing, Scale::Small, "INRs of MNIST digits", QUESTION)
    },
    Study {
        name: "mnist-dilated",
        manifests: &["mnist-inr", "mnist"],
        images: Some("mnist"),
        rows: &[
            paper("ScaleGMN", "mnist-editing", FORWARD, 4_002_058),
            paper("ScaleGMN-B", "mnist-editing-bidirectional", BIDIRECTIONAL, 4_821_385),
            row("ScaleGMN-B, mean of 8 edited nets", "mnist-editing-averaged-8", AVERAGED),
        ],
        claims: &[("ScaleGMN-B", "ScaleGMN"), ("ScaleGMN-B, mean of 8 edited nets", "ScaleGMN-B")],
        paper_column: Some(0),
        ..study(Group::Editing, Scale::Paper, "MNIST, dilated", QUESTION)
    },
    Study {
        name: "cifar-contrast",
        question: CONTRAST,
        manifests: &["cifar-inr"],
        rows: &[
            row("ScaleGMN", "cifar-contrast", FORWARD),
            row("ScaleGMN-B", "cifar-contrast-bidirectional", BIDIRECTIONAL),
        ],
        claims: &[("ScaleGMN-B", "ScaleGMN")],
        ..study(Group::Editing, Scale::Paper, "CIFAR-10, more contrast", QUESTION)
    },
];

const fn paper(method: &'static str, experiment: &'static str, knows: &'static str, n_params: usize) -> Row {
    published(method, experiment, knows, experiment, n_params, DWS)
}
