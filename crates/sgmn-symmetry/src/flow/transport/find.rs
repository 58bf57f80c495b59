//! Finds what carries one net to another: the way of one to the canonical form, and back the way of the other.

use std::sync::Arc;

use sgmn_graph::flow::{Flow, FlowNet, Numbers};

use super::{
    super::{
        FlowElement, Spaces,
        canonical::{Way, canonical_with_way, check_same_flow},
        derive,
        fold::Fold,
        freedoms::{Freedom, freedoms},
        matrices::{Matrix, MatrixElement, matrices},
    },
    Added, Addition, Transport,
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
pub(in crate::flow) struct Pair<'a> {
    pub(in crate::flow) a: &'a FlowNet,
    pub(in crate::flow) b: &'a FlowNet,
    pub(in crate::flow) spaces: Spaces,
    pub(in crate::flow) matrices: Vec<Matrix>,
    pub(in crate::flow) freedoms: Vec<Freedom>,
}

impl<'a> Pair<'a> {
    pub(in crate::flow) fn new(a: &'a FlowNet, b: &'a FlowNet) -> Self {
        let flow = a.flow();
        Self { a, b, spaces: derive(flow), matrices: matrices(flow), freedoms: freedoms(flow) }
    }

    /// The plainest of what carries a to b, and how near it comes.
    fn carried(&self, tolerance: f64) -> Result<Option<(Transport, f64)>> {
        let (_, of_a) = canonical_with_way(self.a, &self.spaces)?;
        let (_, of_b) = canonical_with_way(self.b, &self.spaces)?;
        let order = of_b.order.inverse().compose(&of_a.order)?;
        let between = (&order, &MatrixElement::identity(&of_a.matrices));
        let Some(plain) = self.without_additions(&of_a, between, &of_b)? else { return Ok(None) };
        let apart = self.apart(&plain)?;
        if apart <= tolerance::ORBIT {
            return Ok(Some((plain, apart)));
        }
        let whole = Transport { additions: self.additions(&plain)?, ..plain.clone() };
        // What cannot act leads nowhere.
        let apart_whole = self.apart(&whole).unwrap_or(f64::INFINITY);
        let found = if apart <= NEARER * apart_whole { (plain, apart) } else { (whole, apart_whole) };
        Ok(Some(found).filter(|(_, apart)| *apart <= tolerance))
    }

    /// `g_B⁻¹ m g_A` without additions: orders and scalars first, then matrices. Between the points to which the ways of
    /// both nets lead, m stands: an order with signs, then matrices. Absent if it cannot be brought into this form.
    pub(in crate::flow) fn without_additions(
        &self,
        of_a: &Way,
        (order, mixing): (&FlowElement, &MatrixElement),
        of_b: &Way,
    ) -> Result<Option<Transport>> {
        if of_a.matrices != of_b.matrices {
            return Ok(None);
        }
        let (flow, spaces): (&Flow, &[Matrix]) = (self.a.flow(), &of_a.matrices);
        let back = of_b.scaling.inverse();
        let element = back.compose(order)?.compose(&of_a.scaling)?;
        let turned = || -> Option<MatrixElement> {
            let first = of_a.turning.conjugated(order, flow, spaces)?;
            let then = mixing.compose(&first).ok()?;
            let both = of_b.turning.inverse().compose(&then).ok()?.snapped(spaces)?;
            both.conjugated(&back, flow, spaces)
        };
        let Some(turned) = turned() else { return Ok(None) };
        let mut turning = MatrixElement::identity(&self.matrices);
        for (space, blocks) in spaces.iter().zip(turned.blocks()) {
            let at = self.matrices.iter().position(|other| other == space);
            turning.set(at.expect("spaces that act are among all"), blocks.clone());
        }
        Ok(Some(Transport { element, turning, additions: Vec::new() }))
    }

    /// What is left to add after the rest has acted: for each freedom by how much b is further than what is there by then.
    pub(in crate::flow) fn additions(&self, plain: &Transport) -> Result<Vec<Addition>> {
        plain.acted(self.a, &self.matrices, &self.freedoms, |acted| Ok(self.additions_to(acted)))
    }

    fn additions_to(&self, acted: &dyn Numbers) -> Vec<Addition> {
        let mut added = Added::new(acted, &[], &self.freedoms);
        let mut additions = Vec::new();
        for (at, freedom) in self.freedoms.iter().enumerate() {
            let back = freedom.inverse(&freedom.settled(self.b));
            let change = freedom.joined(&freedom.settled(&added), &back);
            let numbers = |param: &usize| largest(&self.b.numbers(*param));
            let size = freedom.params.iter().map(numbers).fold(0.0, f64::max);
            if largest(change.amounts()) > tolerance::TIE * size {
                added.add(freedom, &change);
                additions.push(Addition { freedom: at, change });
            }
        }
        additions
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

fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most, number| most.max(number.abs()))
}

#[cfg(test)]
mod tests {
    use sgmn_graph::{Seed, flow::testing::random_flow};

    use super::*;
    use crate::flow::{Draw, twins::twin};

    #[test]
    fn what_carries_a_net_to_its_twin_is_found_wherever_their_forms_meet() {
        let (mut n_met, mut n_whole) = (0, 0);
        for number in 0..40 {
            let seed = Seed::new(number);
            let net = random_flow(seed, 100);
            let twin = twin(&net, seed, &Draw { spread: 0.5, ..Draw::default() });
            if !crate::flow::relate(&net, &twin, tolerance::ORBIT).unwrap().meets() {
                continue;
            }
            n_met += 1;
            let found = transport(&net, &twin, tolerance::ORBIT).unwrap().expect("the forms meet");
            if found.folded {
                continue;
            }
            let Found { transport, .. } = found;
            derive(net.flow()).check_fits(&transport.element).unwrap();
            let flow = net.flow();
            let acted = transport.act(&net, &matrices(flow), &freedoms(flow)).unwrap();
            for param in 0..flow.params().len() {
                let (x, y) = (acted.numbers(param), twin.numbers(param));
                let size = largest(&y).max(largest(&net.numbers(param)));
                assert!(x.iter().zip(y.iter()).all(|(x, y)| (x - y).abs() <= 1e-9 * size), "net {number}");
            }
            n_whole += 1;
        }
        assert!(n_met > 20 && n_whole > 20, "{n_met} met, {n_whole} without folding");
    }

    #[test]
    fn nothing_carries_a_net_to_another_function() {
        let net = random_flow(Seed::new(0), 60);
        let param = (0..net.flow().params().len()).max_by_key(|param| net.numbers(*param).len()).unwrap();
        let mut stored = net.stored().to_vec();
        let other = net.numbers(param).iter().map(|x| x + 0.3 * (x * 40.0).sin()).collect::<Vec<_>>();
        stored[param] = other.into();
        let other = FlowNet::new(net.flow().clone(), stored).unwrap();
        assert!(transport(&net, &other, tolerance::ORBIT).unwrap().is_none());
    }
}
