//! Nets of many architectures: how accurate they are, and how they were made.

use super::{Terms, study};
use crate::{
    config::TaskKind,
    reproduction::study::{ReportPart, Scale, Study},
};

const ACCURACY: &str = "Nets of many architectures were trained in many ways; each model reads from the weights of a net how \
                        accurate it is on its test images. Kendall's τ compares the order of predicted and true accuracies.";

/// The models that read nets of any architecture.
const MODELS: [&str; 8] =
    ["flat-mlp", "stat-nn", "ng-gnn", "ng-t", "gmn", "scalegmn", "bidirectional", "scalegmn-direct"];

const DIFFERS: Option<&str> = Some(
    "The paper has no such nets: these are ours, 2,000 of 200 architectures, trained on the digits that come with the project; \
     models are those of size `quick`.",
);

const CLAIMS: &[(&str, &str)] = &[
    ("ScaleGMN", "StatNN"),
    ("ScaleGMN", "GMN"),
    ("ScaleGMN", "NG-GNN"),
    ("ScaleGMN-B", "ScaleGMN"),
    ("ScaleGMN", "ScaleGMN, direct"),
];

pub(super) fn studies() -> Vec<Study> {
    let of = |data, task| Terms { data, task, size: "quick" }.rows(&MODELS, &[]);
    vec![
        Study {
            name: "wild",
            differs: DIFFERS,
            rows: of("wild", TaskKind::Predict),
            claims: CLAIMS,
            ..study(ReportPart::Wild, Scale::Small, "wild zoo", ACCURACY)
        },
        Study {
            name: "wild-held-out",
            differs: DIFFERS,
            rows: of("wild-held-out", TaskKind::Predict),
            claims: CLAIMS,
            ..study(
                ReportPart::Wild,
                Scale::Small,
                "wild zoo, residual nets held out",
                "As the wild zoo, but models are tested on residual nets, of which none was seen in training.",
            )
        },
        Study {
            name: "wild-optimizer",
            differs: DIFFERS,
            rows: of("wild-optimizer", TaskKind::Classify),
            claims: CLAIMS,
            ..study(
                ReportPart::Wild,
                Scale::Small,
                "wild zoo: optimizer",
                "Each model reads from the weights of a net which of three optimizers (SGD, Adam, RMSprop) made it.",
            )
        },
        Study {
            name: "wild-labels",
            differs: DIFFERS,
            rows: of("wild-labels", TaskKind::Classify),
            claims: CLAIMS,
            ..study(
                ReportPart::Wild,
                Scale::Small,
                "wild zoo: wrong labels",
                "Each model reads from the weights of a net whether some labels were wrong when it was trained.",
            )
        },
    ]
}
