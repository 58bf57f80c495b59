//! Directions of writers that nobody sees: the same added to all that a centred norm or softmax takes together.
//!
//! Weights, biases, embeddings and positions that write into a stream which only centred norms read, `+ 1 uᵀ`; filters
//! before an instance norm or group norm.

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{Seed, flow::Numbers};

use super::{
    Act, Found, Freedom, Rule,
    blind::{Factor, Flat},
    field::{Field, ZERO},
    solve::Wanted,
    solved::Unknown,
    view::View,
};

pub(super) fn wanted(_: &View<'_>) -> Vec<Wanted> {
    Vec::new()
}

pub(super) fn find(found: &Found<'_>) -> Vec<Freedom> {
    let mut freedoms = Vec::new();
    for (param, at) in found.flow.params().iter().enumerate() {
        let Some(flat) = &found.solved.unseen[at.value.index()] else { continue };
        let part = ConstantPart::new(flat);
        // What moves element by element has its part already.
        let mut allowed = vec![true; part.len()];
        let own = found.solved.variable(&Unknown::Param(param));
        for free in own.and_then(|own| found.solved.free(own)).into_iter().flat_map(Field::indices) {
            if free != ZERO {
                allowed[part.of(free as usize)] = false;
            }
        }
        let allowed: Vec<usize> = (0..allowed.len()).filter(|at| allowed[*at]).collect();
        if allowed.is_empty() {
            continue;
        }
        let axes: Vec<String> =
            (0..flat.0.len()).filter(|axis| flat.touches(*axis)).map(|axis| axis.to_string()).collect();
        let words = match axes.is_empty() {
            true => format!("{} is not seen", at.name),
            false => format!("{}: what is alike along axis {} is not seen", at.name, axes.join(", ")),
        };
        freedoms.push(Freedom {
            rule: Rule::Unseen,
            words,
            params: vec![param],
            dims: allowed.len(),
            act: Arc::new(Unseen { param, part, allowed }),
        });
    }
    freedoms
}

/// The part of an array that is constant along some factors of its axes.
#[derive(Debug, Clone)]
pub(super) struct ConstantPart {
    factors: Vec<Factor>,
}

impl ConstantPart {
    pub(super) fn new(flat: &Flat) -> Self {
        Self { factors: flat.factors().filter(|factor| factor.size != 1).collect() }
    }

    /// How many numbers the part has.
    pub(super) fn len(&self) -> usize {
        self.factors.iter().filter(|factor| !factor.flat).map(|factor| factor.size).product()
    }

    /// The number of the part that element `at` belongs to.
    fn of(&self, mut at: usize) -> usize {
        let (mut number, mut stride) = (0, 1);
        for factor in self.factors.iter().rev() {
            if !factor.flat {
                number += at % factor.size * stride;
                stride *= factor.size;
            }
            at /= factor.size;
        }
        number
    }

    /// Means over what is constant in the part.
    pub(super) fn means(&self, numbers: &[f64]) -> Vec<f64> {
        let mut means = vec![0.0; self.len()];
        numbers.iter().enumerate().for_each(|(at, number)| means[self.of(at)] += number);
        let count = (numbers.len() / means.len().max(1)).max(1) as f64;
        means.iter_mut().for_each(|mean| *mean /= count);
        means
    }

    /// Adds a number to all elements that belong to it.
    pub(super) fn add(&self, numbers: &mut [f64], part: &[f64]) {
        numbers.iter_mut().enumerate().for_each(|(at, number)| *number += part[self.of(at)]);
    }

    /// Takes the part away.
    pub(super) fn remove(&self, numbers: &mut [f64]) {
        let mut means = self.means(numbers);
        means.iter_mut().for_each(|mean| *mean = -*mean);
        self.add(numbers, &means);
    }
}

/// Sets changes to 0 that are rounding beside the numbers that they are made of.
pub(super) fn forget_rounding(change: &mut [f64], numbers: &[f64]) {
    let largest = numbers.iter().fold(0.0f64, |most, number| most.max(number.abs()));
    change.iter_mut().filter(|change| change.abs() <= 1e-14 * largest).for_each(|change| *change = 0.0);
}

#[derive(Debug)]
struct Unseen {
    param: usize,
    part: ConstantPart,
    /// The numbers of the part that may change.
    allowed: Vec<usize>,
}

impl Act for Unseen {
    fn draw(&self, seed: Seed, _: &dyn Numbers) -> Vec<f64> {
        let (mut rng, mut change) = (seed.rng(), vec![0.0; self.part.len()]);
        self.allowed.iter().for_each(|at| change[*at] = rng.random_range(-1.0..1.0));
        change
    }

    /// Means become 0.
    fn settled(&self, net: &dyn Numbers) -> Vec<f64> {
        let numbers = net.numbers(self.param);
        let (means, mut change) = (self.part.means(&numbers), vec![0.0; self.part.len()]);
        self.allowed.iter().for_each(|at| change[*at] = -means[*at]);
        forget_rounding(&mut change, &numbers);
        change
    }

    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64> {
        let mut numbers = net.numbers(param).into_owned();
        self.part.add(&mut numbers, change);
        numbers
    }

    fn basis(&self) -> Vec<Vec<f64>> {
        let unit = |at: &usize| (0..self.part.len()).map(|i| f64::from(u8::from(i == *at))).collect();
        self.allowed.iter().map(unit).collect()
    }
}
