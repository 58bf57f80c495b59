//! Normalizations with their gains and shifts.

use sgmn_graph::flow::{Combination, FlowResult, Function, Normalize, ValueId};

use super::Draft;

/// The vectors of a batch normalization in evaluation, each with a number for a channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchNorm {
    /// γ.
    pub(crate) gain: Option<ValueId>,
    /// β.
    pub(crate) shift: Option<ValueId>,
    /// μ.
    pub(crate) mean: ValueId,
    /// σ².
    pub(crate) variance: ValueId,
    /// ε.
    pub(crate) epsilon: f64,
}

impl Draft<'_> {
    /// `(x − μ) · (γ · (σ² + ε)^(−1/2)) + β` along axis 1.
    pub(crate) fn batch_norm(&mut self, x: ValueId, norm: BatchNorm) -> FlowResult<ValueId> {
        let rank = self.rank(x);
        if rank < 2 {
            return self.fault("a value with channels", format!("{:?}", self.shape(x)));
        }
        let mean = self.along(norm.mean, 1, rank)?;
        let centred = self.combine(Combination::Subtract, x, mean)?;
        let epsilon = self.number(norm.epsilon)?;
        let variance = self.add(norm.variance, epsilon)?;
        let mut scale = self.apply(Function::Power { exponent: -0.5 }, variance)?;
        if let Some(gain) = norm.gain {
            scale = self.multiply(gain, scale)?;
        }
        let scale = self.along(scale, 1, rank)?;
        let scaled = self.multiply(centred, scale)?;
        match norm.shift {
            Some(shift) => {
                let shift = self.along(shift, 1, rank)?;
                self.add(scaled, shift)
            }
            None => Ok(scaled),
        }
    }

    /// Layer normalization over the last `axes` axes; without a centre it is RMS normalization.
    pub(crate) fn layer_norm(
        &mut self,
        x: ValueId,
        axes: usize,
        gain: Option<ValueId>,
        shift: Option<ValueId>,
        centre: bool,
        epsilon: f64,
    ) -> FlowResult<ValueId> {
        let rank = self.rank(x);
        if axes == 0 || axes > rank {
            return self.fault(format!("1 to {rank} axes"), axes);
        }
        let mut out = self.step(Normalize { axes: (rank - axes..rank).collect(), centre, epsilon }, &[x])?;
        if let Some(gain) = gain {
            out = self.multiply(out, gain)?;
        }
        if let Some(shift) = shift {
            out = self.add(out, shift)?;
        }
        Ok(out)
    }

    /// Group normalization of `[N, C, ..]` in `groups` groups; instance normalization has a group for each channel.
    pub(crate) fn group_norm(
        &mut self,
        x: ValueId,
        groups: usize,
        gain: Option<ValueId>,
        shift: Option<ValueId>,
        epsilon: f64,
    ) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        if shape.len() < 2 || groups == 0 || !shape[1].is_multiple_of(groups) {
            return self.fault(format!("channels in {groups} groups"), format!("{shape:?}"));
        }
        let mut out = if groups == shape[1] {
            self.step(Normalize { axes: (2..shape.len()).collect(), centre: true, epsilon }, &[x])?
        } else {
            let mut grouped = shape.clone();
            grouped.splice(1..2, [groups, shape[1] / groups]);
            let axes = (2..grouped.len()).collect();
            let split = self.reshape(x, grouped)?;
            let normal = self.step(Normalize { axes, centre: true, epsilon }, &[split])?;
            self.reshape(normal, shape.clone())?
        };
        if let Some(gain) = gain {
            let gain = self.along(gain, 1, shape.len())?;
            out = self.multiply(out, gain)?;
        }
        if let Some(shift) = shift {
            let shift = self.along(shift, 1, shape.len())?;
            out = self.add(out, shift)?;
        }
        Ok(out)
    }
}
