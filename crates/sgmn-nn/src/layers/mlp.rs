//! The multi-layer perceptron that every learned nonlinear map here is.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::LinearBias;
use crate::{
    Init, Pass, Result, VarBuilder,
    ops::{Rows, Symmetrize},
};

/// The form that all perceptrons of a model share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Width of each hidden layer.
    pub d_hidden: Vec<usize>,
    /// Whether hidden layers are normalized before their activation.
    pub layer_norm: bool,
    /// Probability of dropping a hidden value.
    pub dropout: f64,
}

/// `x ↦ W_k(… SiLU(LayerNorm(W_0 x + b_0)) …) + b_k`, dropout after every activation.
///
/// Variables: `fc.0`, `ln.0`, `fc.1`, …, each with `weight` and `bias`.
#[derive(Debug, Clone)]
pub struct Mlp {
    layers: Vec<LinearBias>,
    norms: Vec<Option<Norm>>,
    dropout: f64,
}

/// Learned scale and shift of a layer normalization, each `[H]`.
#[derive(Debug, Clone)]
struct Norm {
    gamma: Tensor,
    beta: Tensor,
}

impl Mlp {
    /// A perceptron between the given widths.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(config: &MlpConfig, d_in: usize, d_out: usize, vars: &VarBuilder) -> Result<Self> {
        Self::ending_in(config, d_in, d_out, |n_in| Init::Linear { n_in }, vars)
    }

    /// A perceptron whose output multiplies a feature; the model's start may set it around 1.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn gate(config: &MlpConfig, d_in: usize, d_out: usize, vars: &VarBuilder) -> Result<Self> {
        Self::ending_in(config, d_in, d_out, |n_in| Init::Gate { n_in }, vars)
    }

    /// A perceptron with a start of its own for the last bias, given the width before it.
    fn ending_in(
        config: &MlpConfig,
        d_in: usize,
        d_out: usize,
        last_bias: impl Fn(usize) -> Init,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let widths: Vec<usize> =
            std::iter::once(d_in).chain(config.d_hidden.clone()).chain([d_out]).collect();
        let mut layers = Vec::new();
        let mut norms = Vec::new();
        for (i, pair) in widths.windows(2).enumerate() {
            let is_last = i + 2 == widths.len();
            let bias = if is_last { last_bias(pair[0]) } else { Init::Linear { n_in: pair[0] } };
            layers.push(LinearBias::with_bias(pair[0], pair[1], bias, &vars.at("fc").at(i))?);
            if !is_last {
                let norm = |vars: VarBuilder| -> Result<Norm> {
                    let gamma = vars.var("weight", &[pair[1]], Init::Constant(1.0))?;
                    Ok(Norm { gamma, beta: vars.var("bias", &[pair[1]], Init::Constant(0.0))? })
                };
                norms.push(if config.layer_norm { Some(norm(vars.at("ln").at(i))?) } else { None });
            }
        }
        Ok(Self { layers, norms, dropout: config.dropout })
    }

    /// Applies the perceptron to invariant numbers.
    ///
    /// # Shapes
    /// `[…, d_in]` to `[…, d_out]`.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward(&self, x: &Rows, pass: &Pass) -> Result<Rows> {
        self.finish(x.linear(&self.layers[0].weight)?, pass)
    }

    /// `ρ(x) + ρ(−x)`: even in x, so x may be a feature that signs flip.
    ///
    /// The first product serves both signs, and the last map is linear, so one perceptron's work does for two.
    ///
    /// # Shapes
    /// `[…, d_in]` to `[…, d_out]`.
    ///
    /// # Errors
    /// If the width differs.
    pub fn forward_even(&self, x: &Rows, pass: &Pass) -> Result<Rows> {
        let first = x.linear(&self.layers[0].weight)?;
        if self.layers.len() != 2 || pass.drops(self.dropout) {
            // The two signs have masks of their own, and only a last linear layer commutes with the sum.
            let negated = first.scale(-1.0)?;
            return Ok(self.finish(first, pass)?.add(&self.finish(negated, pass)?)?);
        }
        let hidden = self.activate(0, &first, Symmetrize::Signs)?;
        let last = &self.layers[1];
        Ok(hidden.linear(&last.weight)?.add_bias(&(&last.bias * 2.0)?)?)
    }

    /// The columns of the first weight that belong to the given widths of a concatenated input.
    ///
    /// A first layer of `[x, y]` is `A x + C y`; where x lives on nodes and y on edges, each product is done where its
    /// factor lives and [`Mlp::finish`] takes the sum.
    ///
    /// # Errors
    /// If the widths exceed the input's.
    pub fn first_columns(&self, widths: &[usize]) -> Result<Vec<Tensor>> {
        let mut start = 0;
        let mut columns = Vec::with_capacity(widths.len());
        for width in widths {
            columns.push(self.layers[0].weight.narrow(1, start, *width)?.contiguous()?);
            start += width;
        }
        Ok(columns)
    }

    /// The rest of the perceptron, from the first product without its bias.
    ///
    /// # Shapes
    /// `[…, d_hidden]` to `[…, d_out]`.
    ///
    /// # Errors
    /// If the width differs.
    pub fn finish(&self, first: Rows, pass: &Pass) -> Result<Rows> {
        if self.layers.len() == 1 {
            return Ok(first.add_bias(&self.layers[0].bias)?);
        }
        let mut hidden = pass.dropout(&self.activate(0, &first, Symmetrize::No)?, self.dropout)?;
        let n_hidden = self.layers.len() - 1;
        for i in 1..n_hidden {
            let product = hidden.linear(&self.layers[i].weight)?;
            hidden = pass.dropout(&self.activate(i, &product, Symmetrize::No)?, self.dropout)?;
        }
        self.layers[n_hidden].forward(&hidden)
    }

    /// Bias, normalization and activation of hidden layer `i`.
    fn activate(&self, i: usize, product: &Rows, signs: Symmetrize) -> Result<Rows> {
        let bias = &self.layers[i].bias;
        Ok(match &self.norms[i] {
            Some(Norm { gamma, beta }) => product.norm_silu(bias, gamma, beta, signs)?,
            None => product.bias_silu(bias, signs)?,
        })
    }
}
