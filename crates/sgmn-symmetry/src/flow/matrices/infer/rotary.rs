//! Rotary codes: sums of two coordinates that turn pairs by angles of their own, and commute with complex numbers.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Inference,
    kind::Group,
    marks::Mark,
    nodes::{Bunch, NodeId, Nodes},
    tag::{Form, Term},
    twist::Twist,
};

/// A coordinate's factor in a sum: a table and a number.
type Factor = (Mark, f64);

/// A position with a sum of two coordinates of one vector.
struct Turned {
    position: u32,
    at: [u32; 2],
    by: [Factor; 2],
}

/// The pairs on a line that are turned: `p = c i − s j`, `q = s i + c j` with tables c and s. Where position p stands
/// for coordinate i and q for j, matrices that are complex numbers for each pair pass. All other sums are fixed.
pub(super) fn bunches(inference: &mut Inference<'_>, line: &[&Form]) -> Vec<(Bunch, BTreeMap<u32, u32>)> {
    let mut vectors: BTreeMap<(NodeId, Twist, Mark), Vec<Turned>> = BTreeMap::new();
    for (position, form) in line.iter().enumerate() {
        let Form::Sum(terms) = form else { continue };
        match turned(inference, position as u32, terms) {
            Some((key, turned)) => vectors.entry(key).or_default().push(turned),
            None => terms.iter().for_each(|term| inference.fix_at(term.node, vec![term.at])),
        }
    }
    let mut found = Vec::new();
    for ((node, twist, _), turned) in vectors {
        let mut pairs: BTreeMap<[u32; 2], Vec<Turned>> = BTreeMap::new();
        let mut uses: BTreeMap<u32, usize> = BTreeMap::new();
        for turned in turned {
            turned.at.iter().for_each(|at| *uses.entry(*at).or_default() += 1);
            pairs.entry(turned.at).or_default().push(turned);
        }
        let mut stands: Vec<(u32, u32)> = Vec::new();
        let mut partner = BTreeMap::new();
        for (at, pair) in pairs {
            match pair.as_slice() {
                [p, q] if is_rotation(p, q) && at.iter().all(|i| uses[i] == 2) => {
                    stands.extend([(p.position, at[0]), (q.position, at[1])]);
                    partner.extend([(at[0], at[1]), (at[1], at[0])]);
                }
                _ => inference.fix_at(node, at.to_vec()),
            }
        }
        stands.sort_unstable();
        let (positions, at) = stands.into_iter().unzip();
        let bunch = Bunch { node, twist, positions, at };
        if !bunch.positions.is_empty() {
            found.push((bunch, partner));
        }
    }
    found
}

/// Demands that a node, which the pairs cover, holds complex numbers for each pair.
pub(super) fn lower(nodes: &mut Nodes, node: NodeId, twist: &Twist, partner: &BTreeMap<u32, u32>) {
    let partner: Arc<[u32]> = partner.values().copied().collect();
    nodes.lower(node, twist, Group::Pairs { partner, unit: false });
}

fn is_rotation(p: &Turned, q: &Turned) -> bool {
    let ([c, minus_s], [s, too]) = (p.by, q.by);
    c == too && minus_s.0 == s.0 && minus_s.1 == -s.1
}

/// A sum of two coordinates of one vector of one free node.
fn turned(
    inference: &mut Inference<'_>,
    position: u32,
    terms: &[Term],
) -> Option<((NodeId, Twist, Mark), Turned)> {
    let [a, b] = terms else { return None };
    let (first, i) = place(inference, a)?;
    let (second, j) = place(inference, b)?;
    if first != second || i == j {
        return None;
    }
    let by = [(a.table, a.scale), (b.table, b.scale)];
    let turned = if i < j {
        Turned { position, at: [i, j], by }
    } else {
        Turned { position, at: [j, i], by: [by[1], by[0]] }
    };
    Some((first, turned))
}

fn place(inference: &mut Inference<'_>, term: &Term) -> Option<((NodeId, Twist, Mark), u32)> {
    let twist = inference.twist(term.twist).as_ref().clone();
    let bunch = inference.nodes.follow(term.node, twist, vec![0], vec![term.at]).pop()?;
    Some(((bunch.node, bunch.twist, term.vector), bunch.at[0]))
}
