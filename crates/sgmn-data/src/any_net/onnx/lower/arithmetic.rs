//! Arithmetic, comparisons and logic between values.

use sgmn_graph::flow::{Combination, Function, Role, Select};

use super::{Call, Family, Kind, Lower, Operand, Outcome, Value, unsupported, wrong};

pub(super) const OPERATORS: Family = &[
    ("Add", |lower, call| pair(lower, call, Combination::Add)),
    ("And", |lower, call| truth(lower, call, Combination::And)),
    ("BitwiseAnd", |lower, call| bits(lower, call, Combination::And)),
    ("BitwiseOr", |lower, call| bits(lower, call, Combination::Or)),
    ("BitwiseXor", |lower, call| bits(lower, call, Combination::ExclusiveOr)),
    ("Div", divide),
    ("Equal", |lower, call| truth(lower, call, Combination::Equal)),
    ("Greater", |lower, call| truth(lower, call, Combination::Greater)),
    ("GreaterOrEqual", |lower, call| truth(lower, call, Combination::GreaterOrEqual)),
    ("Less", |lower, call| truth(lower, call, Combination::Less)),
    ("LessOrEqual", |lower, call| truth(lower, call, Combination::LessOrEqual)),
    ("Max", |lower, call| fold(lower, call, Combination::Maximum)),
    ("Mean", mean),
    ("Min", |lower, call| fold(lower, call, Combination::Minimum)),
    ("Mod", modulo),
    ("Mul", |lower, call| pair(lower, call, Combination::Multiply)),
    ("Or", |lower, call| truth(lower, call, Combination::Or)),
    ("PRelu", slope),
    ("Pow", power),
    ("Sub", |lower, call| pair(lower, call, Combination::Subtract)),
    ("Sum", |lower, call| fold(lower, call, Combination::Add)),
    ("Where", select),
    ("Xor", |lower, call| truth(lower, call, Combination::ExclusiveOr)),
];

fn pair(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Combination) -> Outcome<Vec<Value>> {
    Ok(lower.combine(by, call.input(0)?, call.input(1)?)?.into())
}

fn truth(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Combination) -> Outcome<Vec<Value>> {
    let id = lower.combine(by, call.input(0)?, call.input(1)?)?.id;
    Ok(Operand { id, kind: Kind::Truth }.into())
}

/// Of truth values only.
fn bits(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Combination) -> Outcome<Vec<Value>> {
    match call.input(0)?.kind {
        Kind::Truth => truth(lower, call, by),
        _ => unsupported("bits of whole numbers are not read"),
    }
}

/// Any number of values, one after the other.
fn fold(lower: &mut Lower<'_, '_>, call: &Call<'_>, by: Combination) -> Outcome<Vec<Value>> {
    let mut all = call.all()?.into_iter();
    let Some(mut result) = all.next() else { return wrong("expected an operand, found none") };
    for next in all {
        result = lower.combine(by, result, next)?;
    }
    Ok(result.into())
}

#[allow(clippy::cast_precision_loss, reason = "operands are few")]
fn mean(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let n = call.inputs.len();
    match fold(lower, call, Combination::Add)?[..] {
        [Value::Tensor(sum)] => Ok(lower.scale(sum, 1.0 / n as f64)?.into()),
        _ => wrong("expected one sum, found something else"),
    }
}

/// Whole numbers are divided towards zero.
fn divide(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    match call.input(0)?.kind {
        Kind::Real => pair(lower, call, Combination::Divide),
        _ => pair(lower, call, Combination::WholeQuotient),
    }
}

fn modulo(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let by = if call.flag("fmod", false)? { Combination::Remainder } else { Combination::Modulo };
    pair(lower, call, by)
}

/// A constant exponent is part of the function.
fn power(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (base, exponent) = (call.input(0)?, call.input(1)?);
    let few = lower.tensors.flow.shape(exponent.id).iter().product::<usize>() == 1;
    match lower.uniform(exponent) {
        Some(exponent_value) if few && lower.rank(exponent) <= lower.rank(base) => match exponent_value {
            1.0 => Ok(base.into()),
            exponent => Ok(lower.pointwise(Function::Power { exponent }, base)?.into()),
        },
        _ => pair(lower, call, Combination::Power),
    }
}

/// `x` where it is positive, `slope · x` elsewhere; slopes broadcast to x.
fn slope(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (x, slope) = (call.input(0)?, call.input(1)?);
    lower.tensors.is_param(slope.id, Role::Trained);
    Ok(lower.combine(Combination::Slope, x, slope)?.into())
}

fn select(lower: &mut Lower<'_, '_>, call: &Call<'_>) -> Outcome<Vec<Value>> {
    let (condition, a, b) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let id = lower.step(Select, &[condition.id, a.id, b.id])?;
    Ok(Operand { id, kind: a.kind }.into())
}
