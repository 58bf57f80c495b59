//! One number for many, running sums and shares.

use sgmn_graph::flow::{Array, Combination, Cumulate, Function, Reduction, Softmax};

use super::{
    Call, Family, Kind, Lower, Operand, Outcome, Value,
    call::{axes, axis},
    constants::axis_or,
    shape::given_axes,
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("ArgMax", |lower, call| place(lower, call, Reduction::ArgMaximum)),
    ("ArgMin", |lower, call| place(lower, call, Reduction::ArgMinimum)),
    ("CumSum", cumulate),
    ("Hardmax", hardmax),
    ("LogSoftmax", |lower, call| softmax(lower, call, true)),
    ("ReduceL1", |lower, call| reduce(lower, call, Reduction::AbsoluteSum)),
    ("ReduceL2", |lower, call| reduce(lower, call, Reduction::Norm)),
    ("ReduceLogSum", log_sum),
    ("ReduceLogSumExp", |lower, call| reduce(lower, call, Reduction::LogSumExp)),
    ("ReduceMax", |lower, call| reduce(lower, call, Reduction::Maximum)),
    ("ReduceMean", |lower, call| reduce(lower, call, Reduction::Mean)),
    ("ReduceMin", |lower, call| reduce(lower, call, Reduction::Minimum)),
    ("ReduceProd", |lower, call| reduce(lower, call, Reduction::Product)),
    ("ReduceSum", |lower, call| reduce(lower, call, Reduction::Sum)),
    ("ReduceSumSquare", |lower, call| reduce(lower, call, Reduction::SquareSum)),
    ("Softmax", |lower, call| softmax(lower, call, false)),
];

fn reduce(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Reduction) -> Outcome<Vec<Value>> {
    Ok(reduced(lower, call, by)?.into())
}

/// No axes: all of them, or none if the node says so.
fn reduced(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Reduction) -> Outcome<Operand> {
    let x = call.input(0)?;
    let rank = lower.rank(x);
    let given = given_axes(lower, call, 1)?.unwrap_or_default();
    let axes = match (given.is_empty(), call.flag("noop_with_empty_axes", false)?) {
        (false, _) => axes(&given, rank)?,
        (true, false) => (0..rank).collect(),
        (true, true) => Vec::new(),
    };
    lower.reduce(by, x, axes, call.flag("keepdims", true)?)
}

fn log_sum(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let sum = reduced(lower, call, Reduction::Sum)?;
    Ok(lower.pointwise(Function::Logarithm, sum)?.into())
}

fn place(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Reduction) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    if call.flag("select_last_index", false)? {
        return unsupported("the last of equal places is not read");
    }
    let axis = axis_or(lower, call, x, 0)?;
    let place = lower.reduce(by, x, vec![axis], call.flag("keepdims", true)?)?;
    Ok(Operand { id: place.id, kind: Kind::Whole }.into())
}

/// Before version 13, all axes from one to the last share one sum.
fn softmax(lower: &mut Lower<'_, '_>, call: &Call<'_>, log: bool) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    Ok(along(lower, call, x, |lower, x, axis| {
        Ok(Operand { id: lower.step(Softmax { axis, log }, &[x.id])?, kind: x.kind })
    })?
    .into())
}

/// 1 at the first maximum, 0 elsewhere.
#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn hardmax(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    Ok(along(lower, call, x, |lower, x, axis| {
        let shape = lower.shape(x);
        let place = lower.reduce(Reduction::ArgMaximum, x, vec![axis], true)?;
        let mut along = vec![1; shape.len() - axis];
        along[0] = shape[axis];
        let places = (0..shape[axis]).map(|place| place as f64).collect();
        let places = lower.constant(Array::new(along, places)?, Kind::Whole)?;
        let hot = lower.combine(Combination::Equal, place, places)?;
        Ok(Operand { id: hot.id, kind: x.kind })
    })?
    .into())
}

/// Something along an axis, or before version 13 along all axes from one on.
fn along(
    lower: &mut Lower<'_, '_>,
    call: &Call<'_>,
    x: Operand,
    what: impl Fn(&mut Lower<'_, '_>, Operand, usize) -> Outcome<Operand>,
) -> Outcome<Operand> {
    let shape = lower.shape(x);
    let given = call.int("axis")?;
    if shape.is_empty() {
        let one = lower.reshape(x, vec![1])?;
        let result = what(lower, one, 0)?;
        return lower.reshape(result, vec![]);
    }
    if call.opset >= 13 {
        return what(lower, x, axis(given.unwrap_or(-1), shape.len())?);
    }
    let at = axis(given.unwrap_or(1), shape.len() + 1).map(|at| at.min(shape.len()));
    let at = at?;
    let wide = |sizes: &[usize]| sizes.iter().filter(|size| **size != 1).count();
    match wide(&shape[at..]) {
        // One axis only: it needs no other shape.
        0 | 1 if at < shape.len() => {
            let axis = (at..shape.len()).find(|axis| shape[*axis] != 1).unwrap_or(at);
            what(lower, x, axis)
        }
        _ => {
            let flat = vec![shape[..at].iter().product(), shape[at..].iter().product()];
            let flat = lower.reshape(x, flat)?;
            let result = what(lower, flat, 1)?;
            lower.reshape(result, shape)
        }
    }
}

fn cumulate(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let given = lower.known_ints(call.input(1)?, "its axis")?;
    let [given] = given[..] else { return wrong(format!("expected one axis, found {}", given.len())) };
    let axis = axis(given, lower.rank(x))?;
    let op =
        Cumulate { axis, exclusive: call.flag("exclusive", false)?, reverse: call.flag("reverse", false)? };
    Ok(Operand { id: lower.step(op, &[x.id])?, kind: x.kind }.into())
}
