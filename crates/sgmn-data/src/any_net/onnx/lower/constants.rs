//! Operators that make constants, and those that ask for shapes only.

use sgmn_graph::flow::Array;

use super::{
    Attribute, Call, Family, Kind, Lower, Operand, Outcome, Value,
    call::{axis, size},
    unsupported, wrong,
};

pub(super) const OPERATORS: Family = &[
    ("Constant", constant),
    ("ConstantOfShape", constant_of_shape),
    ("EyeLike", eye_like),
    ("NonZero", non_zero),
    ("Range", range),
    ("Shape", shape),
    ("Size", count),
];

#[allow(clippy::cast_precision_loss, reason = "whole numbers beyond 2^53 stand for `no limit` only")]
fn constant(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let list = |values: Vec<f64>| Array::new(vec![values.len()], values);
    const NAMES: [&str; 5] = ["value", "value_float", "value_int", "value_floats", "value_ints"];
    for name in NAMES {
        let (array, kind) = match call.attribute(name) {
            None => continue,
            Some(Attribute::Tensor(tensor)) => return Ok(lower.tensor(*tensor)?.into()),
            Some(Attribute::Float(value)) => (Array::scalar(f64::from(*value)), Kind::Real),
            Some(Attribute::Int(value)) => (Array::scalar(*value as f64), Kind::Whole),
            Some(Attribute::Floats(values)) => {
                (list(values.iter().map(|value| f64::from(*value)).collect())?, Kind::Real)
            }
            Some(Attribute::Ints(values)) => {
                (list(values.iter().map(|value| *value as f64).collect())?, Kind::Whole)
            }
            Some(_) => return wrong(format!("expected numbers as {name}, found something else")),
        };
        return Ok(lower.constant(array, kind)?.into());
    }
    unsupported("constants of text and sparse constants are not read")
}

fn constant_of_shape(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let shape = lower.known_ints(call.input(0)?, "its shape")?;
    let shape: Outcome<Vec<usize>> = shape.into_iter().map(size).collect();
    let shape = shape?;
    let (value, kind) = match call.attribute("value") {
        None => (0.0, Kind::Real),
        Some(Attribute::Tensor(tensor)) => {
            let numbers = lower.numbers(*tensor)?;
            let kind = lower.onnx.model.tensors[*tensor].element.kind();
            match numbers.data() {
                [value] => (*value, kind),
                values => return wrong(format!("expected one number as value, found {}", values.len())),
            }
        }
        Some(_) => return wrong("expected a tensor as value, found something else"),
    };
    lower.budget.spend(&shape, 1)?;
    let id = lower.tensors.flow.constant(Array::full(shape, value))?;
    Ok(Operand { id, kind }.into())
}

fn shape(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let shape = lower.shape(call.input(0)?);
    let rank = i64::try_from(shape.len()).unwrap_or(i64::MAX);
    // Negative ends count from behind; all are kept inside.
    let end = |given: Option<i64>, absent: i64| {
        let at = given.unwrap_or(absent);
        usize::try_from(if at < 0 { at.saturating_add(rank) } else { at }.clamp(0, rank)).unwrap_or(0)
    };
    let (start, end) = (end(call.int("start")?, 0), end(call.int("end")?, rank));
    Ok(lower.list(shape.get(start..end).unwrap_or_default())?.into())
}

#[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
fn count(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let count: usize = lower.shape(call.input(0)?).iter().product();
    Ok(lower.scalar(count as f64, Kind::Whole)?.into())
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float beyond usize becomes its end"
)]
#[allow(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn range(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let first = call.input(0)?;
    let start = lower.known_number(first, "the start")?;
    let limit = lower.known_number(call.input(1)?, "the end")?;
    let delta = lower.known_number(call.input(2)?, "the step")?;
    if delta == 0.0 || !(start.is_finite() && limit.is_finite() && delta.is_finite()) {
        return wrong(format!(
            "expected a step that leads to the end, found {delta} from {start} to {limit}"
        ));
    }
    let count = ((limit - start) / delta).ceil().max(0.0) as usize;
    lower.budget.spend(&[count], 1)?;
    let values: Vec<f64> = (0..count).map(|i| start + i as f64 * delta).collect();
    let id = lower.tensors.flow.constant(Array::new(vec![count], values)?)?;
    Ok(Operand { id, kind: first.kind }.into())
}

fn eye_like(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = call.input(0)?;
    let shape = lower.shape(x);
    let [rows, columns] = shape[..] else { return wrong(format!("expected two axes, found {shape:?}")) };
    let k = call.int_or("k", 0)?;
    lower.budget.spend(&[rows, columns], 1)?;
    let mut eye = Array::full(vec![rows, columns], 0.0);
    for row in 0..rows {
        let column = i64::try_from(row)
            .ok()
            .and_then(|row| row.checked_add(k))
            .and_then(|at| usize::try_from(at).ok());
        if let Some(column) = column.filter(|column| *column < columns) {
            eye.data_mut()[row * columns + column] = 1.0;
        }
    }
    let kind = call.int("dtype")?.map_or(x.kind, |kind| super::Element::of(kind).kind());
    let id = lower.tensors.flow.constant(eye)?;
    Ok(Operand { id, kind }.into())
}

/// Places of numbers that are not 0, of a constant: an axis each row, a place each column.
#[allow(clippy::cast_precision_loss, reason = "places are far below 2^53")]
fn non_zero(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let x = lower.known(call.input(0)?, "its operand")?;
    let places: Vec<usize> = (0..x.data().len()).filter(|at| x.data()[*at] != 0.0).collect();
    let (shape, strides) = (x.shape().to_vec(), x.strides());
    let mut rows = Vec::new();
    for axis in 0..shape.len() {
        rows.extend(places.iter().map(|at| (at / strides[axis] % shape[axis]) as f64));
    }
    let array = Array::new(vec![shape.len(), places.len()], rows)?;
    Ok(lower.constant(array, Kind::Whole)?.into())
}

/// An axis attribute with its default.
pub(super) fn axis_or(lower: &Lower<'_, '_>, call: &Call<'_>, x: Operand, default: i64) -> Outcome<usize> {
    axis(call.int_or("axis", default)?, lower.rank(x))
}
