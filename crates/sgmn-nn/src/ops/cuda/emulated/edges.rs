//! Sums along the axes of edges.

use super::*;

#[test]
fn edges_are_summed_as_their_plain_form_does() {
    let Some(host) = Host::compile() else { return };
    for block in [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 33, 6], [2, 3, 4, 128], [1, 40, 40, 3]] {
        let [b, r, s, h] = block;
        let e = numbers(b * r * s * h, 4);
        for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
            let n_kept = if axis == EdgeAxis::Senders { r } else { s };
            let nodes = numbers(b * n_kept * h, 5);
            let expected = plain(&[&block], &[&e], &nodes, |e| reference::sum_edges(&e[0], axis));
            same("sum_edges", &host.one(Axis::of_edges(block, axis).sum(), &[&e]), &expected[0]);
        }
    }
}
