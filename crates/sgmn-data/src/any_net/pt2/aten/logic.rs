//! Comparisons, logic, and choices by truth values.

use sgmn_graph::flow::{Combination, FlowResult, Function, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item, Kind};

pub(super) const CALLS: Calls = &[
    ("eq", |call| compare(call, Combination::Equal)),
    ("ne", |call| compare_not(call, Combination::Equal)),
    ("not_equal", |call| compare_not(call, Combination::Equal)),
    ("lt", |call| compare(call, Combination::Less)),
    ("less", |call| compare(call, Combination::Less)),
    ("le", |call| compare(call, Combination::LessOrEqual)),
    ("less_equal", |call| compare(call, Combination::LessOrEqual)),
    ("gt", |call| compare(call, Combination::Greater)),
    ("greater", |call| compare(call, Combination::Greater)),
    ("ge", |call| compare(call, Combination::GreaterOrEqual)),
    ("greater_equal", |call| compare(call, Combination::GreaterOrEqual)),
    ("logical_and", |call| compare(call, Combination::And)),
    ("logical_or", |call| compare(call, Combination::Or)),
    ("logical_xor", |call| compare(call, Combination::ExclusiveOr)),
    ("logical_not", not),
    ("bitwise_and", |call| bitwise(call, Combination::And)),
    ("bitwise_or", |call| bitwise(call, Combination::Or)),
    ("bitwise_xor", |call| bitwise(call, Combination::ExclusiveOr)),
    ("__and__", |call| bitwise(call, Combination::And)),
    ("__or__", |call| bitwise(call, Combination::Or)),
    ("__xor__", |call| bitwise(call, Combination::ExclusiveOr)),
    ("bitwise_not", bitwise_not),
    ("where", choose),
    ("masked_fill", masked_fill),
    ("tril", |call| triangle(call, |row, column, shift| column - row <= shift)),
    ("triu", |call| triangle(call, |row, column, shift| column - row >= shift)),
];

fn compare(call: &mut Call<'_>, by: Combination) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    one(call.combine(by, a, b)?)
}

fn compare_not(call: &mut Call<'_>, by: Combination) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor("self")?, call.tensor("other")?);
    let same = call.combine(by, a, b)?;
    one(call.apply(Function::Not, same)?)
}

fn not(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    one(call.apply(Function::Not, x)?)
}

fn bitwise(call: &mut Call<'_>, by: Combination) -> FlowResult<Vec<Item>> {
    if call.kind("self") != Kind::Truth {
        return call.fault("truth values", "bits of whole numbers");
    }
    compare(call, by)
}

fn bitwise_not(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.kind("self") == Kind::Truth {
        return not(call);
    }
    let (x, minus) = (call.tensor("self")?, call.draft.number(-1.0)?);
    one(call.combine(Combination::Subtract, minus, x)?)
}

fn choose(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (condition, a, b) = (call.tensor("condition")?, call.tensor("self")?, call.tensor("other")?);
    one(call.choose(condition, a, b)?)
}

fn masked_fill(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, mask, value) = (call.tensor("self")?, call.tensor("mask")?, call.tensor("value")?);
    one(call.choose(mask, value, x)?)
}

/// A part of the last two axes by row and column, 0 elsewhere.
fn triangle(call: &mut Call<'_>, keep: fn(i64, i64, i64) -> bool) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let shift = call.int_or("diagonal", 0)?.clamp(-(1 << 32), 1 << 32);
    let shape = call.shape(x);
    let [.., rows, columns] = shape[..] else { return call.fault("a matrix", format!("{shape:?}")) };
    let at = |row: usize| (0..columns).map(move |column| f64::from(keep(row as i64, column as i64, shift)));
    let data: Vec<f64> = (0..rows).flat_map(at).collect();
    let mask: ValueId = call.array(vec![rows, columns], data)?;
    let nought = call.draft.number(0.0)?;
    one(call.choose(mask, x, nought)?)
}
