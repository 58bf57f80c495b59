//! Readers of what sums to a constant: nobody sees what they do with that part.
//!
//! What a centred norm gives out sums to 0, what softmax gives out sums to 1. After gains γ and shifts β still
//! `Σ x_i / γ_i = κ`, so a reader's weights may change by `u (1/γ)ᵀ`, where its bias takes back `κ u`.

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{Array, Combination, Flow, Numbers, Op, Reduction, ValueId},
};

use super::{
    Act, Found, Freedom, Rule,
    carry::same_axis,
    field::{ZERO, strides},
    linear::Sum,
    names,
    solve::Wanted,
    solved::{Solved, Unknown},
    unseen::{ConstantPart, forget_rounding},
    view::{Use, View, fixed_value},
};

/// `Σ w_i x_i = κ` along an axis of a value.
#[derive(Debug, Clone)]
struct Law {
    axis: usize,
    /// What became of the value since it summed to a constant: fixed values along the axis.
    since: Vec<(Since, ValueId)>,
    /// κ at first.
    total: f64,
}

#[derive(Debug, Clone, Copy)]
enum Since {
    Times,
    Divided,
    Plus,
    Minus,
}

impl Law {
    /// Whether κ is 0 whatever the numbers are.
    fn is_silent(&self) -> bool {
        self.total == 0.0 && self.since.iter().all(|(since, _)| matches!(since, Since::Times | Since::Divided))
    }

    /// w and κ; absent if a factor was 0.
    fn weights(&self, flow: &Flow, net: &dyn Numbers, n: usize) -> Option<(Vec<f64>, f64)> {
        let (mut weights, mut total) = (vec![1.0; n], self.total);
        for (since, id) in &self.since {
            let fixed = fixed_value(flow, net, *id).into_data();
            for (i, weight) in weights.iter_mut().enumerate() {
                let fixed = fixed[if fixed.len() == 1 { 0 } else { i }];
                match since {
                    Since::Times => *weight /= fixed,
                    Since::Divided => *weight *= fixed,
                    Since::Plus => total += *weight * fixed,
                    Since::Minus => total -= *weight * fixed,
                }
            }
        }
        let largest = weights.iter().fold(0.0f64, |most, weight| most.max(weight.abs()));
        let fits = weights.iter().all(|weight| weight.abs() > largest * SMALLEST) && total.is_finite();
        (fits && largest.is_finite()).then_some((weights, total))
    }
}

/// Gains so different from each other that the change would be lost in rounding are left alone.
const SMALLEST: f64 = 1e-9;

/// For each value what it sums to.
fn laws(view: &View<'_>) -> Vec<Option<Law>> {
    let flow = view.flow;
    let mut laws: Vec<Option<Law>> = vec![None; flow.values().len()];
    for (at, step) in flow.steps().iter().enumerate() {
        let shape = flow.shape(step.to);
        let of = |operand: usize| laws[step.from[operand].index()].clone();
        laws[step.to.index()] = match &step.op {
            Op::Normalize(op) if op.centre => {
                let mut real = op.axes.iter().filter(|axis| shape[**axis] > 1);
                match (real.next(), real.next()) {
                    (Some(axis), None) => Some(Law { axis: *axis, since: Vec::new(), total: 0.0 }),
                    _ => None,
                }
            }
            Op::Softmax(op) if !op.log => Some(Law { axis: op.axis, since: Vec::new(), total: 1.0 }),
            Op::Combine(op) => {
                let with = |operand: usize, since: Since| {
                    let (mut law, other) = (of(operand)?, step.from[1 - operand]);
                    law.axis += shape.len() - flow.shape(step.from[operand]).len();
                    let first = shape.len() - flow.shape(other).len().min(shape.len());
                    let along = |axis: usize| flow.shape(other)[axis] == 1 || first + axis == law.axis;
                    // A factor that is 0 by construction leaves nothing to solve for.
                    let usable = |x: &f64| x.is_finite() && (*x != 0.0 || matches!(since, Since::Plus | Since::Minus));
                    let constant = flow.constant(other);
                    let fits = view.fixed(other)
                        && (0..flow.shape(other).len()).all(along)
                        && constant.is_none_or(|array| array.data().iter().all(usable));
                    law.since.push((since, other));
                    fits.then_some(law)
                };
                // Divided by one number for all, what sums to 0 still does.
                let by_one_number = |operand: usize| {
                    let mut law = of(operand).filter(Law::is_silent)?;
                    let other = flow.shape(step.from[1 - operand]);
                    law.axis += shape.len() - flow.shape(step.from[operand]).len();
                    let along = (law.axis + other.len()).checked_sub(shape.len());
                    along.is_none_or(|axis| other[axis] == 1).then_some(law)
                };
                let centred = || {
                    let (_, op) = view.centring(at).filter(|(_, op)| op.by == Reduction::Mean)?;
                    let mut real = op.axes.iter().filter(|axis| shape[**axis] > 1);
                    let axis = *real.next()?;
                    real.next().is_none().then(|| Law { axis, since: Vec::new(), total: 0.0 })
                };
                match op.by {
                    Combination::Add => with(0, Since::Plus).or_else(|| with(1, Since::Plus)),
                    Combination::Subtract => centred().or_else(|| with(0, Since::Minus)),
                    Combination::Multiply => {
                        let fixed = with(0, Since::Times).or_else(|| with(1, Since::Times));
                        fixed.or_else(|| by_one_number(0)).or_else(|| by_one_number(1))
                    }
                    Combination::Divide => with(0, Since::Divided).or_else(|| by_one_number(0)),
                    _ => None,
                }
            }
            Op::Permute(op) => of(0).and_then(|law| {
                Some(Law { axis: op.order.iter().position(|axis| *axis == law.axis)?, ..law })
            }),
            Op::Reshape(_) => of(0).and_then(|law| {
                Some(Law { axis: same_axis(flow.shape(step.from[0]), shape, law.axis)?, ..law })
            }),
            Op::Expand(_) => {
                of(0).map(|law| Law { axis: law.axis + shape.len() - flow.shape(step.from[0]).len(), ..law })
            }
            Op::Slice(op) => of(0).filter(|law| law.axis != op.axis),
            Op::Take(op) => of(0).filter(|law| law.axis != op.axis),
            Op::Reduce(op) if op.by == Reduction::Mean => of(0).filter(|law| !op.axes.contains(&law.axis)).map(|law| {
                let gone = op.axes.iter().filter(|axis| !op.keep && **axis < law.axis).count();
                Law { axis: law.axis - gone, ..law }
            }),
            _ => None,
        };
    }
    laws
}

/// A reader: where, its weights, and the axis of the weights that is summed over.
struct Reader {
    at: Use,
    law: Law,
    param: usize,
    axes: Vec<usize>,
    axis: usize,
    /// Shape of what takes back the change, and the axes of the weights in its order; others are summed over.
    shape: Vec<usize>,
    order: Vec<usize>,
}

fn all_readers(view: &View<'_>) -> Vec<Reader> {
    let laws = laws(view);
    let flow = view.flow;
    let mut readers = Vec::new();
    for (at, step) in flow.steps().iter().enumerate().filter(|(_, step)| step.from.len() == 2) {
        for operand in 0..2 {
            let (own, other) = (step.from[operand], step.from[1 - operand]);
            let Some(law) = &laws[own.index()] else { continue };
            let Some((param, axes)) = view.lone_param(other) else { continue };
            let (other_shape, n) = (flow.shape(other), flow.shape(own).len());
            let (axis, shape, order) = match &step.op {
                Op::Contract(op) => {
                    let [pair] = op.sum.as_slice() else { continue };
                    let (own_axis, axis) = if operand == 0 { *pair } else { (pair.1, pair.0) };
                    if own_axis != law.axis || !op.batch.is_empty() {
                        continue;
                    }
                    let order: Vec<usize> = (0..other_shape.len()).filter(|i| *i != axis).collect();
                    let sizes: Vec<usize> = order.iter().map(|i| other_shape[*i]).collect();
                    let ones = vec![1; n - 1];
                    (axis, if operand == 0 { [ones, sizes].concat() } else { [sizes, ones].concat() }, order)
                }
                Op::Convolve(op) if operand == 0 && law.axis == 1 && op.groups == 1 && op.transposed.is_none() => {
                    let padded = op.padding.iter().any(|padding| *padding != (0, 0));
                    if padded && !law.is_silent() {
                        continue;
                    }
                    (1, [vec![1, other_shape[0]], vec![1; n - 2]].concat(), vec![0])
                }
                _ => continue,
            };
            let at = Use { step: at, operand };
            readers.push(Reader { at, law: law.clone(), param, axis: axes[axis], axes, shape, order });
        }
    }
    readers
}

pub(super) fn wanted(view: &View<'_>) -> Vec<Wanted> {
    let loud = all_readers(view).into_iter().filter(|reader| !reader.law.is_silent());
    loud.map(|reader| (view.flow.steps()[reader.at.step].to, reader.shape)).collect()
}

pub(super) fn find(found: &Found<'_>) -> Vec<Freedom> {
    let (flow, solved) = (&found.flow, &found.solved);
    let mut freedoms = Vec::new();
    for reader in all_readers(&found.view) {
        let to = flow.steps()[reader.at.step].to;
        let mut shape = flow.param_shape(reader.param).to_vec();
        let n = std::mem::replace(&mut shape[reader.axis], 1);
        let count: usize = shape.iter().product();
        // The element of what takes back, for each number of u.
        let (own, of_shift) = (strides(&shape), strides(&reader.shape));
        let sizes: Vec<usize> = (0..reader.shape.len()).filter(|axis| reader.shape[*axis] != 1).collect();
        let real: Vec<usize> = reader.order.iter().copied().filter(|i| shape[reader.axes[*i]] != 1).collect();
        let place = |at: usize| -> usize {
            let along = |(i, axis): (&usize, &usize)| {
                let axis_of_param = reader.axes[*i];
                at / own[axis_of_param] % shape[axis_of_param] * of_shift[*axis]
            };
            real.iter().zip(&sizes).map(along).sum()
        };
        let place: Vec<usize> = (0..count).map(place).collect();
        let node = match reader.law.is_silent() {
            true => None,
            false => match solved.variable(&Unknown::Value(to)) {
                Some(node) => Some(node),
                None => continue,
            },
        };
        let free: Vec<usize> = match node {
            None => (0..count).collect(),
            Some(node) => match solved.free(node) {
                Some(free) => (0..count).filter(|at| free.at(place[*at]) != ZERO).collect(),
                None => continue,
            },
        };
        // A part of this may be unseen for another reason, and is that rule's freedom.
        let mut less = None;
        if let Some(flat) = &solved.unseen[flow.params()[reader.param].value.index()] {
            if !flat.touches(reader.axis) && flat.any() {
                less = Some(flat.with_size_one(reader.axis));
            } else if reader.law.since.is_empty() || !flat.any() {
                continue;
            }
        }
        if less.is_some() && free.len() < count {
            continue;
        }
        let moves = node.map(|node| solved.moves(node)).unwrap_or_default();
        let moved: Vec<usize> = moves.iter().map(|(param, _)| *param).collect();
        let mut words = format!(
            "{} reads what sums to a constant in {}",
            flow.params()[reader.param].name,
            flow.steps()[reader.at.step].name
        );
        if !moved.is_empty() {
            words += &format!(": {} take back what changes", names(flow, &moved));
        }
        let mut params = [moved, vec![reader.param]].concat();
        params.sort_unstable();
        params.dedup();
        let lost = less.as_ref().map_or(0, super::blind::Flat::dims);
        let dims = free.len() - lost;
        let act = Read {
            flow: flow.clone(),
            solved: solved.clone(),
            law: reader.law,
            param: reader.param,
            axis: reader.axis,
            n,
            place,
            free,
            less: less.map(|flat| ConstantPart::new(&flat)),
            moves,
            shape: reader.shape,
        };
        freedoms.push(Freedom { rule: Rule::Reader, words, params, dims, act: Arc::new(act) });
    }
    freedoms
}

#[derive(Debug)]
struct Read {
    flow: Arc<Flow>,
    solved: Arc<Solved>,
    law: Law,
    param: usize,
    /// The axis of the weights that is summed over, and its size.
    axis: usize,
    n: usize,
    /// For each number of u the element of the shift that it makes.
    place: Vec<usize>,
    free: Vec<usize>,
    less: Option<ConstantPart>,
    /// Who takes back the shift; nobody if κ is 0.
    moves: Vec<(usize, Sum)>,
    shape: Vec<usize>,
}

impl Read {
    /// How far elements lie apart along the axis.
    fn inner(&self) -> usize {
        self.flow.param_shape(self.param)[self.axis + 1..].iter().product()
    }

    fn without_less(&self, mut change: Vec<f64>) -> Vec<f64> {
        if let Some(part) = &self.less {
            part.remove(&mut change);
        }
        change
    }

    fn blank(&self) -> Vec<f64> {
        vec![0.0; self.place.len()]
    }
}

impl Act for Read {
    fn draw(&self, seed: Seed, net: &dyn Numbers) -> Vec<f64> {
        let (mut rng, mut change) = (seed.rng(), self.blank());
        if self.law.weights(&self.flow, net, self.n).is_none() {
            return change;
        }
        self.free.iter().for_each(|at| change[*at] = rng.random_range(-1.0..1.0));
        self.without_less(change)
    }

    /// `Σ W_i γ_i` becomes 0.
    fn settled(&self, net: &dyn Numbers) -> Vec<f64> {
        let mut change = self.blank();
        let Some((weights, _)) = self.law.weights(&self.flow, net, self.n) else { return change };
        let (numbers, inner) = (net.numbers(self.param), self.inner());
        let mut scale = 0.0f64;
        for (at, number) in numbers.iter().enumerate() {
            let term = number / weights[at / inner % self.n] / self.n as f64;
            change[at / (inner * self.n) * inner + at % inner] -= term;
            scale = scale.max(term.abs() * self.n as f64);
        }
        forget_rounding(&mut change, &[scale]);
        let fixed: Vec<usize> = (0..change.len()).filter(|at| self.free.binary_search(at).is_err()).collect();
        fixed.into_iter().for_each(|at| change[at] = 0.0);
        self.without_less(change)
    }

    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64> {
        let Some((weights, total)) = self.law.weights(&self.flow, net, self.n) else {
            return net.numbers(param).into_owned();
        };
        if param == self.param {
            let (mut numbers, inner) = (net.numbers(param).into_owned(), self.inner());
            for (at, number) in numbers.iter_mut().enumerate() {
                *number += change[at / (inner * self.n) * inner + at % inner] * weights[at / inner % self.n];
            }
            return numbers;
        }
        let mut shift = Array::full(self.shape.clone(), 0.0);
        self.place.iter().zip(change).for_each(|(at, u)| shift.data_mut()[*at] += total * u);
        self.solved.moved(&self.moves, &self.flow, net, &shift, param)
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
