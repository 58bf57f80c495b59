//! Parts of values, and values put together from parts.

use sgmn_graph::flow::{Pad, Select, Slice};

use super::{
    Call, Family, Kind, Lower, Operand, Outcome, Value,
    call::{axis, size},
    constants::axis_or,
    shape::given_axes,
    steps::tensors,
    unsupported, wrong,
};

pub(super) const OPERATORS: Family =
    &[("Concat", concat), ("Pad", pad), ("Slice", slice), ("Split", split), ("Trilu", triangle)];

fn concat(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let parts = call.all()?;
    let Some(first) = parts.first() else {
        return wrong("expected something to put together, found nothing");
    };
    let Some(given) = call.int("axis")? else { return wrong("expected an axis, found none") };
    let at = axis(given, lower.rank(*first))?;
    Ok(lower.concat(&parts, at)?.into())
}

/// In parts of given sizes, or in as many equal parts as there are outputs, the last one smaller.
fn split(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let at = axis_or(lower, call, x, 0)?;
    let all = lower.shape(x)[at];
    let given = match (call.ints("split")?, call.optional(1)?) {
        (Some(sizes), _) => Some(sizes.to_vec()),
        (None, Some(sizes)) => Some(lower.known_ints(sizes, "sizes")?),
        (None, None) => None,
    };
    let sizes = match given {
        Some(sizes) => sizes.into_iter().map(size).collect::<Outcome<Vec<_>>>()?,
        None => {
            let n = match call.int("num_outputs")? {
                Some(n) => size(n)?,
                None => call.node.outputs.len(),
            };
            if n == 0 || n > call.node.outputs.len().max(1) {
                return wrong(format!("expected as many parts as outputs, found {n}"));
            }
            let one = all.div_ceil(n);
            (0..n).map(|i| one.min(all.saturating_sub(i * one))).collect()
        }
    };
    Ok(tensors(lower.split(x, at, &sizes)?))
}

/// From starts to ends by steps; ends beyond the axis are moved to it.
fn slice(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let mut x = call.input(0)?;
    let (starts, ends, axes, steps) = if call.opset < 10 {
        let starts = call.ints("starts")?.unwrap_or_default().to_vec();
        let ends = call.ints("ends")?.unwrap_or_default().to_vec();
        (starts, ends, call.ints("axes")?.map(<[i64]>::to_vec), None)
    } else {
        let starts = lower.known_ints(call.input(1)?, "starts")?;
        let ends = lower.known_ints(call.input(2)?, "ends")?;
        let mut list = |i: usize, what: &str| match call.optional(i)? {
            Some(list) => lower.known_ints(list, what).map(Some),
            None => Ok(None),
        };
        (starts, ends, list(3, "axes")?, list(4, "steps")?)
    };
    let n = starts.len();
    let axes = axes.unwrap_or_else(|| (0..n).map(|axis| i64::try_from(axis).unwrap_or(i64::MAX)).collect());
    let steps = steps.unwrap_or_else(|| vec![1; n]);
    if [ends.len(), axes.len(), steps.len()].iter().any(|len| *len != n) {
        return wrong(format!(
            "expected {n} ends, axes and steps, found {}, {}, {}",
            ends.len(),
            axes.len(),
            steps.len()
        ));
    }
    for i in 0..n {
        let at = axis(axes[i], lower.rank(x))?;
        let len = lower.shape(x)[at];
        let op = range(at, len, starts[i], ends[i], steps[i])?;
        x = Operand { id: lower.step(op, &[x.id])?, kind: x.kind };
    }
    Ok(x.into())
}

fn range(axis: usize, size: usize, start: i64, end: i64, step: i64) -> Outcome<Slice> {
    let (Ok(whole), Ok(by)) = (i64::try_from(size), isize::try_from(step)) else {
        return wrong(format!("expected sizes that can be counted, found {size} by {step}"));
    };
    if step == 0 {
        return wrong("expected a step that is not 0, found 0");
    }
    if size == 0 {
        return Ok(Slice { axis, start: 0, step: by, len: 0 });
    }
    let from_end = |at: i64| if at < 0 { at.saturating_add(whole) } else { at };
    // Forwards up to behind the last; backwards down to before the first.
    let (start, end) = if step > 0 {
        (from_end(start).clamp(0, whole), from_end(end).clamp(0, whole))
    } else {
        (from_end(start).clamp(0, whole - 1), from_end(end).clamp(-1, whole - 1))
    };
    let distance = if step > 0 { end.saturating_sub(start) } else { start.saturating_sub(end) };
    let len = u64::try_from(distance).unwrap_or(0).div_ceil(step.unsigned_abs());
    let len = usize::try_from(len).unwrap_or(0).min(size);
    let start = usize::try_from(start).unwrap_or(0);
    Ok(Slice { axis, start: if len == 0 { 0 } else { start }, step: by, len })
}

/// Constants, mirrored or repeated numbers around; negative amounts cut.
fn pad(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let mut x = call.input(0)?;
    let rank = lower.rank(x);
    let (amounts, value) = if call.opset < 11 {
        (call.ints("pads")?.unwrap_or_default().to_vec(), call.float_or("value", 0.0)?)
    } else {
        let amounts = lower.known_ints(call.input(1)?, "amounts")?;
        let value = match call.optional(2)? {
            Some(value) => lower.known_number(value, "the number around")?,
            None => 0.0,
        };
        (amounts, value)
    };
    let axes: Vec<usize> = match if call.opset < 18 { None } else { given_axes(lower, call, 3)? } {
        Some(given) => given.iter().map(|given| axis(*given, rank)).collect::<Outcome<_>>()?,
        None => (0..rank).collect(),
    };
    if amounts.len() != 2 * axes.len() {
        return wrong(format!("expected {} amounts, found {}", 2 * axes.len(), amounts.len()));
    }
    let mode = call.text_or("mode", "constant")?;
    let mut around = vec![(0, 0); rank];
    for (i, at) in axes.iter().enumerate() {
        let (before, after) = (amounts[i], amounts[i + axes.len()]);
        let len = lower.shape(x)[*at];
        let cut = |amount: i64| usize::try_from(amount.min(0).unsigned_abs()).unwrap_or(usize::MAX);
        let (front, back) = (cut(before), cut(after));
        let Some(kept) = len.checked_sub(front).and_then(|len| len.checked_sub(back)) else {
            return wrong(format!("expected to cut less than {len} places, found {before} and {after}"));
        };
        x = lower.slice(x, *at, front, kept)?;
        let (before, after) = (size(before.max(0))?, size(after.max(0))?);
        if mode == "constant" {
            around[*at] = (before, after);
        } else if before + after > 0 {
            let index = mirrored(mode, kept, before, after)?;
            x = lower.take(x, *at, index)?;
        }
    }
    if around.iter().any(|amount| *amount != (0, 0)) {
        x = Operand { id: lower.step(Pad { amounts: around, value }, &[x.id])?, kind: x.kind };
    }
    Ok(x.into())
}

/// For each place of the padded axis the place that it repeats.
fn mirrored(mode: &str, len: usize, before: usize, after: usize) -> Outcome<Vec<usize>> {
    const MOST: usize = 1 << 24;
    let total =
        before.checked_add(len).and_then(|total| total.checked_add(after)).filter(|total| *total <= MOST);
    let (Some(total), 1..) = (total, len) else {
        return wrong(format!("expected amounts that fit {len} places, found {before} and {after}"));
    };
    let place: Box<dyn Fn(usize) -> usize> = match mode {
        // Both read so that place `before` is the first one of x.
        "edge" => Box::new(move |at| at.saturating_sub(before).min(len - 1)),
        "wrap" => Box::new(move |at| (at + len - before % len) % len),
        "reflect" => {
            // Back and forth without repeating the ends.
            let period = (2 * (len - 1)).max(1);
            Box::new(move |at| {
                let phase = (at + period - before % period) % period;
                if phase < len { phase } else { period - phase }
            })
        }
        other => return unsupported(format!("padding in mode {other:?} is not read")),
    };
    Ok((0..total).map(place).collect())
}

/// The upper or lower triangle of the last two axes, zeros elsewhere.
fn triangle(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let shape = lower.shape(x);
    let [.., rows, columns] = shape[..] else {
        return wrong(format!("expected two axes at least, found {shape:?}"));
    };
    let k = match call.optional(1)? {
        Some(k) => lower.known_ints(k, "its diagonal")?.first().copied().unwrap_or(0),
        None => 0,
    };
    let upper = call.flag("upper", true)?;
    lower.budget.spend(&[rows, columns], 1)?;
    let mut mask = sgmn_graph::flow::Array::full(vec![rows, columns], 0.0);
    for (at, keep) in mask.data_mut().iter_mut().enumerate() {
        let (row, column) = (i64::try_from(at / columns), i64::try_from(at % columns));
        let offset = column.unwrap_or(0) - row.unwrap_or(0);
        *keep = f64::from(u8::from(if upper { offset >= k } else { offset <= k }));
    }
    let mask = lower.tensors.flow.constant(mask)?;
    let zero = lower.scalar(0.0, Kind::Real)?;
    let id = lower.step(Select, &[mask, x.id, zero.id])?;
    Ok(Operand { id, kind: x.kind }.into())
}

impl Lower<'_, '_> {
    /// Parts of an axis, one after the other.
    pub(super) fn split(&mut self, x: Operand, axis: usize, sizes: &[usize]) -> Outcome<Vec<Operand>> {
        let all = self.shape(x)[axis];
        let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
        if total != Some(all) {
            return wrong(format!("expected sizes that add up to {all}, found {sizes:?}"));
        }
        let mut start = 0;
        let mut parts = Vec::new();
        for size in sizes {
            parts.push(self.slice(x, axis, start, *size)?);
            start += size;
        }
        Ok(parts)
    }
}
