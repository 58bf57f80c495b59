//! Sums, means, maxima and the like.

use sgmn_graph::flow::{Combination, Cumulate, FlowResult, Function, Reduction, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item, Kind};

pub(super) const CALLS: Calls = &[
    ("sum", |call| reduce(call, Reduction::Sum)),
    ("mean", |call| reduce(call, Reduction::Mean)),
    ("amax", |call| reduce(call, Reduction::Maximum)),
    ("amin", |call| reduce(call, Reduction::Minimum)),
    ("max", |call| extreme(call, Reduction::Maximum, Reduction::ArgMaximum, Combination::Maximum)),
    ("min", |call| extreme(call, Reduction::Minimum, Reduction::ArgMinimum, Combination::Minimum)),
    ("argmax", |call| place(call, Reduction::ArgMaximum)),
    ("argmin", |call| place(call, Reduction::ArgMinimum)),
    ("prod", |call| reduce(call, Reduction::Product)),
    ("any", |call| truth(call, Reduction::Maximum)),
    ("all", |call| truth(call, Reduction::Minimum)),
    ("logsumexp", |call| reduce(call, Reduction::LogSumExp)),
    ("linalg_vector_norm", |call| norm(call, "ord")),
    ("norm", |call| norm(call, "p")),
    ("frobenius_norm", |call| norm(call, "p")),
    ("var", |call| spread(call, false)),
    ("std", |call| spread(call, true)),
    ("var_mean", |call| spread_and_mean(call, false)),
    ("std_mean", |call| spread_and_mean(call, true)),
    ("cumsum", cumsum),
];

fn reduced(call: &mut Call<'_>, by: Reduction, x: ValueId) -> FlowResult<ValueId> {
    let axes = call.axes("dim", call.rank(x))?;
    let keep = call.flag_or("keepdim", false)?;
    call.reduce(by, x, axes, keep)
}

fn reduce(call: &mut Call<'_>, by: Reduction) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    one(reduced(call, by, x)?)
}

/// The extreme of two tensors, of all numbers, or along an axis with its places.
fn extreme(call: &mut Call<'_>, by: Reduction, place: Reduction, pair: Combination) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    if call.has("other") {
        let other = call.tensor("other")?;
        return one(call.combine(pair, x, other)?);
    }
    let value = reduced(call, by, x)?;
    if !call.has("dim") {
        return one(value);
    }
    let at = reduced(call, place, x)?;
    Ok(vec![Item::Tensor(value), Item::Tensor(at)])
}

fn place(call: &mut Call<'_>, by: Reduction) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    if !call.has("dim") {
        let size = call.shape(x).iter().product();
        x = call.reshape(x, vec![size])?;
        return one(call.reduce(by, x, vec![0], false)?);
    }
    one(reduced(call, by, x)?)
}

fn truth(call: &mut Call<'_>, by: Reduction) -> FlowResult<Vec<Item>> {
    let mut x = call.tensor("self")?;
    if call.kind("self") != Kind::Truth {
        x = call.apply(Function::IsNonZero, x)?;
    }
    one(reduced(call, by, x)?)
}

fn norm(call: &mut Call<'_>, argument: &str) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let order = if call.has(argument) { call.number(argument)? } else { 2.0 };
    let by = match order {
        1.0 => Reduction::AbsoluteSum,
        2.0 => Reduction::Norm,
        f64::INFINITY => {
            let size = call.apply(Function::Absolute, x)?;
            return one(reduced(call, Reduction::Maximum, size)?);
        }
        _ => return call.fault("a norm of order 1, 2 or infinity", order),
    };
    one(reduced(call, by, x)?)
}

/// Mean squared distance from the mean, with `correction` taken off the count, and the mean.
fn moments(call: &mut Call<'_>, root: bool) -> FlowResult<(ValueId, ValueId)> {
    let x = call.tensor("self")?;
    let axes = call.axes("dim", call.rank(x))?;
    let count: usize = axes.iter().filter_map(|axis| call.shape(x).get(*axis).copied()).product();
    let correction = if call.has("correction") {
        call.number("correction")?
    } else {
        f64::from(call.flag_or("unbiased", true)?)
    };
    let keep = call.flag_or("keepdim", false)?;
    let centre = call.reduce(Reduction::Mean, x, axes.clone(), true)?;
    let away = call.combine(Combination::Subtract, x, centre)?;
    let squares = call.reduce(Reduction::SquareSum, away, axes.clone(), keep)?;
    let mut spread = call.scale(squares, 1.0 / (count as f64 - correction).max(0.0))?;
    if root {
        spread = call.apply(Function::Power { exponent: 0.5 }, spread)?;
    }
    let mean = call.reduce(Reduction::Mean, x, axes, keep)?;
    Ok((spread, mean))
}

fn spread(call: &mut Call<'_>, root: bool) -> FlowResult<Vec<Item>> {
    let (spread, _) = moments(call, root)?;
    one(spread)
}

fn spread_and_mean(call: &mut Call<'_>, root: bool) -> FlowResult<Vec<Item>> {
    let (spread, mean) = moments(call, root)?;
    Ok(vec![Item::Tensor(spread), Item::Tensor(mean)])
}

fn cumsum(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let axis = call.axis("dim", call.rank(x))?;
    one(call.step(Cumulate { axis, exclusive: false, reverse: false }, &[x])?)
}
