//! Where the numbers of a parameter lie: offsets along some of its axes.

use super::{super::derive::Holding, draft::MISSING};

/// For each node of a site the offsets of its numbers, as many as the node with most has: `[n, places]`.
pub(super) fn table(
    ends: &[(usize, u32)],
    site: usize,
    n: usize,
    offsets: &[u32],
    places: Option<&[u32]>,
) -> Vec<u32> {
    let mut of_node: Vec<Vec<(u32, u32)>> = vec![Vec::new(); n];
    for (i, ((at, node), offset)) in ends.iter().zip(offsets).enumerate() {
        if *at == site {
            of_node[*node as usize].push((places.map_or(0, |places| places[i]), *offset));
        }
    }
    let most = of_node.iter().map(Vec::len).max().unwrap_or(0);
    let padded = of_node.into_iter().flat_map(|mut own| {
        // Units that can take each other's places have the same ones, in whatever order they lie.
        own.sort_by_key(|(place, _)| *place);
        own.resize(most, (0, MISSING));
        own.into_iter().map(|(_, offset)| offset)
    });
    padded.collect()
}

/// The place of the unit at each index of a group.
pub(super) fn places_of<'h>(holding: &'h Holding, axes: &[usize]) -> Option<&'h [u32]> {
    let group = holding.motion.groups.iter().find(|group| group.axes == axes && !axes.is_empty());
    group.map(|group| &*group.places)
}

fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (0..shape.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * shape[axis + 1];
    }
    strides
}

/// The offsets in a parameter of all indices along some axes, row-major; `[0]` for none.
pub(super) fn offsets(holding: &Holding, axes: &[usize]) -> Vec<u32> {
    offsets_along(holding, axes, axes)
}

/// The same, of which the axes in `counted` alone count.
pub(super) fn offsets_along(holding: &Holding, axes: &[usize], counted: &[usize]) -> Vec<u32> {
    let strides = strides(&holding.shape);
    let mut offsets = vec![0usize];
    for axis in axes {
        let stride = if counted.contains(axis) { strides[*axis] } else { 0 };
        offsets = offsets
            .iter()
            .flat_map(|start| (0..holding.shape[*axis]).map(move |at| start + at * stride))
            .collect();
    }
    offsets.into_iter().map(|offset| offset as u32).collect()
}

/// For each index along some axes the index along those of them that are shared.
pub(super) fn group_of(holding: &Holding, axes: &[usize], shared: &[usize]) -> Vec<u32> {
    let sizes: Vec<usize> = shared.iter().map(|axis| holding.shape[*axis]).collect();
    let own = strides(&sizes);
    let mut groups = vec![0usize];
    for axis in axes {
        let stride = shared.iter().position(|of| of == axis).map_or(0, |at| own[at]);
        groups = groups
            .iter()
            .flat_map(|start| (0..holding.shape[*axis]).map(move |at| start + at * stride))
            .collect();
    }
    groups.into_iter().map(|group| group as u32).collect()
}

/// The offsets of all indices along the axes that are in none of these.
pub(super) fn rest(holding: &Holding, axes: &[&[usize]]) -> Vec<u32> {
    let others: Vec<usize> =
        (0..holding.shape.len()).filter(|axis| axes.iter().all(|used| !used.contains(axis))).collect();
    offsets(holding, &others)
}
