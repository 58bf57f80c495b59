//! Muon: steps of matrices along the nearest orthogonal matrix to their momentum, all else by AdamW.

use std::collections::BTreeMap;

use candle_core::{D, Tensor, Var};

use super::{AdamW, AdamWConfig, Gradients};
use crate::{Error, Result, VarStore};

/// The optimizer's state: a momentum for every matrix, and AdamW for all else.
///
/// Matrices are the variables called `weight` with two axes, both longer than 1:
///
/// `m ← μ m + g`, `u = g + μ m`, `θ ← θ (1 − η λ) − 0.2 η √max(rows, columns) O`
///
/// where O is nearly the orthogonal matrix nearest to u: the singular values of `u / ‖u‖` are brought near 1 by five times
/// `X ← a X + (b A + c A²) X` with `A = X Xᵀ`. The factor makes steps as long as AdamW's, so both take one rate.
///
/// # Source
/// K. Jordan and others, "Muon: an optimizer for hidden layers in neural networks", 2024; the factor from J. Liu and others,
/// "Muon is scalable for LLM training", 2025.
#[derive(Debug)]
pub struct Muon {
    rest: AdamW,
    weight_decay: f64,
    /// For each variable in the store's order, none for those of AdamW.
    momenta: Vec<Option<Tensor>>,
}

/// Decay of the momentum, μ.
const DECAY: f64 = 0.95;
/// The root mean square of a step of AdamW, about.
const STEP: f64 = 0.2;
/// How often singular values are brought nearer to 1.
const N_ROUNDS: usize = 5;
/// The polynomial that brings them there, a, b and c.
const POLYNOMIAL: [f64; 3] = [3.4445, -4.7750, 2.0315];
/// Added to the norm.
const EPS: f64 = 1e-7;
/// Before the names of momenta in a checkpoint.
const PREFIX: &str = "momentum";

impl Muon {
    /// The state before the first step.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(config: AdamWConfig, vars: &VarStore) -> Result<Self> {
        let momentum = |(name, var): (&str, &Var)| -> Result<Option<Tensor>> {
            Ok(is_matrix(name, var).then(|| var.as_detached_tensor().zeros_like()).transpose()?)
        };
        let momenta = vars.iter().map(momentum).collect::<Result<_>>()?;
        Ok(Self { rest: AdamW::new(config, vars)?, weight_decay: config.weight_decay, momenta })
    }

    /// Steps taken.
    pub fn n_steps(&self) -> u64 {
        self.rest.n_steps()
    }

    /// Moves every variable that has a gradient.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn step(&mut self, vars: &VarStore, gradients: &Gradients, learning_rate: f64) -> Result<()> {
        let rest = gradients.retain(|i| self.momenta[i].is_none());
        self.rest.step(vars, &rest, learning_rate)?;
        // Matrices of one shape go through the same products at once.
        let mut alike: BTreeMap<[usize; 2], Vec<(&Var, Tensor)>> = BTreeMap::new();
        let gradients = gradients.scaled()?;
        for (((_, var), grad), momentum) in vars.iter().zip(gradients.iter()).zip(&mut self.momenta) {
            let (Some(grad), Some(momentum)) = (grad, momentum) else { continue };
            *momentum = ((&*momentum * DECAY)? + grad)?.detach();
            let wanted = (grad + (&*momentum * DECAY)?)?.detach();
            alike.entry(var.dims2()?.into()).or_default().push((var, wanted));
        }
        for ([n_rows, n_columns], matrices) in alike {
            let wanted = matrices.iter().map(|(_, wanted)| wanted).collect::<Vec<_>>();
            let steps = orthogonal(&Tensor::stack(&wanted, 0)?)?;
            let length = STEP * learning_rate * (n_rows.max(n_columns) as f64).sqrt();
            for (i, (var, _)) in matrices.into_iter().enumerate() {
                let kept = (var.as_detached_tensor() * (1.0 - learning_rate * self.weight_decay))?;
                var.set(&(kept - (steps.get(i)? * length)?)?)?;
            }
        }
        Ok(())
    }

    /// Copies of what is remembered by name, for a checkpoint.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn state(&self, vars: &VarStore) -> Result<BTreeMap<String, Tensor>> {
        let mut state = self.rest.state(vars)?;
        for ((name, _), momentum) in vars.iter().zip(&self.momenta) {
            if let Some(momentum) = momentum {
                state.insert(format!("{PREFIX}.{name}"), momentum.copy()?);
            }
        }
        Ok(state)
    }

    /// Continues from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Variable`] for the first number that is missing or of another shape; nothing is changed then.
    pub fn restore(&mut self, vars: &VarStore, n_steps: u64, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let find = |(name, var): (&str, &Var)| -> Result<Option<Tensor>> {
            if !is_matrix(name, var) {
                return Ok(None);
            }
            let name = format!("{PREFIX}.{name}");
            match state.get(&name) {
                Some(tensor) if tensor.dims() == var.dims() => {
                    Ok(Some(tensor.to_device(vars.device())?.to_dtype(vars.dtype())?.detach()))
                }
                other => Err(Error::Variable {
                    name,
                    expected: format!("shape {:?}", var.dims()),
                    found: other.map_or("nothing".to_owned(), |tensor| format!("shape {:?}", tensor.dims())),
                }),
            }
        };
        let momenta = vars.iter().map(find).collect::<Result<_>>()?;
        self.rest.restore(vars, n_steps, state)?;
        self.momenta = momenta;
        Ok(())
    }
}

fn is_matrix(name: &str, var: &Var) -> bool {
    let is_weight = name.rsplit('.').next() == Some("weight");
    is_weight && matches!(var.dims(), [rows, columns] if *rows > 1 && *columns > 1)
}

/// Nearly the orthogonal matrices nearest to those of a stack, `[k, rows, columns]`.
fn orthogonal(stack: &Tensor) -> Result<Tensor> {
    let (_, n_rows, n_columns) = stack.dims3()?;
    let is_tall = n_rows > n_columns;
    // The short side makes the small product.
    let flip = |x: Tensor| -> Result<Tensor> { if is_tall { Ok(x.t()?.contiguous()?) } else { Ok(x) } };
    let norms = (stack.sqr()?.flatten_from(1)?.sum_keepdim(D::Minus1)?.sqrt()? + EPS)?.unsqueeze(2)?;
    let mut x = flip(stack.broadcast_div(&norms)?)?;
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..N_ROUNDS {
        let square = x.matmul(&x.t()?.contiguous()?)?;
        let polynomial = ((&square * b)? + (square.matmul(&square)? * c)?)?;
        x = ((&x * a)? + polynomial.matmul(&x)?)?;
    }
    flip(x)
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use sgmn_graph::{Seed, normal};

    use super::*;

    #[test]
    fn singular_values_come_near_one_and_directions_stay() {
        for [rows, columns] in [[5, 5], [3, 8], [8, 3]] {
            let mut rng = Seed::new(1).rng();
            let values: Vec<f64> = (0..2 * rows * columns).map(|_| normal(&mut rng)).collect();
            let stack = Tensor::from_vec(values, (2, rows, columns), &Device::Cpu).unwrap();
            let found = orthogonal(&stack).unwrap();
            assert_eq!(found.dims(), stack.dims());
            let square = if rows <= columns {
                found.matmul(&found.t().unwrap())
            } else {
                found.t().unwrap().matmul(&found)
            };
            let square = square.unwrap().get(0).unwrap().to_vec2::<f64>().unwrap();
            for (i, row) in square.iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    let wanted = f64::from(u8::from(i == j));
                    assert!((value - wanted).abs() < 0.5, "{rows} x {columns}: {square:?}");
                }
            }
            let agrees = (&found * &stack).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(agrees > 0.0 && found.dtype() == DType::F64);
        }
    }
}
