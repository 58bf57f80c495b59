//! Infers what may change in a net from its computation graph alone.
//!
//! As in type inference, every index of every parameter starts as an unknown: a *unit* (which may be reordered among
//! its like) and a *scalar* (by which it may be multiplied). Each operation of the flow is one demand on them; what all
//! demands leave free is the group. Three kinds of files do this:
//!
//! | file | what it holds |
//! | --- | --- |
//! | `units.rs`, `scales.rs`, `solve.rs` | the unknowns: labels with union-find, scalars with two linear systems |
//! | `motion.rs`, `meet.rs`, `unify.rs`, `birth.rs`, `stacks.rs`, `chart.rs` | how a value moves, what happens when values meet, how a parameter gets its unknowns |
//! | `ranges.rs` | values that lie on one side of 0, where functions let more through |
//! | `rules/` | one file for each kind of operation |
//!
//! No type of layer is known here: attention, normalization written out, gates and residual streams follow from sums,
//! products and reshapes. Whatever cannot be decided ends in "stands still", so the result is always sound.

mod birth;
mod chart;
mod meet;
mod motion;
mod orbits;
mod ranges;
mod rules;
mod scales;
mod solve;
mod stacks;
mod unify;
mod units;

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::{
    Seed,
    flow::{Array, Flow, Op, Origin, ValueId},
};

pub(super) use birth::Holding;
use birth::View;
pub(super) use chart::Chart;
use meet::{Guest, Is};
pub(super) use motion::{Group, Motion};
use orbits::Orbits;
use ranges::Range;
use scales::{Forms, Scales};
use stacks::Stack;
use units::Units;

/// What is known of a value while the flow is walked.
#[derive(Debug, Clone)]
enum State {
    /// Its numbers are part of the architecture.
    Constant,
    /// A parameter that no operation has met yet, but for views of it.
    View(View),
    /// It moves so.
    Moving(Motion),
}

/// The walk over a flow.
struct Deriver<'a> {
    flow: &'a Flow,
    units: Units,
    scales: Scales,
    states: Vec<State>,
    /// How each parameter moves, once an operation has met it.
    born: Vec<Option<Motion>>,
    holdings: Vec<Holding>,
    /// Motions of weights of grouped products, on their axes split into groups.
    split: BTreeMap<usize, (Vec<usize>, Motion)>,
    /// Parameters that are several; their parts are numbered behind all parameters.
    stacks: Vec<Stack>,
    /// Groups whose units are pairs, each with the group of one side.
    pairs: Vec<(Group, Group)>,
    n_readers: Vec<usize>,
    /// On which side of 0 each value lies.
    ranges: Vec<Range>,
}

impl<'a> Deriver<'a> {
    fn new(flow: &'a Flow) -> Self {
        let stacks = stacks::stacks(flow);
        let n_parts: usize = stacks.iter().map(|stack| stack.n).sum();
        Self {
            flow,
            units: Units::default(),
            scales: Scales::new(),
            states: Vec::new(),
            born: vec![None; flow.params().len() + n_parts],
            holdings: Vec::new(),
            split: BTreeMap::new(),
            stacks,
            pairs: Vec::new(),
            n_readers: flow.readers().iter().map(Vec::len).collect(),
            ranges: ranges::ranges(flow),
        }
    }

    /// What remains of the walk: units, scalars, what parameters hold of them, and how values move.
    fn walked(mut self) -> (Units, Scales, Vec<Holding>, Vec<State>) {
        self.walk();
        (self.units, self.scales, self.holdings, self.states)
    }

    fn walk(&mut self) {
        for (at, value) in self.flow.values().iter().enumerate() {
            let state = match value.origin {
                Origin::Const(_) => State::Constant,
                Origin::Input(_) => State::Moving(Motion::still()),
                Origin::Param(param) => {
                    State::View(View::whole(param, value.shape.len(), self.n_readers[at] == 1))
                }
                Origin::Step(step) => self.step(step),
            };
            self.states.push(state);
        }
        for output in self.flow.outputs() {
            let mut motion = self.motion(output.value);
            motion.stop(&mut self.units, &mut self.scales);
        }
        // A parameter that only views have met is read by nobody: whatever it holds is not seen.
        for param in 0..self.born.len() {
            let is_stack = self.stacks.iter().any(|stack| stack.param == param);
            if self.born[param].is_none() && !self.split.contains_key(&param) && !is_stack {
                self.bear_still(param);
            }
        }
        self.join_stacks();
        rules::reshape::tell_pairs_apart(self);
    }

    fn step(&mut self, at: usize) -> State {
        let step = &self.flow.steps()[at];
        let (from, shape) = (&step.from[..], self.flow.shape(step.to));
        match &step.op {
            Op::Combine(op) => rules::combine::apply(self, op, from, shape),
            Op::Concat(op) => rules::concat::apply(self, op, from, shape),
            Op::Contract(op) => rules::contract::apply(self, op, from),
            Op::Convolve(op) => rules::convolve::apply(self, op, from),
            Op::Cumulate(op) => rules::places::cumulate(self, op, from),
            Op::Expand(_) => rules::shape::expand(self, from, shape),
            Op::Lookup(op) => rules::take::lookup(self, op, from),
            Op::Normalize(op) => rules::normalize::apply(self, op, from),
            Op::Pad(op) => rules::places::pad(self, op, from),
            Op::Permute(op) => rules::shape::permute(self, op, from),
            Op::Pick(_) => self.opaque(from),
            Op::Pointwise(op) => rules::pointwise::apply(self, op, from),
            Op::Pool(op) => rules::places::pool(self, op, from),
            Op::Reduce(op) => rules::reduce::apply(self, op, from),
            Op::Reshape(_) => rules::reshape::apply(self, from, shape),
            Op::Select(_) => rules::combine::select(self, from, shape),
            Op::Slice(op) => rules::take::slice(self, op, from),
            Op::Softmax(op) => rules::normalize::softmax(self, op, from),
            Op::Take(op) => rules::take::take(self, op, from),
        }
    }

    /// What is said of an operation of which nothing is known: nothing that it reads may move.
    fn opaque(&mut self, from: &[ValueId]) -> State {
        for id in from {
            if self.flow.constant(*id).is_none() {
                self.motion(*id).stop(&mut self.units, &mut self.scales);
            }
        }
        State::Moving(Motion::still())
    }

    /// How a value moves. A parameter that nothing has met yet gets unknowns of its own along each axis.
    fn motion(&mut self, id: ValueId) -> Motion {
        match self.states[id.index()].clone() {
            State::Constant => Motion::still(),
            State::Moving(motion) => motion,
            State::View(view) => {
                if self.born[view.param].is_none() {
                    self.bear_alone(&view);
                }
                self.seen_through(&view)
            }
        }
    }

    /// The view, if the value is a parameter that nothing has met yet.
    fn unborn(&self, id: ValueId) -> Option<View> {
        match &self.states[id.index()] {
            State::View(view) if self.born[view.param].is_none() && !self.split.contains_key(&view.param) => {
                Some(view.clone())
            }
            _ => None,
        }
    }

    /// A value as a guest among others, its axes named by those of a common space.
    fn guest(&mut self, id: ValueId, name: &[usize], rank: usize) -> Guest<'a> {
        let mut shape = vec![1; rank];
        self.flow.shape(id).iter().zip(name).for_each(|(size, axis)| shape[*axis] = *size);
        let is = match self.flow.constant(id) {
            Some(array) => Is::Constant(in_order(array, name)),
            None => Is::Moving(self.motion(id).renamed(|axis| Some(name[axis]))),
        };
        Guest { shape, is }
    }
}

/// An array with its axes in the order in which the common space names them.
fn in_order<'a>(array: &'a Array, name: &[usize]) -> Cow<'a, Array> {
    if name.is_sorted() {
        return Cow::Borrowed(array);
    }
    let mut order: Vec<usize> = (0..name.len()).collect();
    order.sort_by_key(|at| name[*at]);
    let from = motion::transposed(array.shape(), &order);
    let shape = order.iter().map(|at| array.shape()[*at]).collect();
    let data = from.iter().map(|at| array.data()[*at]).collect();
    Cow::Owned(Array::new(shape, data).expect("a permutation keeps the count"))
}

pub(super) use scales::{Scale, ScaleId};
pub(super) use solve::{Bit, Field, Form, Ratio, System};
pub(super) use units::{Label, LinkKind};

/// What the walk has found.
#[derive(Debug)]
pub(super) struct Derived {
    pub(super) holdings: Vec<Holding>,
    pub(super) orbits: Orbits,
    /// The scalars of all holdings in free variables.
    forms: Forms,
    n_vars: u32,
}

/// Walks a flow and sorts its units.
pub(super) fn derive(flow: &Flow) -> Derived {
    let (units, scales, holdings, _) = Deriver::new(flow).walked();
    sorted(units, &scales, holdings, &mut [])
}

/// As [`derive`], with how each value of the flow moves that an operation made; the scalars of these are kept, too.
pub(super) fn derive_with_values(flow: &Flow) -> (Derived, Vec<Option<Motion>>) {
    let (units, scales, holdings, states) = Deriver::new(flow).walked();
    let motion = |state| if let State::Moving(motion) = state { Some(motion) } else { None };
    let mut values: Vec<Option<Motion>> = states.into_iter().map(motion).collect();
    (sorted(units, &scales, holdings, &mut values), values)
}

/// Sorts the units of a walk, and keeps the scalars of parameters and of these values.
fn sorted(
    mut units: Units,
    scales: &Scales,
    mut holdings: Vec<Holding>,
    values: &mut [Option<Motion>],
) -> Derived {
    let n_vars = scales.n_vars();
    let settle = |holdings: &[Holding], values: &[Option<Motion>]| {
        let motions = holdings.iter().map(|holding| &holding.motion).chain(values.iter().flatten());
        scales.settled(motions.flat_map(|motion| {
            motion.groups.iter().flat_map(|group| group.scales.iter().copied()).chain([motion.scalar])
        }))
    };
    let mut forms = settle(&holdings, values);
    if scales.log.overflown() || scales.sign.overflown() {
        // Exponents beyond all measure: say nothing of such a net.
        for holding in &mut holdings {
            holding.motion = Motion::still();
        }
        values.iter_mut().for_each(|value| *value = None);
        forms = settle(&[], &[]);
    }
    let mut orbits = Orbits::of(&mut units, &holdings);
    // Where no way is found to move a unit, it and its like stand still.
    const MOST_ROUNDS: usize = 64;
    for round in 0..MOST_ROUNDS {
        let mut rng = Seed::new(round as u64).child("try").rng();
        let Err(stuck) = orbits.sample(&mut rng) else { break };
        let color = orbits.color(stuck);
        let like: Vec<Label> = (0..units.len() as Label)
            .filter(|label| {
                units.find(*label) == *label && (round + 1 == MOST_ROUNDS || orbits.color(*label) == color)
            })
            .collect();
        units.freeze(&like);
        orbits = Orbits::of(&mut units, &holdings);
    }
    drop(units);
    Derived { holdings, orbits, forms, n_vars }
}

impl Derived {
    /// How many variables scalars are made of.
    pub(super) fn n_vars(&self) -> u32 {
        self.n_vars
    }

    /// The forms of a scalar in free variables.
    pub(super) fn reduced(&self, id: ScaleId) -> Scale {
        self.forms.scale(id)
    }

    /// A scalar at values of the variables.
    pub(super) fn scalar(&self, id: ScaleId, logs: &[f64], signs: &[bool]) -> f64 {
        let (log, sign) = self.forms.of(id);
        let log: f64 = log.iter().map(|(var, by)| by.to_f64() * logs[*var as usize]).sum();
        let negative = sign.iter().fold(false, |sign, (var, _)| sign ^ signs[*var as usize]);
        if negative { -log.exp() } else { log.exp() }
    }

    /// For each index of a group the index whose numbers come there. Absent if units do not fit.
    pub(super) fn moved(&self, group: &Group, image: &[Label]) -> Option<Vec<u32>> {
        let mut at: BTreeMap<(Label, u32), Vec<u32>> = BTreeMap::new();
        let keys: Vec<(Label, u32)> = group
            .labels
            .iter()
            .zip(group.places.iter())
            .map(|(l, place)| (self.orbits.find(*l), *place))
            .collect();
        for (index, key) in keys.iter().enumerate() {
            at.entry(*key).or_default().push(index as u32);
        }
        let mut turns: BTreeMap<(Label, u32), usize> = BTreeMap::new();
        keys.iter()
            .map(|key| {
                let turn = turns.entry(*key).or_insert(0);
                *turn += 1;
                at.get(&(image[key.0 as usize], key.1))?.get(*turn - 1).copied()
            })
            .collect()
    }

    /// Whether a reordering fits all parameters.
    pub(super) fn keeps_groups(&self, image: &[Label]) -> bool {
        self.holdings.iter().flat_map(|holding| &holding.motion.groups).all(|group| {
            self.moved(group, image).is_some_and(|from| {
                let mut seen = vec![false; from.len()];
                from.iter().all(|old| !std::mem::replace(&mut seen[*old as usize], true))
            })
        })
    }
}
