//! Sines: `sin(z + mπ) = (−1)^m sin(z)`, so a bias may move by half periods where readers take up the signs.

use std::{f64::consts::PI, sync::Arc};

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{Combination, Flow, Function, Numbers, Op, Origin, ValueId},
};

use super::{
    Act, Found, Freedom, Rule, carry::same_axis, names,
    signs::{self, Signed},
    solve::Wanted,
    view::View,
};
use crate::tolerance;

pub(super) fn wanted(_: &View<'_>) -> Vec<Wanted> {
    Vec::new()
}

pub(super) fn find(found: &Found<'_>) -> Vec<Freedom> {
    let sines = found.flow.steps().iter().filter(|step| {
        matches!(step.op, Op::Pointwise(op) if op.function == Function::Sine)
    });
    let mut freedoms = Vec::new();
    for step in sines {
        let Some((bias, omega, axis)) = bias_before(&found.view, step.from[0]) else { continue };
        let Some(readers) = signs::readers(&found.view, step.to, axis, signs::Factors::Signs) else { continue };
        let params = readers.iter().map(|signed| signed.param);
        let mut params: Vec<usize> = params.collect();
        let words = format!(
            "{} may move by half periods of a sine, π/{omega}: {} take up the signs",
            found.flow.params()[bias].name,
            names(&found.flow, &params)
        );
        params.push(bias);
        params.sort_unstable();
        params.dedup();
        let act = Arc::new(Phase { flow: found.flow.clone(), bias, half_period: PI / omega.abs(), readers });
        freedoms.push(Freedom { rule: Rule::Phase, words, params, dims: 0, act });
    }
    freedoms
}

/// The bias that is added last to a value with one number for each unit along an axis: the parameter, the constant
/// factor behind it, the axis.
fn bias_before(view: &View<'_>, mut value: ValueId) -> Option<(usize, f64, usize)> {
    let flow = view.flow;
    let (mut omega, shape) = (1.0, flow.shape(value).to_vec());
    loop {
        if view.uses(value).len() != 1 || view.is_output(value) || flow.shape(value) != shape {
            return None;
        }
        let Origin::Step(at) = flow.origin(value) else { return None };
        let step = &flow.steps()[at];
        let Op::Combine(op) = &step.op else { return None };
        let constant = |operand: usize| view.uniform(step.from[operand]).filter(|c| *c != 0.0 && c.is_finite());
        match op.by {
            Combination::Multiply if constant(1).is_some() => {
                omega *= constant(1)?;
                value = step.from[0];
            }
            Combination::Multiply if constant(0).is_some() => {
                omega *= constant(0)?;
                value = step.from[1];
            }
            Combination::Divide if constant(1).is_some() => {
                omega /= constant(1)?;
                value = step.from[0];
            }
            Combination::Add | Combination::Subtract => {
                let found = step.from.iter().find_map(|id| vector(view, *id, shape.len()));
                return found.map(|(param, axis)| (param, omega, axis));
            }
            _ => return None,
        }
    }
}

/// A parameter with numbers along one axis only, and the axis of the value of this rank to which it is added.
fn vector(view: &View<'_>, value: ValueId, rank: usize) -> Option<(usize, usize)> {
    let flow = view.flow;
    let shape = flow.shape(value);
    let mut real = (0..shape.len()).filter(|axis| shape[*axis] != 1);
    let (axis, None) = (real.next()?, real.next()) else { return None };
    let mut id = value;
    loop {
        if view.uses(id).len() != 1 || view.is_output(id) {
            return None;
        }
        match flow.origin(id) {
            Origin::Param(param) => return Some((param, rank - shape.len() + axis)),
            Origin::Step(at) => {
                let step = &flow.steps()[at];
                let Op::Reshape(_) = step.op else { return None };
                let real = (0..flow.shape(id).len()).find(|axis| flow.shape(id)[*axis] != 1)?;
                same_axis(flow.shape(id), flow.shape(step.from[0]), real)?;
                id = step.from[0];
            }
            _ => return None,
        }
    }
}

#[derive(Debug)]
struct Phase {
    flow: Arc<Flow>,
    bias: usize,
    half_period: f64,
    readers: Vec<Signed>,
}

/// Half periods that a bias may be away; beyond, its phase is lost in rounding.
const MOST: f64 = 1e6;

impl Act for Phase {
    fn draw(&self, seed: Seed, _: &dyn Numbers) -> Vec<f64> {
        let mut rng = seed.rng();
        let n = self.flow.param_shape(self.bias).iter().product();
        (0..n).map(|_| f64::from(rng.random_range(-3..=3i32))).collect()
    }

    /// Biases come to lie in (−π/2ω, π/2ω].
    fn settled(&self, net: &dyn Numbers) -> Vec<f64> {
        let turns = |bias: &f64| {
            let turns = bias / self.half_period;
            // The tolerance keeps rounding from choosing between the ends, which are one phase.
            if turns.abs() < MOST { 0.0 - (turns - 0.5 - tolerance::TIE).ceil() } else { 0.0 }
        };
        net.numbers(self.bias).iter().map(turns).collect()
    }

    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64> {
        let odd = |unit: usize| change[unit] % 2.0 != 0.0;
        let readers: Vec<&Signed> = self.readers.iter().collect();
        let mut numbers = signs::signed(net, &readers, param, &odd).into_owned();
        if param == self.bias {
            numbers.iter_mut().zip(change).for_each(|(bias, turns)| *bias += turns * self.half_period);
        }
        numbers
    }
}
