//! How must an INR's weights change so that its image does?

use super::{Terms, ours, paper, study};
use crate::{
    config::TaskKind,
    reproduction::study::{Published, ReportPart, Row, Scale, Study},
};

const QUESTION: &str = "Each model changes the weights of a sine network so that what it draws becomes the dilated image: \
                        strokes grow by a pixel on every side. The error is the mean squared difference of pixels \
                        between the drawing of the edited network and the dilated image.";
const CONTRAST: &str = "The same for color: what the edited network draws should have one and a half times the contrast of \
                        what it drew before.";
/// Nets to train on in the published split of MNIST-INR.
const DWS: Option<usize> = Some(55_000);

/// The models that edit INRs, without those that return several nets whose drawings are averaged.
const MODELS: [&str; 10] = [
    "flat-mlp",
    "dws",
    "nfn-np",
    "nfn-hnp",
    "ng-gnn",
    "ng-gnn-probes",
    "ng-t",
    "ng-t-probes",
    "scalegmn",
    "bidirectional",
];

/// The published configurations of MNIST.
const MNIST: [(&str, Published); 2] = [
    ("scalegmn", published("mnist-editing", 4_002_058)),
    ("bidirectional", published("mnist-editing-bidirectional", 4_821_385)),
];

/// All models on some terms.
fn rows(data: &'static str, size: &'static str, averaged: &[&str]) -> Vec<Row> {
    let models = [&MODELS, averaged, &["scalegmn-probes", "gmn"]].concat();
    Terms { data, task: TaskKind::Edit, size }.rows(&models, &MNIST)
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

pub(super) fn studies() -> Vec<Study> {
    vec![
        Study {
            name: "digits-dilated",
            differs: Some(
                "Here are 2,000 nets to train on, fitted to the digits that come with the project, and small models of a few \
             layers for a few epochs; the paper's are models of width 128 and ten layers, trained for 300 epochs on \
             55,000 nets.",
            ),
            rows: rows("mini-inrs", "quick", &["averaged-2", "averaged-4", "averaged-8"]),
            claims: CLAIMS,
            ..study(ReportPart::Editing, Scale::Quick, "INRs of digits", QUESTION)
        },
        Study {
            name: "small-digits-dilated",
            differs: Some(
                "Here are 55,000 nets to train on, fitted here to the images of MNIST by the published recipe, and small models of a \
             few layers for 4 epochs; the paper's are models of width 128 and ten layers, trained for 300 epochs.",
            ),
            manifests: &["mnist"],
            rows: rows("mnist-inrs-full", "small", &["averaged-8"]),
            claims: CLAIMS,
            paper_column: Some(0),
            ..study(ReportPart::Editing, Scale::Small, "INRs of MNIST digits", QUESTION)
        },
        Study {
            name: "mnist-dilated",
            manifests: &["mnist-inr", "mnist"],
            images: Some("mnist"),
            rows: [paper(&MNIST), vec![ours("averaged-8", "mnist-editing-averaged-8")]].concat(),
            claims: &[("ScaleGMN-B", "ScaleGMN"), ("ScaleGMN-B, mean of 8 edited nets", "ScaleGMN-B")],
            paper_column: Some(0),
            ..study(ReportPart::Editing, Scale::Paper, "MNIST, dilated", QUESTION)
        },
        Study {
            name: "cifar-contrast",
            question: CONTRAST,
            manifests: &["cifar-inr"],
            rows: vec![
                ours("scalegmn", "cifar-contrast"),
                ours("bidirectional", "cifar-contrast-bidirectional"),
            ],
            claims: &[("ScaleGMN-B", "ScaleGMN")],
            ..study(ReportPart::Editing, Scale::Paper, "CIFAR-10, more contrast", QUESTION)
        },
    ]
}

const fn published(experiment: &'static str, n_params: usize) -> Published {
    Published { experiment, n_params, n_train: DWS }
}
