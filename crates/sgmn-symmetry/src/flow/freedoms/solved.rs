//! What elimination finds: for every unknown shift, what it is in terms of the shifts that are free.

use sgmn_graph::flow::{Array, Flow, Numbers, ValueId};

use super::{
    blind::Flat,
    field::{Field, ZERO, strides},
    linear::{NodeId, Paths, Sum, Term},
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

/// An unknown, the shape of its numbers, and what it is in terms of what is free.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) unknown: Unknown,
    pub(crate) shape: Vec<usize>,
    /// Free elements and the terms of other variables.
    pub(crate) sum: Sum,
    /// When it was met; absent for followers.
    pub(super) met: Option<usize>,
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
    /// Adds an unknown that is free, and returns it as a term.
    pub(super) fn add(&mut self, unknown: Unknown, shape: Vec<usize>, met: Option<usize>) -> Term {
        let node = self.paths.source(shape.clone());
        let own = Term { coefficient: 1.0, node, field: Field::whole(shape.clone()) };
        self.variables.push(Variable { unknown, shape, sum: Sum(vec![own.clone()]), met });
        own
    }

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
