//! Where a sum of shifts must vanish: which unknown cancels the others, and which stand still.

use super::{
    field::{Field, ZERO},
    linear::{Sum, Term},
    resolve::Elimination,
    solved::Unknown,
};

impl Elimination<'_> {
    /// Makes a sum vanish.
    pub(super) fn vanish(&mut self, sum: Sum) {
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
