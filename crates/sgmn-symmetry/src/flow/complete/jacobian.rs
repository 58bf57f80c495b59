//! The Jacobian of all outputs by all numbers of a net, on random inputs, by differences.

use rand::seq::SliceRandom;
use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowError, FlowNet, InputKind, Numbers, Operation, Origin, ValueId, random_inputs},
};

use crate::Result;

/// Half of the longer difference, for a number of size 1; the shorter one is half as long, and both together leave an
/// error of the fourth power.
const STEP: f64 = 4e-4;

/// Two differences that are further apart have a kink between them: the row is left out. Beside the largest of the row.
const KINK: f64 = 1e-4;

/// Rows shorter than this part of an output's largest number so far, by which one changes as rounding does, are left out.
const SHORT: f64 = 1e-7;

/// Inputs are larger and smaller than normal numbers in turn, so that units are seen on both sides of their kinks.
const SIZES: [f64; 5] = [1.0, 0.3, 2.5, 0.7, 6.0];

/// An output gives at most so many rows on one input: places of an image see the same numbers again.
const AT_ONCE: usize = 16;

/// Rows of a Jacobian, each of length 1.
pub(super) struct Jacobian<'a> {
    net: &'a FlowNet,
    seed: Seed,
    /// For each parameter the steps that depend on it.
    reached: Vec<Vec<usize>>,
    outputs: Vec<Seen>,
    n_inputs: usize,
    /// One for each output number and input that was taken, unless it was left out.
    pub(super) rows: Vec<Vec<f64>>,
}

/// How much of an output was seen. Each output is asked by itself: a large one must not speak for a small one.
struct Seen {
    /// How many numbers of parameters it depends on.
    n_numbers: usize,
    n_rows: usize,
    /// How many rows were asked for, with those left out.
    n_asked: usize,
    largest: f64,
}

impl Seen {
    /// Where nearly all rows are left out, as many again are no better.
    fn lacks(&self, ratio: f64) -> bool {
        let wanted = (ratio * self.n_numbers as f64) as usize + 8;
        self.n_rows < wanted && self.n_asked < 3 * wanted
    }
}

impl<'a> Jacobian<'a> {
    /// Without rows.
    pub(super) fn new(net: &'a FlowNet, seed: Seed) -> Self {
        let flow = net.flow();
        let depend = |id: ValueId| {
            let mut depends = vec![false; flow.values().len()];
            depends[id.index()] = true;
            for step in flow.steps() {
                depends[step.to.index()] = step.from.iter().any(|from| depends[from.index()]);
            }
            depends
        };
        let depends: Vec<Vec<bool>> = flow.params().iter().map(|param| depend(param.value)).collect();
        let reached = |depends: &Vec<bool>| {
            let steps = flow.steps().iter().enumerate();
            steps.filter(|(_, step)| depends[step.to.index()]).map(|(at, _)| at).collect()
        };
        let outputs = flow.outputs().iter().map(|output| {
            let reaching = (0..depends.len()).filter(|param| depends[*param][output.value.index()]);
            let n_numbers = reaching.map(|param| flow.param_shape(param).iter().product::<usize>()).sum();
            Seen { n_numbers, n_rows: 0, n_asked: 0, largest: 0.0 }
        });
        Self {
            net,
            seed,
            reached: depends.iter().map(reached).collect(),
            outputs: outputs.collect(),
            n_inputs: 0,
            rows: Vec::new(),
        }
    }

    /// Asks for rows on further inputs until each output has so many for each number that it depends on.
    pub(super) fn grow(&mut self, ratio: f64) -> Result<()> {
        while self.outputs.iter().any(|output| output.lacks(ratio)) {
            let seed = self.seed.index(self.n_inputs as u64);
            let mut inputs = random_inputs(self.net.flow(), seed);
            let size = SIZES[self.n_inputs % SIZES.len()];
            for (input, of) in inputs.iter_mut().zip(self.net.flow().inputs()) {
                if of.kind == InputKind::Real {
                    input.data_mut().iter_mut().for_each(|x| *x *= size);
                }
            }
            self.n_inputs += 1;
            self.ask(&inputs, ratio, seed.child("rows"))?;
        }
        Ok(())
    }

    /// The largest change of an output along a direction.
    pub(super) fn along(&self, direction: &[f64]) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let length = dot(direction, direction).sqrt();
        self.rows.iter().map(|row| dot(row, direction).abs() / length).fold(0.0, f64::max)
    }

    /// Adds the rows on some inputs, of outputs that lack some.
    fn ask(&mut self, inputs: &[Array], ratio: f64, seed: Seed) -> Result<()> {
        let flow = self.net.flow();
        let mut values = Values::new(self.net, inputs)?;
        let taken = self.taken(ratio, seed);
        let at = values.numbers(flow, &taken);
        let (mut rows, mut kinks) = (vec![Vec::new(); at.len()], vec![Vec::new(); at.len()]);
        for (param, steps) in self.reached.iter().enumerate() {
            for number in 0..self.net.numbers(param).len() {
                let mut changed = |by: f64| values.changed(flow, &taken, (param, number, by), steps);
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
        for ((output, _), at) in taken.iter().zip(&at).filter(|(_, at)| at.is_finite()) {
            let seen = &mut self.outputs[*output];
            seen.largest = seen.largest.max(at.abs());
        }
        let most = |row: &[f64]| {
            row.iter().fold(0.0f64, |most, x| if x.is_nan() { f64::NAN } else { most.max(x.abs()) })
        };
        for (((mut row, kinks), at), (output, _)) in rows.into_iter().zip(kinks).zip(at).zip(taken) {
            let seen = &mut self.outputs[output];
            seen.n_asked += 1;
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            let smooth = kinks.iter().all(|kink| *kink <= KINK * most(&row));
            if length.is_finite() && at.is_finite() && smooth && length > SHORT * seen.largest {
                row.iter_mut().for_each(|x| *x /= length);
                self.rows.push(row);
                seen.n_rows += 1;
            }
        }
        Ok(())
    }

    /// The numbers of outputs that are asked next, each as an output and a place in it.
    fn taken(&self, ratio: f64, seed: Seed) -> Vec<(usize, usize)> {
        let mut taken = Vec::new();
        for (output, _) in self.outputs.iter().enumerate().filter(|(_, output)| output.lacks(ratio)) {
            let size: usize = self.net.flow().shape(self.net.flow().outputs()[output].value).iter().product();
            let mut rng = seed.index(output as u64).rng();
            let mut places: Vec<usize> = (0..size).collect();
            let (places, _) = places.partial_shuffle(&mut rng, AT_ONCE);
            taken.extend(places.iter().map(|place| (output, *place)));
        }
        taken
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

    /// Some numbers of outputs.
    fn numbers(&self, flow: &Flow, taken: &[(usize, usize)]) -> Vec<f64> {
        let number = |(output, place): &(usize, usize)| {
            self.arrays[flow.outputs()[*output].value.index()].data()[*place]
        };
        taken.iter().map(number).collect()
    }

    /// Some numbers of outputs when a number is changed, which these steps depend on.
    fn changed(
        &mut self,
        flow: &Flow,
        taken: &[(usize, usize)],
        change: (usize, usize, f64),
        steps: &[usize],
    ) -> Result<Vec<f64>> {
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
        let numbers = self.numbers(flow, taken);
        self.arrays[param].data_mut()[number] = before;
        kept.into_iter().for_each(|(to, array)| self.arrays[to] = array);
        failed.map_or(Ok(numbers), Err)
    }
}
