//! Nodes: a unit with one of its scalars; and sites: nodes that come together.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::{Behaviour, Parity};

use super::super::{
    Spaces,
    derive::{Label, Ratio, Scale},
    matrices::Matrix,
    canonical::units_of_matrices,
    views::sum,
};

/// The scalar of a node, in free variables.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    log: Vec<(u32, Ratio)>,
    sign: Vec<u32>,
}

impl Form {
    pub(super) fn of(scale: &Scale) -> Self {
        Self { log: scale.log.0.clone(), sign: scale.sign.0.iter().map(|(var, _)| *var).collect() }
    }

    pub(super) fn is_one(&self) -> bool {
        self.log.is_empty() && self.sign.is_empty()
    }
}

/// `a · b^power`.
pub(super) fn times(a: &Scale, b: &Scale, power: i32) -> Scale {
    sum(a, b, power)
}

/// A unit, or none for what has an axis of size 1.
pub(super) type Unit = Option<Label>;

/// A set of nodes on its way to a site.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) units: Vec<Unit>,
    pub(super) scales: Vec<Scale>,
    /// Whether a magnitude, a sign, is a unit's own.
    pub(super) own: (bool, bool),
    /// Whether the units stand still.
    pub(super) is_fixed: bool,
    /// Whether an output of the net is written there.
    pub(super) is_output: bool,
}

impl Draft {
    /// A function that lets through the same scalars as the units.
    pub(super) fn behaviour(&self) -> Behaviour {
        let (log, sign) = self.own;
        Behaviour {
            degree: log.then_some(1.0),
            parity: if sign { Parity::Odd } else { Parity::Neither },
        }
    }

    /// Whether its nodes are hidden: units that may move, or that have scalars of their own.
    pub(super) fn is_hidden(&self) -> bool {
        !self.is_fixed || self.own != (false, false)
    }
}

/// All sites, growing.
#[derive(Debug)]
pub(super) struct Nodes<'a> {
    spaces: &'a Spaces,
    /// Units whose scalars and order matrices fix.
    by_matrix: BTreeSet<u32>,
    /// Variables that belong to one unit alone.
    own_vars: BTreeSet<u32>,
    pub(super) drafts: Vec<Draft>,
    at: BTreeMap<(Unit, Form), (usize, u32)>,
    one: Option<usize>,
}

/// Beyond so many orbits on one axis their units make one site.
const MOST_ORBITS: usize = 8;

impl<'a> Nodes<'a> {
    pub(super) fn new(spaces: &'a Spaces, matrices: &[Matrix]) -> Self {
        let mut homes: BTreeMap<u32, BTreeSet<Unit>> = BTreeMap::new();
        for holding in spaces.holdings_in_order() {
            let whole = [(None, holding.motion.scalar)];
            let groups = holding.motion.groups.iter();
            let of_groups = groups.flat_map(|group| group.labels.iter().map(|l| Some(*l)).zip(group.scales.iter().copied()));
            for (label, id) in whole.into_iter().chain(of_groups) {
                let unit = label.map(|label| spaces.derived.orbits.find(label));
                let scale = spaces.derived.reduced(id);
                let vars = scale.log.0.iter().map(|term| term.0).chain(scale.sign.0.iter().map(|term| term.0));
                vars.for_each(|var| {
                    homes.entry(var).or_default().insert(unit);
                });
            }
        }
        Self {
            spaces,
            by_matrix: units_of_matrices(spaces, matrices),
            own_vars: homes.into_iter().filter(|(_, units)| units.len() == 1).map(|(var, _)| var).collect(),
            drafts: Vec::new(),
            at: BTreeMap::new(),
            one: None,
        }
    }

    /// Variables of scalars that are no unit's own, or of units that matrices move: they are fixed before a net is read.
    pub(super) fn is_own(&self, var: u32) -> bool {
        self.own_vars.contains(&var)
    }

    /// The node that stands for the number 1, from which everything comes that no unit is read for.
    pub(super) fn one(&mut self) -> usize {
        *self.one.get_or_insert_with(|| {
            self.drafts.push(Draft {
                units: vec![None],
                scales: vec![Scale::default()],
                own: (false, false),
                is_fixed: true,
                is_output: false,
            });
            self.drafts.len() - 1
        })
    }

    /// The site and the place in it of each of these nodes; new ones are founded.
    pub(super) fn place(&mut self, nodes: &[(Unit, Scale)], is_output: bool) -> Vec<(usize, u32)> {
        let keys: Vec<(Unit, Form)> = nodes.iter().map(|(unit, scale)| (*unit, Form::of(scale))).collect();
        let orbits: BTreeSet<u32> =
            nodes.iter().filter_map(|(unit, _)| unit.map(|unit| self.spaces.derived.orbits.color(unit))).collect();
        let mut classes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (i, key) in keys.iter().enumerate() {
            if self.at.contains_key(key) || !seen.insert(key) {
                continue;
            }
            let is_fixed = self.is_fixed(key.0);
            let orbit = key.0.filter(|_| !is_fixed && orbits.len() <= MOST_ORBITS);
            let orbit = orbit.map(|unit| self.spaces.derived.orbits.color(unit));
            classes.entry((is_fixed, orbit, self.own(key))).or_default().push(i);
        }
        let mut founded: Vec<_> = classes.into_iter().collect();
        // In the order in which they stand along the axis.
        founded.sort_by_key(|(_, members)| members[0]);
        for ((is_fixed, _, own), members) in founded {
            self.found(members.into_iter().map(|i| nodes[i].clone()).collect(), is_fixed, own, is_output);
        }
        keys.iter().map(|key| self.at[key]).collect()
    }

    fn found(&mut self, mut nodes: Vec<(Unit, Scale)>, is_fixed: bool, own: (bool, bool), is_output: bool) {
        // Sites of the same units list them in the same order.
        let units: BTreeSet<Unit> = nodes.iter().map(|node| node.0).collect();
        let alike = self.drafts.iter().find(|draft| {
            draft.units.len() == units.len()
                && units.len() == nodes.len()
                && draft.units.iter().all(|unit| unit.is_some() && units.contains(unit))
        });
        if let Some(alike) = alike {
            let places: BTreeMap<Unit, usize> =
                alike.units.iter().enumerate().map(|(at, unit)| (*unit, at)).collect();
            nodes.sort_by_key(|node| places[&node.0]);
        }
        let site = self.drafts.len();
        for (at, (unit, scale)) in nodes.iter().enumerate() {
            self.at.insert((*unit, Form::of(scale)), (site, at as u32));
        }
        let (units, scales) = nodes.into_iter().unzip();
        self.drafts.push(Draft { units, scales, own, is_fixed, is_output });
    }

    fn is_fixed(&self, unit: Unit) -> bool {
        unit.is_none_or(|unit| self.spaces.derived.orbits.size(unit) == 1)
    }

    /// Whether the node has a magnitude, and a sign, of its own.
    fn own(&self, (unit, form): &(Unit, Form)) -> (bool, bool) {
        if unit.is_some_and(|unit| self.by_matrix.contains(&self.spaces.derived.orbits.color(unit))) {
            return (false, false);
        }
        let log = form.log.iter().any(|(var, _)| self.is_own(*var));
        (log, form.sign.iter().any(|var| self.is_own(*var)))
    }

    /// Two sites of given units so that the scalars of the second are those of the first times these; and the place of
    /// each unit in both.
    pub(super) fn pair(&self, nodes: &[(Unit, Scale)]) -> Option<[Vec<(usize, u32)>; 2]> {
        let (unit, scale) = nodes.first()?;
        let firsts: Vec<usize> = (0..self.drafts.len())
            .filter(|site| {
                let draft = &self.drafts[*site];
                draft.units.len() == nodes.len() && draft.units.contains(unit) && Some(*site) != self.one
            })
            .collect();
        let is_trivial = Form::of(scale).is_one();
        firsts.into_iter().find_map(|site| {
            let draft = &self.drafts[site];
            let places: BTreeMap<Unit, u32> =
                draft.units.iter().enumerate().map(|(at, unit)| (*unit, at as u32)).collect();
            let from: Vec<(usize, u32)> =
                nodes.iter().map(|(unit, _)| Some((site, *places.get(unit)?))).collect::<Option<_>>()?;
            let to: Vec<(usize, u32)> = nodes
                .iter()
                .zip(&from)
                .map(|((unit, scale), (_, at))| {
                    let scale = times(&draft.scales[*at as usize], scale, 1);
                    self.at.get(&(*unit, Form::of(&scale))).copied()
                })
                .collect::<Option<_>>()?;
            let other = to[0].0;
            let is_whole = to.iter().all(|(site, _)| *site == other)
                && self.drafts[other].units.len() == nodes.len()
                && (is_trivial || other != site);
            is_whole.then_some([from, to])
        })
    }
}
