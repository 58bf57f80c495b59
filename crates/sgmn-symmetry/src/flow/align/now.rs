//! The two nets while one is moved: where it stands by now, and how far it is.

use std::{borrow::Cow, sync::Arc};

use sgmn_graph::flow::{Flow, FlowNet, Numbers, Stored};

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
    /// Numbers of the net that stays, as they are compared.
    pub(super) stays: Vec<Arc<[f64]>>,
    /// Differences of each parameter are measured in units of the mean square of its numbers in both nets; this is the
    /// inverse of that, divided by how many numbers there are in all.
    pub(super) weights: Vec<f64>,
}

/// The net that is moved.
#[derive(Clone)]
pub(super) struct Now<'a> {
    pub(super) fixed: &'a Fixed<'a>,
    /// Its numbers by now, as they are compared.
    pub(super) moved: Vec<Arc<[f64]>>,
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
    pub(super) fn new(spaces: &'a Spaces, matrices: Vec<Matrix>, stays: &FlowNet, moves: &FlowNet) -> Self {
        let flow = spaces.flow().clone();
        let n_params = flow.params().len();
        let mut charts = vec![Chart::PLAIN; n_params];
        let holdings: Vec<&Holding> = spaces.holdings_in_order();
        holdings.iter().for_each(|holding| charts[holding.param] = holding.chart);
        let n_numbers = flow.n_numbers().max(1) as f64;
        let (mut all, mut weights) = (Vec::with_capacity(n_params), Vec::with_capacity(n_params));
        for (param, chart) in charts.iter().enumerate() {
            let (x, y) = (held(*chart, stays, param), held(*chart, moves, param));
            let squares: f64 = x.iter().chain(y.iter()).map(|value| value * value).sum();
            let weight = 2.0 * x.len() as f64 / (squares * n_numbers);
            weights.push(if weight.is_finite() { weight } else { 0.0 });
            all.push(x);
        }
        Self { flow, spaces, matrices, charts, stays: all, weights }
    }

    /// The net that is moved, where it stands at first.
    pub(super) fn begin(&'a self, net: &FlowNet) -> Now<'a> {
        let numbers = |param: usize| held(self.charts[param], net, param);
        let mut now = Now {
            fixed: self,
            moved: (0..self.charts.len()).map(numbers).collect(),
            element: self.spaces.identity(),
            turning: MatrixElement::identity(&self.matrices),
            apart: Vec::new(),
            changes: vec![0; self.charts.len()],
        };
        now.apart = (0..self.charts.len()).map(|param| now.distance_of(param, &now.moved[param])).collect();
        now
    }
}

/// The numbers of a parameter as they are compared, in the memory of the net where they are the same.
fn held(chart: Chart, net: &FlowNet, param: usize) -> Arc<[f64]> {
    match &net.stored()[param] {
        Stored::F64(numbers) if matches!(chart, Chart::Exponential | Chart::PLAIN) => numbers.clone(),
        _ => compared(chart, &net.numbers(param)).into(),
    }
}

/// Numbers as they are compared: with the constant that scalars act on, so that signs are signs.
fn compared(chart: Chart, numbers: &[f64]) -> Vec<f64> {
    match chart {
        Chart::Plus(plus) => numbers.iter().map(|number| number + plus).collect(),
        Chart::Exponential => numbers.to_vec(),
    }
}

/// A change that brings a net nearer by less than this part of the distance of unlike nets is rounding.
const ROUNDING: f64 = 1e-13;

impl Now<'_> {
    /// The weighed square of the distance: the mean over all numbers, each in units of the mean square of its parameter. Of
    /// nets that have nothing to do with each other it is 2.
    pub(super) fn distance(&self) -> f64 {
        self.apart.iter().sum()
    }

    fn distance_of(&self, param: usize, numbers: &[f64]) -> f64 {
        let pairs = self.fixed.stays[param].iter().zip(numbers);
        self.fixed.weights[param] * pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f64>()
    }

    /// The net that is moved, as its parameters hold it.
    pub(super) fn raw(&self) -> Raw<'_> {
        Raw(self)
    }

    /// Orders and signs act on the net if that brings it nearer, or whatever comes of it.
    pub(super) fn act(&mut self, element: &FlowElement, always: bool) -> Result<bool> {
        let acting = element.params().iter().enumerate().filter(|(_, acts)| !acts.is_identity());
        let new: Vec<(usize, Vec<f64>)> = acting
            .map(|(param, acts)| {
                let plain = super::super::ParamElement { chart: Chart::PLAIN, ..acts.clone() };
                (param, plain.act(&self.moved[param]))
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
        let numbers = |param: usize| compared(self.fixed.charts[param], &mixed.numbers(param));
        let new: Vec<(usize, Vec<f64>)> = params.into_iter().map(|param| (param, numbers(param))).collect();
        if !self.is_nearer(&new) {
            return Ok(false);
        }
        let before = MatrixElement::new(spaces, vec![self.turning.blocks()[space].clone()])?;
        let after = element.compose(&before)?;
        self.turning.set(space, after.blocks()[0].clone());
        self.put(new);
        Ok(true)
    }

    fn is_nearer(&self, new: &[(usize, Vec<f64>)]) -> bool {
        let (old, new) = new.iter().fold((0.0, 0.0), |(old, sum), (param, numbers)| {
            (old + self.apart[*param], sum + self.distance_of(*param, numbers))
        });
        new < old - ROUNDING
    }

    fn put(&mut self, new: Vec<(usize, Vec<f64>)>) {
        for (param, numbers) in new {
            self.apart[param] = self.distance_of(param, &numbers);
            self.moved[param] = numbers.into();
            self.changes[param] += 1;
        }
    }
}

/// The net that is moved, as its parameters hold it.
pub(super) struct Raw<'a>(&'a Now<'a>);

impl Numbers for Raw<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        let moved = &self.0.moved[param];
        match self.0.fixed.charts[param] {
            Chart::Plus(plus) if plus != 0.0 => moved.iter().map(|number| number - plus).collect(),
            Chart::Plus(_) | Chart::Exponential => Cow::Borrowed(moved),
        }
    }
}
