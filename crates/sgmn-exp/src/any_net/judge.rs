//! By how much the answers of a net change when something is done to its numbers.

use std::borrow::Cow;

use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowNet, FlowResult, Numbers, random_inputs, run},
};

use super::facts::give_back;

/// A net, some inputs, and its answers to them: what other numbers of the same flow are compared with.
#[derive(Debug)]
pub struct Judge<'a> {
    net: &'a FlowNet,
    inputs: Vec<Vec<Array>>,
    answers: Vec<Vec<Array>>,
}

/// A net with the numbers of some parameters replaced.
#[derive(Clone)]
pub struct Replaced<'a> {
    net: &'a dyn Numbers,
    params: Vec<Option<Vec<f64>>>,
}

impl<'a> Judge<'a> {
    /// Asks the net `n` random questions.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn random(net: &'a FlowNet, seed: Seed, n: usize) -> FlowResult<Self> {
        let inputs = (0..n).map(|i| random_inputs(net.flow(), seed.child(&i.to_string()))).collect();
        Self::new(net, inputs)
    }

    /// Asks the net these questions.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn new(net: &'a FlowNet, inputs: Vec<Vec<Array>>) -> FlowResult<Self> {
        let answers = inputs.iter().map(|inputs| run(net.flow(), net, inputs)).collect::<FlowResult<_>>()?;
        Ok(Self { net, inputs, answers })
    }

    /// The net.
    pub fn net(&self) -> &'a FlowNet {
        self.net
    }

    /// The answers to each question.
    pub fn answers(&self) -> &[Vec<Array>] {
        &self.answers
    }

    /// The largest change of an answer, relative to the largest number of its output; infinite if a number is lost.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn change(&self, numbers: &dyn Numbers) -> FlowResult<f64> {
        self.change_in(self.net.flow(), numbers)
    }

    /// As [`Judge::change`], of another flow with the same inputs and outputs.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn change_in(&self, flow: &Flow, numbers: &dyn Numbers) -> FlowResult<f64> {
        let mut worst = 0.0;
        for (inputs, answers) in self.inputs.iter().zip(&self.answers) {
            let found = answer(flow, numbers, inputs)?;
            for (answer, found) in answers.iter().zip(&found) {
                worst = f64::max(worst, relative(answer.data(), found.data()));
            }
        }
        Ok(worst)
    }

    /// As [`Judge::change`], on the first question only.
    ///
    /// # Errors
    /// Those of [`run`].
    pub fn change_of_first(&self, numbers: &dyn Numbers) -> FlowResult<f64> {
        let (Some(inputs), Some(answers)) = (self.inputs.first(), self.answers.first()) else {
            return Ok(0.0);
        };
        let found = answer(self.net.flow(), numbers, inputs)?;
        Ok(answers
            .iter()
            .zip(&found)
            .map(|(answer, found)| relative(answer.data(), found.data()))
            .fold(0.0, f64::max))
    }
}

/// What a net answers, computed in memory that nothing is left in of what was done before.
fn answer(flow: &Flow, numbers: &dyn Numbers, inputs: &[Array]) -> FlowResult<Vec<Array>> {
    give_back();
    run(flow, numbers, inputs)
}

/// The largest difference, relative to the largest finite expected number (or 1 if all are 0). Where infinite or
/// undefined numbers are expected, the same must be found; else the difference is infinite.
pub fn relative(expected: &[f64], found: &[f64]) -> f64 {
    if expected.len() != found.len() {
        return f64::INFINITY;
    }
    let size = expected.iter().filter(|x| x.is_finite()).fold(0.0, |size, x| f64::max(size, x.abs()));
    let size = if size == 0.0 { 1.0 } else { size };
    let mut worst = 0.0;
    for (expected, found) in expected.iter().zip(found) {
        let difference = if expected.is_finite() {
            (expected - found).abs() / size
        } else if expected.to_bits() == found.to_bits() || (expected.is_nan() && found.is_nan()) {
            0.0
        } else {
            f64::INFINITY
        };
        worst = if difference.is_nan() { f64::INFINITY } else { f64::max(worst, difference) };
    }
    worst
}

impl<'a> Replaced<'a> {
    /// A net of this flow with no number replaced yet.
    pub fn new(flow: &Flow, net: &'a dyn Numbers) -> Self {
        Self { net, params: vec![None; flow.params().len()] }
    }

    /// Replaces the numbers of a parameter, row-major, as many as it has.
    pub fn set(&mut self, param: usize, numbers: Vec<f64>) {
        self.params[param] = Some(numbers);
    }
}

impl Numbers for Replaced<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match &self.params[param] {
            Some(numbers) => Cow::Borrowed(numbers),
            None => self.net.numbers(param),
        }
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        match &self.params[param] {
            Some(numbers) => {
                places.iter().flat_map(|place| &numbers[place * len..(place + 1) * len]).copied().collect()
            }
            None => self.net.rows(param, places, len),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_relative_and_lost_numbers_are_infinitely_far() {
        assert_eq!(relative(&[2.0, -4.0], &[2.0, -3.0]), 0.25);
        assert_eq!(relative(&[0.0], &[0.5]), 0.5);
        assert_eq!(relative(&[1.0, f64::NEG_INFINITY], &[1.0, f64::NEG_INFINITY]), 0.0);
        assert_eq!(relative(&[f64::NAN, 1.0], &[f64::NAN, 1.0]), 0.0);
        assert_eq!(relative(&[1.0], &[f64::NAN]), f64::INFINITY);
        assert_eq!(relative(&[f64::INFINITY], &[1.0]), f64::INFINITY);
        assert_eq!(relative(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
