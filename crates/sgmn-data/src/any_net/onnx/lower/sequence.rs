//! Sequences of values, as far as they are known when the net is read.

use super::{
    Call, Family, Fault, Lower, Operand, Outcome, Value,
    call::{axis, size},
    constants::axis_or,
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("ConcatFromSequence", concat),
    ("SequenceAt", at),
    ("SequenceConstruct", construct),
    ("SequenceEmpty", |_, _| Ok(vec![Value::Sequence(Vec::new())])),
    ("SequenceErase", erase),
    ("SequenceInsert", insert),
    ("SequenceLength", length),
    ("SplitToSequence", split),
];

fn construct(_: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    Ok(vec![Value::Sequence(call.all()?)])
}

/// A place of a sequence; `more` is 1 where the place behind the last one counts too.
fn place(
    lower: &mut Lower<'_, '_>,
    place: Option<Operand>,
    len: usize,
    more: usize,
) -> Outcome<Option<usize>> {
    let Some(place) = place else { return Ok(None) };
    let given = lower.known_ints(place, "its place")?;
    let [given] = given[..] else { return wrong(format!("expected one place, found {}", given.len())) };
    let base = if given < 0 { len } else { len + more };
    axis(given, base).map(Some).or_else(|_| wrong(format!("expected a place of {len} values, found {given}")))
}

fn at(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let parts = call.sequence(0)?;
    let at = place(lower, Some(call.input(1)?), parts.len(), 0)?;
    let part = at.and_then(|at| parts.get(at)).ok_or_else(|| Fault::Wrong("expected a place".to_owned()))?;
    Ok((*part).into())
}

fn erase(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let mut parts = call.sequence(0)?.to_vec();
    let at = place(lower, call.optional(1)?, parts.len(), 0)?.or(parts.len().checked_sub(1));
    match at {
        Some(at) => parts.remove(at),
        None => return wrong("expected a sequence that is not empty, found an empty one"),
    };
    Ok(vec![Value::Sequence(parts)])
}

fn insert(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let mut parts = call.sequence(0)?.to_vec();
    let at = place(lower, call.optional(2)?, parts.len(), 1)?.unwrap_or(parts.len());
    parts.insert(at, call.input(1)?);
    Ok(vec![Value::Sequence(parts)])
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn length(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let len = call.sequence(0)?.len();
    Ok(lower.scalar(len as f64, super::Kind::Whole)?.into())
}

fn concat(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let parts = call.sequence(0)?.to_vec();
    let Some(first) = parts.first() else {
        return wrong("expected something to put together, found nothing");
    };
    let rank = lower.rank(*first);
    let Some(given) = call.int("axis")? else { return wrong("expected an axis, found none") };
    if !call.flag("new_axis", false)? {
        return Ok(lower.concat(&parts, axis(given, rank)?)?.into());
    }
    let at = axis(given, rank + 1)?;
    let mut wide = Vec::new();
    for part in parts {
        let mut shape = lower.shape(part);
        shape.insert(at, 1);
        wide.push(lower.reshape(part, shape)?);
    }
    Ok(lower.concat(&wide, at)?.into())
}

/// Parts of given sizes, or of one size each (the last one smaller), or of size 1.
fn split(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let at = axis_or(lower, call, x, 0)?;
    let all = lower.shape(x)[at];
    let keep = call.flag("keepdims", true)?;
    let equal = |one: usize| match one {
        0 => wrong("expected parts of a size above 0, found 0"),
        one => Ok((0..all.div_ceil(one)).map(|i| one.min(all - i * one)).collect::<Vec<_>>()),
    };
    let (sizes, keep) = match call.optional(1)? {
        None => (equal(1)?, keep),
        Some(given) if lower.rank(given) == 0 => {
            let one = lower.known_ints(given, "sizes")?.first().copied().unwrap_or(0);
            (equal(size(one)?)?, true)
        }
        Some(given) => {
            let sizes: Outcome<Vec<usize>> =
                lower.known_ints(given, "sizes")?.into_iter().map(size).collect();
            (sizes?, true)
        }
    };
    if sizes.len() > super::MOST_NODES {
        return unsupported(format!("a sequence of {} values is not read", sizes.len()));
    }
    let mut parts = lower.split(x, at, &sizes)?;
    if !keep {
        for part in &mut parts {
            let mut shape = lower.shape(*part);
            shape.remove(at);
            *part = lower.reshape(*part, shape)?;
        }
    }
    Ok(vec![Value::Sequence(parts)])
}
