//! The numbers of one affine map: its weight with outputs first, its bias if it has one, and norms folded into both.

use crate::{
    Error, Result,
    containers::{TensorRef, Tree},
};

use super::parts::{Part, Role};

/// An affine map in PyTorch's layout.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    /// `[n_out, n_in, places…]`, row-major.
    pub(super) weight: Vec<f64>,
    /// One number for each output; `None` if the map adds nothing.
    pub(super) bias: Option<Vec<f64>>,
    n_out: usize,
}

/// Reads the numbers of a part; a weight that is given by several tensors is computed from them.
///
/// # Errors
/// [`Error::Format`] for numbers that are missing, no floats, or of shapes that contradict each other.
pub(super) fn read(tree: &Tree, part: &Part) -> Result<Affine> {
    let shape = part.weight_shape();
    let n_out = shape.first().copied().unwrap_or(0);
    let weight = match (part.tensor(Role::Weight), part.tensor(Role::Kernel)) {
        (Some(weight), _) => floats(tree, part, weight)?,
        (None, Some(kernel)) => outputs_first(&kernel.shape, &floats(tree, part, kernel)?),
        (None, None) if part.tensor(Role::Length).is_some() => weight_norm(tree, part)?,
        (None, None) => spectral_norm(tree, part)?,
    };
    let bias = part.tensor(Role::Bias).map(|bias| vector(tree, part, bias, n_out)).transpose()?;
    Ok(Affine { weight, bias, n_out })
}

impl Affine {
    /// Folds a batch norm that stands directly behind the map: `γ (y − μ) / √(σ² + ε) + β` of each output is affine.
    ///
    /// # Errors
    /// As [`read`], and for a variance that is negative.
    pub(super) fn fold(&mut self, tree: &Tree, norm: &Part, epsilon: f64) -> Result<()> {
        let n = self.n_out;
        let of = |role: Role| norm.tensor(role).map(|tensor| vector(tree, norm, tensor, n)).transpose();
        let gain = match of(Role::Weight)? {
            Some(gain) => gain,
            None => of(Role::Gain)?.unwrap_or_else(|| vec![1.0; n]),
        };
        let shift = of(Role::Bias)?.unwrap_or_else(|| vec![0.0; n]);
        let (mean, variance) = (of(Role::Mean)?.unwrap_or_default(), of(Role::Variance)?.unwrap_or_default());
        if let Some(value) = variance.iter().find(|value| **value + epsilon <= 0.0 || value.is_nan()) {
            return Err(Error::format(
                tree.path(),
                format!("variances of {} above −ε", norm.name),
                value.to_string(),
            ));
        }
        let bias = self.bias.get_or_insert_with(|| vec![0.0; n]);
        let per_output = self.weight.len() / n.max(1);
        for i in 0..n {
            let scale = gain[i] / (variance[i] + epsilon).sqrt();
            self.weight[i * per_output..(i + 1) * per_output].iter_mut().for_each(|weight| *weight *= scale);
            bias[i] = (bias[i] - mean[i]) * scale + shift[i];
        }
        Ok(())
    }
}

/// `[places…, n_in, n_out]` as `[n_out, n_in, places…]`.
fn outputs_first(shape: &[usize], kernel: &[f64]) -> Vec<f64> {
    let [places @ .., n_in, n_out] = shape else { return kernel.to_vec() };
    let n_places: usize = places.iter().product();
    let mut weight = Vec::with_capacity(kernel.len());
    for out in 0..*n_out {
        for input in 0..*n_in {
            weight.extend((0..n_places).map(|place| kernel[(place * n_in + input) * n_out + out]));
        }
    }
    weight
}

/// `g v / ‖v‖`, the norm over all axes along which `g` has one number.
fn weight_norm(tree: &Tree, part: &Part) -> Result<Vec<f64>> {
    let missing =
        |what: &str| Error::format(tree.path(), format!("{what} of the weight norm {}", part.name), "none");
    let direction = part.weight().ok_or_else(|| missing("directions"))?;
    let length = part.tensor(Role::Length).ok_or_else(|| missing("lengths"))?;
    let shape = &direction.shape;
    let kept: Vec<bool> = match length.shape.len() {
        0 => vec![false; shape.len()],
        _ => length.shape.iter().map(|size| *size != 1).collect(),
    };
    let fits = kept.len() == shape.len()
        && (length.shape.iter().zip(shape).all(|(a, b)| *a == 1 || a == b) || length.shape.is_empty());
    if !fits {
        let expected = format!("lengths of {} that fit directions of shape {shape:?}", part.name);
        return Err(Error::format(tree.path(), expected, format!("{:?}", length.shape)));
    }
    let (lengths, directions) = (floats(tree, part, length)?, floats(tree, part, direction)?);
    // For each number of the weight its place among the lengths.
    let group = |mut at: usize| {
        let (mut place, mut step) = (0, 1);
        for (size, kept) in shape.iter().zip(&kept).rev() {
            if *kept {
                place += (at % size) * step;
                step *= size;
            }
            at /= size;
        }
        place
    };
    let mut squares = vec![0.0; lengths.len()];
    directions.iter().enumerate().for_each(|(at, v)| squares[group(at)] += v * v);
    let scaled = |(at, v): (usize, &f64)| lengths[group(at)] * v / squares[group(at)].sqrt();
    Ok(directions.iter().enumerate().map(scaled).collect())
}

/// `W / uᵀWv` with the stored vectors, as an evaluated net uses them.
fn spectral_norm(tree: &Tree, part: &Part) -> Result<Vec<f64>> {
    let tensor = |role| {
        part.tensor(role).ok_or_else(|| {
            Error::format(
                tree.path(),
                format!("the {role:?} tensor of the spectral norm {}", part.name),
                "none",
            )
        })
    };
    let original = tensor(Role::Original)?;
    let n_out = original.shape.first().copied().unwrap_or(0);
    let weight = floats(tree, part, original)?;
    let n_rest = weight.len() / n_out.max(1);
    let left = vector(tree, part, tensor(Role::Left)?, n_out)?;
    let right = vector(tree, part, tensor(Role::Right)?, n_rest)?;
    let row = |row: &[f64]| row.iter().zip(&right).map(|(w, v)| w * v).sum::<f64>();
    let sigma: f64 = weight.chunks(n_rest.max(1)).zip(&left).map(|(weights, u)| u * row(weights)).sum();
    if sigma == 0.0 || !sigma.is_finite() {
        return Err(Error::format(
            tree.path(),
            format!("a singular value of {} above 0", part.name),
            sigma.to_string(),
        ));
    }
    Ok(weight.into_iter().map(|weight| weight / sigma).collect())
}

/// A tensor of `n` numbers.
fn vector(tree: &Tree, part: &Part, tensor: &TensorRef, n: usize) -> Result<Vec<f64>> {
    let count: usize = tensor.shape.iter().product();
    if count != n {
        let expected = format!("{n} numbers of {} that belong to its outputs", part.name);
        return Err(Error::format(tree.path(), expected, format!("shape {:?}", tensor.shape)));
    }
    floats(tree, part, tensor)
}

fn floats(tree: &Tree, part: &Part, tensor: &TensorRef) -> Result<Vec<f64>> {
    let read = tree.tensor(tensor)?;
    match read.floats() {
        Some(values) => Ok(values.to_vec()),
        None => Err(Error::format(
            tree.path(),
            format!("{} of floating-point numbers", part.name),
            format!("{:?}", read.element),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_of_keras_is_turned_to_outputs_first() {
        // [places 2, inputs 1, outputs 3]
        assert_eq!(
            outputs_first(&[2, 1, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
            [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]
        );
        // [inputs 2, outputs 2]
        assert_eq!(outputs_first(&[2, 2], &[1.0, 2.0, 3.0, 4.0]), [1.0, 3.0, 2.0, 4.0]);
    }
}
