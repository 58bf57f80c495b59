//! A net to which random changes of all freedoms were added, one after the other: large parameters are made when they
//! are asked for.

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::{
    Seed,
    flow::{Flow, Numbers},
};
use sgmn_symmetry::flow::freedoms::{Change, Freedom};

/// A net after a change of each freedom.
///
/// What a freedom does to one parameter depends on the numbers that others have at that moment. Those are vectors mostly
/// (gains, shifts), which are kept; matrices and tables are made anew from what was before, so that no second copy of
/// the net is held.
pub(crate) struct Added<'a> {
    net: &'a dyn Numbers,
    freedoms: &'a [Freedom],
    changes: Vec<Change>,
    /// For each freedom the parameters that are kept as they are after it.
    kept: Vec<BTreeMap<usize, Vec<f64>>>,
    /// For each parameter the freedoms that change it, in order.
    of_param: Vec<Vec<usize>>,
}

/// Parameters of so many numbers are kept, whatever their shape.
const SMALL: usize = 1 << 12;

impl<'a> Added<'a> {
    /// Draws a change of each freedom of a net of this flow.
    pub(crate) fn draw(net: &'a dyn Numbers, flow: &Flow, freedoms: &'a [Freedom], seed: Seed) -> Self {
        let mut of_param = vec![Vec::new(); flow.params().len()];
        for (at, freedom) in freedoms.iter().enumerate() {
            freedom.params.iter().for_each(|param| of_param[*param].push(at));
        }
        let is_kept = |param: &usize| {
            let shape = flow.param_shape(*param);
            shape.iter().filter(|size| **size > 1).count() < 2 || shape.iter().product::<usize>() <= SMALL
        };
        let mut added = Self { net, freedoms, changes: Vec::new(), kept: Vec::new(), of_param };
        for (at, freedom) in freedoms.iter().enumerate() {
            let before = added.before(at);
            let change = freedom.draw(seed.index(at as u64), &before);
            let changed = freedom.act(&before, change.clone());
            let numbers = |param: usize| (param, changed.numbers(param).into_owned());
            let kept = freedom.params.iter().copied().filter(is_kept).map(numbers).collect();
            added.changes.push(change);
            added.kept.push(kept);
        }
        added
    }

    /// The net before change `n`.
    fn before(&self, n: usize) -> Before<'_> {
        Before { added: self, n }
    }
}

/// A net to which the first changes were added.
struct Before<'a> {
    added: &'a Added<'a>,
    n: usize,
}

impl Before<'_> {
    /// The last freedom that changed a parameter.
    fn last(&self, param: usize) -> Option<usize> {
        self.added.of_param[param].iter().copied().rfind(|at| *at < self.n)
    }
}

impl Numbers for Before<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let Some(at) = self.last(param) else { return self.added.net.numbers(param) };
        if let Some(kept) = self.added.kept[at].get(&param) {
            return Cow::Borrowed(kept);
        }
        let before = self.added.before(at);
        let changed = self.added.freedoms[at].act(&before, self.added.changes[at].clone());
        Cow::Owned(changed.numbers(param).into_owned())
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        if self.last(param).is_none() {
            return self.added.net.rows(param, places, len);
        }
        let numbers = self.numbers(param);
        places.iter().flat_map(|place| &numbers[place * len..(place + 1) * len]).copied().collect()
    }
}

impl Numbers for Added<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match self.kept.iter().rev().find_map(|kept| kept.get(&param)) {
            Some(kept) => Cow::Borrowed(kept),
            None => Cow::Owned(self.before(self.changes.len()).numbers(param).into_owned()),
        }
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        self.before(self.changes.len()).rows(param, places, len)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::flow::testing::random_flow;

    use super::*;

    #[test]
    fn changes_that_are_made_when_asked_for_are_those_made_one_after_the_other() {
        let mut n_changed = 0;
        for seed in 0..40 {
            let net = random_flow(Seed::new(seed), 200);
            let flow: &Arc<Flow> = net.flow();
            let freedoms = sgmn_symmetry::flow::freedoms::freedoms(flow);
            let mut added = Added::draw(&net, flow, &freedoms, Seed::new(seed));
            // Nothing is kept: everything is made from what was before.
            let whole = Added::draw(&net, flow, &freedoms, Seed::new(seed));
            added.kept.iter_mut().for_each(BTreeMap::clear);
            for param in 0..flow.params().len() {
                n_changed += usize::from(whole.numbers(param) != net.numbers(param));
                assert_eq!(added.numbers(param), whole.numbers(param), "parameter {param} of net {seed}");
            }
        }
        assert!(n_changed > 50, "{n_changed} parameters changed");
    }
}
