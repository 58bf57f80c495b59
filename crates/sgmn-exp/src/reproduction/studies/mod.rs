//! The studies, one file a part of the report.

mod ablations;
mod classification;
mod editing;
mod generalization;

pub(super) use ablations::ABLATIONS;
pub(super) use classification::CLASSIFICATION;
pub(super) use editing::EDITING;
pub(super) use generalization::GENERALIZATION;

use super::study::{Group, Published, Row, Scale, Study};

const FORWARD: &str = "hidden units may be reordered and scaled by what their activation allows";
const BIDIRECTIONAL: &str = "the same, with messages along the edges and against them";
const GMN: &str = "hidden units may be reordered; message passing as ScaleGMN's, as many learned numbers";
const GMN_AUGMENTED: &str = "as GMN, its training nets signed or scaled at random";
const LINEAR: &str = "hidden units may be reordered; all linear maps that respect that, in layers";
const LINEAR_FOURIER: &str = "as DWS, weights read through Fourier features";
const LINEAR_NP: &str =
    "as NFN_HNP, and inputs and outputs may be reordered too, but carry codes that tell them apart";
const NEURAL_GRAPH: &str = "hidden units may be reordered; message passing that updates edges";
const TRANSFORMER: &str = "hidden units may be reordered; attention along edges";
const NEURAL_GRAPH_PROBES: &str =
    "as NG-GNN; each unit also says what it answers to learned inputs of the net";
const TRANSFORMER_PROBES: &str = "as NG-T; each unit also says what it answers to learned inputs of the net";
const SCALEGMN_PROBES: &str = "as ScaleGMN; each unit also says what it answers to learned inputs of the net";
const PROBES: &str = "what the net answers to learned inputs, and nothing of its weights";
const INR2VEC: &str =
    "no symmetry: rows of the weights as a set; its embedding learns to draw what the net draws";
const INR2VEC_ALONE: &str = "as Inr2Vec without drawing: trained on the classes from end to end";
const LIST: &str = "nothing: the weights are a list of numbers";

/// A study on nets that are made here, to be completed by name and rows.
const fn study(group: Group, scale: Scale, nets: &'static str, question: &'static str) -> Study {
    Study {
        name: "",
        group,
        scale,
        nets,
        question,
        paper_column: None,
        differs: None,
        manifests: &[],
        images: None,
        rows: &[],
        claims: &[],
    }
}

const fn row(method: &'static str, experiment: &'static str, knows: &'static str) -> Row {
    Row { method, experiment, knows, published: None }
}

/// A row whose experiment is, or is a small version of, a published configuration.
const fn published(
    method: &'static str,
    experiment: &'static str,
    knows: &'static str,
    paper: &'static str,
    n_params: usize,
    n_train: Option<usize>,
) -> Row {
    let published = Some(Published { experiment: paper, n_params, n_train });
    Row { method, experiment, knows, published }
}
