//! Sums in terms of what is free, kept so while unknowns are set.

use super::{
    field::{Field, ZERO},
    linear::{NodeId, Sum, Term},
    solved::Solved,
    view::View,
};

/// Unknowns in the middle of elimination.
pub(super) struct Elimination<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) solved: Solved,
}

impl Elimination<'_> {
    /// A variable itself, without some elements.
    pub(super) fn remaining(&self, variable: NodeId, gone: impl Fn(usize) -> bool) -> Sum {
        let whole = Field::whole(self.solved.variables[variable].shape.clone());
        let mut sum = Sum::default();
        // Most lose all or nothing: a list of what is left is long for a table of words.
        if !(0..whole.len()).all(&gone) {
            sum.add(Term { coefficient: 1.0, node: variable, field: whole.without(gone) });
        }
        sum
    }

    /// Sets what the free elements of a variable are from now on.
    pub(super) fn set(&mut self, variable: NodeId, base: &Sum) {
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
    pub(super) fn fix(&mut self, term: &Term) {
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
    pub(super) fn resolved(&mut self, sum: &Sum) -> Sum {
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
