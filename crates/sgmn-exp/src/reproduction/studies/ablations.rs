//! What is each part of the model worth? Every row is changed against the first as its second column says.

use super::{row, study};
use crate::reproduction::study::{Group, Scale, Study};

pub(in crate::reproduction) const ABLATIONS: &[Study] = &[
    Study {
        name: "ablations-digits",
        question: "The digits of INR classification again, read by models that differ from the first row in one setting. \
                   Rows that are models of that table share its runs.",
        rows: &[
            row("ScaleGMN", "quick", "signs removed by |x|"),
            row("signs by symmetrization", "quick-symmetrized", "signs removed by ρ(x) + ρ(−x)"),
            row(
                "signs of nets canonical",
                "quick-canonical",
                "a permutation model, nets brought to canonical signs first",
            ),
            row("bidirectional", "quick-bidirectional", "messages along the edges and against them"),
            row("permutation only", "quick-permutation", "no sign symmetry"),
            row(
                "permutation only, augmented",
                "quick-permutation-augmented",
                "no sign symmetry; signs of training nets are flipped at random",
            ),
            row("no edge embedding", "quick-no-edge-embedding", "edges carry no positional embedding"),
            row(
                "canonical phases",
                "quick-phases",
                "phases of sine units are brought to their canonical form first, where those of fitted nets are already",
            ),
        ],
        ..study(Group::Ablations, Scale::Quick, "INRs of digits", "")
    },
    Study {
        name: "ablations-digits-bidirectional",
        question: "The same with messages in both directions: published quirks (reversed messages read the first edge \
                   features in every layer) against the exact model.",
        rows: &[
            row("ScaleGMN-B", "quick-bidirectional", "exact"),
            row("published quirks", "quick-bidirectional-published", "every quirk of the published program"),
        ],
        ..study(Group::Ablations, Scale::Quick, "INRs of digits, both directions", "")
    },
    Study {
        name: "ablations-zoo",
        question: "ReLU CNNs of our own zoo: how messages run against the edges where units have a positive scale, and \
                   what a model that knows only permutations gains from random scalings of its training nets.",
        rows: &[
            row(
                "ScaleGMN-B, relative",
                "quick-zoo-relu-bidirectional",
                "the receiver supplies the scale: exact and bounded",
            ),
            row(
                "ScaleGMN-B, reciprocal",
                "quick-zoo-relu-reciprocal",
                "reversed edges carry 1/w, as the paper defines it",
            ),
            row(
                "ScaleGMN-B, published",
                "quick-zoo-relu-reversed-published",
                "reversed edges carry w, as the published code does: not equivariant",
            ),
            row(
                "ScaleGMN-B, all published quirks",
                "quick-zoo-relu-quirks",
                "that, and inputs of a CNN start from 0 instead of 1",
            ),
            row("ScaleGMN, forward", "quick-zoo-relu", "messages along the edges only"),
            row("permutation only", "quick-zoo-relu-permutation", "no scale symmetry"),
            row(
                "permutation only, augmented",
                "quick-zoo-relu-permutation-augmented",
                "no scale symmetry; training nets are scaled at random",
            ),
        ],
        ..study(Group::Ablations, Scale::Quick, "own zoo, ReLU", "")
    },
];
