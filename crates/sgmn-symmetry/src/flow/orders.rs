//! What was inferred in words and counts: orders of units, and scalars that are free.

use std::collections::{BTreeMap, BTreeSet};

use super::{Spaces, derive::Label};
use crate::ScaleGroup;

/// Units that may be reordered among each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// How many units take each other's places.
    pub n: usize,
    /// How many such sets there are: one for each unit of the orders it stands over, each reordered by itself.
    pub sets: usize,
    /// The orders over which it stands, by their place in the list: channels of a head stand over the heads.
    pub over: Vec<usize>,
    /// Where its units stand: a parameter, by its place in the flow, and axes of it. Of blocks of units: where these stand.
    pub holders: Vec<Holder>,
}

/// Axes of a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// The parameter, by its place in the flow.
    pub param: usize,
    /// The axes, of the parameter or of a weight split into groups.
    pub axes: Vec<usize>,
}

/// Scalars that may be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScaleSpace {
    /// The order to the units of which they belong; absent for scalars of units that stand still, or of all units.
    pub order: Option<usize>,
    /// How many there are.
    pub n: usize,
    /// From which group each is chosen.
    pub group: ScaleGroup,
    /// The parameters that they multiply or divide.
    pub params: Vec<usize>,
}

impl Spaces {
    /// The orders, those that others stand over first, then by where they stand in the flow.
    pub fn orders(&self) -> Vec<Order> {
        self.sorted_orders().into_iter().map(|(_, order)| order).collect()
    }

    /// The scalars that are free, by where they stand in the flow.
    pub fn scales(&self) -> Vec<ScaleSpace> {
        self.scales_with_vars().into_iter().map(|(space, _)| space).collect()
    }

    /// The same with the variables of each space.
    pub(super) fn scales_with_vars(&self) -> Vec<(ScaleSpace, Vec<u32>)> {
        let orders: BTreeMap<u32, usize> =
            self.sorted_orders().iter().enumerate().map(|(at, (color, _))| (*color, at)).collect();
        let moving = self.moving_vars();
        // A free number is at home where it stands alone: with its unit if it has one there, else with the whole.
        let mut homes: BTreeMap<u32, (usize, usize, BTreeSet<Label>, Option<u32>)> = BTreeMap::new();
        let mut users: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        let mut free: BTreeMap<u32, (bool, bool)> = BTreeMap::new();
        for holding in self.holdings_in_order() {
            let whole = (None, holding.motion.scalar);
            let of_groups = holding.motion.groups.iter().enumerate().flat_map(|(which, group)| {
                group
                    .labels
                    .iter()
                    .zip(group.scales.iter())
                    .map(move |(label, id)| (Some((which, *label)), *id))
            });
            for (place, id) in std::iter::once(whole).chain(of_groups) {
                let scale = self.derived.reduced(id);
                let mut logs: Vec<u32> = scale.log.0.iter().map(|(var, _)| *var).collect();
                let mut signs: Vec<u32> = scale.sign.0.iter().map(|(var, _)| *var).collect();
                logs.retain(|var| moving.0.contains(var));
                signs.retain(|var| moving.1.contains(var));
                for var in &logs {
                    free.entry(*var).or_default().0 = true;
                    users.entry(*var).or_default().insert(holding.param);
                }
                for var in &signs {
                    free.entry(*var).or_default().1 = true;
                    users.entry(*var).or_default().insert(holding.param);
                }
                for var in [&logs, &signs].into_iter().filter(|vars| vars.len() == 1).map(|vars| vars[0]) {
                    let which = place.map_or(usize::MAX, |(which, _)| which);
                    let home = homes.entry(var).or_insert((holding.param, which, BTreeSet::new(), None));
                    if let Some((at, label)) = place
                        && home.0 == holding.param
                        && home.1 == at
                    {
                        home.2.insert(self.derived.orbits.find(label));
                        home.3 = Some(self.derived.orbits.color(label));
                    }
                }
            }
        }
        let mut families: BTreeMap<_, (Vec<u32>, BTreeSet<usize>)> = BTreeMap::new();
        for (var, (log, sign)) in free {
            let group = match (log, sign) {
                (true, true) => Chosen::NonZero,
                (true, false) => Chosen::Positive,
                _ => Chosen::Sign,
            };
            let (param, which, color) = match homes.get(&var) {
                Some((param, which, labels, color)) => (*param, *which, color.filter(|_| labels.len() == 1)),
                None => (users[&var].first().copied().unwrap_or(0), usize::MAX, None),
            };
            let family = families.entry((param, which, color, group)).or_default();
            family.0.push(var);
            family.1.extend(&users[&var]);
        }
        families
            .into_iter()
            .map(|((_, _, color, group), (vars, params))| {
                let order = color.and_then(|color| orders.get(&color).copied());
                let params = params.into_iter().collect();
                (ScaleSpace { order, n: vars.len(), group: group.into(), params }, vars)
            })
            .collect()
    }

    /// Variables of magnitudes and of signs that move a number somewhere: others cancel within each parameter.
    fn moving_vars(&self) -> (BTreeSet<u32>, BTreeSet<u32>) {
        let mut moving = (BTreeSet::new(), BTreeSet::new());
        for row in self.scale_rows() {
            moving.0.extend(row.log.0.iter().map(|(var, _)| *var));
            moving.1.extend(row.sign.0.iter().map(|(var, _)| *var));
        }
        moving
    }

    /// The orders with their colours.
    pub(super) fn sorted_orders(&self) -> Vec<(u32, Order)> {
        let orbits = &self.derived.orbits;
        let mut holders: BTreeMap<u32, BTreeSet<Holder>> = BTreeMap::new();
        for holding in self.holdings_in_order() {
            for group in &holding.motion.groups {
                let mut seen = BTreeSet::new();
                let mut open: Vec<Label> = group.labels.iter().map(|label| orbits.find(*label)).collect();
                while let Some(label) = open.pop() {
                    if seen.insert(label) {
                        let holder = Holder { param: holding.param, axes: group.axes.clone() };
                        holders.entry(orbits.color(label)).or_default().insert(holder);
                        open.extend(orbits.parents(label).iter().map(|(_, parent)| *parent));
                    }
                }
            }
        }
        let mut fibers: BTreeMap<u32, BTreeMap<Vec<Label>, usize>> = BTreeMap::new();
        let mut parents: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for label in orbits.moving() {
            let color = orbits.color(*label);
            let above: Vec<Label> = {
                let mut above: Vec<Label> =
                    orbits.parents(*label).iter().map(|(_, parent)| *parent).collect();
                above.sort_unstable();
                above
            };
            parents.entry(color).or_default().extend(above.iter().map(|parent| orbits.color(*parent)));
            *fibers.entry(color).or_default().entry(above).or_default() += 1;
        }
        let is_order = |color: &u32| fibers[color].values().max().is_some_and(|n| *n > 1);
        let mut colors: Vec<u32> =
            fibers.keys().copied().filter(|c| is_order(c) && holders.contains_key(c)).collect();
        // What is above stands first; else the order of the flow.
        let depth = |color: u32| {
            let mut depth = 0;
            let mut open = vec![(color, 0)];
            let mut seen = BTreeSet::new();
            while let Some((color, at)) = open.pop() {
                depth = depth.max(at);
                for parent in parents.get(&color).into_iter().flatten() {
                    if seen.insert(*parent) {
                        open.push((*parent, at + 1));
                    }
                }
            }
            depth
        };
        colors.sort_by_key(|color| (holders[color].first().cloned(), depth(*color)));
        let place = |color: &u32| colors.iter().position(|other| other == color);
        let order = |color: &u32| {
            // An order whose parent only repeats it in blocks of one stands over the parent's own order.
            let mut over = BTreeSet::new();
            let mut open: Vec<u32> = parents.get(color).into_iter().flatten().copied().collect();
            let mut seen = BTreeSet::new();
            while let Some(above) = open.pop() {
                if !seen.insert(above) {
                    continue;
                }
                match place(&above) {
                    Some(at) => {
                        over.insert(at);
                    }
                    None => open.extend(parents.get(&above).into_iter().flatten()),
                }
            }
            let sets = &fibers[color];
            Order {
                n: sets.values().copied().max().unwrap_or(0),
                sets: sets.len(),
                over: over.into_iter().collect(),
                holders: holders[color].iter().cloned().collect(),
            }
        };
        colors.iter().map(|color| (*color, order(color))).collect()
    }
}

/// Groups in an order of their own, for sorting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Chosen {
    NonZero,
    Positive,
    Sign,
}

impl From<Chosen> for ScaleGroup {
    fn from(group: Chosen) -> Self {
        match group {
            Chosen::NonZero => Self::NonZero,
            Chosen::Positive => Self::Positive,
            Chosen::Sign => Self::Sign,
        }
    }
}

#[cfg(test)]
mod tests {
    use sgmn_graph::{
        Seed,
        flow::{Numbers, testing::random_flow},
    };

    use super::super::derive;

    #[test]
    fn every_scalar_that_is_listed_moves_a_number() {
        for number in [52, 3, 11] {
            let net = random_flow(Seed::new(number), 200);
            let spaces = derive(net.flow());
            let n_vars = spaces.derived.n_vars() as usize;
            for var in spaces.scales_with_vars().into_iter().flat_map(|(_, vars)| vars) {
                let (mut logs, mut signs) = (vec![0.0; n_vars], vec![false; n_vars]);
                (logs[var as usize], signs[var as usize]) = (1.0, true);
                let element = spaces.element(None, &logs, &signs);
                let acted = element.act(&net);
                let moves = |param: usize| {
                    let (old, new) = (net.numbers(param), acted.numbers(param));
                    old.iter().zip(new.iter()).any(|(old, new)| (old - new).abs() > 1e-9 * old.abs())
                };
                assert!((0..net.flow().params().len()).any(moves), "net {number}, variable {var}");
            }
        }
    }
}
