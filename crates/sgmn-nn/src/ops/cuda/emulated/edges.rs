//! Sums and repetitions along the axes of edges.

use super::*;

#[test]
fn edges_are_summed_and_nodes_repeated_as_their_plain_forms_do() {
    let Some(host) = Host::compile() else { return };
    for block in [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 33, 6], [2, 3, 4, 128], [1, 40, 40, 3]] {
        of_edges(&host, block);
    }
}

fn of_edges(host: &Host, block: [usize; 4]) {
    let [b, r, s, h] = block;
    let e = numbers(b * r * s * h, 4);
    for axis in [EdgeAxis::Receivers, EdgeAxis::Senders] {
        let n_kept = if axis == EdgeAxis::Senders { r } else { s };
        let nodes = numbers(b * n_kept * h, 5);
        let view = Axis::of_edges(block, axis);
        let expected = plain(&[&block], &[&e], &nodes, |e| reference::sum_edges(&e[0], axis));
        same("sum_edges", &host.one(view.sum(), &[&e]), &expected[0]);
        same("gradient of sum_edges", &host.one(view.repeat(), &[&nodes]), &expected[1]);
        // Rows of the nodes that remain are spread along the axis that a sum takes away.
        let (of, n_others) =
            if axis == EdgeAxis::Senders { (EdgeAxis::Receivers, s) } else { (EdgeAxis::Senders, r) };
        let shape = [b, n_kept, h];
        let expected = plain(&[&shape], &[&nodes], &e, |v| reference::spread(&v[0], n_others, of));
        same("spread", &host.one(view.repeat(), &[&nodes]), &expected[0]);
        same("gradient of spread", &host.one(view.sum(), &[&e]), &expected[1]);
    }
}
