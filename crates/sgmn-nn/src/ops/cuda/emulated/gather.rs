//! What nodes gather from their edges by other means than a sum.

use super::*;
use launch::{Attention, Moments};

const AXES: [EdgeAxis; 2] = [EdgeAxis::Receivers, EdgeAxis::Senders];

#[test]
fn moments_of_edges_are_those_of_the_plain_form() {
    let Some(host) = Host::compile() else { return };
    for block in [[1, 1, 1, 1], [3, 5, 4, 8], [2, 1, 33, 6], [2, 3, 4, 128], [1, 40, 2, 3]] {
        let n = block.iter().product();
        let scattered = numbers(n, 4);
        // Few values, so that some tie for an extreme, and where all are equal for both.
        let tied: Vec<f32> = scattered.iter().map(|x| x.round()).collect();
        for (e, axis) in [(&scattered, AXES[0]), (&scattered, AXES[1]), (&tied, AXES[0]), (&tied, AXES[1])] {
            of_block(&host, block, e, axis);
        }
        of_block(&host, block, &vec![2.5; n], AXES[1]);
    }
    // Far from zero the deviation keeps its digits.
    let far: Vec<f32> = numbers(80, 4).iter().map(|x| 300.0 + x).collect();
    of_block(&host, [1, 1, 40, 2], &far, EdgeAxis::Senders);
}

fn of_block(host: &Host, block: [usize; 4], e: &[f32], axis: EdgeAxis) {
    let [b, r, s, h] = block;
    let n_kept = if axis == EdgeAxis::Senders { r } else { s };
    let g = numbers(b * n_kept * 4 * h, 5);
    let expected = plain(&[&block], &[e], &g, |e| reference::aggregate(&e[0], axis));
    let moments = Moments::of_edges(block, axis);
    let what = format!("{block:?} {axis:?}");
    same(&format!("aggregate {what}"), &host.one(moments.aggregate(), &[e]), &expected[0]);
    same(
        &format!("gradient of aggregate {what}"),
        &host.one(moments.aggregate_grad(), &[e, &g]),
        &expected[1],
    );
}

#[test]
fn attention_is_that_of_the_plain_form() {
    let Some(host) = Host::compile() else { return };
    // Rows of one node, fewer and more rows than a warp takes at once; heads narrower than a warp, as wide, and wider.
    for ([b, n, s, r], n_heads, d_head) in [
        ([1, 1, 1, 1], 1, 1),
        ([3, 4, 2, 5], 2, 3),
        ([2, 3, 6, 1], 4, 8),
        ([1, 3, 40, 2], 2, 32),
        ([2, 2, 3, 37], 1, 50),
    ] {
        for edges in [[s, r], [s, 0], [0, r], [0, 0]] {
            let width = n_heads * d_head;
            let sizes = Attention { n_nets: b, n_nodes: n, n_edges: edges, n_heads, width };
            let (found, expected) = attention(&host, sizes, sizes);
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                same(&format!("part {i} of attend {sizes:?}"), found, expected);
            }
        }
    }
    // Two edges of each side, but counted otherwise: the rows are then taken from wrong places.
    let sizes = Attention { n_nets: 2, n_nodes: 3, n_edges: [2, 3], n_heads: 2, width: 8 };
    let wrong = Attention { n_edges: [3, 2], ..sizes };
    let (found, expected) = attention(&host, wrong, sizes);
    assert!(difference(&found[0], &expected[0]).is_some());
    assert!(difference(&found[1..].concat(), &expected[1..].concat()).is_some());
}

/// Result and gradients, by a launch and by the plain form.
fn attention(host: &Host, launched: Attention, sizes: Attention) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let Attention { n_nets, n_nodes, n_edges: [s, r], n_heads, width } = sizes;
    let row = n_heads + width;
    let lengths = sizes.lengths();
    let rows = [0, 1, 2].map(|i| numbers(lengths[i], i as u64));
    let g = numbers(n_nets * n_nodes * width, 5);
    let shapes: [&[usize]; 3] =
        [&[n_nets, n_nodes, row], &[n_nets, n_nodes, s, row], &[n_nets, r, n_nodes, row]];
    let there: Vec<usize> = [0, 1, 2].into_iter().filter(|i| lengths[*i] > 0).collect();
    let given: Vec<&[f32]> = there.iter().map(|i| &rows[*i][..]).collect();
    let shapes: Vec<&[usize]> = there.iter().map(|i| shapes[*i]).collect();
    let expected = plain(&shapes, &given, &g, |x| {
        let side = |i: usize| there.iter().position(|there| *there == i).map(|place| &x[place]);
        reference::attend(&x[0], side(1), side(2), n_heads)
    });
    let [own, incoming, outgoing] = &rows;
    let mut found = vec![host.one(launched.attend(), &[own, incoming, outgoing])];
    let mut out = &host.one(launched.attend_grad(), &[own, incoming, outgoing, &g])[..];
    for i in there {
        let (part, rest) = out.split_at(lengths[i]);
        found.push(part.to_vec());
        out = rest;
    }
    assert!(out.is_empty());
    (found, expected)
}

#[test]
fn a_large_logit_stays_in_range_and_nan_is_not_lost() {
    let Some(host) = Host::compile() else { return };
    let sizes = Attention { n_nets: 1, n_nodes: 1, n_edges: [2, 0], n_heads: 1, width: 1 };
    let (own, edges) = ([200.0, 1.0], [300.0, 2.0, -300.0, 3.0]);
    assert_eq!(host.one(sizes.attend(), &[&own, &edges, &[]]), [2.0]);
    let dx = host.one(sizes.attend_grad(), &[&own, &edges, &[], &[1.0]]);
    assert!(dx.iter().all(|slope| slope.is_finite()), "{dx:?}");
    assert!(host.one(sizes.attend(), &[&[f32::NAN, 1.0], &edges, &[]])[0].is_nan());
    let moments = Moments::of_edges([1, 1, 3, 1], EdgeAxis::Senders);
    assert!(host.one(moments.aggregate(), &[&[1.0, f32::NAN, 2.0]])[0].is_nan());
}

#[test]
fn gathering_in_several_turns_gives_the_same_bits() {
    let Some(host) = Host::compile() else { return };
    let block = [9, 11, 2, 8];
    let (e, g) = (numbers(9 * 11 * 2 * 8, 1), numbers(9 * 11 * 32, 2));
    let moments = Moments::of_edges(block, EdgeAxis::Senders);
    let sizes = Attention { n_nets: 9, n_nodes: 11, n_edges: [2, 0], n_heads: 2, width: 6 };
    for (launch, inputs) in [
        (moments.aggregate(), vec![&e[..]]),
        (moments.aggregate_grad(), vec![&e, &g]),
        (sizes.attend(), vec![&g[..99 * 8], &e, &[]]),
        (sizes.attend_grad(), vec![&g[..99 * 8], &e, &[], &g[..99 * 6]]),
    ] {
        assert_eq!(host.one(by_two_blocks(launch.clone()), &inputs), host.one(launch, &inputs));
    }
}
