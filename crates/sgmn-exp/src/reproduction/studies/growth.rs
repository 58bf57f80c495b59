//! How does accuracy grow with the number of training nets? One study a number, so that a model's row runs through them.

use super::{Terms, study};
use crate::{
    config::TaskKind,
    reproduction::study::{ReportPart, Scale, Study},
};

const QUESTION: &str = "The digits of INR classification, read by models that saw fewer of the training nets: nested parts \
                        of them, drawn once. Every training has as many net-steps (training nets read, each as often as it \
                        is read) as one of the whole table, so fewer nets are read more often; validation and test \
                        nets are the same.";

/// Models that know more or less of what may change in a net, and one that never looks at its weights.
const MODELS: [&str; 5] = ["scalegmn", "gmn", "ng-gnn", "dws", "probes"];

/// Study, size and heading.
const STEPS: [(&str, &str, &str); 5] = [
    ("small-digits-1k", "small-1k", "1,000 training nets"),
    ("small-digits-3k", "small-3k", "3,000 training nets"),
    ("small-digits-10k", "small-10k", "10,000 training nets"),
    ("small-digits-30k", "small-30k", "30,000 training nets"),
    // The runs of the whole table.
    ("small-digits-55k", "small", "55,000 training nets"),
];

pub(super) fn studies() -> Vec<Study> {
    let of_step = |(name, size, nets)| Study {
        name,
        manifests: &["mnist"],
        rows: Terms { data: "mnist-inrs-full", task: TaskKind::Classify, size }.rows(&MODELS, &[]),
        ..study(ReportPart::Growth, Scale::Small, nets, QUESTION)
    };
    STEPS.into_iter().map(of_step).collect()
}
