//! Each operation composed of candle's own, with its graph: the judge of all faster forms.
//!
//! Formulas, shapes and gradients are documented at the functions of the same name in [`super`].

use candle_core::{D, DType, Result, Tensor, bail};

use sgmn_graph::{Activation, PoolAt, PoolKind};

use super::{
    AdamWStep, Clip, EdgeAxis, NetForm, Symmetrize, Update,
    nets::{Gather, LayerForm, PoolForm},
};

/// See [`super::add_bias`].
pub fn add_bias(x: &Tensor, b: &Tensor) -> Result<Tensor> {
    x.broadcast_add(b)
}

/// See [`super::norm_silu`].
pub fn norm_silu(x: &Tensor, b: &Tensor, gamma: &Tensor, beta: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    let one = |x: &Tensor| {
        let h = x.broadcast_add(b)?;
        let centered = h.broadcast_sub(&h.mean_keepdim(D::Minus1)?)?;
        let variance = centered.sqr()?.mean_keepdim(D::Minus1)?;
        let normal = centered.broadcast_div(&(variance + super::cpu::NORM_EPS)?.sqrt()?)?;
        silu(&normal.broadcast_mul(gamma)?.broadcast_add(beta)?)
    };
    symmetrize(x, signs, one)
}

/// See [`super::bias_silu`].
pub fn bias_silu(x: &Tensor, b: &Tensor, signs: Symmetrize) -> Result<Tensor> {
    symmetrize(x, signs, |x| silu(&x.broadcast_add(b)?))
}

/// See [`Rows::spread`](super::Rows::spread).
pub fn spread(v: &Tensor, n_others: usize, axis: EdgeAxis) -> Result<Tensor> {
    let (b, n, h) = v.dims3()?;
    let shape = if axis == EdgeAxis::Receivers { (b, n, n_others, h) } else { (b, n_others, n, h) };
    v.unsqueeze(if axis == EdgeAxis::Receivers { 2 } else { 1 })?.broadcast_as(shape)?.contiguous()
}

/// See [`super::sum_edges`].
pub fn sum_edges(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    match axis {
        EdgeAxis::Receivers => e.sum(1),
        EdgeAxis::Senders => e.sum(2),
    }
}

/// See [`super::weigh`].
pub fn weigh(w: &Tensor, a: &Tensor, x: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    let edges = w.unsqueeze(4)?.broadcast_mul(a)?.sum(3)?;
    match axis {
        EdgeAxis::Receivers => edges.broadcast_mul(&x.unsqueeze(2)?)?.sum(1),
        EdgeAxis::Senders => edges.broadcast_mul(&x.unsqueeze(1)?)?.sum(2),
    }
}

/// See [`super::aggregate`].
pub fn aggregate(e: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    let dim = if axis == EdgeAxis::Receivers { 1 } else { 2 };
    let (b, r, s, h) = e.dims4()?;
    if e.elem_count() == 0 {
        let n = if axis == EdgeAxis::Receivers { s } else { r };
        return Tensor::zeros((b, n, 4 * h), e.dtype(), e.device());
    }
    let mean = e.mean_keepdim(dim)?;
    let variance = e.broadcast_sub(&mean)?.sqr()?.mean(dim)?;
    let parts = [mean.squeeze(dim)?, (variance + super::VARIANCE_EPS)?.sqrt()?, e.min(dim)?, e.max(dim)?];
    Tensor::cat(&parts, D::Minus1)
}

/// See [`super::attend`].
pub fn attend(
    own: &Tensor,
    incoming: Option<&Tensor>,
    outgoing: Option<&Tensor>,
    n_heads: usize,
) -> Result<Tensor> {
    let (b, n, row) = own.dims3()?;
    let width = row - n_heads;
    if b * n == 0 {
        return Tensor::zeros((b, n, width), own.dtype(), own.device());
    }
    let mut rows = vec![own.unsqueeze(2)?];
    rows.extend(incoming.cloned());
    if let Some(outgoing) = outgoing {
        rows.push(outgoing.transpose(1, 2)?.contiguous()?);
    }
    let rows = Tensor::cat(&rows, 2)?;
    let logits = rows.narrow(3, 0, n_heads)?;
    let m = logits.dim(2)?;
    let values = rows.narrow(3, n_heads, width)?.reshape((b, n, m, n_heads, width / n_heads))?;
    let shares = logits.broadcast_sub(&logits.detach().max_keepdim(2)?)?.exp()?;
    let shares = shares.broadcast_div(&shares.sum_keepdim(2)?)?;
    values.broadcast_mul(&shares.unsqueeze(4)?)?.sum(2)?.reshape((b, n, width))
}

/// See [`super::unit_norm`].
pub fn unit_norm(x: &Tensor, guard: Option<f64>) -> Result<Tensor> {
    let norm = |x: &Tensor| x.sqr()?.sum_keepdim(D::Minus1)?.sqrt();
    match guard {
        Some(guard) => x.broadcast_div(&(norm(x)? + guard)?),
        // candle refuses to reduce an empty tensor.
        None if x.elem_count() == 0 => Ok(x.clone()),
        None => {
            // The largest magnitude only rescales: it cancels in the quotient, so no gradient flows through it.
            // Zero rows are divided by one; the added constant keeps their norm's gradient finite.
            let largest = x.detach().abs()?.max_keepdim(D::Minus1)?;
            let is_zero = largest.eq(0.0)?.to_dtype(x.dtype())?;
            let shortest = if x.dtype() == DType::F64 { 2f64.powi(-1000) } else { 2f64.powi(-100) };
            let is_short = largest.lt(shortest)?.to_dtype(x.dtype())?;
            // Two ways for two kinds of rows, since what overflows on the way back would be NaN even times zero.
            let long = x.broadcast_mul(&(1.0 - &is_short)?)?.broadcast_div(&(&largest + &is_short)?)?;
            let short = x.detach().broadcast_mul(&is_short)?.broadcast_div(&(largest + &is_zero)?)?;
            let scaled = (long + short)?;
            let norm = (scaled.sqr()?.sum_keepdim(D::Minus1)? + &is_zero)?.sqrt()?;
            let live = (1.0 - is_zero)?;
            scaled.broadcast_div(&norm)?.broadcast_mul(&live)
        }
    }
}

/// See [`super::abs`].
pub fn abs(x: &Tensor) -> Result<Tensor> {
    // candle's own gradient at 0 is 1.
    let positive = x.gt(0.0)?.to_dtype(x.dtype())?;
    let negative = x.lt(0.0)?.to_dtype(x.dtype())?;
    x * (positive - negative)?
}

/// See [`super::sines`].
pub fn sines(x: &Tensor, frequencies: &[f64]) -> Result<Tensor> {
    angles(x, frequencies)?.sin()?.flatten_from(D::Minus2)
}

/// The gradient of x for the gradient `d` of its sines.
pub(super) fn sines_backward(x: &Tensor, frequencies: &[f64], d: &Tensor) -> Result<Tensor> {
    let slopes = angles(x, frequencies)?.cos()?.broadcast_mul(&row(x, frequencies)?)?;
    (slopes * d.reshape([x.dims(), &[frequencies.len()]].concat())?)?.sum(D::Minus1)
}

/// `f_k x` of every number, `[…, k, n]`.
fn angles(x: &Tensor, frequencies: &[f64]) -> Result<Tensor> {
    x.unsqueeze(D::Minus1)?.broadcast_mul(&row(x, frequencies)?)
}

/// Numbers in a tensor like another.
fn row(like: &Tensor, numbers: &[f64]) -> Result<Tensor> {
    Tensor::new(numbers, like.device())?.to_dtype(like.dtype())
}

/// See [`super::run_mlps`].
pub fn run_mlps(
    weights: &[Tensor],
    biases: &[Tensor],
    activations: &[Activation],
    inputs: &Tensor,
) -> Result<Tensor> {
    let (n_inputs, n_in) = inputs.dims2()?;
    let n_nets = biases.first().map_or(Ok(0), |bias| bias.dim(0))?;
    let mut x = inputs.broadcast_as((n_nets, n_inputs, n_in))?.contiguous()?;
    for ((weight, bias), activation) in weights.iter().zip(biases).zip(activations) {
        let sum = x.matmul(&weight.transpose(1, 2)?.contiguous()?)?.broadcast_add(&bias.unsqueeze(1)?)?;
        x = activation.on_tensor(&sum)?;
    }
    Ok(x)
}

/// See [`super::run_nets`].
pub fn run_nets(params: &Tensor, form: &NetForm, inputs: &Tensor) -> Result<Tensor> {
    let n_nets = params.dim(0)?;
    let (n_values, n_inputs) = inputs.dims2()?;
    let mut signal = inputs.unsqueeze(0)?.broadcast_as((n_nets, n_values, n_inputs))?.contiguous()?;
    let mut means = Vec::new();
    for (layer, [weights, biases]) in form.layers.iter().zip(form.ranges()) {
        let &LayerForm { n_in, positions_in, d_in, n_out, positions, .. } = layer;
        let by_unit = signal.reshape((n_nets, n_in, positions_in, n_inputs))?;
        let gathered = match &layer.gather {
            Gather::AsIs => by_unit,
            Gather::Average => by_unit.mean(2)?,
            Gather::Taps(taps) => {
                let taps = Tensor::new(taps.as_slice(), inputs.device())?;
                // One more position, the margin.
                by_unit.pad_with_zeros(2, 0, 1)?.index_select(&taps, 2)?
            }
        };
        let gathered = gathered.reshape((n_nets, d_in, positions * n_inputs))?;
        let weight = params.narrow(1, weights.start, weights.len())?.reshape((n_nets, n_out, d_in))?;
        let bias = params.narrow(1, biases.start, biases.len())?.unsqueeze(2)?;
        let sum = weight.matmul(&gathered)?.broadcast_add(&bias)?;
        let by_position = |signal: &Tensor| signal.reshape((n_nets, n_out, positions, n_inputs));
        let pooled = match &layer.pool {
            None => by_position(&layer.activation.on_tensor(&sum)?)?,
            Some(form) if form.at == PoolAt::BeforeActivation => {
                layer.activation.on_tensor(&pool(&by_position(&sum)?, form)?)?
            }
            Some(form) => pool(&by_position(&layer.activation.on_tensor(&sum)?)?, form)?,
        };
        means.push(pooled.mean(2)?);
        signal = pooled;
    }
    Tensor::cat(&means, 1)
}

/// The largest value, or the mean, of each window: `[B, units, positions, P]` to fewer positions. Where several values of
/// a window are the largest, its gradient is shared among them.
fn pool(signal: &Tensor, form: &PoolForm) -> Result<Tensor> {
    let PoolForm { kind, ref taps, positions, .. } = *form;
    let (n_nets, n_units, positions_in, n_inputs) = signal.dims4()?;
    let margin = if kind == PoolKind::Max { f64::NEG_INFINITY } else { 0.0 };
    let margin =
        Tensor::full(margin, (n_nets, n_units, 1, n_inputs), signal.device())?.to_dtype(signal.dtype())?;
    let signal = if taps.iter().any(|tap| *tap as usize == positions_in) {
        Tensor::cat(&[signal, &margin], 2)?
    } else {
        signal.contiguous()?
    };
    let places = taps.chunks(positions);
    let n_places = places.len();
    let mut values = places.map(|places| signal.index_select(&Tensor::new(places, signal.device())?, 2));
    let Some(first) = values.next() else {
        bail!("pooling: expected a window of at least one place, found none")
    };
    match kind {
        PoolKind::Max => values.try_fold(first?, |largest, value| largest.maximum(&value?)),
        PoolKind::Mean => values.try_fold(first?, |sum, value| sum + value?)? / n_places as f64,
    }
}

/// See [`super::total_squares`].
pub fn total_squares(tensors: &[&Tensor]) -> Result<Tensor> {
    let Some(any) = tensors.first() else {
        bail!("a sum of squares: expected at least one tensor, found none")
    };
    let mut squares =
        tensors.iter().filter(|tensor| tensor.elem_count() > 0).map(|tensor| tensor.sqr()?.sum_all());
    let Some(first) = squares.next() else { return Tensor::zeros((), any.dtype(), any.device()) };
    Ok(squares.try_fold(first?, |total, square| total + square?)?.detach())
}

/// See [`super::adamw`].
pub fn adamw(updates: &mut [Update<'_>], clip: Option<&Clip>, step: &AdamWStep) -> Result<()> {
    let AdamWStep { beta1, beta2, mean_bias, square_bias, eps, decay, rate } = *step;
    let factor = clip.map(Clip::factor).transpose()?;
    // candle refuses to set a variable without numbers.
    for Update { var, grad, mean, square } in updates.iter_mut().filter(|update| update.var.elem_count() > 0)
    {
        let grad =
            factor.as_ref().map_or_else(|| Ok((*grad).clone()), |factor| grad.broadcast_mul(factor))?;
        // Detached: otherwise the graphs of all steps would hang together.
        let (grad, value) = (grad.detach(), var.as_detached_tensor());
        **mean = ((&**mean * beta1)? + (&grad * (1.0 - beta1))?)?;
        **square = ((&**square * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
        let root = ((&**square / square_bias)?.sqrt()? + eps)?;
        let update = ((&**mean / mean_bias)? / root)?;
        var.set(&((value * (1.0 - decay))? - (update * rate)?)?)?;
    }
    Ok(())
}

fn silu(x: &Tensor) -> Result<Tensor> {
    debug_assert!(matches!(x.dtype(), DType::F32 | DType::F64 | DType::BF16 | DType::F16));
    x.silu()
}

fn symmetrize(x: &Tensor, signs: Symmetrize, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    match signs {
        Symmetrize::No => f(x),
        Symmetrize::Signs => f(x)? + f(&x.neg()?)?,
    }
}
