//! The two nets while one is moved: where it stands by now, and how far it is.
//!
//! Neither need be in memory as a whole: numbers of a parameter are computed when a step asks for them. Only what matrices
//! have turned is kept.

use std::{borrow::Cow, sync::Arc};

use sgmn_graph::flow::{Flow, Numbers};

use super::super::{
    FlowElement,
    derive::{Chart, Holding},
    matrices::{Block, Matrix, MatrixElement},
    spaces::Spaces,
};
use crate::Result;

/// What does not change while a net is moved: the other net, and how differences are weighed.
pub(super) struct Fixed<'a> {
    pub(super) flow: Arc<Flow>,
    pub(super) spaces: &'a Spaces,
    /// What may mix units.
    pub(super) matrices: Vec<Matrix>,
    /// The chart of each parameter.
    charts: Vec<Chart>,
    /// The net that stays.
    stays: &'a dyn Numbers,
    /// The other one, where it stands at first.
    moves: &'a dyn Numbers,
    /// Differences of each parameter are measured in units of the mean square of its numbers in both nets; this is the
    /// inverse of that, divided by how many numbers there are in all.
    pub(super) weights: Vec<f64>,
}

/// The net that is moved.
#[derive(Clone)]
pub(super) struct Now<'a> {
    pub(super) fixed: &'a Fixed<'a>,
    /// The numbers by now of parameters that matrices have turned, as they are compared.
    turned: Vec<Option<Arc<[f64]>>>,
    /// What was done to it: orders and signs, then matrices.
    pub(super) element: FlowElement,
    pub(super) turning: MatrixElement,
    /// The weighed square of the distance, by parameter.
    apart: Vec<f64>,
    /// How often each parameter was changed.
    pub(super) changes: Vec<usize>,
}

impl<'a> Fixed<'a> {
    /// `stays` and `moves` are nets of the flow of these spaces.
    pub(super) fn new(
        spaces: &'a Spaces,
        matrices: Vec<Matrix>,
        stays: &'a dyn Numbers,
        moves: &'a dyn Numbers,
    ) -> Self {
        let flow = spaces.flow().clone();
        let n_params = flow.params().len();
        let mut charts = vec![Chart::PLAIN; n_params];
        let holdings: Vec<&Holding> = spaces.holdings_in_order();
        holdings.iter().for_each(|holding| charts[holding.param] = holding.chart);
        let n_numbers = flow.n_numbers().max(1) as f64;
        let weight = |(param, chart): (usize, &Chart)| {
            let (x, y) = (compared(*chart, stays.numbers(param)), compared(*chart, moves.numbers(param)));
            let squares: f64 = x.iter().chain(y.iter()).map(|value| value * value).sum();
            let weight = 2.0 * x.len() as f64 / (squares * n_numbers);
            if weight.is_finite() { weight } else { 0.0 }
        };
        let weights = charts.iter().enumerate().map(weight).collect();
        Self { flow, spaces, matrices, charts, stays, moves, weights }
    }

    /// The numbers of a parameter of the net that stays, as they are compared.
    pub(super) fn stays(&self, param: usize) -> Cow<'a, [f64]> {
        compared(self.charts[param], self.stays.numbers(param))
    }

    /// The net that is moved, where it stands at first.
    pub(super) fn begin(&'a self) -> Now<'a> {
        let mut now = Now {
            fixed: self,
            turned: vec![None; self.charts.len()],
            element: self.spaces.identity(),
            turning: MatrixElement::identity(&self.matrices),
            apart: Vec::new(),
            changes: vec![0; self.charts.len()],
        };
        now.apart = (0..self.charts.len()).map(|param| now.distance_of(param, &now.moved(param))).collect();
        now
    }
}

/// Numbers as they are compared: with the constant that scalars act on, so that signs are signs.
fn compared(chart: Chart, mut numbers: Cow<'_, [f64]>) -> Cow<'_, [f64]> {
    if let Chart::Plus(plus) = chart
        && plus != 0.0
    {
        numbers.to_mut().iter_mut().for_each(|number| *number += plus);
    }
    numbers
}

/// A change that brings a net nearer by less than this part of the distance of unlike nets is rounding.
const ROUNDING: f64 = 1e-13;

impl Now<'_> {
    /// The weighed square of the distance: the mean over all numbers, each in units of the mean square of its parameter. Of
    /// nets that have nothing to do with each other it is 2.
    pub(super) fn distance(&self) -> f64 {
        self.apart.iter().sum()
    }

    /// The numbers of a parameter by now, as they are compared.
    pub(super) fn moved(&self, param: usize) -> Cow<'_, [f64]> {
        if let Some(turned) = &self.turned[param] {
            return Cow::Borrowed(turned);
        }
        let moves = self.fixed.moves;
        let numbers = match self.element.params()[param].is_identity() {
            true => moves.numbers(param),
            false => Cow::Owned(self.element.act(moves).numbers(param).into_owned()),
        };
        compared(self.fixed.charts[param], numbers)
    }

    fn distance_of(&self, param: usize, numbers: &[f64]) -> f64 {
        let stays = self.fixed.stays(param);
        let pairs = stays.iter().zip(numbers);
        self.fixed.weights[param] * pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f64>()
    }

    /// The net that is moved, as its parameters hold it.
    pub(super) fn raw(&self) -> Raw<'_> {
        Raw(self)
    }

    /// Orders and signs act on the net if that brings it nearer, or whatever comes of it.
    pub(super) fn act(&mut self, element: &FlowElement, always: bool) -> Result<bool> {
        let acting = element.params().iter().enumerate().filter(|(_, acts)| !acts.is_identity());
        let new: Vec<Change> = acting
            .map(|(param, acts)| {
                let plain = super::super::ParamElement { chart: Chart::PLAIN, ..acts.clone() };
                let numbers = plain.act(&self.moved(param));
                let apart = self.distance_of(param, &numbers);
                // What no matrix has turned is computed from the element.
                Change { param, apart, turned: self.turned[param].is_some().then(|| numbers.into()) }
            })
            .collect();
        if !always && !self.is_nearer(&new) {
            return Ok(false);
        }
        let Some(turning) = self.turning.conjugated(element, &self.fixed.flow, &self.fixed.matrices) else {
            return Ok(false);
        };
        self.turning = turning;
        self.element = element.compose(&self.element)?;
        self.put(new);
        Ok(true)
    }

    /// Matrices of one space act on the net if that brings it nearer.
    pub(super) fn turn(&mut self, space: usize, blocks: Vec<Block>) -> Result<bool> {
        let spaces = &self.fixed.matrices[space..=space];
        let element = MatrixElement::new(spaces, vec![blocks])?;
        let raw = self.raw();
        let mixed = element.act(&self.fixed.flow, spaces, &raw)?;
        let mut params: Vec<usize> = spaces[0].holders.iter().map(|holder| holder.param).collect();
        params.sort_unstable();
        params.dedup();
        let change = |param: usize| {
            let numbers = compared(self.fixed.charts[param], mixed.numbers(param));
            Change { param, apart: self.distance_of(param, &numbers), turned: Some(numbers.into()) }
        };
        let new: Vec<Change> = params.into_iter().map(change).collect();
        if !self.is_nearer(&new) {
            return Ok(false);
        }
        let before = MatrixElement::new(spaces, vec![self.turning.blocks()[space].clone()])?;
        let after = element.compose(&before)?;
        self.turning.set(space, after.blocks()[0].clone());
        self.put(new);
        Ok(true)
    }

    fn is_nearer(&self, new: &[Change]) -> bool {
        let old: f64 = new.iter().map(|change| self.apart[change.param]).sum();
        new.iter().map(|change| change.apart).sum::<f64>() < old - ROUNDING
    }

    fn put(&mut self, new: Vec<Change>) {
        for Change { param, apart, turned } in new {
            self.apart[param] = apart;
            self.turned[param] = turned;
            self.changes[param] += 1;
        }
    }
}

/// What a step does to a parameter.
struct Change {
    param: usize,
    /// The weighed square of the distance afterwards.
    apart: f64,
    /// Its numbers, if matrices have turned them.
    turned: Option<Arc<[f64]>>,
}

/// The net that is moved, as its parameters hold it.
pub(super) struct Raw<'a>(&'a Now<'a>);

impl Numbers for Raw<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let moved = self.0.moved(param);
        match self.0.fixed.charts[param] {
            Chart::Plus(plus) if plus != 0.0 => moved.iter().map(|number| number - plus).collect(),
            Chart::Plus(_) | Chart::Exponential => moved,
        }
    }
}
