//! Finds what carries one net to another: the way of one to the canonical form, and back the way of the other.

use std::{collections::BTreeMap, sync::Arc};

use sgmn_graph::flow::{Flow, FlowNet, Numbers};

use super::{
    super::{
        Spaces,
        canonical::{Way, canonical_with_way, check_same_flow},
        derive,
        fold::Fold,
        freedoms::{Change, Freedom, freedoms, settle_and_tell},
        matrices::{Matrix, MatrixElement, matrices},
    },
    Addition, Transport,
};
use crate::{Result, tolerance};

/// What carries one net to another one, and how near it comes.
#[derive(Debug, Clone)]
pub struct Found {
    /// Acts on the first net.
    pub transport: Transport,
    /// Whether it acts on the net with its norms folded, and leads to the other one with its norms folded.
    pub folded: bool,
    /// The largest difference from the numbers of the second net, relative to the largest of their parameter.
    pub apart: f64,
}

/// What carries `a` to `b`, two nets of one flow; absent if nothing is found that carries the numbers of `a` to those of
/// `b` within `tolerance`, relative to the largest of their parameter. It is looked for in the nets as they are, and if
/// it is not found there, in the nets with their norms folded.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) if the flows differ, and as
/// [`canonicalize_flow`](super::super::canonicalize_flow).
pub fn transport(a: &FlowNet, b: &FlowNet, tolerance: f64) -> Result<Option<Found>> {
    check_same_flow(a.flow(), b.flow())?;
    if let Some((transport, apart)) = Pair::new(a, b).carried(tolerance)? {
        return Ok(Some(Found { transport, folded: false, apart }));
    }
    let fold = Fold::new(a.flow())?;
    if Arc::ptr_eq(fold.flow(), a.flow()) {
        return Ok(None);
    }
    let (a, b) = (fold.apply(a)?, fold.apply(b)?);
    let found = Pair::new(&a, &b).carried(tolerance)?;
    Ok(found.map(|(transport, apart)| Found { transport, folded: true, apart }))
}

/// A way that comes this much nearer is worth its additions.
const NEARER: f64 = 10.0;

/// Two nets of one flow, and what is free in it.
struct Pair<'a> {
    a: &'a FlowNet,
    b: &'a FlowNet,
    spaces: Spaces,
    matrices: Vec<Matrix>,
    freedoms: Vec<Freedom>,
}

impl<'a> Pair<'a> {
    fn new(a: &'a FlowNet, b: &'a FlowNet) -> Self {
        let flow = a.flow();
        Self { a, b, spaces: derive(flow), matrices: matrices(flow), freedoms: freedoms(flow) }
    }

    /// The plainest of what carries a to b, and how near it comes.
    fn carried(&self, tolerance: f64) -> Result<Option<(Transport, f64)>> {
        let (_, of_a) = canonical_with_way(self.a, &self.spaces)?;
        let (_, of_b) = canonical_with_way(self.b, &self.spaces)?;
        let Some(plain) = self.without_additions(&of_a, &of_b)? else { return Ok(None) };
        let mut found: Vec<(Transport, f64)> = Vec::new();
        for additions in [Additions::None, Additions::Last, Additions::Both] {
            let transport = match additions {
                Additions::None => plain.clone(),
                Additions::Last => Transport { after: self.last(&plain, &of_b)?, ..plain.clone() },
                Additions::Both => Transport {
                    before: additions_of(of_a.changes.iter().cloned()),
                    after: additions_of(self.undone(&of_b)),
                    ..plain.clone()
                },
            };
            // What cannot act leads nowhere.
            let apart = self.apart(&transport).unwrap_or(f64::INFINITY);
            if apart <= tolerance::ORBIT {
                return Ok(Some((transport, apart)));
            }
            found.push((transport, apart));
        }
        let least = found.iter().map(|(_, apart)| *apart).fold(f64::INFINITY, f64::min);
        Ok(found.into_iter().find(|(_, apart)| *apart <= tolerance && *apart <= NEARER * least))
    }

    /// `g_B⁻¹ g_A` without additions: orders and scalars first, then matrices.
    fn without_additions(&self, of_a: &Way, of_b: &Way) -> Result<Option<Transport>> {
        if of_a.matrices != of_b.matrices {
            return Ok(None);
        }
        let (flow, spaces): (&Flow, &[Matrix]) = (self.a.flow(), &of_a.matrices);
        let order = of_b.order.inverse().compose(&of_a.order)?;
        let back = of_b.scaling.inverse();
        let element = back.compose(&order)?.compose(&of_a.scaling)?;
        let turned = || -> Option<MatrixElement> {
            let first = of_a.turning.conjugated(&order, flow, spaces)?;
            let both = of_b.turning.inverse().compose(&first).ok()?.snapped(spaces)?;
            both.conjugated(&back, flow, spaces)
        };
        let Some(turned) = turned() else { return Ok(None) };
        let mut turning = MatrixElement::identity(&self.matrices);
        for (space, blocks) in spaces.iter().zip(turned.blocks()) {
            let at = self.matrices.iter().position(|other| other == space);
            turning.set(at.expect("spaces that act are among all"), blocks.clone());
        }
        Ok(Some(Transport { before: Vec::new(), element, turning, after: Vec::new() }))
    }

    /// What is left to add after the rest has acted: all that settles the net then, less what settles b.
    fn last(&self, plain: &Transport, of_b: &Way) -> Result<Vec<Addition>> {
        let acted = plain.act(self.a, &self.matrices, &self.freedoms)?;
        let (_, _, changes) = settle_and_tell(&acted)?;
        let mut sums: BTreeMap<usize, Change> = BTreeMap::new();
        for (at, change) in changes.into_iter().chain(self.undone(of_b)) {
            let sum = match sums.get(&at) {
                Some(sum) => self.freedoms[at].joined(sum, &change),
                None => change,
            };
            sums.insert(at, sum);
        }
        sums.retain(|at, change| {
            let numbers = |param: &usize| largest(&self.b.numbers(*param));
            let size = self.freedoms[*at].params.iter().map(numbers).fold(0.0, f64::max);
            largest(change.amounts()) > tolerance::TIE * size
        });
        Ok(additions_of(sums.into_iter()))
    }

    /// The changes that undo what settled a net, the last one first.
    fn undone(&self, way: &Way) -> impl Iterator<Item = (usize, Change)> {
        way.changes.iter().rev().map(|(at, change)| (*at, self.freedoms[*at].inverse(change)))
    }

    /// How far b is from a after this.
    fn apart(&self, transport: &Transport) -> Result<f64> {
        let acted = transport.act(self.a, &self.matrices, &self.freedoms)?;
        let mut worst = 0.0_f64;
        for param in 0..self.b.flow().params().len() {
            let (x, y) = (acted.numbers(param), self.b.numbers(param));
            // What was moved away from large numbers leaves their rounding behind.
            let size = largest(&x).max(largest(&y)).max(largest(&self.a.numbers(param)));
            let difference = x.iter().zip(y.iter()).fold(0.0_f64, |most, (x, y)| most.max((x - y).abs()));
            worst = if size > 0.0 { worst.max(difference / size) } else { worst };
        }
        Ok(worst)
    }
}

/// Where additions stand in a transport.
enum Additions {
    None,
    /// What remains after the rest.
    Last,
    /// All that settles the first net before, all that settled the second one undone after.
    Both,
}

fn additions_of(changes: impl Iterator<Item = (usize, Change)>) -> Vec<Addition> {
    changes.map(|(freedom, change)| Addition { freedom, change }).collect()
}

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, number| most.max(number.abs()))
}
