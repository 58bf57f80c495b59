//! Sigmoids: `σ(−z) = 1 − σ(z)`, so a unit may be negated if its readers are, and later biases take back their sum.

use std::{borrow::Cow, sync::Arc};

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{Array, Flow, Function, Numbers, Op, Step},
};

use super::{
    Act, Found, Freedom, Rule,
    field::ZERO,
    linear::Sum,
    names,
    signs::{self, Signed},
    solve::Wanted,
    solved::{Solved, Unknown},
    view::View,
};
use crate::tolerance;

/// For each sigmoid the shift of its units by 1.
pub(super) fn wanted(view: &View<'_>) -> Vec<Wanted> {
    sigmoids(view.flow)
        .flat_map(|step| {
            let shape = view.flow.shape(step.to);
            axes(view, step).map(move |axis| (0..shape.len()).map(|i| if i == axis { shape[i] } else { 1 }).collect())
                .map(|shape| (step.to, shape))
        })
        .collect()
}

fn sigmoids(flow: &Flow) -> impl Iterator<Item = &Step> {
    let is_one = |function: Function| match function {
        Function::Sigmoid => true,
        Function::HardSigmoid { beta, .. } => beta == 0.5,
        _ => false,
    };
    flow.steps().iter().filter(move |step| matches!(step.op, Op::Pointwise(op) if is_one(op.function)))
}

/// The axis of units, if parameters can negate each unit by itself.
fn axes(view: &View<'_>, step: &Step) -> Option<usize> {
    (1..view.flow.shape(step.to).len()).find(|axis| {
        view.flow.shape(step.to)[*axis] > 1 && signs::writers(view, step.from[0], *axis, 0).is_some()
    })
}

pub(super) fn find(found: &Found<'_>) -> Vec<Freedom> {
    let mut freedoms = Vec::new();
    for step in sigmoids(&found.flow) {
        let Some(axis) = axes(&found.view, step) else { continue };
        let Some(writers) = signs::writers(&found.view, step.from[0], axis, 0) else { continue };
        let Some(readers) = signs::readers(&found.view, step.to, axis, signs::Factors::Signs) else { continue };
        let Some(node) = found.solved.variable(&Unknown::Value(step.to)) else { continue };
        let Some(free) = found.solved.free(node) else { continue };
        let free: Vec<bool> = free.indices().map(|at| at != ZERO).collect();
        let moves = found.solved.moves(node);
        let of = |signed: &[Signed]| signed.iter().map(|signed| signed.param).collect::<Vec<_>>();
        let moved: Vec<usize> = moves.iter().map(|(param, _)| *param).collect();
        let words = format!(
            "1 − σ(−z) at {}: {} are negated, {} take back the sum",
            step.name,
            names(&found.flow, &[of(&writers), of(&readers)].concat()),
            names(&found.flow, &moved)
        );
        let mut params = [of(&writers), of(&readers), moved].concat();
        params.sort_unstable();
        params.dedup();
        let (flow, solved) = (found.flow.clone(), found.solved.clone());
        let act = Arc::new(Flip { flow, solved, node, free, writers, readers, moves });
        freedoms.push(Freedom { rule: Rule::Flip, words, params, dims: 0, act });
    }
    freedoms
}

#[derive(Debug)]
struct Flip {
    flow: Arc<Flow>,
    solved: Arc<Solved>,
    node: usize,
    free: Vec<bool>,
    writers: Vec<Signed>,
    readers: Vec<Signed>,
    moves: Vec<(usize, Sum)>,
}

/// The net with signs, to which the shift is still missing.
struct Negated<'a> {
    net: &'a dyn Numbers,
    flip: &'a Flip,
    change: &'a [f64],
}

impl Numbers for Negated<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let all: Vec<&Signed> = self.flip.writers.iter().chain(&self.flip.readers).collect();
        signs::signed(self.net, &all, param, &|unit| self.change[unit] != 0.0)
    }
}

impl Act for Flip {
    fn draw(&self, seed: Seed, _: &dyn Numbers) -> Vec<f64> {
        let mut rng = seed.rng();
        self.free.iter().map(|free| f64::from(u8::from(rng.random_bool(0.5) && *free))).collect()
    }

    /// The largest of the weights that a unit is made by becomes positive, the first of equal ones.
    fn settled(&self, net: &dyn Numbers) -> Vec<f64> {
        let mut largest = vec![0.0f64; self.free.len()];
        if let Some(writer) = self.writers.iter().max_by_key(|writer| writer.unit.len()) {
            for (number, unit) in net.numbers(writer.param).iter().zip(&writer.unit) {
                let largest = &mut largest[*unit as usize];
                if number.abs() > largest.abs() * (1.0 + tolerance::TIE) {
                    *largest = *number;
                }
            }
        }
        largest.iter().zip(&self.free).map(|(largest, free)| f64::from(u8::from(*largest < 0.0 && *free))).collect()
    }

    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64> {
        let negated = Negated { net, flip: self, change };
        let shape = self.solved.variables[self.node].shape.clone();
        let amounts = Array::new(shape, change.to_vec()).expect("a change has a number for each unit");
        self.solved.moved(&self.moves, &self.flow, &negated, &amounts, param)
    }

    /// Flipping twice is nothing.
    fn inverse(&self, change: &[f64]) -> Vec<f64> {
        change.to_vec()
    }

    fn joined(&self, first: &[f64], second: &[f64]) -> Vec<f64> {
        first.iter().zip(second).map(|(a, b)| f64::from(u8::from((*a != 0.0) != (*b != 0.0)))).collect()
    }
}
