//! Convolutions.

use sgmn_graph::flow::{Convolve, Role};

use super::{Call, Family, Fault, Lower, Operand, Outcome, Value, call::size, wrong};

pub(super) const OPERATORS: Family = &[("Conv", convolve), ("ConvTranspose", transposed)];

fn convolve(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, weight) = operands(lower, call)?;
    let window = Window::of(call, &lower.shape(x)[2..], &lower.shape(weight)[2..])?;
    let groups = size(call.int_or("group", 1)?)?;
    let Window { stride, dilation, padding, .. } = window;
    let op = Convolve { stride, padding, dilation, groups, transposed: None };
    finish(lower, call, op, x, weight)
}

fn transposed(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, weight) = operands(lower, call)?;
    let (spatial, kernel) = (lower.shape(x)[2..].to_vec(), lower.shape(weight)[2..].to_vec());
    let n = spatial.len();
    let stride = per_axis(call, "strides", n, 1)?;
    let dilation = per_axis(call, "dilations", n, 1)?;
    let output_padding = per_axis(call, "output_padding", n, 0)?;
    let mut more = output_padding.clone();
    let groups = size(call.int_or("group", 1)?)?;
    let auto = call.text_or("auto_pad", "NOTSET")?;
    let given = pads(call, n)?;
    let padding = match call.ints("output_shape")? {
        None if matches!(auto, "NOTSET" | "VALID") => given,
        shape => {
            let shape: Option<Vec<usize>> = match shape {
                // Some writers give sizes of all axes.
                Some(shape) => {
                    shape.iter().rev().take(n).rev().map(|size| usize::try_from(*size).ok()).collect()
                }
                None => spatial.iter().zip(&stride).map(|(size, stride)| size.checked_mul(*stride)).collect(),
            };
            let Some(shape) = shape.filter(|shape| shape.len() == n) else {
                return wrong(format!("expected {n} sizes as output_shape, found others"));
            };
            // What the kernel reaches; the result is cut to the shape, or has zeros behind.
            let reached = |axis: usize| {
                let far = spatial[axis].checked_sub(1)?.checked_mul(stride[axis])?;
                let reach = kernel[axis].checked_sub(1)?.checked_mul(dilation[axis])?.checked_add(1)?;
                far.checked_add(reach)?.checked_add(output_padding[axis])
            };
            let mut padding = Vec::new();
            for axis in 0..n {
                let Some(reached) = reached(axis) else {
                    return wrong(format!("expected sizes above 0, found {spatial:?}"));
                };
                more[axis] += shape[axis].saturating_sub(reached);
                padding.push(halves(reached.saturating_sub(shape[axis]), auto != "SAME_UPPER"));
            }
            padding
        }
    };
    let op = Convolve { stride, padding, dilation, groups, transposed: Some(more) };
    finish(lower, call, op, x, weight)
}

fn operands(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<(Operand, Operand)> {
    let (x, weight) = (call.input(0)?, call.input(1)?);
    lower.tensors.is_param(weight.id, Role::Trained);
    let (rank, of_weight) = (lower.rank(x), lower.rank(weight));
    if rank < 3 || rank != of_weight {
        return wrong(format!(
            "expected spatial axes, found {:?} and {:?}",
            lower.shape(x),
            lower.shape(weight)
        ));
    }
    Ok((x, weight))
}

fn finish(
    lower: &mut Lower<'_, '_>,
    call: &Call<'_>,
    op: Convolve,
    x: Operand,
    weight: Operand,
) -> Outcome<Vec<Value>> {
    let id = lower.step(op, &[x.id, weight.id])?;
    let result = Operand { id, kind: x.kind };
    let Some(bias) = call.optional(2)? else { return Ok(result.into()) };
    lower.tensors.is_param(bias.id, Role::Trained);
    let bias = lower.channels(bias, lower.rank(result))?;
    Ok(lower.add(result, bias)?.into())
}

/// How a window moves.
pub(super) struct Window {
    pub(super) stride: Vec<usize>,
    pub(super) dilation: Vec<usize>,
    pub(super) padding: Vec<(usize, usize)>,
}

impl Window {
    /// From the attributes of a call; padding is computed where the file leaves that to the reader.
    pub(super) fn of(call: &Call<'_>, spatial: &[usize], kernel: &[usize]) -> Outcome<Self> {
        let n = spatial.len();
        let stride = per_axis(call, "strides", n, 1)?;
        let dilation = per_axis(call, "dilations", n, 1)?;
        let auto = call.text_or("auto_pad", "NOTSET")?;
        let given = pads(call, n)?;
        let padding = match auto {
            "NOTSET" | "" => given,
            "VALID" => vec![(0, 0); n],
            "SAME_UPPER" | "SAME_LOWER" => {
                let same = |axis: usize| {
                    let places = spatial[axis].div_ceil(stride[axis].max(1)).checked_sub(1)?;
                    let reach = kernel[axis].checked_sub(1)?.checked_mul(dilation[axis])?.checked_add(1)?;
                    let needed = places.checked_mul(stride[axis])?.checked_add(reach)?;
                    Some(halves(needed.saturating_sub(spatial[axis]), auto == "SAME_LOWER"))
                };
                let padding: Option<Vec<(usize, usize)>> = (0..n).map(same).collect();
                padding.ok_or_else(|| Fault::Wrong(format!("expected sizes above 0, found {spatial:?}")))?
            }
            other => return wrong(format!("expected a known auto_pad, found {other:?}")),
        };
        Ok(Self { stride, dilation, padding })
    }
}

/// An amount before and after; the odd one before if so wished, else after.
fn halves(total: usize, odd_before: bool) -> (usize, usize) {
    let half = total / 2;
    if odd_before { (total - half, half) } else { (half, total - half) }
}

/// A number for each spatial axis.
pub(super) fn per_axis(call: &Call<'_>, name: &'static str, n: usize, absent: usize) -> Outcome<Vec<usize>> {
    let Some(given) = call.ints(name)? else { return Ok(vec![absent; n]) };
    if given.is_empty() {
        return Ok(vec![absent; n]);
    }
    let values: Outcome<Vec<usize>> = given.iter().map(|value| size(*value)).collect();
    match values? {
        values if values.len() == n => Ok(values),
        values => wrong(format!("expected {n} numbers as {name}, found {values:?}")),
    }
}

fn pads(call: &Call<'_>, n: usize) -> Outcome<Vec<(usize, usize)>> {
    let both = per_axis(call, "pads", 2 * n, 0)?;
    Ok((0..n).map(|axis| (both[axis], both[axis + n])).collect())
}
