//! Biases that move on: what one adds, others take back further on, or nobody sees it.
//!
//! The bias of a linear layer before another one, of a convolution before batch normalization, of the values of
//! attention, of one branch of two; the shift of a norm before its readers; the bias of keys, which softmax does not
//! see; a table of tokens that moves as a whole against the positions.

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{Array, Flow, Numbers},
};

use super::{
    Act, Found, Freedom, Rule,
    blind::Flat,
    field::ZERO,
    linear::{NodeId, Sum, Term},
    names,
    solve::Wanted,
    solved::{Solved, Unknown},
    unseen::ConstantPart,
    view::View,
};

pub(super) fn wanted(_: &View<'_>) -> Vec<Wanted> {
    Vec::new()
}

pub(super) fn find(found: &Found<'_>) -> Vec<Freedom> {
    let solved = &found.solved;
    let mut freedoms = Vec::new();
    let mut taken = Vec::new();
    for (node, variable) in solved.variables.iter().enumerate() {
        let Some(free) = solved.free(node) else { continue };
        let free: Vec<usize> = free.indices().filter(|at| *at != ZERO).map(|at| at as usize).collect();
        let (param, axis) = match variable.unknown {
            Unknown::Param(param) => (param, None),
            Unknown::Along(param, axis) => (param, Some(axis)),
            Unknown::Value(_) => continue,
        };
        let mut less = None;
        if let Some(axis) = axis {
            // As a whole only where it cannot move element by element, nor takes back what others add.
            let others = |term: &Term| {
                let source = solved.paths.source_of(term.node);
                source == node || !matches!(solved.variables[source].unknown, Unknown::Along(other, _) if other == param)
            };
            let own = solved.variable(&Unknown::Param(param));
            let moves = own.is_some_and(|own| solved.variables[own].sum.0.iter().any(others));
            let whole = free.len() == variable.shape.iter().product::<usize>();
            if moves || !whole || taken.contains(&param) {
                continue;
            }
            // Without what nobody sees, which is a freedom of its own.
            if let Some(flat) = &solved.unseen[found.flow.params()[param].value.index()] {
                if (0..variable.shape.len()).all(|i| variable.shape[i] == 1 || !flat.touches(i)) {
                    continue;
                }
                less = Some(flat.with_size_one(axis));
            }
            taken.push(param);
        }
        let moves = solved.moves(node);
        let mut params: Vec<usize> = moves.iter().map(|(param, _)| *param).collect();
        params.sort_unstable();
        params.dedup();
        let name = &found.flow.params()[param].name;
        let part = match (axis, free.len(), variable.shape.iter().product::<usize>()) {
            (Some(axis), ..) => format!("{name}, alike along axis {axis},"),
            (None, some, all) if some < all => format!("{name} ({some} of {all})"),
            _ => name.clone(),
        };
        let others: Vec<usize> = params.iter().copied().filter(|other| *other != param).collect();
        let own_terms = moves.iter().filter(|(moved, _)| *moved == param).map(|(_, sum)| sum.0.len()).sum::<usize>();
        let words = match (others.is_empty(), own_terms > 1) {
            (true, true) => format!("{part} may be shifted: the rest of it takes it back"),
            (true, false) => format!("{part} is not seen"),
            (false, _) => format!("{part} may be shifted: {} take it back", names(&found.flow, &others)),
        };
        let lost = less.as_ref().map_or(0, Flat::dims);
        freedoms.push(Freedom {
            rule: Rule::Shift,
            words,
            params,
            dims: free.len() - lost,
            act: Arc::new(Shift {
                flow: found.flow.clone(),
                solved: solved.clone(),
                node,
                param,
                free,
                moves,
                less: less.map(|flat| ConstantPart::new(&flat)),
            }),
        });
    }
    freedoms
}

#[derive(Debug)]
struct Shift {
    flow: Arc<Flow>,
    solved: Arc<Solved>,
    node: NodeId,
    param: usize,
    free: Vec<usize>,
    moves: Vec<(usize, Sum)>,
    /// A part that another freedom has.
    less: Option<ConstantPart>,
}

impl Shift {
    fn shape(&self) -> &[usize] {
        &self.solved.variables[self.node].shape
    }

    fn blank(&self) -> Vec<f64> {
        vec![0.0; self.shape().iter().product()]
    }

    fn without_less(&self, mut change: Vec<f64>) -> Vec<f64> {
        if let Some(part) = &self.less {
            part.remove(&mut change);
        }
        change
    }
}

impl Act for Shift {
    fn draw(&self, seed: Seed, _: &dyn Numbers) -> Vec<f64> {
        let (mut rng, mut change) = (seed.rng(), self.blank());
        self.free.iter().for_each(|at| change[*at] = rng.random_range(-1.0..1.0));
        self.without_less(change)
    }

    /// The bias becomes 0.
    fn settled(&self, net: &dyn Numbers) -> Vec<f64> {
        let (numbers, mut change) = (net.numbers(self.param), self.blank());
        let shape = self.flow.param_shape(self.param);
        match (0..shape.len()).find(|axis| shape[*axis] != self.shape()[*axis]) {
            None => self.free.iter().for_each(|at| change[*at] = -numbers[*at]),
            Some(axis) => {
                let (size, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
                for (at, number) in numbers.iter().enumerate() {
                    change[at / (inner * size) * inner + at % inner] -= number / size as f64;
                }
                super::unseen::forget_rounding(&mut change, &numbers);
            }
        }
        self.without_less(change)
    }

    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64> {
        let amounts = Array::new(self.shape().to_vec(), change.to_vec()).expect("a change has the variable's shape");
        self.solved.moved(&self.moves, &self.flow, net, &amounts, param)
    }

    fn basis(&self) -> Vec<Vec<f64>> {
        let unit = |at: &usize| {
            let mut change = self.blank();
            change[*at] = 1.0;
            self.without_less(change)
        };
        self.free.iter().map(unit).collect()
    }
}
