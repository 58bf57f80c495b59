//! Nets of other functions that are known exactly: what a net computes on moved inputs, or with its outputs rescaled.
//!
//! These are no symmetries: the function changes, but in a way that is known beforehand, and no input is run for it.
//! For a net f whose first layer is linear, the net of `x ↦ f(A x + t)` has `W_0 ← W_0 A` and `b_0 ← b_0 + W_0 t`; the
//! net of `x ↦ a f(x) + c` has other numbers in its last layer alone. A sine network so turns, shifts, stretches or
//! mirrors its picture, or changes its contrast and brightness.
//!
//! ```
//! use std::sync::Arc;
//! use sgmn_graph::{Activation, Net, NetSpec, eval};
//! use sgmn_symmetry::{InputMap, OutputMap};
//!
//! let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5)?);
//! let net = Net::new(spec, (1..14).map(|i| f64::from(i).cos() / 10.0).collect())?;
//! let turned = InputMap::new(vec![0.0, -1.0, 1.0, 0.0], vec![0.0, 0.25])?.act_on_net(&net)?;
//! let [x, y] = [0.5, -0.75];
//! assert!((eval::run(&turned, &[x, y])?[0] - eval::run(&net, &[-y, x + 0.25])?[0]).abs() < 1e-12);
//! let brighter = OutputMap { factor: 1.0, shift: 0.1 }.act_on_net(&net)?;
//! assert!((eval::run(&brighter, &[x, y])?[0] - eval::run(&net, &[x, y])?[0] - 0.1).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod draw;

use sgmn_graph::{Activation, LayerMap, Net, Reading};

pub use self::draw::{Levels, Motion};
use crate::{Error, Result};

/// An affine map of a net's inputs, `x ↦ A x + t`.
#[derive(Debug, Clone, PartialEq)]
pub struct InputMap {
    /// A, row-major `[n, n]`.
    matrix: Vec<f64>,
    /// t, `[n]`.
    shift: Vec<f64>,
}

/// An affine map of all outputs of a net, `y ↦ a y + c`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OutputMap {
    /// a
    pub factor: f64,
    /// c
    pub shift: f64,
}

impl InputMap {
    /// The map of a matrix `[n, n]`, row-major, and a shift `[n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if their sizes do not belong together.
    pub fn new(matrix: Vec<f64>, shift: Vec<f64>) -> Result<Self> {
        let (expected, found) = (shift.len() * shift.len(), matrix.len());
        if expected != found {
            return Err(Error::Shape { what: "entries of the matrix of inputs".to_owned(), expected, found });
        }
        Ok(Self { matrix, shift })
    }

    /// The map that leaves `n` inputs as they are.
    pub fn identity(n: usize) -> Self {
        let mut matrix = vec![0.0; n * n];
        matrix.iter_mut().step_by(n + 1).for_each(|entry| *entry = 1.0);
        Self { matrix, shift: vec![0.0; n] }
    }

    /// `A x + t`.
    ///
    /// # Errors
    /// [`Error::Shape`] if x has another number of inputs.
    pub fn apply(&self, x: &[f64]) -> Result<Vec<f64>> {
        self.check_inputs(x.len())?;
        let rows = self.matrix.chunks_exact(x.len().max(1));
        Ok(rows.zip(&self.shift).map(|(row, shift)| dot(row, x) + shift).collect())
    }

    /// This map after another one: `x ↦ A (A' x + t') + t`.
    ///
    /// # Errors
    /// [`Error::Shape`] if they are for different numbers of inputs.
    pub fn after(&self, first: &Self) -> Result<Self> {
        let n = self.shift.len();
        self.check_inputs(first.shift.len())?;
        let row = |i: usize| &self.matrix[i * n..(i + 1) * n];
        let matrix = (0..n * n)
            .map(|entry| {
                let (i, j) = (entry / n, entry % n);
                row(i).iter().enumerate().map(|(k, a)| a * first.matrix[k * n + j]).sum()
            })
            .collect();
        let shift = (0..n).map(|i| self.shift[i] + dot(row(i), &first.shift)).collect();
        Ok(Self { matrix, shift })
    }

    /// The net that computes on x what `net` computes on `A x + t`.
    ///
    /// # Errors
    /// [`Error::Moved`] if the first layer is not linear, or has no bias that a shift could go into; [`Error::Shape`] if
    /// the net has another number of inputs; [`Error::Graph`] if a number is too large.
    pub fn act_on_net(&self, net: &Net) -> Result<Net> {
        let spec = net.spec();
        let first = &spec.layers()[0];
        let LayerMap::Linear { n_in, reading: Reading::Direct, .. } = first.map else {
            return Err(Error::Moved { expected: "a first layer that is linear", found: "another one" });
        };
        self.check_inputs(n_in)?;
        if !first.bias && self.shift.iter().any(|t| *t != 0.0) {
            let expected = "a first layer with biases, for a shift goes there";
            return Err(Error::Moved { expected, found: "one without" });
        }
        let mut params = net.params().to_vec();
        let (weights, biases) = (spec.weight_range(0), spec.bias_range(0));
        for (unit, row) in net.weight(0).chunks_exact(n_in).enumerate() {
            for j in 0..n_in {
                let moved = row.iter().enumerate().map(|(k, w)| w * self.matrix[k * n_in + j]).sum();
                params[weights.start + unit * n_in + j] = moved;
            }
            if first.bias {
                params[biases.start + unit] += dot(row, &self.shift);
            }
        }
        Ok(Net::new(spec.clone(), params)?)
    }

    fn check_inputs(&self, found: usize) -> Result<()> {
        let expected = self.shift.len();
        let what = || "inputs of a net that are to be moved".to_owned();
        if expected == found { Ok(()) } else { Err(Error::Shape { what: what(), expected, found }) }
    }
}

impl OutputMap {
    /// The net that computes `a y + c` where `net` computes y.
    ///
    /// # Errors
    /// [`Error::Moved`] if the outputs pass an activation, or the last layer has no bias that a change of level could go
    /// into; [`Error::Graph`] if a number is too large.
    pub fn act_on_net(self, net: &Net) -> Result<Net> {
        let spec = net.spec();
        let l = spec.layers().len() - 1;
        let last = &spec.layers()[l];
        if last.activation != Activation::Identity || last.pool.is_some() {
            let expected = "outputs that are sums, with no activation and no pooling behind them";
            return Err(Error::Moved { expected, found: "others" });
        }
        // The spec adds its offset in the end, so a y + c = (a W) h + (a b + (a − 1) o + c) + o.
        let level = (self.factor - 1.0) * spec.output_offset() + self.shift;
        if !last.bias && level != 0.0 {
            let expected = "a last layer with biases, for a change of level goes there";
            return Err(Error::Moved { expected, found: "one without" });
        }
        let mut params = net.params().to_vec();
        params[spec.weight_range(l)].iter_mut().for_each(|weight| *weight *= self.factor);
        params[spec.bias_range(l)].iter_mut().for_each(|bias| *bias = self.factor * *bias + level);
        Ok(Net::new(spec.clone(), params)?)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
