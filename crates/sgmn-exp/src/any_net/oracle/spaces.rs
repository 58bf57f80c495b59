//! Orders, matrices and dimensions that were inferred, beside those of the truth.

use std::collections::BTreeSet;

use sgmn_symmetry::flow::matrices::{Kind, Matrix};

use super::{carried::Carried, truth::Folder};
use crate::any_net::free::Free;

/// How many units and sets each order has: the sizes, ascending.
pub(super) fn orders(folder: &Folder, free: &Free) -> Result<String, String> {
    let truth = &folder.truth;
    // Units under a rotary code stand still, only whole pairs are turned.
    let rotary: BTreeSet<&str> = truth
        .matrices
        .values()
        .filter(|matrix| matrix.kind.starts_with("rope"))
        .filter_map(|matrix| matrix.on.rsplit('.').next())
        .collect();
    let n = |name: &String| truth.orders.get(name).map_or(1, |order| order.n);
    let mut said: Vec<(usize, usize)> = truth
        .orders
        .iter()
        .filter(|(name, order)| order.n > 1 && !rotary.contains(name.as_str()))
        .map(|(_, order)| (order.n, order.over.iter().map(n).product()))
        .collect();
    let mut found: Vec<(usize, usize)> =
        free.spaces.orders().iter().map(|order| (order.n, order.sets)).collect();
    said.sort_unstable();
    found.sort_unstable();
    if said == found {
        Ok(format!("{} as said", said.len()))
    } else {
        Err(format!("{found:?}, expected {said:?}"))
    }
}

/// A space of matrices: kind, units, blocks.
type Space = (String, usize, usize);

/// The kinds of matrices, their sizes, and where those of heads stand.
pub(super) fn matrices(folder: &Folder, free: &Free, carried: &Carried<'_>) -> Result<String, String> {
    let truth = &folder.truth;
    let size = |name: &str| truth.orders.get(name).map_or(1, |order| order.n);
    let mut said: Vec<Space> = Vec::new();
    for matrix in truth.matrices.values() {
        let (outer, last) = matrix.on.rsplit_once('.').unwrap_or(("", &matrix.on));
        let blocks = outer.split('.').filter(|factor| !factor.is_empty()).map(size).product();
        let n = size(last);
        let kind = match matrix.kind.as_str() {
            "gl" => Kind::General,
            "rope" => Kind::Pairs((0..n / 2).map(|i| (i, i + n / 2)).collect()),
            "rope_adjacent" => Kind::Pairs((0..n / 2).map(|i| (2 * i, 2 * i + 1)).collect()),
            other => return Err(format!("kind {other:?}, expected gl, rope or rope_adjacent")),
        };
        said.push((format!("{kind:?}"), n, blocks));
    }
    if let Some((words, dims)) = stream(folder) {
        let (kind, of): (Kind, fn(usize) -> usize) = match words {
            _ if words.starts_with("gl") => (Kind::General, |n| n * n),
            _ if words.contains("keeping 1") => (Kind::OrthogonalKeepingOnes, |n| (n - 1) * (n - 2) / 2),
            _ if words.starts_with("orthogonal") => (Kind::Orthogonal, |n| n * (n - 1) / 2),
            other => return Err(format!("stream {other:?}, expected gl or orthogonal")),
        };
        let n = (2..=truth.orders.values().map(|order| order.n).max().unwrap_or(2)).find(|n| of(*n) == dims);
        let n = n.ok_or_else(|| format!("a stream of {dims} dimensions, expected that of an order"))?;
        said.push((format!("{kind:?}"), n, 1));
    }
    let mut found: Vec<Space> = free
        .matrices
        .iter()
        .map(|matrix| (format!("{:?}", sorted(matrix.kind.clone())), matrix.n, matrix.blocks))
        .collect();
    said.sort();
    found.sort();
    if said != found {
        return Err(format!("{found:?}, expected {said:?}"));
    }
    for (name, matrix) in &truth.matrices {
        let said: BTreeSet<(usize, usize)> = carried.axes_with(&[&format!("@{name}"), &format!("~{name}")]);
        let matches = |matrix: &&Matrix| {
            let holders = matrix.holders.iter().map(|holder| (holder.param, holder.axis));
            let found: BTreeSet<(usize, usize)> =
                holders.filter(|(param, _)| carried.holds(*param)).collect();
            found == said
        };
        if !free.matrices.iter().any(|matrix| matches(&matrix)) {
            return Err(format!("no space of matrices stands where {name} ({}) does", matrix.on));
        }
    }
    Ok(format!("{} as said", said.len()))
}

/// The words for the stream, and its dimensions.
fn stream(folder: &Folder) -> Option<(&str, usize)> {
    let words = folder.truth.stream.as_deref()?;
    Some((words, *folder.truth.continuous.of.get(words)?))
}

fn sorted(kind: Kind) -> Kind {
    match kind {
        Kind::Pairs(mut pairs) => {
            pairs.sort_unstable();
            Kind::Pairs(pairs)
        }
        other => other,
    }
}

/// Continuous dimensions of a file that holds all parameters: those of additions, and all together.
pub(super) fn dims(folder: &Folder, free: &Free) -> Result<String, String> {
    let truth = &folder.truth;
    let found = free.dims();
    let additions: usize = truth.affine.iter().map(|affine| affine.dims).sum();
    let discrete = truth.affine.iter().filter(|affine| affine.dims == 0).count();
    let found_discrete = free.freedoms.iter().filter(|freedom| freedom.dims == 0).count();
    let said =
        [("all", truth.continuous.predicted, found.total()), ("additions", additions, found.additions)];
    let mut wrong: Vec<String> = said
        .iter()
        .filter(|(_, said, found)| said != found)
        .map(|(what, said, found)| format!("{what}: {found}, expected {said}"))
        .collect();
    if (discrete == 0) != (found_discrete == 0) {
        wrong.push(format!("discrete additions: {found_discrete}, expected {discrete}"));
    }
    if wrong.is_empty() {
        Ok(format!("{} as said", found.total()))
    } else {
        Err(format!("{} ({found:?})", wrong.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_compared_in_one_order() {
        let pairs = sorted(Kind::Pairs(vec![(1, 3), (0, 2)]));
        assert_eq!(pairs, Kind::Pairs(vec![(0, 2), (1, 3)]));
    }
}
