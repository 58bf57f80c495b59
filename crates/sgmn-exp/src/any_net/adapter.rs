//! What an adapter of LoRA changes in a larger net: the products `scale · B A`, measured without being made.

use serde::Serialize;
use sgmn_data::any_net::{FlowFile, Update};
use sgmn_graph::flow::{FlowNet, Numbers};
use sgmn_symmetry::flow::LowRank;

/// What one pair of matrices adds to a matrix of the larger net.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Touched {
    /// The layer of the larger net.
    pub target: String,
    /// Shape of the update, `[out, in]`; a kernel of a convolution counts as part of `in`.
    pub shape: [usize; 2],
    /// Rank of the pair.
    pub rank: usize,
    /// Factor of the product.
    pub scale: f64,
    /// Euclidean norm of the update.
    pub norm: f64,
    /// Its singular values, falling.
    pub singular_values: Vec<f64>,
}

/// How far apart two updates of one matrix are.
#[derive(Debug, Clone, PartialEq)]
pub struct Apart {
    /// The layer of the larger net.
    pub target: String,
    /// Euclidean norm of the difference.
    pub distance: f64,
    /// Norms of both updates; 0 where an adapter has none.
    pub norms: [f64; 2],
}

/// What an adapter touches; nothing for any other file.
pub fn touched(file: &FlowFile) -> Vec<Touched> {
    let one = |update: &Update| {
        let (product, rank) = product(&file.net, update)?;
        Some(Touched {
            target: update.target.clone(),
            shape: product.shape(),
            rank,
            scale: update.scale,
            norm: product.norm(),
            singular_values: product.singular_values(),
        })
    };
    file.updates().iter().filter_map(one).collect()
}

/// Distances of the updates of two adapters, the largest first; a matrix that only one touches counts as not changed by
/// the other.
///
/// # Errors
/// Updates of one matrix that have different shapes, by its name.
pub fn apart(a: &FlowFile, b: &FlowFile) -> anyhow::Result<Vec<Apart>> {
    let mut found = Vec::new();
    for update in a.updates() {
        let Some((of_a, _)) = product(&a.net, update) else { continue };
        let other = b.updates().iter().find(|other| other.target == update.target);
        let (distance, norm) = match other.and_then(|other| product(&b.net, other)) {
            None => (of_a.norm(), 0.0),
            Some((of_b, _)) => match of_a.distance(&of_b) {
                Some(distance) => (distance, of_b.norm()),
                None => anyhow::bail!(
                    "{}: expected updates of one shape, found {:?} and {:?}",
                    update.target,
                    of_a.shape(),
                    of_b.shape()
                ),
            },
        };
        found.push(Apart { target: update.target.clone(), distance, norms: [of_a.norm(), norm] });
    }
    for update in b.updates() {
        if !a.updates().iter().any(|other| other.target == update.target)
            && let Some((of_b, _)) = product(&b.net, update)
        {
            let norm = of_b.norm();
            found.push(Apart { target: update.target.clone(), distance: norm, norms: [0.0, norm] });
        }
    }
    found.sort_by(|x, y| y.distance.total_cmp(&x.distance));
    Ok(found)
}

/// The product and its rank.
fn product(net: &FlowNet, update: &Update) -> Option<(LowRank, usize)> {
    let flow = net.flow();
    let find = |name: &String| flow.params().iter().position(|param| param.name == *name);
    let (a, b) = (find(&update.a)?, find(&update.b)?);
    let rank = *flow.param_shape(a).first()?;
    Some((LowRank::new(&net.numbers(a), &net.numbers(b), rank, update.scale), rank))
}
