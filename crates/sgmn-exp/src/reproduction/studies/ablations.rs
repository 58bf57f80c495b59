//! What is each part of the model worth? Every row is changed against the first as its second column says.

use super::{Terms, study};
use crate::{
    config::TaskKind,
    reproduction::study::{ReportPart, Scale, Study},
};

const DIGITS: Terms = Terms { data: "mini-inrs", task: TaskKind::Classify, size: "quick" };
const ZOO: Terms = Terms { data: "zoo-relu", task: TaskKind::Predict, size: "quick" };

pub(super) fn studies() -> Vec<Study> {
    vec![
        Study {
            name: "ablations-digits",
            question: "The digits of INR classification again, read by models that differ from the first row in one setting. \
                       Rows that are models of that table share its runs.",
            rows: vec![
                DIGITS.row("scalegmn").knowing("signs removed by |x|"),
                DIGITS.row("symmetrized"),
                DIGITS.row("canonical"),
                DIGITS.row("bidirectional").called("bidirectional").knowing("messages along the edges and against them"),
                DIGITS.row("permutation").knowing("no sign symmetry"),
                DIGITS
                    .row("permutation-augmented")
                    .knowing("no sign symmetry; signs of training nets are flipped at random"),
                DIGITS.row("no-edge-embedding"),
                DIGITS.row("phases").knowing(
                    "phases of sine units are brought to their canonical form first, where those of fitted nets are already",
                ),
            ],
            ..study(ReportPart::Ablations, Scale::Quick, "INRs of digits", "")
        },
        Study {
            name: "ablations-digits-bidirectional",
            question: "The same with messages in both directions: published quirks (reversed messages read the first edge \
                       features in every layer) against the exact model.",
            rows: vec![
                DIGITS.row("bidirectional").knowing("exact"),
                DIGITS.row("bidirectional-published").called("published quirks"),
            ],
            ..study(ReportPart::Ablations, Scale::Quick, "INRs of digits, both directions", "")
        },
        Study {
            name: "ablations-zoo",
            question: "ReLU CNNs of our own zoo: how messages run against the edges where units have a positive scale, and \
                       what a model that knows only permutations gains from random scalings of its training nets.",
            rows: vec![
                ZOO.row("bidirectional")
                    .called("ScaleGMN-B, relative")
                    .knowing("the receiver supplies the scale: exact and bounded"),
                ZOO.row("reciprocal"),
                ZOO.row("reversed-published"),
                ZOO.row("bidirectional-published")
                    .called("ScaleGMN-B, all published quirks")
                    .knowing("that, and inputs of a CNN start from 0 instead of 1"),
                ZOO.row("scalegmn").called("ScaleGMN, forward").knowing("messages along the edges only"),
                ZOO.row("permutation").knowing("no scale symmetry"),
                ZOO.row("permutation-augmented")
                    .knowing("no scale symmetry; training nets are scaled at random"),
            ],
            ..study(ReportPart::Ablations, Scale::Quick, "own zoo, ReLU", "")
        },
    ]
}
