//! How far do these models come with everything that helps, and what is each ingredient worth?

use super::{Terms, study};
use crate::{
    config::TaskKind,
    reproduction::study::{ReportPart, Row, Scale, Study},
};

const QUESTION: &str = "Sine networks (INRs) were fitted to images, one network an image; models of our own settings read from \
                        its weights what a network draws. Training nets are moved through their functions (turned, \
                        shifted, stretched, of other contrast), rates fall along half a cosine, and the running mean of the \
                        variables is tested. ScaleGMNs read sines of parameters and are trained by Muon.";

/// The ingredients, each left out once, and one more: size, method, what is changed.
const WITHOUT: [(&str, &str, &str); 7] = [
    (
        "best-10k",
        "ScaleGMN, all ingredients",
        "moved nets, falling rate, running mean of the variables, sines of parameters, Muon",
    ),
    ("best-10k-adamw", "without Muon", "AdamW moves matrices too"),
    ("best-10k-still", "without moved nets", "training nets as they are, each epoch the same"),
    ("best-10k-constant", "without a falling rate", "the rate stays after the warm-up"),
    ("best-10k-plain", "without sines of parameters", "parameters as they are"),
    ("best-10k-noise", "with noise", "noise of a tenth of their size on the parameters of training nets"),
    ("best-10k-last", "without the running mean", "the variables themselves are tested"),
];

pub(super) fn studies() -> Vec<Study> {
    let terms = |data, size| Terms { data, task: TaskKind::Classify, size };
    let best = |name, data, manifest, nets, paper_column| Study {
        name,
        paper_column: Some(paper_column),
        manifests: manifest,
        rows: terms(data, "best").rows(&["scalegmn", "bidirectional", "scalegmn-probes", "probes"], &[]),
        claims: &[
            ("ScaleGMN-B", "ScaleGMN"),
            ("ScaleGMN, runs the nets on 64 probes", "ScaleGMN"),
            ("ScaleGMN, runs the nets on 64 probes", "Probes alone, 64"),
        ],
        ..study(ReportPart::Classification, Scale::Best, nets, QUESTION)
    };
    let without = |(size, method, what): (&'static str, &str, &str)| -> Row {
        terms("mnist-inrs-full", size).row("scalegmn").called(method).knowing(what)
    };
    vec![
        best("best-digits", "mnist-inrs-full", &["mnist"], "INRs of MNIST digits", 0),
        best("best-clothes", "fmnist-inrs-full", &["fashion-mnist"], "INRs of Fashion-MNIST", 1),
        Study {
            name: "best-ingredients",
            question: "The digits of 10,000 nets, read by a ScaleGMN of a quarter of the published width with all ingredients of \
                       the best models, with each of them left out, and with noise on parameters.",
            manifests: &["mnist"],
            rows: WITHOUT.into_iter().map(without).collect(),
            ..study(ReportPart::Ablations, Scale::Best, "10,000 INRs of MNIST digits", "")
        },
    ]
}
