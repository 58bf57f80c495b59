//! Which shifts of values cancel: elimination over formal sums, in the order of the flow.
//!
//! Every parameter that is added somewhere is an unknown shift. Unknowns are carried through linear steps. Where a step
//! is not linear, the shift of its operand must vanish, but for what is not seen there: the unknown that was met last
//! and stands there by itself takes the value that cancels the others, and where there is none, all of them are fixed.
//! What remains free in the end are the freedoms. Besides parameters there are *followers*, which never cancel others:
//! parameters that move as a whole along an axis, and shifts that rules want to know absorbed.

use sgmn_graph::flow::{Op, ValueId};

use super::{
    blind::{unseen, unseen_by},
    carry::{carry, shares},
    linear::{Paths, Sum, Term},
    resolve::Elimination,
    solved::{Solved, Unknown},
    view::{Use, View},
};

/// A shift of a value that a rule wants to know absorbed, with the shape of its numbers.
pub(crate) type Wanted = (ValueId, Vec<usize>);

/// Eliminates. `wanted` are shifts of values that rules want to know absorbed, with the shape of their numbers.
pub(crate) fn solve(view: &View<'_>, wanted: &[Wanted]) -> Solved {
    let n = view.flow.values().len();
    let mut solver = Solver {
        view,
        shares: shares(view),
        shifts: vec![Sum::default(); n],
        elimination: Elimination {
            view,
            solved: Solved { paths: Paths::default(), variables: Vec::new(), unseen: unseen(view) },
        },
    };
    for (param, at) in view.flow.params().iter().enumerate().filter(|(_, at)| !is_weight(view, at.value)) {
        let shape = view.flow.shape(at.value).to_vec();
        let met = view.uses(at.value).first().map_or(0, |at| at.step);
        let own = solver.elimination.solved.add(Unknown::Param(param), shape.clone(), Some(met));
        solver.shifts[at.value.index()].add(own);
        for axis in (0..shape.len()).filter(|axis| shape[*axis] > 1) {
            let mut shape = shape.clone();
            shape[axis] = 1;
            let own = solver.elimination.solved.add(Unknown::Along(param, axis), shape, None);
            solver.shifts[at.value.index()].add(own);
        }
    }
    let wanted: Vec<(ValueId, Term)> = wanted
        .iter()
        .map(|(value, shape)| {
            (*value, solver.elimination.solved.add(Unknown::Value(*value), shape.clone(), None))
        })
        .collect();
    for (at, step) in view.flow.steps().iter().enumerate() {
        solver.step(at);
        for (_, own) in wanted.iter().filter(|(value, _)| *value == step.to) {
            solver.shifts[step.to.index()].add(own.clone());
        }
    }
    for output in view.flow.outputs() {
        let sum = solver.shifts[output.value.index()].clone();
        solver.elimination.vanish(sum);
    }
    solver.elimination.solved
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
    elimination: Elimination<'a>,
}

impl Solver<'_> {
    /// Carries shifts through a step; what cannot be carried must vanish.
    fn step(&mut self, at: usize) {
        let step = &self.view.flow.steps()[at];
        // What is resolved is kept: a weight of a recurrent layer is met at each time.
        for id in &step.from {
            self.shifts[id.index()] = self.elimination.resolved(&self.shifts[id.index()].clone());
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
                    self.elimination.vanish(from[*operand].clone());
                }
                from.iter_mut().for_each(|sum| *sum = self.elimination.resolved(sum));
            }
        }
        let mut out = Sum::default();
        for (operand, sum) in from.iter().enumerate() {
            let at = Use { step: at, operand };
            let sum = self.elimination.resolved(sum);
            let mut stuck = Vec::new();
            for term in sum.0 {
                match carry(self.view, &mut self.elimination.solved.paths, &self.shares, at, &term) {
                    Some(term) => out.add(term),
                    None => stuck.push(term),
                }
            }
            let seen = self.seen(at, Sum(stuck));
            self.elimination.vanish(seen);
        }
        self.shifts[step.to.index()] = self.elimination.resolved(&out).narrowed();
    }

    /// Demands that what an operand moves by and what is seen of it vanishes.
    fn demand(&mut self, at: Use, from: &mut [Sum]) {
        let sum = std::mem::take(&mut from[at.operand]);
        // What can be carried in spite of a moving partner: rows of shares leave constants as they are.
        let (mut stuck, mut kept) = (Vec::new(), Vec::new());
        for term in sum.0 {
            match carry(self.view, &mut self.elimination.solved.paths, &self.shares, at, &term) {
                Some(_) => kept.push(term),
                None => stuck.push(term),
            }
        }
        let seen = self.seen(at, Sum(stuck));
        self.elimination.vanish(seen);
        for sum in from.iter_mut() {
            *sum = self.elimination.resolved(sum);
        }
        from[at.operand] = self.elimination.resolved(&Sum(kept));
    }

    /// The terms that an operand's reader can see.
    fn seen(&self, at: Use, sum: Sum) -> Sum {
        if sum.0.is_empty() {
            return sum;
        }
        let Some(flat) = unseen_by(self.view, at, &self.elimination.solved.unseen) else { return sum };
        let unseen =
            |term: &Term| (0..flat.0.len()).all(|axis| term.field.shape[axis] == 1 || !flat.touches(axis));
        Sum(sum.0.into_iter().filter(|term| !unseen(term)).collect())
    }
}
