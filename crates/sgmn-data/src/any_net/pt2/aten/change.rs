//! Copies, types and places in memory: calls that leave numbers as they are, or round them to a kind.

use sgmn_graph::flow::{FlowResult, Function, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::{
    call::{Call, Item, Kind, kind},
    program::Argument,
    seen::Seen,
};

pub(super) const CALLS: Calls = &[
    ("clone", copy),
    ("lift_fresh_copy", copy),
    ("lift_fresh", same),
    ("lift", same),
    ("detach", same),
    ("alias", same),
    ("contiguous", contiguous),
    ("positive", same),
    ("resolve_conj", same),
    ("resolve_neg", same),
    ("dropout", dropout),
    ("feature_dropout", dropout),
    ("alpha_dropout", dropout),
    ("feature_alpha_dropout", dropout),
    ("native_dropout", dropout),
    ("to", cast),
    ("_to_copy", cast),
    ("type_as", cast),
    ("float", cast),
    ("double", cast),
    ("half", cast),
    ("bfloat16", cast),
    ("int", cast),
    ("long", cast),
    ("bool", cast),
    ("copy", overwrite),
    ("fill", fill),
    ("zero", zero),
    ("_assert_tensor_metadata", nothing),
    ("_assert_async", nothing),
    ("_assert_scalar", nothing),
    ("sym_constrain_range", nothing),
    ("sym_constrain_range_for_size", nothing),
];

fn nothing(_: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    Ok(Vec::new())
}

fn operand(call: &mut Call<'_>) -> FlowResult<ValueId> {
    let name = if call.has("input") { "input" } else { "self" };
    call.tensor(name)
}

fn copy(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    one(operand(call)?)
}

fn same(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    call.sees(Seen::Same);
    one(operand(call)?)
}

/// The same if it stands row-major already, a copy if not.
fn contiguous(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.is_contiguous("self") { same(call) } else { copy(call) }
}

fn dropout(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.flag_or("train", true)? && call.number_or("p", 0.5)? != 0.0 {
        return call.fault("a net in evaluation", "dropout in training; call eval() before the export");
    }
    call.sees(Seen::Same);
    let mut items = one(operand(call)?)?;
    items.push(Item::Absent);
    Ok(items)
}

fn cast(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let to = match call.argument("dtype") {
        Some(Argument::AsScalarType(dtype)) => match kind(*dtype) {
            Some(kind) => kind,
            None => return call.fault("a type of real or whole numbers", format!("type {dtype}")),
        },
        _ => call.result_kind(),
    };
    let from = call.kind("self");
    if from == to {
        // Whether it was copied is not written down; nothing may depend on it.
        call.sees(if call.function == "_to_copy" { Seen::Otherwise } else { Seen::Same });
        return one(x);
    }
    one(as_kind(call, x, from, to)?)
}

/// Numbers of one kind as those of another.
fn as_kind(call: &mut Call<'_>, x: ValueId, from: Kind, to: Kind) -> FlowResult<ValueId> {
    match (from, to) {
        (Kind::Real, Kind::Whole) => call.apply(Function::Truncate, x),
        (Kind::Real | Kind::Whole, Kind::Truth) => call.apply(Function::IsNonZero, x),
        _ => Ok(x),
    }
}

/// `self` with the numbers of `src`.
fn overwrite(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, src) = (call.tensor("self")?, call.tensor("src")?);
    let (from, to) = (call.kind("src"), call.kind("self"));
    let src = as_kind(call, src, from, to)?;
    let shape = call.shape(x);
    one(call.expand(src, shape)?)
}

fn fill(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, value) = (call.tensor("self")?, call.tensor("value")?);
    let shape = call.shape(x);
    one(call.expand(value, shape)?)
}

fn zero(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let (shape, nought) = (call.shape(x), call.draft.number(0.0)?);
    one(call.expand(nought, shape)?)
}
