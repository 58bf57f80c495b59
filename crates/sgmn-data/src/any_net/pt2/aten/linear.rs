//! Products of matrices.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item};

pub(super) const CALLS: Calls = &[
    ("linear", linear),
    ("matmul", |call| product(call, "self", "other")),
    ("mm", |call| product(call, "self", "mat2")),
    ("bmm", |call| product(call, "self", "mat2")),
    ("mv", |call| product(call, "self", "vec")),
    ("dot", |call| product(call, "self", "tensor")),
    ("addmm", |call| added(call, "mat1", "mat2")),
    ("addmv", |call| added(call, "mat", "vec")),
    ("baddbmm", |call| added(call, "batch1", "batch2")),
    ("outer", outer),
    ("ger", outer),
    ("bilinear", bilinear),
    ("einsum", einsum),
];

fn linear(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (x, weight) = (call.tensor("input")?, call.tensor("weight")?);
    let bias = call.tensor_or_none("bias")?;
    one(call.linear(x, weight, bias)?)
}

fn product(call: &mut Call<'_>, a: &str, b: &str) -> FlowResult<Vec<Item>> {
    let (a, b) = (call.tensor(a)?, call.tensor(b)?);
    one(call.matmul(a, b)?)
}

/// `beta · self + alpha · a b`.
fn added(call: &mut Call<'_>, a: &str, b: &str) -> FlowResult<Vec<Item>> {
    let (x, a, b) = (call.tensor("self")?, call.tensor(a)?, call.tensor(b)?);
    let (alpha, beta) = (call.number_or("alpha", 1.0)?, call.number_or("beta", 1.0)?);
    let product = call.matmul(a, b)?;
    let product = call.scale(product, alpha)?;
    if beta == 0.0 {
        return one(product);
    }
    let x = call.scale(x, beta)?;
    one(call.add(product, x)?)
}

fn outer(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let a = call.tensor("self")?;
    let b = call.tensor(if call.has("vec2") { "vec2" } else { "other" })?;
    let a = call.unsqueeze(a, 1)?;
    one(call.multiply(a, b)?)
}

/// `x1ᵀ W_k x2 + b_k`.
fn bilinear(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (a, b, weight) = (call.tensor("input1")?, call.tensor("input2")?, call.tensor("weight")?);
    let (of_a, n) = (call.shape(a), call.rank(a));
    if n == 0 || call.rank(b) != n || call.rank(weight) != 3 {
        return call.fault("two inputs of equal axes and a weight of three", format!("{of_a:?}"));
    }
    // [.., K, J], then the product with b over J, all leading axes running along.
    let halfway = call.contract(a, weight, vec![], vec![(n - 1, 1)])?;
    let out = call.contract(halfway, b, (0..n - 1).map(|axis| (axis, axis)).collect(), vec![(n, n - 1)])?;
    let bias: Option<ValueId> = call.tensor_or_none("bias")?;
    one(bias.map_or(Ok(out), |bias| call.add(out, bias))?)
}

fn einsum(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let operands = call.tensors("tensors")?;
    let formula = call.text("equation");
    one(call.einsum(formula, &operands)?)
}
