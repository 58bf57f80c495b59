//! Every linear map between the weights and biases of a net that commutes with the order of its units.

use candle_core::Tensor;

use super::{
    Channels, ParamFeatures, ParamSpaces,
    param_spaces::{Units, dims4},
};
use crate::{
    Error, Init, Result, VarBuilder,
    ops::{self, EdgeAxis, Rows},
};

/// `y_s = Σ_t Σ_S A_{s,t,S} (x_t pooled over all its units but those of S)`, over all parameter spaces t and all sets S
/// of layers of units that s and t have in common, plus a bias for each space.
///
/// The weights of layer l are a tensor over the units of layers l + 1 (receivers) and l (senders), its biases one over
/// receivers. Pooling is the mean; a layer of inputs or outputs that is fixed counts as channels. These are all linear
/// maps that commute with the permutations, which the test `linear_maps` holds against a solution of the equations.
/// Terms with the same S are one product, of features that lie side by side:
///
/// ```text
/// N_m    = [x_t pooled to the units of layer m]     over all t with units there
/// G      = [x_t pooled to nothing]                  over all t
/// y(W_l) = A x(W_l) + C N_{l+1} at receivers + D N_l at senders + E G + c
/// y(b_l) = F N_{l+1} + H G + c
/// ```
///
/// Variables, below `weight.l` and `bias.l`: `own` (A), `receivers` (C, F), `senders` (D), `all` (E, H), `bias` (c);
/// fixed inputs and outputs leave the terms that are there.
///
/// # Source
/// Navon et al., "Equivariant Architectures for Learning in Deep Weight Spaces", ICML 2023 (fixed ends, DWS);
/// Zhou et al., "Permutation Equivariant Neural Functionals", NeurIPS 2023 (fixed ends: HNP; permuted ends: NP).
#[derive(Debug, Clone)]
pub struct PermutationLinear {
    spaces: ParamSpaces,
    weights: Vec<Target>,
    biases: Vec<Target>,
}

/// The maps into one space.
#[derive(Debug, Clone)]
struct Target {
    own: Option<Tensor>,
    receivers: Option<Tensor>,
    senders: Option<Tensor>,
    all: Tensor,
    bias: Option<Tensor>,
    channels: usize,
}

impl PermutationLinear {
    /// A layer between features of the given channels, with or without the biases c.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn new(
        spaces: ParamSpaces,
        from: &Channels,
        to: &Channels,
        has_bias: bool,
        vars: &VarBuilder,
    ) -> Result<Self> {
        let at_units = spaces.n_at_units(from);
        let n_pooled = spaces.n_pooled(from);
        let target =
            |units: Units, own: Option<usize>, channels: usize, vars: VarBuilder| -> Result<Target> {
                let width = units.n_fixed * channels;
                let map = |name: &str, n_in: usize| vars.var(name, &[width, n_in], Init::Map { n_in });
                let at = |name: &str, m: Option<usize>| m.map(|m| map(name, at_units[m])).transpose();
                Ok(Target {
                    own: own.map(|own| map("own", own)).transpose()?,
                    receivers: at("receivers", units.receivers)?,
                    senders: at("senders", units.senders)?,
                    all: map("all", n_pooled)?,
                    bias: has_bias
                        .then(|| vars.var("bias", &[width], Init::Linear { n_in: n_pooled }))
                        .transpose()?,
                    channels,
                })
            };
        let mut weights = Vec::with_capacity(spaces.n_layers);
        let mut biases = Vec::with_capacity(spaces.n_layers);
        for l in 0..spaces.n_layers {
            let units = spaces.of_weight(l);
            // With one axis left, the units of that axis hold the weight's own features already.
            let own = (units.receivers.is_some() && units.senders.is_some()).then_some(from.weights[l]);
            weights.push(target(units, own, to.weights[l], vars.at("weight").at(l))?);
            biases.push(target(spaces.of_bias(l), None, to.biases[l], vars.at("bias").at(l))?);
        }
        Ok(Self { spaces, weights, biases })
    }

    /// Applies the layer.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn forward(&self, x: &ParamFeatures) -> Result<ParamFeatures> {
        let n_layers = self.spaces.n_layers;
        if (x.weights.len(), x.biases.len()) != (n_layers, n_layers) {
            let found = format!("{} and {}", x.weights.len(), x.biases.len());
            return Err(Error::config("features", format!("weights and biases of {n_layers} layers"), found));
        }
        // Weights between permuted units are read thrice: two means and their own map.
        let weights = (x.weights.iter().zip(&self.weights))
            .map(|(x, target)| if target.own.is_some() { Ok(x.computed()?) } else { Ok(x.clone()) })
            .collect::<Result<Vec<_>>>()?;
        let (at_units, all) = self.spaces.pool(&weights, &x.biases, true)?;
        let at = |m: Option<usize>| m.and_then(|m| at_units[m].as_ref());
        let mut y = ParamFeatures { weights: Vec::new(), biases: Vec::new() };
        for (l, target) in self.weights.iter().enumerate() {
            let (b, r, s, _) = dims4(&weights[l])?;
            let units = self.spaces.of_weight(l);
            let f = target.channels;
            let all = target.of_all(&all)?;
            y.weights.push(match (at(units.receivers), at(units.senders), &target.own) {
                (Some(receivers), Some(senders), Some(own)) => {
                    let receivers = Rows::nodes(target.of_receivers(receivers)?)?;
                    let senders = target.of_senders(senders)?.broadcast_add(&all.unsqueeze(1)?)?;
                    weights[l]
                        .linear(own)?
                        .add(&Rows::spread(&receivers, s, EdgeAxis::Receivers)?)?
                        .add(&Rows::spread(&Rows::nodes(senders)?, r, EdgeAxis::Senders)?)?
                }
                (Some(receivers), ..) => {
                    let folded = target.of_receivers(receivers)?.broadcast_add(&all.unsqueeze(1)?)?;
                    Rows::edges(folded.reshape((b, r, s, f))?)?
                }
                (_, Some(senders), _) => {
                    let folded = target.of_senders(senders)?.broadcast_add(&all.unsqueeze(1)?)?;
                    Rows::edges(folded.reshape((b, s, r, f))?.transpose(1, 2)?.contiguous()?)?
                }
                _ => Rows::edges(all.reshape((b, r, s, f))?)?,
            });
        }
        for (l, target) in self.biases.iter().enumerate() {
            let all = target.of_all(&all)?;
            let biases = match at(self.spaces.of_bias(l).receivers) {
                Some(receivers) => target.of_receivers(receivers)?.broadcast_add(&all.unsqueeze(1)?)?,
                None => all.reshape((all.dim(0)?, self.spaces.n_out, target.channels))?,
            };
            y.biases.push(Rows::nodes(biases)?);
        }
        Ok(y)
    }
}

impl Target {
    fn of_receivers(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(x, self.receivers.as_ref().expect("a space over receivers has their map"))?)
    }

    fn of_senders(&self, x: &Tensor) -> Result<Tensor> {
        Ok(ops::linear(x, self.senders.as_ref().expect("a space over senders has their map"))?)
    }

    fn of_all(&self, x: &Tensor) -> Result<Tensor> {
        let y = ops::linear(x, &self.all)?;
        Ok(match &self.bias {
            Some(bias) => y.broadcast_add(bias)?,
            None => y,
        })
    }
}
