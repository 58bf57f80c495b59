//! Which shifts of values cancel: elimination over formal sums, in the order of the flow.
//!
//! Every parameter that is added somewhere is an unknown shift. Unknowns are carried through linear steps. Where a step
//! is not linear, the shift of its operand must vanish, but for what is not seen there: the unknown that was met last
//! and stands there by itself takes the value that cancels the others, and where there is none, all of them are fixed.
//! What remains free in the end are the freedoms. Besides parameters there are *followers*, which never cancel others:
//! parameters that move as a whole along an axis, and shifts that rules want to know absorbed.

use sgmn_graph::flow::{Array, Flow, Numbers, Op, ValueId};

use super::{
    blind::{Flat, unseen, unseen_by},
    carry::{carry, shares},
    field::{Field, ZERO, strides},
    linear::{NodeId, Paths, Sum, Term},
    view::{Use, View},
};

/// What an unknown shift is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unknown {
    /// A parameter, element by element.
    Param(usize),
    /// A parameter, with the same change along an axis.
    Along(usize, usize),
    /// A value that a rule changes.
    Value(ValueId),
}

/// A shift of a value that a rule wants to know absorbed, with the shape of its numbers.
pub(crate) type Wanted = (ValueId, Vec<usize>);

/// An unknown, the shape of its numbers, and what it is in terms of what is free.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) unknown: Unknown,
    pub(crate) shape: Vec<usize>,
    /// Free elements and the terms of other variables.
    pub(crate) sum: Sum,
    /// When it was met; absent for followers.
    met: Option<usize>,
}

/// All variables of a flow, eliminated.
#[derive(Debug)]
pub(crate) struct Solved {
    pub(crate) paths: Paths,
    /// Variable `i` is source `i` of the paths.
    pub(crate) variables: Vec<Variable>,
    /// For each value what is not seen of it.
    pub(crate) unseen: Vec<Option<Flat>>,
}

impl Solved {
    /// The elements of a variable that are free.
    pub(crate) fn free(&self, variable: NodeId) -> Option<&Field> {
        let is_itself =
            |field: &Field| field.indices().enumerate().all(|(at, from)| from == ZERO || from == at as u32);
        let own = self.variables[variable]
            .sum
            .0
            .iter()
            .find(|term| term.node == variable && term.coefficient == 1.0 && is_itself(&term.field));
        own.map(|term| &term.field)
    }

    /// The variable of an unknown.
    pub(crate) fn variable(&self, unknown: &Unknown) -> Option<NodeId> {
        self.variables.iter().position(|variable| variable.unknown == *unknown)
    }

    /// By how much the parameters that move with a variable change, where the variable has these numbers.
    pub(crate) fn moved(
        &self,
        moves: &[(usize, Sum)],
        flow: &Flow,
        net: &dyn Numbers,
        amounts: &Array,
        param: usize,
    ) -> Vec<f64> {
        let mut numbers = net.numbers(param).into_owned();
        for term in moves.iter().filter(|(moved, _)| *moved == param).flat_map(|(_, sum)| &sum.0) {
            let shift = self.paths.evaluate(term, flow, net, amounts);
            repeat_onto(&mut numbers, flow.param_shape(param), &shift);
        }
        numbers
    }

    /// The parameters that move with a variable, and by what.
    pub(crate) fn moves(&self, variable: NodeId) -> Vec<(usize, Sum)> {
        let of = |at: &Variable| {
            let terms = at.sum.0.iter().filter(|term| self.paths.source_of(term.node) == variable);
            Sum(terms.cloned().collect())
        };
        let moved = self.variables.iter().filter_map(|at| match at.unknown {
            Unknown::Param(param) => Some((param, of(at))),
            Unknown::Along(param, _) if std::ptr::eq(at, &self.variables[variable]) => Some((param, of(at))),
            _ => None,
        });
        moved.filter(|(_, sum)| !sum.0.is_empty()).collect()
    }
}

/// Eliminates. `wanted` are shifts of values that rules want to know absorbed, with the shape of their numbers.
pub(crate) fn solve(view: &View<'_>, wanted: &[Wanted]) -> Solved {
    let n = view.flow.values().len();
    let mut solver = Solver {
        view,
        shares: shares(view),
        shifts: vec![Sum::default(); n],
        solved: Solved { paths: Paths::default(), variables: Vec::new(), unseen: unseen(view) },
    };
    for (param, at) in view.flow.params().iter().enumerate().filter(|(_, at)| !is_weight(view, at.value)) {
        let shape = view.flow.shape(at.value).to_vec();
        let met = view.uses(at.value).first().map_or(0, |at| at.step);
        let own = solver.variable(Unknown::Param(param), shape.clone(), Some(met));
        solver.shifts[at.value.index()].add(own);
        for axis in (0..shape.len()).filter(|axis| shape[*axis] > 1) {
            let mut shape = shape.clone();
            shape[axis] = 1;
            let own = solver.variable(Unknown::Along(param, axis), shape, None);
            solver.shifts[at.value.index()].add(own);
        }
    }
    let wanted: Vec<(ValueId, Term)> = wanted
        .iter()
        .map(|(value, shape)| (*value, solver.variable(Unknown::Value(*value), shape.clone(), None)))
        .collect();
    for (at, step) in view.flow.steps().iter().enumerate() {
        solver.step(at);
        for (_, own) in wanted.iter().filter(|(value, _)| *value == step.to) {
            solver.shifts[step.to.index()].add(own.clone());
        }
    }
    for output in view.flow.outputs() {
        let sum = solver.shifts[output.value.index()].clone();
        solver.vanish(sum);
    }
    solver.solved
}

/// Whether a parameter is a factor of something that depends on inputs, so that a shift of it is none of what it makes.
fn is_weight(view: &View<'_>, id: ValueId) -> bool {
    view.uses(id).iter().any(|at| {
        let step = &view.flow.steps()[at.step];
        match step.op {
            Op::Contract(_) | Op::Convolve(_) => {
                step.from.iter().enumerate().any(|(i, other)| i != at.operand && view.depends(*other))
            }
            Op::Permute(_) | Op::Reshape(_) => is_weight_behind(view, step.to),
            _ => false,
        }
    })
}

/// As [`is_weight`], one step behind; longer ways are found by elimination.
fn is_weight_behind(view: &View<'_>, id: ValueId) -> bool {
    view.uses(id).iter().any(|at| {
        let step = &view.flow.steps()[at.step];
        let factor = matches!(step.op, Op::Contract(_) | Op::Convolve(_));
        factor && step.from.iter().enumerate().any(|(i, other)| i != at.operand && view.depends(*other))
    })
}

struct Solver<'a> {
    view: &'a View<'a>,
    shares: Vec<Option<usize>>,
    shifts: Vec<Sum>,
    solved: Solved,
}

impl Solver<'_> {
    fn variable(&mut self, unknown: Unknown, shape: Vec<usize>, met: Option<usize>) -> Term {
        let node = self.solved.paths.source(shape.clone());
        let own = Term { coefficient: 1.0, node, field: Field::whole(shape.clone()) };
        self.solved.variables.push(Variable { unknown, shape, sum: Sum(vec![own.clone()]), met });
        own
    }

    /// Carries shifts through a step; what cannot be carried must vanish.
    fn step(&mut self, at: usize) {
        let step = &self.view.flow.steps()[at];
        // What is resolved is kept: a weight of a recurrent layer is met at each time.
        for id in &step.from {
            self.shifts[id.index()] = self.resolved(&self.shifts[id.index()].clone());
        }
        let mut from: Vec<Sum> = step.from.iter().map(|id| self.shifts[id.index()].clone()).collect();
        // A product of two shifts is none: a factor of what moves stands still.
        let sums = super::view::is_sum(&step.op) || matches!(step.op, Op::Concat(_));
        if !sums && step.from.len() > 1 {
            for operand in (0..step.from.len()).rev() {
                let others = (0..step.from.len()).filter(|other| *other != operand);
                let moves = others
                    .clone()
                    .any(|other| self.view.depends(step.from[other]) || !from[other].0.is_empty());
                let carried = matches!(step.op, Op::Select(_)) && operand > 0;
                let other_fixed = others.clone().all(|other| self.view.fixed(step.from[other]));
                if moves && !carried && !other_fixed {
                    self.demand(Use { step: at, operand }, &mut from);
                }
            }
            let moving: Vec<usize> = (0..step.from.len()).filter(|i| !from[*i].0.is_empty()).collect();
            if moving.len() > 1 && !matches!(step.op, Op::Select(_)) {
                for operand in &moving[1..] {
                    self.vanish(from[*operand].clone());
                }
                from.iter_mut().for_each(|sum| *sum = self.resolved(sum));
            }
        }
        let mut out = Sum::default();
        for (operand, sum) in from.iter().enumerate() {
            let at = Use { step: at, operand };
            let sum = self.resolved(sum);
            let mut stuck = Vec::new();
            for term in sum.0 {
                match carry(self.view, &mut self.solved.paths, &self.shares, at, &term) {
                    Some(term) => out.add(term),
                    None => stuck.push(term),
                }
            }
            let seen = self.seen(at, Sum(stuck));
            self.vanish(seen);
        }
        self.shifts[step.to.index()] = self.resolved(&out).narrowed();
    }

    /// Demands that what an operand moves by and what is seen of it vanishes.
    fn demand(&mut self, at: Use, from: &mut [Sum]) {
        let sum = std::mem::take(&mut from[at.operand]);
        // What can be carried in spite of a moving partner: rows of shares leave constants as they are.
        let (mut stuck, mut kept) = (Vec::new(), Vec::new());
        for term in sum.0 {
            match carry(self.view, &mut self.solved.paths, &self.shares, at, &term) {
                Some(_) => kept.push(term),
                None => stuck.push(term),
            }
        }
        let seen = self.seen(at, Sum(stuck));
        self.vanish(seen);
        for sum in from.iter_mut() {
            *sum = self.resolved(sum);
        }
        from[at.operand] = self.resolved(&Sum(kept));
    }

    /// The terms that an operand's reader can see.
    fn seen(&self, at: Use, sum: Sum) -> Sum {
        if sum.0.is_empty() {
            return sum;
        }
        let Some(flat) = unseen_by(self.view, at, &self.solved.unseen) else { return sum };
        let unseen =
            |term: &Term| (0..flat.0.len()).all(|axis| term.field.shape[axis] == 1 || !flat.touches(axis));
        Sum(sum.0.into_iter().filter(|term| !unseen(term)).collect())
    }

    /// Makes a sum vanish.
    fn vanish(&mut self, sum: Sum) {
        let mut sum = self.resolved(&sum);
        while !sum.0.is_empty() {
            match self.pivot(&sum) {
                Some(at) => {
                    let term = sum.0[at].clone();
                    let others =
                        sum.0.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, term)| term.clone());
                    let (covered, uncovered): (Vec<Term>, Vec<Term>) =
                        others.partition(|other| covers(&term, other));
                    if !uncovered.is_empty() {
                        uncovered.iter().for_each(|other| self.fix(other));
                    } else if self.is_alone(&term, &covered) {
                        sum.0.iter().for_each(|term| self.fix(term));
                    } else {
                        self.solve_for(&term, &covered);
                    }
                }
                None => match self.before_last_step(&sum) {
                    Some(inner) => self.vanish(inner),
                    None => sum.0.iter().for_each(|term| self.fix(term)),
                },
            }
            sum = self.resolved(&sum);
        }
    }

    /// What several terms are before the linear step that all of them come out of last, in the same way: where that
    /// vanishes, so do they. Absent if no two terms share their last step.
    fn before_last_step(&self, sum: &Sum) -> Option<Sum> {
        let paths = &self.solved.paths;
        let last = |term: &Term| {
            let (how, fixed, _) = paths.step(term.node)?;
            Some((how.clone(), fixed.map(|id| self.view.alike(id)), term.field.clone()))
        };
        sum.0.iter().find_map(|first| {
            let step = last(first)?;
            let same: Vec<&Term> = sum.0.iter().filter(|term| last(term).as_ref() == Some(&step)).collect();
            let mut inner = Sum::default();
            for term in &same {
                let (_, _, (node, field)) = paths.step(term.node)?;
                inner.add(Term { coefficient: term.coefficient, node: *node, field: field.clone() });
            }
            let rank = inner.0.first()?.field.shape.len();
            (same.len() > 1 && inner.0.iter().all(|term| term.field.shape.len() == rank)).then_some(inner)
        })
    }

    /// The term that can cancel the others: a parameter met last that covers them, or else that covers some.
    fn pivot(&self, sum: &Sum) -> Option<usize> {
        let paths = &self.solved.paths;
        let real = |term: &Term| self.solved.variables[paths.source_of(term.node)].met;
        let fits = |at: &usize| {
            let term = &sum.0[*at];
            // It may stand there twice, if with different elements: two parts of one parameter.
            let apart = |other: &Term| other.node == term.node && are_apart(&term.field, &other.field);
            let alone = || {
                let mut others = sum.0.iter().enumerate().filter(|(i, _)| i != at).map(|(_, other)| other);
                others.all(|other| paths.source_of(other.node) != term.node || apart(other))
            };
            paths.is_source(term.node) && real(term).is_some() && alone()
        };
        let covers_all =
            |at: &usize| sum.0.iter().all(|other| real(other).is_none() || covers(&sum.0[*at], other));
        let candidates: Vec<usize> = (0..sum.0.len()).filter(fits).collect();
        let last = |at: &usize| (real(&sum.0[*at]), sum.0[*at].node);
        let best = candidates.iter().copied().filter(covers_all).max_by_key(last);
        best.or_else(|| candidates.into_iter().max_by_key(last))
    }

    /// Whether a term shows a whole parameter, and the others only how it moves as a whole: then it stands still.
    fn is_alone(&self, term: &Term, others: &[Term]) -> bool {
        let source = |term: &Term| &self.solved.variables[self.solved.paths.source_of(term.node)];
        let own = source(term);
        let follows = |other: &Term| matches!((&own.unknown, &source(other).unknown), (Unknown::Param(own), Unknown::Along(other, _)) if own == other);
        term.field == Field::whole(own.shape.clone()) && others.iter().all(follows)
    }

    /// Lets the elements of a parameter that a term shows cancel other terms.
    fn solve_for(&mut self, term: &Term, others: &[Term]) {
        let variable = term.node;
        let place = term.field.inverted(&self.solved.variables[variable].shape);
        let mut base = self.remaining(variable, |at| place.at(at) != ZERO);
        for other in others {
            let Some(wide) = other.field.expanded(&term.field.shape) else {
                return others.iter().for_each(|other| self.fix(other));
            };
            let field = wide.through(&place);
            base.add(Term { coefficient: -other.coefficient / term.coefficient, node: other.node, field });
        }
        self.set(variable, &base);
    }

    /// A variable itself, without some elements.
    fn remaining(&self, variable: NodeId, gone: impl Fn(usize) -> bool) -> Sum {
        let whole = Field::whole(self.solved.variables[variable].shape.clone());
        let mut sum = Sum::default();
        // Most lose all or nothing: a list of what is left is long for a table of words.
        if !(0..whole.len()).all(&gone) {
            sum.add(Term { coefficient: 1.0, node: variable, field: whole.without(gone) });
        }
        sum
    }

    /// Sets what the free elements of a variable are from now on.
    fn set(&mut self, variable: NodeId, base: &Sum) {
        let mut sum = Sum::default();
        for term in &self.solved.variables[variable].sum.0 {
            if term.node != variable {
                sum.add(term.clone());
                continue;
            }
            for now in &base.0 {
                let field = now.field.through(&term.field);
                sum.add(Term { coefficient: term.coefficient * now.coefficient, node: now.node, field });
            }
        }
        self.replace(variable, sum);
    }

    /// Fixes the elements of a source that a term can see.
    fn fix(&mut self, term: &Term) {
        let source = self.solved.paths.source_of(term.node);
        let support = self.solved.paths.support(term);
        let n: usize = self.solved.variables[source].shape.iter().product();
        let mut fixed = vec![false; n];
        support.indices().filter(|at| *at != ZERO).for_each(|at| fixed[at as usize] = true);
        let base = self.remaining(source, |at| fixed[at]);
        self.set(source, &base);
    }

    /// Sets what a variable is, in all others too.
    fn replace(&mut self, variable: NodeId, sum: Sum) {
        self.solved.variables[variable].sum = sum;
        for other in 0..self.solved.variables.len() {
            let uses = |term: &Term| self.solved.paths.source_of(term.node) == variable;
            if other != variable && self.solved.variables[other].sum.0.iter().any(uses) {
                let resolved = self.rewritten(&self.solved.variables[other].sum.clone(), Some(other));
                self.solved.variables[other].sum = resolved;
            }
        }
    }

    /// A sum in terms of what is free.
    fn resolved(&mut self, sum: &Sum) -> Sum {
        self.rewritten(sum, None)
    }

    fn rewritten(&mut self, sum: &Sum, keep: Option<NodeId>) -> Sum {
        let mut out = Sum::default();
        for term in &sum.0 {
            if Some(term.node) == keep {
                out.add(term.clone());
            } else {
                for inner in self.expand(term.node) {
                    let field = inner.field.through(&term.field);
                    out.add(Term {
                        coefficient: term.coefficient * inner.coefficient,
                        node: inner.node,
                        field,
                    });
                }
            }
        }
        out
    }

    /// A node in terms of what is free. The depth is that of a path, which is limited.
    fn expand(&mut self, node: NodeId) -> Vec<Term> {
        let variable = &self.solved.variables;
        let Some((how, fixed, from)) = self.solved.paths.step(node) else {
            return variable[node].sum.0.clone();
        };
        let source = self.solved.paths.source_of(node);
        let untouched = |sum: &Sum| matches!(sum.0.as_slice(), [only] if only.node == source && only.field == Field::whole(variable[source].shape.clone()));
        let (how, fixed, from) = (how.clone(), fixed, from.clone());
        let shape = self.solved.paths.shape(node).to_vec();
        if untouched(&variable[source].sum) {
            return vec![Term { coefficient: 1.0, node, field: Field::whole(shape) }];
        }
        let mut out = Vec::new();
        for inner in self.expand(from.0) {
            let field = inner.field.through(&from.1);
            if field.is_zero() {
                continue;
            }
            let fixed = fixed.map(|id| (id, self.view.alike(id)));
            match self.solved.paths.linear(how.clone(), fixed, (inner.node, field), shape.clone()) {
                Some(node) => {
                    out.push(Term {
                        coefficient: inner.coefficient,
                        node,
                        field: Field::whole(shape.clone()),
                    });
                }
                None => self.fix(&inner),
            }
        }
        out
    }
}

/// Whether two fields of one source have no element in common.
fn are_apart(a: &Field, b: &Field) -> bool {
    let of: std::collections::BTreeSet<u32> = a.indices().filter(|at| *at != ZERO).collect();
    b.indices().all(|at| !of.contains(&at))
}

/// Whether a term can cancel another one: it varies wherever the other does, and where one of its elements stands more
/// than once, so does the other's.
fn covers(term: &Term, other: &Term) -> bool {
    let axes = || term.field.shape.iter().zip(&other.field.shape);
    if !axes().all(|(own, other)| *other == 1 || own == other) {
        return false;
    }
    if term.field.is_injective() {
        return true;
    }
    let Some(wide) = other.field.expanded(&term.field.shape) else { return false };
    let mut of = std::collections::BTreeMap::new();
    let mut pairs = term.field.indices().zip(wide.indices()).filter(|(own, _)| *own != ZERO);
    pairs.all(|(own, other)| *of.entry(own).or_insert(other) == other)
}

/// Adds an array of the same rank, repeated along its axes of size 1.
fn repeat_onto(numbers: &mut [f64], shape: &[usize], shift: &Array) {
    let (own, of_shift) = (strides(shape), strides(shift.shape()));
    for (at, number) in numbers.iter_mut().enumerate() {
        let place = |axis: usize| {
            if shift.shape()[axis] == 1 { 0 } else { at / own[axis] % shape[axis] * of_shift[axis] }
        };
        *number += shift.data()[(0..shape.len()).map(place).sum::<usize>()];
    }
}
