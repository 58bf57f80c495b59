//! What a ScaleGMN with probes reads of the nets' outputs alone, beside its messages.

use candle_core::Tensor;

use super::{ScaleGmnConfig, State};
use crate::{
    Pass, Result, VarBuilder,
    layers::{Layout, Mlp, MlpConfig},
    ops::Rows,
};

/// `MLP([h_1, …, h_P])` of the answers h of a net's outputs to P probes, added to what the read-out says.
///
/// On their way through the nodes answers share the width of a feature with biases and messages, and P of them do not fit
/// there; this perceptron reads all of them. Nothing that keeps a net's function changes them.
///
/// Variables: those of a perceptron.
#[derive(Debug)]
pub(super) struct Answers(Mlp);

impl Answers {
    /// The perceptron of a model that has one.
    pub(super) fn new(
        config: &ScaleGmnConfig,
        d_out: usize,
        layout: &Layout,
        vars: &VarBuilder,
    ) -> Result<Option<Self>> {
        let (Some(answers), Some(probes)) = (&config.answers, &config.probes) else { return Ok(None) };
        let form = MlpConfig {
            d_hidden: answers.d_hidden.clone(),
            layer_norm: config.layer_norm,
            dropout: answers.dropout,
        };
        Ok(Some(Self(Mlp::new(&form, layout.n_out * probes.n, d_out, vars)?)))
    }

    /// `[B, d_out]`.
    pub(super) fn forward(&self, state: &State, pass: &Pass) -> Result<Tensor> {
        let answers = state.answers.as_ref().expect("a model with a perceptron of answers has probes");
        Ok(self.0.forward(&Rows::nets(answers.flatten_from(1)?.contiguous()?)?, pass)?.tensor()?)
    }
}
