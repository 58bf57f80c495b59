//! The Jacobian of all outputs by all numbers of a net, on random inputs, by differences.

use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowError, FlowNet, InputKind, Numbers, Operation, Origin, random_inputs},
};

use crate::Result;

/// Half of the longer difference, for a number of size 1; the shorter one is half as long, and both together leave an
/// error of the fourth power.
const STEP: f64 = 4e-4;

/// Two differences that are further apart have a kink between them: the row is left out. Beside the largest of the row.
const KINK: f64 = 1e-4;

/// Rows shorter than this part of the largest output so far, by which one changes as rounding does, are left out.
const SHORT: f64 = 1e-7;

/// Inputs are larger and smaller than normal numbers in turn, so that units are seen on both sides of their kinks.
const SIZES: [f64; 5] = [1.0, 0.3, 2.5, 0.7, 6.0];

/// Rows of a Jacobian, each of length 1.
pub(super) struct Jacobian<'a> {
    net: &'a FlowNet,
    seed: Seed,
    /// For each parameter the steps that depend on it.
    reached: Vec<Vec<usize>>,
    n_inputs: usize,
    largest: f64,
    /// How many rows were asked for so far, with those left out.
    n_asked: usize,
    /// One for each output number and input, unless it was left out.
    pub(super) rows: Vec<Vec<f64>>,
}

impl<'a> Jacobian<'a> {
    /// Without rows.
    pub(super) fn new(net: &'a FlowNet, seed: Seed) -> Self {
        let flow = net.flow();
        let reached = flow.params().iter().map(|param| {
            let mut depends = vec![false; flow.values().len()];
            depends[param.value.index()] = true;
            let steps = flow.steps().iter().enumerate().filter(|(_, step)| {
                let here = step.from.iter().any(|from| depends[from.index()]);
                depends[step.to.index()] = here;
                here
            });
            steps.map(|(at, _)| at).collect()
        });
        Self { net, seed, reached: reached.collect(), n_inputs: 0, largest: 0.0, n_asked: 0, rows: Vec::new() }
    }

    /// Asks for rows on further inputs until there are so many.
    pub(super) fn grow(&mut self, n_rows: usize) -> Result<()> {
        // Where nearly all rows are left out, as many again are no better.
        while self.rows.len() < n_rows && self.n_asked < 3 * n_rows {
            let mut inputs = random_inputs(self.net.flow(), self.seed.index(self.n_inputs as u64));
            let size = SIZES[self.n_inputs % SIZES.len()];
            for (input, of) in inputs.iter_mut().zip(self.net.flow().inputs()) {
                if of.kind == InputKind::Real {
                    input.data_mut().iter_mut().for_each(|x| *x *= size);
                }
            }
            self.n_inputs += 1;
            self.ask(&inputs)?;
        }
        Ok(())
    }

    /// The largest change of an output along a direction.
    pub(super) fn along(&self, direction: &[f64]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = dot(direction, direction).sqrt();
        self.rows.iter().map(|row| dot(row, direction).abs() / length).fold(0.0, f64::max)
    }

    /// Adds the rows on some inputs.
    fn ask(&mut self, inputs: &[Array]) -> Result<()> {
        let flow = self.net.flow();
        let mut values = Values::new(self.net, inputs)?;
        let at = values.outputs(flow);
        let (mut rows, mut kinks) = (vec![Vec::new(); at.len()], vec![Vec::new(); at.len()]);
        for (param, steps) in self.reached.iter().enumerate() {
            for number in 0..self.net.numbers(param).len() {
                let mut changed = |by: f64| values.changed(flow, (param, number, by), steps);
                let own = self.net.numbers(param)[number].abs().max(0.1);
                let difference = |a: Vec<f64>, b: Vec<f64>, step: f64| -> Vec<f64> {
                    a.iter().zip(b).map(|(a, b)| (a - b) / (2.0 * step)).collect()
                };
                let (long, short) = (STEP * own, 0.5 * STEP * own);
                let long = difference(changed(long)?, changed(-long)?, long);
                let short = difference(changed(short)?, changed(-short)?, short);
                for (i, (long, short)) in long.into_iter().zip(short).enumerate() {
                    rows[i].push((4.0 * short - long) / 3.0);
                    kinks[i].push((long - short).abs());
                }
            }
        }
        self.n_asked += rows.len();
        self.largest = at.iter().filter(|at| at.is_finite()).fold(self.largest, |most, at| most.max(at.abs()));
        let most = |row: &[f64]| {
            row.iter().fold(0.0f64, |most, x| if x.is_nan() { f64::NAN } else { most.max(x.abs()) })
        };
        for ((mut row, kinks), at) in rows.into_iter().zip(kinks).zip(at) {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let smooth = kinks.iter().all(|kink| *kink <= KINK * most(&row));
            if length.is_finite() && at.is_finite() && smooth && length > SHORT * self.largest {
                row.iter_mut().for_each(|x| *x /= length);
                self.rows.push(row);
            }
        }
        Ok(())
    }
}

/// All values of a flow on some inputs.
struct Values {
    arrays: Vec<Array>,
}

impl Values {
    fn new(net: &FlowNet, inputs: &[Array]) -> Result<Self> {
        let flow = net.flow();
        let mut values = Self { arrays: Vec::with_capacity(flow.values().len()) };
        for value in flow.values() {
            let array = match value.origin {
                Origin::Input(i) => inputs[i].clone(),
                Origin::Const(i) => flow.consts()[i].clone(),
                Origin::Param(i) => Array::new(value.shape.clone(), net.numbers(i).into_owned())?,
                Origin::Step(at) => values.step(flow, at)?,
            };
            values.arrays.push(array);
        }
        Ok(values)
    }

    fn step(&self, flow: &Flow, at: usize) -> Result<Array> {
        let step = &flow.steps()[at];
        let from: Vec<&Array> = step.from.iter().map(|id| &self.arrays[id.index()]).collect();
        Ok(step.op.run(&from).map_err(|why| FlowError::Step { step: step.name.clone(), why })?)
    }

    fn outputs(&self, flow: &Flow) -> Vec<f64> {
        flow.outputs().iter().flat_map(|output| self.arrays[output.value.index()].data()).copied().collect()
    }

    /// The outputs when a number is changed, which these steps depend on.
    fn changed(&mut self, flow: &Flow, change: (usize, usize, f64), steps: &[usize]) -> Result<Vec<f64>> {
        let (param, number, by) = change;
        let param = flow.params()[param].value.index();
        let before = self.arrays[param].data()[number];
        self.arrays[param].data_mut()[number] = before + by;
        let mut kept = Vec::with_capacity(steps.len());
        let mut failed = None;
        for at in steps {
            match self.step(flow, *at) {
                Ok(array) => {
                    let to = flow.steps()[*at].to.index();
                    kept.push((to, std::mem::replace(&mut self.arrays[to], array)));
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        let outputs = self.outputs(flow);
        self.arrays[param].data_mut()[number] = before;
        kept.into_iter().for_each(|(to, array)| self.arrays[to] = array);
        failed.map_or(Ok(outputs), Err)
    }
}
