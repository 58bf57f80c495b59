//! Normalizations, written out as a core without numbers, a gain and a shift.

use sgmn_graph::flow::{Array, Combination, Function, Normalize, Pool, Pooling, Reduction, Role};

use super::{
    Call, Family, Kind, Lower, Operand, Outcome, Value,
    call::{axes, size},
    constants::axis_or,
    steps::tensors,
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("BatchNormalization", batch),
    ("GroupNormalization", group),
    ("InstanceNormalization", instance),
    ("LRN", local_response),
    ("LayerNormalization", layer),
    ("LpNormalization", power_norm),
    ("MeanVarianceNormalization", mean_variance),
    ("RMSNormalization", root_mean_square),
    ("SimplifiedLayerNormalization", root_mean_square),
];

/// `(x − μ) · (γ · (σ² + ε)^(−½)) + β` with the running statistics μ and σ².
fn batch(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    if call.flag("training_mode", false)? || (1..call.node.outputs.len()).any(|i| call.has_output(i)) {
        return unsupported("batch normalization in the mode of training is not read");
    }
    let [gain, shift, mean, variance] = [call.input(1)?, call.input(2)?, call.input(3)?, call.input(4)?];
    for (vector, role) in
        [(gain, Role::Trained), (shift, Role::Trained), (mean, Role::Statistic), (variance, Role::Statistic)]
    {
        lower.tensors.is_param(vector.id, role);
    }
    let epsilon = lower.scalar(call.float_or("epsilon", 1e-5)?, Kind::Real)?;
    let rank = lower.rank(x);
    let variance = lower.add(variance, epsilon)?;
    let inverse = lower.pointwise(Function::Power { exponent: -0.5 }, variance)?;
    let factor = lower.multiply(gain, inverse)?;
    let [mean, factor, shift] =
        [lower.channels(mean, rank)?, lower.channels(factor, rank)?, lower.channels(shift, rank)?];
    let centred = lower.combine(Combination::Subtract, x, mean)?;
    let scaled = lower.multiply(centred, factor)?;
    Ok(lower.add(scaled, shift)?.into())
}

/// Over the axes from one to the last.
fn layer(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    if call.has_output(1) || call.has_output(2) {
        return unsupported("means and deviations (outputs 1 and 2) are not read");
    }
    let x = call.input(0)?;
    let axes = (axis_or(lower, call, x, -1)?..lower.rank(x)).collect();
    let x = lower.normalize(x, axes, true, call.float_or("epsilon", 1e-5)?)?;
    affine(lower, x, call.optional(1)?, call.optional(2)?)
}

fn root_mean_square(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let axes = (axis_or(lower, call, x, -1)?..lower.rank(x)).collect();
    let x = lower.normalize(x, axes, false, call.float_or("epsilon", 1e-5)?)?;
    affine(lower, x, call.optional(1)?, None)
}

/// Over the spatial axes of each channel.
fn instance(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let rank = lower.rank(x);
    let normal = lower.normalize(x, (2..rank).collect(), true, call.float_or("epsilon", 1e-5)?)?;
    let [gain, shift] = [lower.of_channels(call.input(1)?, rank)?, lower.of_channels(call.input(2)?, rank)?];
    affine(lower, normal, Some(gain), Some(shift))
}

/// Over the channels of a group and the spatial axes; gains are one a group before version 21, one a channel since.
fn group(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let shape = lower.shape(x);
    let groups = size(call.int_or("num_groups", 0)?)?;
    let [n, channels, ref spatial @ ..] = shape[..] else {
        return wrong(format!("expected channels, found {shape:?}"));
    };
    if groups == 0 || channels % groups != 0 {
        return wrong(format!("expected groups of equal size of {channels} channels, found {groups} groups"));
    }
    let grouped = [&[n, groups, channels / groups], spatial].concat();
    let rank = grouped.len();
    let mut x = lower.reshape(x, grouped)?;
    x = lower.normalize(x, (2..rank).collect(), true, call.float_or("epsilon", 1e-5)?)?;
    let (gain, shift) = (call.input(1)?, call.input(2)?);
    if call.opset < 21 && lower.shape(gain) == [groups] && groups != channels {
        let [gain, shift] = [lower.of_channels(gain, rank)?, lower.of_channels(shift, rank)?];
        x = lower.multiply(x, gain)?;
        x = lower.add(x, shift)?;
        return Ok(lower.reshape(x, shape)?.into());
    }
    x = lower.reshape(x, shape.clone())?;
    let [gain, shift] = [lower.of_channels(gain, shape.len())?, lower.of_channels(shift, shape.len())?];
    affine(lower, x, Some(gain), Some(shift))
}

fn mean_variance(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let axes = axes(call.ints("axes")?.unwrap_or(&[0, 2, 3]), lower.rank(x))?;
    Ok(lower.normalize(x, axes, true, 1e-9)?.into())
}

/// Divided by the sum of magnitudes, or by the root of the sum of squares.
fn power_norm(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let axis = axis_or(lower, call, x, -1)?;
    let by = match call.int_or("p", 2)? {
        1 => Reduction::AbsoluteSum,
        2 => Reduction::Norm,
        p => return wrong(format!("expected 1 or 2 as p, found {p}")),
    };
    let norm = lower.reduce(by, x, vec![axis], true)?;
    Ok(lower.combine(Combination::Divide, x, norm)?.into())
}

/// `x / (bias + alpha · mean of squares over neighbouring channels)^beta`, zeros beyond the ends.
fn local_response(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let rank = lower.rank(x);
    let n = size(call.int_or("size", 0)?)?;
    if n == 0 || rank < 2 {
        return wrong(format!("expected channels and a size above 0, found {:?} and {n}", lower.shape(x)));
    }
    let square = lower.multiply(x, x)?;
    let order: Vec<usize> = (0..rank).filter(|axis| *axis != 1).chain([1]).collect();
    let back: Vec<usize> =
        (0..rank).map(|axis| order.iter().position(|from| *from == axis).unwrap_or(axis)).collect();
    let last = lower.permute(square, order)?;
    let pool = Pool {
        by: Pooling::Mean { counts_padding: true },
        window: vec![n],
        stride: vec![1],
        padding: vec![((n - 1) / 2, n / 2)],
        dilation: vec![1],
        ceil: false,
    };
    let mean = Operand { id: lower.step(pool, &[last.id])?, kind: x.kind };
    let mean = lower.permute(mean, back)?;
    let scaled = lower.scale(mean, call.float_or("alpha", 1e-4)?)?;
    let bias = lower.constant(Array::scalar(call.float_or("bias", 1.0)?), Kind::Real)?;
    let sum = lower.add(scaled, bias)?;
    let exponent = -call.float_or("beta", 0.75)?;
    let factor = lower.pointwise(Function::Power { exponent }, sum)?;
    Ok(lower.multiply(x, factor)?.into())
}

/// `x · gain + shift`.
fn affine(
    lower: &mut Lower<'_, '_>,
    x: Operand,
    gain: Option<Operand>,
    shift: Option<Operand>,
) -> Outcome<Vec<Value>> {
    let mut x = x;
    if let Some(gain) = gain {
        lower.tensors.is_param(gain.id, Role::Trained);
        x = lower.multiply(x, gain)?;
    }
    if let Some(shift) = shift {
        lower.tensors.is_param(shift.id, Role::Trained);
        x = lower.add(x, shift)?;
    }
    Ok(tensors([x]))
}

impl Lower<'_, '_> {
    /// The core of a normalization.
    pub(super) fn normalize(
        &mut self,
        x: Operand,
        axes: Vec<usize>,
        centre: bool,
        epsilon: f64,
    ) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Normalize { axes, centre, epsilon }, &[x.id])?, kind: x.kind })
    }

    /// A parameter that is a vector of channels, as `[C, 1, …]`.
    fn of_channels(&mut self, vector: Operand, rank: usize) -> Outcome<Operand> {
        self.tensors.is_param(vector.id, Role::Trained);
        self.channels(vector, rank)
    }
}
