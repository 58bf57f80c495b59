//! Every linear map between the weights and biases of a net that commutes with the order of its units.

use candle_core::{D, Tensor};

use crate::{
    Error, Init, Result, VarBuilder,
    ops::{self, EdgeAxis, Rows},
};

/// Features of every parameter of nets of one architecture.
#[derive(Debug, Clone)]
pub struct ParamFeatures {
    /// Of each layer's weights, `[B, n_out, n_in, f]`.
    pub weights: Vec<Rows>,
    /// Of each layer's biases, `[B, n_out, f]`.
    pub biases: Vec<Rows>,
}

/// Whether the inputs and outputs of a net may be reordered, as its hidden units may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Each keeps its place: it has maps of its own.
    Fixed,
    /// All inputs are alike, and all outputs.
    Permuted,
}

/// What nets must share for one layer to read them: everything but their hidden widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ParamSpaces {
    /// Layers.
    pub n_layers: usize,
    /// Inputs.
    pub n_in: usize,
    /// Outputs.
    pub n_out: usize,
    /// What may be reordered besides hidden units.
    pub ends: Ends,
}

/// Channels of each layer's weights and of each layer's biases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    /// Of each layer's weights.
    pub weights: Vec<usize>,
    /// Of each layer's biases.
    pub biases: Vec<usize>,
}

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

/// Layers of units, by number, that a space is a tensor over and that are permuted.
#[derive(Debug, Clone, Copy)]
struct Units {
    receivers: Option<usize>,
    senders: Option<usize>,
    /// Channels for each one of a feature: the product of its fixed axes.
    n_fixed: usize,
}

impl ParamSpaces {
    /// Features of nets pooled to nothing: [`pooled`](Self::pooled) has as many numbers.
    pub fn n_pooled(&self, channels: &Channels) -> usize {
        let weights = channels.weights.iter().enumerate().map(|(l, f)| self.of_weight(l).n_fixed * f);
        weights.sum::<usize>() + self.widths_of_biases(channels).iter().sum::<usize>()
    }

    /// G: the mean of each space over its permuted units, side by side.
    ///
    /// # Shapes
    /// `[B, n_pooled]`.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn pooled(&self, x: &ParamFeatures) -> Result<Tensor> {
        Ok(self.pool(&x.weights, &x.biases, false)?.1)
    }

    fn of_weight(&self, l: usize) -> Units {
        let receivers = self.permuted(l + 1);
        let senders = self.permuted(l);
        let fixed = |units: Option<usize>, n: usize| if units.is_none() { n } else { 1 };
        Units { receivers, senders, n_fixed: fixed(receivers, self.n_out) * fixed(senders, self.n_in) }
    }

    fn of_bias(&self, l: usize) -> Units {
        let receivers = self.permuted(l + 1);
        Units { receivers, senders: None, n_fixed: if receivers.is_none() { self.n_out } else { 1 } }
    }

    fn permuted(&self, layer: usize) -> Option<usize> {
        let is_end = layer == 0 || layer == self.n_layers;
        (!is_end || self.ends == Ends::Permuted).then_some(layer)
    }

    fn widths_of_biases(&self, channels: &Channels) -> Vec<usize> {
        channels.biases.iter().enumerate().map(|(l, f)| self.of_bias(l).n_fixed * f).collect()
    }

    /// Widths of N_m for each layer m of units; 0 where they are fixed.
    fn n_at_units(&self, channels: &Channels) -> Vec<usize> {
        let mut widths = vec![0; self.n_layers + 1];
        for l in 0..self.n_layers {
            let Units { receivers, senders, n_fixed } = self.of_weight(l);
            for m in receivers.into_iter().chain(senders) {
                widths[m] += n_fixed * channels.weights[l];
            }
            if let Units { receivers: Some(m), n_fixed, .. } = self.of_bias(l) {
                widths[m] += n_fixed * channels.biases[l];
            }
        }
        widths
    }

    /// N_m for each layer m of permuted units, `[B, n_m, c_m]`, if they are wanted, and G.
    fn pool(
        &self,
        weights: &[Rows],
        biases: &[Rows],
        wants_units: bool,
    ) -> Result<(Vec<Option<Tensor>>, Tensor)> {
        let mut at_units: Vec<Vec<Tensor>> = vec![Vec::new(); self.n_layers + 1];
        let mut all = Vec::new();
        for l in 0..self.n_layers {
            let weights = &weights[l];
            let (b, r, s, f) = dims4(weights)?;
            match self.of_weight(l) {
                Units { receivers: Some(receivers), senders: Some(senders), .. } => {
                    let mean = |axis: EdgeAxis, n: usize| -> Result<Tensor> {
                        Ok(weights.sum_edges(axis)?.scale(1.0 / n as f64)?.tensor()?)
                    };
                    let of_receivers = mean(EdgeAxis::Senders, s)?;
                    all.push(of_receivers.mean(1)?);
                    if wants_units {
                        at_units[receivers].push(of_receivers);
                        at_units[senders].push(mean(EdgeAxis::Receivers, r)?);
                    }
                }
                Units { receivers: Some(receivers), .. } => {
                    let folded = weights.tensor()?.reshape((b, r, s * f))?;
                    all.push(folded.mean(1)?);
                    at_units[receivers].push(folded);
                }
                Units { senders: Some(senders), .. } => {
                    let folded = weights.tensor()?.transpose(1, 2)?.reshape((b, s, r * f))?;
                    all.push(folded.mean(1)?);
                    at_units[senders].push(folded);
                }
                _ => all.push(weights.tensor()?.reshape((b, r * s * f))?),
            }
            let biases = biases[l].tensor()?;
            match self.of_bias(l).receivers {
                Some(receivers) => {
                    all.push(biases.mean(1)?);
                    at_units[receivers].push(biases);
                }
                None => all.push(biases.flatten_from(1)?),
            }
        }
        let side_by_side = |parts: Vec<Tensor>| -> Result<Option<Tensor>> {
            Ok(if parts.is_empty() { None } else { Some(Tensor::cat(&parts, D::Minus1)?) })
        };
        let at_units = at_units.into_iter().map(side_by_side).collect::<Result<_>>()?;
        Ok((at_units, Tensor::cat(&all, 1)?))
    }
}

impl Channels {
    /// The same number everywhere.
    pub fn equal(n_layers: usize, channels: usize) -> Self {
        Self { weights: vec![channels; n_layers], biases: vec![channels; n_layers] }
    }
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

/// B, receivers, senders and channels of features of weights.
fn dims4(weights: &Rows) -> Result<(usize, usize, usize, usize)> {
    match *weights.dims() {
        [b, r, s, f] => Ok((b, r, s, f)),
        ref other => Err(Error::config("features of weights", "[B, n_out, n_in, f]", format!("{other:?}"))),
    }
}
