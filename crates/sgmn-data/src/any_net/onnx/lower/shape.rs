//! The same numbers with other axes.

use super::{
    Call, Family, Lower, Operand, Outcome, Value,
    call::{axes, axis, size},
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("DepthToSpace", depth_to_space),
    ("Expand", expand),
    ("Flatten", flatten),
    ("Reshape", reshape),
    ("SpaceToDepth", space_to_depth),
    ("Squeeze", squeeze),
    ("Tile", tile),
    ("Transpose", transpose),
    ("Unsqueeze", unsqueeze),
];

/// 0 keeps a size (unless `allowzero`), −1 takes what is left.
fn reshape(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let given = lower.known_ints(call.input(1)?, "its shape")?;
    let own = lower.shape(x);
    let zero = call.flag("allowzero", false)?;
    let mut shape = Vec::new();
    let mut open = None;
    for (at, value) in given.iter().enumerate() {
        match *value {
            0 if !zero => match own.get(at) {
                Some(size) => shape.push(*size),
                None => return wrong(format!("expected sizes for {own:?}, found {given:?}")),
            },
            -1 if open.is_none() => {
                open = Some(at);
                shape.push(1);
            }
            value => shape.push(size(value)?),
        }
    }
    if let Some(at) = open {
        let count = |shape: &[usize]| shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        match (count(&own), count(&shape)) {
            (Some(all), Some(rest)) if rest > 0 && all % rest == 0 => shape[at] = all / rest,
            _ => return wrong(format!("expected sizes that divide those of {own:?}, found {given:?}")),
        }
    }
    Ok(lower.reshape(x, shape)?.into())
}

/// Two axes: what stands before an axis, and the rest.
fn flatten(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let own = lower.shape(x);
    let at = call.int_or("axis", 1)?;
    // The axis may be one behind the last.
    let at = if usize::try_from(at) == Ok(own.len()) { own.len() } else { axis(at, own.len())? };
    let shape = vec![own[..at].iter().product(), own[at..].iter().product()];
    Ok(lower.reshape(x, shape)?.into())
}

/// Axes are an attribute before version 13, an operand since.
pub(super) fn given_axes(
    lower: &mut Lower<'_, '_>,
    call: &Call<'_>,
    operand: usize,
) -> Outcome<Option<Vec<i64>>> {
    if let Some(axes) = call.ints("axes")? {
        return Ok(Some(axes.to_vec()));
    }
    match call.optional(operand)? {
        Some(axes) => Ok(Some(lower.known_ints(axes, "axes")?)),
        None => Ok(None),
    }
}

fn squeeze(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let own = lower.shape(x);
    let gone = match given_axes(lower, call, 1)? {
        Some(given) => axes(&given, own.len())?,
        None => (0..own.len()).filter(|axis| own[*axis] == 1).collect(),
    };
    if let Some(axis) = gone.iter().find(|axis| own[**axis] != 1) {
        return wrong(format!("expected axis {axis} of size 1, found {own:?}"));
    }
    let shape = (0..own.len()).filter(|axis| !gone.contains(axis)).map(|axis| own[axis]).collect();
    Ok(lower.reshape(x, shape)?.into())
}

fn unsqueeze(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let Some(given) = given_axes(lower, call, 1)? else { return wrong("expected axes, found none") };
    let mut shape = lower.shape(x);
    for axis in axes(&given, shape.len() + given.len())? {
        shape.insert(axis.min(shape.len()), 1);
    }
    Ok(lower.reshape(x, shape)?.into())
}

fn transpose(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let order = match call.ints("perm")? {
        Some(order) => order.iter().map(|axis| size(*axis)).collect::<Outcome<_>>()?,
        None => (0..lower.rank(x)).rev().collect(),
    };
    Ok(lower.permute(x, order)?.into())
}

/// To a shape that both this one and the given one repeat to.
fn expand(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let given: Outcome<Vec<usize>> =
        lower.known_ints(call.input(1)?, "its shape")?.into_iter().map(size).collect();
    let (own, given) = (lower.shape(x), given?);
    let rank = own.len().max(given.len());
    let at =
        |shape: &[usize], axis: usize| (axis + shape.len()).checked_sub(rank).map_or(1, |axis| shape[axis]);
    let shape =
        (0..rank).map(|axis| if at(&given, axis) == 1 { at(&own, axis) } else { at(&given, axis) }).collect();
    Ok(lower.expand(x, shape)?.into())
}

/// The whole again and again along each axis.
fn tile(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let mut x = call.input(0)?;
    let times: Outcome<Vec<usize>> =
        lower.known_ints(call.input(1)?, "repeats")?.into_iter().map(size).collect();
    let (own, times) = (lower.shape(x), times?);
    if own.len() != times.len() {
        return wrong(format!("expected repeats for the axes of {own:?}, found {times:?}"));
    }
    let repeated = |axis: usize| if own[axis] == 1 { times[axis] } else { own[axis] };
    x = lower.expand(x, (0..own.len()).map(repeated).collect())?;
    for axis in (0..own.len()).filter(|axis| own[*axis] != 1 && times[*axis] != 1) {
        let Some(count) = own[axis].checked_mul(times[axis]) else {
            return wrong(format!("expected fewer repeats, found {times:?}"));
        };
        lower.budget.spend(&[count], 1)?;
        x = lower.take(x, axis, (0..count).map(|place| place % own[axis]).collect())?;
    }
    Ok(x.into())
}

fn blocks(lower: &Lower<'_, '_>, call: &Call<'_>) -> Outcome<(Operand, [usize; 4], usize)> {
    let x = call.input(0)?;
    let block = size(call.int_or("blocksize", 0)?)?;
    let shape = lower.shape(x);
    match <[usize; 4]>::try_from(shape.clone()) {
        Ok(sizes) if (1..1 << 16).contains(&block) => Ok((x, sizes, block)),
        _ => wrong(format!("expected four axes and a block size, found {shape:?} and {block}")),
    }
}

/// Channels to blocks of places: depth, column and row (DCR) or column, row and depth (CRD).
fn depth_to_space(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, [n, c, h, w], b) = blocks(lower, call)?;
    if c % (b * b) != 0 {
        return wrong(format!("expected channels in blocks of {}, found {c}", b * b));
    }
    let rest = c / (b * b);
    let (split, order) = match call.text_or("mode", "DCR")? {
        "DCR" => (vec![n, b, b, rest, h, w], vec![0, 3, 4, 1, 5, 2]),
        "CRD" => (vec![n, rest, b, b, h, w], vec![0, 1, 4, 2, 5, 3]),
        other => return unsupported(format!("mode {other:?} is not read")),
    };
    let x = lower.reshape(x, split)?;
    let x = lower.permute(x, order)?;
    Ok(lower.reshape(x, vec![n, rest, h * b, w * b])?.into())
}

fn space_to_depth(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, [n, c, h, w], b) = blocks(lower, call)?;
    if h % b != 0 || w % b != 0 {
        return wrong(format!("expected places in blocks of {b}, found {h} and {w}"));
    }
    let x = lower.reshape(x, vec![n, c, h / b, b, w / b, b])?;
    let order = match call.text_or("mode", "DCR")? {
        "DCR" => vec![0, 3, 5, 1, 2, 4],
        "CRD" => vec![0, 1, 3, 5, 2, 4],
        other => return unsupported(format!("mode {other:?} is not read")),
    };
    let x = lower.permute(x, order)?;
    Ok(lower.reshape(x, vec![n, b * b * c, h / b, w / b])?.into())
}
