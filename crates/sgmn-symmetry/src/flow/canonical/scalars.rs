//! Scalars of the canonical form: each is fixed where it stands alone beside what is fixed.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use sgmn_graph::flow::Numbers;

use super::{
    super::{
        FlowElement, Spaces, along,
        derive::{Holding, Scale},
        matrices::{Holder, Matrix, Side},
    },
    FlowRepairs, ScalarValues,
};
use crate::tolerance;

/// Values of all free variables, as far as they are fixed.
pub(super) struct Scalars {
    logs: Vec<f64>,
    signs: Vec<bool>,
    known_log: Vec<bool>,
    known_sign: Vec<bool>,
    /// Variables that some scalar has.
    used: BTreeSet<u32>,
    /// Whether nothing was found at the last look, and numbers must be 0.
    dead: BTreeSet<u32>,
}

/// The numbers of a parameter that one variable scales.
struct Row {
    log: Option<f64>,
    sign: bool,
    squares: f64,
    largest: f64,
    rival: f64,
}

impl Scalars {
    /// Nothing is fixed but the scalars of units that matrices move: those are fixed with the matrices.
    pub(super) fn new(spaces: &Spaces, matrices: &[Matrix]) -> Self {
        let n = spaces.derived.n_vars() as usize;
        let mut scalars = Self {
            logs: vec![0.0; n],
            signs: vec![false; n],
            known_log: vec![false; n],
            known_sign: vec![false; n],
            used: BTreeSet::new(),
            dead: BTreeSet::new(),
        };
        let mut homes: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
        for holding in spaces.holdings_in_order() {
            let whole = [(u32::MAX, holding.motion.scalar)];
            let groups = holding.motion.groups.iter();
            let of_groups =
                groups.flat_map(|group| group.labels.iter().copied().zip(group.scales.iter().copied()));
            for (label, id) in whole.into_iter().chain(of_groups) {
                let scale = spaces.derived.reduced(id);
                let label = if label == u32::MAX { label } else { spaces.derived.orbits.find(label) };
                for var in scale.log.0.iter().map(|term| term.0).chain(scale.sign.0.iter().map(|term| term.0))
                {
                    scalars.used.insert(var);
                    homes.entry(var).or_default().insert(label);
                }
            }
        }
        // Where gains stand between, scalars are those of the gains too, which no matrix fixes.
        let alone = |holder: &&Holder| holder.side == Side::Plain && holder.gains.is_empty();
        for holder in matrices.iter().flat_map(|space| &space.holders).filter(alone) {
            let Some(holding) = spaces.holdings_in_order().into_iter().find(|of| of.param == holder.param)
            else {
                continue;
            };
            let Some(group) = holding.motion.groups.iter().find(|group| group.axes == [holder.axis]) else {
                continue;
            };
            for place in &holder.places {
                let scale = spaces.derived.reduced(group.scales[*place]);
                let of_unit = |var: &u32| {
                    homes[var].len() == 1 || holder.places.len() > 1 && homes[var].len() < holder.places.len()
                };
                for var in scale.log.0.iter().map(|term| term.0).filter(of_unit) {
                    scalars.known_log[var as usize] = true;
                }
                for var in scale.sign.0.iter().map(|term| term.0).filter(of_unit) {
                    scalars.known_sign[var as usize] = true;
                }
            }
        }
        scalars
    }

    /// All are fixed as they stand.
    pub(super) fn standing(spaces: &Spaces) -> Self {
        let n = spaces.derived.n_vars() as usize;
        Self {
            logs: vec![0.0; n],
            signs: vec![false; n],
            known_log: vec![true; n],
            known_sign: vec![true; n],
            used: BTreeSet::new(),
            dead: BTreeSet::new(),
        }
    }

    /// Logarithms and signs of all variables.
    pub(super) fn values(&self) -> ScalarValues {
        (self.logs.clone(), self.signs.clone())
    }

    /// The element of what is fixed so far.
    pub(super) fn element(&self, spaces: &Spaces) -> FlowElement {
        spaces.element(None, &self.logs, &self.signs)
    }

    /// Fixes what can be fixed; whether anything was. `net` is the net after what was fixed before.
    pub(super) fn round(
        &mut self,
        spaces: &Spaces,
        net: &dyn Numbers,
        is_open: &dyn Fn(usize, usize) -> bool,
        repairs: &mut FlowRepairs,
    ) -> bool {
        let places = spaces.holdings_in_order().into_iter().flat_map(|holding| {
            let groups = (0..holding.motion.groups.len()).map(Some).chain([None]);
            groups.map(move |which| (holding, which))
        });
        let mut ready: Vec<(&Holding, Option<usize>)> =
            places.filter(|(holding, which)| self.is_ready(spaces, holding, *which, is_open)).collect();
        // The weights of a unit say more about its size than its bias, which may be next to nothing.
        let n_numbers = |(holding, which): &(&Holding, Option<usize>)| {
            let n: usize = holding.shape.iter().product();
            n / which.map_or(1, |at| holding.motion.groups[at].len().max(1))
        };
        ready.sort_by_key(|place| Reverse(n_numbers(place)));
        // Numbers are those before; what is found later may depend on what was fixed.
        ready.into_iter().any(|(holding, which)| self.fix(spaces, holding, which, net, repairs))
    }

    /// Whether everything beside a group (or beside the scalar of the whole) is fixed.
    fn is_ready(
        &self,
        spaces: &Spaces,
        holding: &Holding,
        which: Option<usize>,
        is_open: &dyn Fn(usize, usize) -> bool,
    ) -> bool {
        let own = holding.shape == spaces.flow().param_shape(holding.param);
        let closed = !own || (0..holding.shape.len()).all(|axis| !is_open(holding.param, axis));
        let others = holding.motion.groups.iter().enumerate().filter(|(at, _)| Some(*at) != which);
        let known = |id| self.knows(&spaces.derived.reduced(id));
        closed
            && (which.is_none() || known(holding.motion.scalar))
            && others.into_iter().all(|(_, group)| group.scales.iter().all(|id| known(*id)))
    }

    fn knows(&self, scale: &Scale) -> bool {
        scale.log.0.iter().all(|(var, _)| self.known_log[*var as usize])
            && scale.sign.0.iter().all(|(var, _)| self.known_sign[*var as usize])
    }

    /// Whether all scalars of a parameter but those of one axis are fixed.
    pub(super) fn known_beside(&self, spaces: &Spaces, param: usize, axis: usize) -> bool {
        let holding = spaces.holdings_in_order().into_iter().find(|holding| holding.param == param);
        holding.is_some_and(|holding| {
            let known = |id| self.knows(&spaces.derived.reduced(id));
            let beside = holding.motion.groups.iter().filter(|group| group.axes != [axis]);
            known(holding.motion.scalar)
                && beside.into_iter().all(|group| group.scales.iter().all(|id| known(*id)))
        })
    }

    /// Gives each variable that stands alone at some indices of a group the value that makes the norm of the numbers
    /// there 1 and the largest of them positive.
    fn fix(
        &mut self,
        spaces: &Spaces,
        holding: &Holding,
        which: Option<usize>,
        net: &dyn Numbers,
        repairs: &mut FlowRepairs,
    ) -> bool {
        let scales: Vec<Scale> = match which {
            Some(at) => {
                holding.motion.groups[at].scales.iter().map(|id| spaces.derived.reduced(*id)).collect()
            }
            None => vec![spaces.derived.reduced(holding.motion.scalar)],
        };
        let alone_log = |scale: &Scale| {
            let open: Vec<_> = scale.log.0.iter().filter(|(var, _)| !self.known_log[*var as usize]).collect();
            if let [(var, by)] = open[..] { Some((*var, by.to_f64())) } else { None }
        };
        let alone_sign = |scale: &Scale| {
            let open: Vec<_> =
                scale.sign.0.iter().filter(|(var, _)| !self.known_sign[*var as usize]).collect();
            if let [(var, _)] = open[..] { Some(*var) } else { None }
        };
        let open = |scale: &Scale| !self.knows(scale);
        if !scales.iter().any(open) {
            return false;
        }
        let logs: Vec<Option<(u32, f64)>> = scales.iter().map(alone_log).collect();
        let signs: Vec<Option<u32>> = scales.iter().map(alone_sign).collect();
        let mut rows: BTreeMap<u32, Row> = BTreeMap::new();
        for (log, sign) in logs.iter().zip(&signs) {
            if let Some((var, by)) = log {
                rows.entry(*var).or_insert_with(Row::new).log.get_or_insert(*by);
            }
            if let Some(var) = sign {
                rows.entry(*var).or_insert_with(Row::new).sign = true;
            }
        }
        let numbers = net.numbers(holding.param);
        let index = |number: usize| match which {
            Some(at) => along(number, &holding.shape, &holding.motion.groups[at].axes),
            None => 0,
        };
        for (number, value) in numbers.iter().enumerate() {
            let at = index(number);
            let value = holding.chart.seen(*value);
            if let Some((var, by)) = logs[at]
                && let Some(row) = rows.get_mut(&var)
                && row.log == Some(by)
            {
                row.squares += value * value;
            }
            if let Some(var) = signs[at]
                && let Some(row) = rows.get_mut(&var)
            {
                row.see(value);
            }
        }
        let mut progress = false;
        for (var, row) in rows {
            let at = var as usize;
            let is_alive = row.squares.sqrt().recip().is_finite() && row.squares > 0.0;
            if let Some(by) = row.log
                && !self.known_log[at]
            {
                if is_alive {
                    self.logs[at] = -row.squares.sqrt().ln() / by;
                    self.known_log[at] = true;
                    self.dead.remove(&var);
                    progress = true;
                } else {
                    self.dead.insert(var);
                }
            }
            if row.sign && !self.known_sign[at] {
                if row.largest != 0.0 {
                    self.signs[at] = row.largest < 0.0;
                    self.known_sign[at] = true;
                    self.dead.remove(&var);
                    repairs.signs += usize::from(
                        -row.rival * row.largest.signum() >= row.largest.abs() * (1.0 - tolerance::TIE),
                    );
                    progress = true;
                } else {
                    self.dead.insert(var);
                }
            }
        }
        progress
    }

    /// Counts what was not fixed.
    pub(super) fn count_left(&self, repairs: &mut FlowRepairs) {
        let is_left = |var: &&u32| {
            let at = **var as usize;
            !self.known_log[at] && !self.known_sign[at]
        };
        let left = self.used.iter().filter(is_left).count();
        repairs.dead += self.dead.len();
        repairs.unanchored += left.saturating_sub(self.dead.len());
    }
}

impl Row {
    fn new() -> Self {
        Self { log: None, sign: false, squares: 0.0, largest: 0.0, rival: 0.0 }
    }

    /// Keeps the largest number, and the largest of the other sign.
    fn see(&mut self, value: f64) {
        if value.abs() > self.largest.abs() {
            if self.largest * value < 0.0 {
                self.rival = self.largest;
            }
            self.largest = value;
        } else if value * self.largest < 0.0 && value.abs() > self.rival.abs() {
            self.rival = value;
        }
        if self.rival * self.largest > 0.0 {
            self.rival = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::flow::{
        Combination, Combine, Contract, FlowBuilder, FlowNet, Function, Numbers, Pointwise, Role, Stored,
    };

    use crate::flow::canonicalize_unfolded;

    #[test]
    fn the_weights_of_a_unit_say_its_scale_even_if_its_bias_stands_first_in_the_file() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![1, 2], Default::default()).unwrap();
        let bias = flow.param("bias", vec![1], Role::Trained).unwrap();
        let weight = flow.param("weight", vec![1, 2], Role::Trained).unwrap();
        let out = flow.param("out", vec![1, 1], Role::Trained).unwrap();
        let linear = || Contract { batch: vec![], sum: vec![(1, 1)] };
        let z = flow.step(linear(), &[x, weight], "weight").unwrap();
        let z = flow.step(Combine { by: Combination::Add }, &[z, bias], "bias").unwrap();
        let z = flow.step(Pointwise { function: Function::Relu }, &[z], "relu").unwrap();
        let y = flow.step(linear(), &[z, out], "out").unwrap();
        flow.output("y", y);
        let stored = [vec![1e-6], vec![3.0, 4.0], vec![2.0]].map(Stored::from);
        let net = FlowNet::new(Arc::new(flow.build().unwrap()), stored.into()).unwrap();
        let form = canonicalize_unfolded(&net).unwrap().net;
        for (param, expected) in [&[2e-7][..], &[0.6, 0.8], &[10.0]].into_iter().enumerate() {
            for (found, expected) in form.numbers(param).iter().zip(expected) {
                assert!((found / expected - 1.0).abs() < 1e-12, "parameter {param}: {found} for {expected}");
            }
        }
    }
}
