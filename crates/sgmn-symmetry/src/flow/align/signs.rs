//! Signs of units: those that belong to one unit are chosen together with its place.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::Numbers;

use super::super::{
    Spaces,
    derive::{Label, ScaleId},
};

/// More signs of one unit are not tried in all combinations; those beyond are chosen one by one afterwards.
const MOST: usize = 4;

/// Which free signs belong to one unit, and which do not.
pub(super) struct Signs {
    of_unit: BTreeMap<Label, Vec<u32>>,
    /// All others that multiply something.
    pub(super) others: Vec<u32>,
}

impl Signs {
    /// `moves` says which units are given places; signs that are `kept` are not free.
    pub(super) fn new(spaces: &Spaces, kept: &BTreeSet<u32>, moves: impl Fn(Label) -> bool) -> Self {
        let orbits = &spaces.derived.orbits;
        let mut homes: BTreeMap<u32, BTreeSet<Label>> = BTreeMap::new();
        let mut stands_alone = |id: ScaleId, label: Label| {
            for (var, _) in spaces.derived.reduced(id).sign.0 {
                homes.entry(var).or_default().insert(label);
            }
        };
        for holding in spaces.holdings_in_order() {
            stands_alone(holding.motion.scalar, Label::MAX);
            for group in &holding.motion.groups {
                let of_group = group.labels.iter().zip(group.scales.iter());
                of_group.for_each(|(label, id)| stands_alone(*id, orbits.find(*label)));
            }
        }
        let mut signs = Self { of_unit: BTreeMap::new(), others: Vec::new() };
        for (var, labels) in homes.into_iter().filter(|(var, _)| !kept.contains(var)) {
            let home = labels.first().copied().filter(|label| labels.len() == 1 && *label != Label::MAX);
            match home.filter(|label| moves(*label)) {
                Some(label) if signs.of_unit.get(&label).is_none_or(|vars| vars.len() < MOST) => {
                    signs.of_unit.entry(label).or_default().push(var);
                }
                _ => signs.others.push(var),
            }
        }
        signs
    }

    /// The signs of a unit.
    pub(super) fn of(&self, unit: Label) -> &[u32] {
        self.of_unit.get(&unit).map_or(&[], Vec::as_slice)
    }

    /// Which of the signs of a unit a scalar has, one bit for each.
    pub(super) fn mask(&self, spaces: &Spaces, unit: Label, id: ScaleId) -> u32 {
        let own = self.of(unit);
        if own.is_empty() {
            return 0;
        }
        let sign = spaces.derived.reduced(id).sign.0;
        let bits = own.iter().enumerate().filter(|(_, var)| sign.iter().any(|(of, _)| of == *var));
        bits.fold(0, |mask, (bit, _)| mask | 1 << bit)
    }
}

/// So many numbers of a parameter at least have one sign, and such a share of them, if it holds gains.
const GAINS: (usize, f64) = (8, 0.95);

/// Signs that nets which were trained have in common: those of parameters with one number for each of their units, nearly all
/// of one sign, in both nets the same. So are gains of norms: a mean of 1 and −1 would be the end of a unit.
pub(super) fn kept(spaces: &Spaces, stays: &dyn Numbers, moves: &dyn Numbers) -> BTreeSet<u32> {
    let mut kept = BTreeSet::new();
    for holding in spaces.holdings_in_order() {
        let [group] = &holding.motion.groups[..] else { continue };
        let n: usize = holding.shape.iter().product();
        let shares = || {
            [stays, moves].map(|net| {
                let numbers = net.numbers(holding.param);
                numbers.iter().filter(|number| **number > 0.0).count() as f64 / n as f64
            })
        };
        let alike = |[a, b]: [f64; 2]| a.min(b) >= GAINS.1 || a.max(b) <= 1.0 - GAINS.1;
        if n == group.len() && n >= GAINS.0 && alike(shares()) {
            let whole = std::iter::once(&holding.motion.scalar);
            let signs = whole.chain(group.scales.iter()).flat_map(|id| spaces.derived.reduced(*id).sign.0);
            kept.extend(signs.map(|(var, _)| var));
        }
    }
    kept
}

/// The choice of signs that gains most, one bit for each, and its gain; `gains` are those of numbers with each set of signs.
/// Where choices tie, fewer signs are flipped.
pub(super) fn best(n_signs: usize, gains: impl Iterator<Item = (u32, f64)> + Clone) -> (u32, f64) {
    let of = |flips: u32| -> f64 {
        let signed = |(mask, gain): (u32, f64)| {
            if (mask & flips).count_ones() % 2 == 1 { -gain } else { gain }
        };
        gains.clone().map(signed).sum()
    };
    let all = (0..1_u32 << n_signs).map(|flips| (flips, of(flips)));
    all.fold((0, f64::NEG_INFINITY), |best, next| if next.1 > best.1 { next } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_are_chosen_so_that_gains_sum_to_the_most() {
        // Numbers without signs, with the first, with both.
        let gains = [(0, 1.0), (1, -2.0), (3, 0.5)];
        assert_eq!(best(2, gains.into_iter()), (3, 3.5));
        assert_eq!(best(0, [(0, -1.0)].into_iter()), (0, -1.0));
        assert_eq!(best(1, [(1, 0.0)].into_iter()), (0, 0.0), "nothing is flipped for nothing");
    }
}
