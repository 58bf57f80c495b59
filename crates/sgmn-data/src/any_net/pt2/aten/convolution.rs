//! Convolutions, plain and transposed, over one to three axes.

use sgmn_graph::flow::{Convolve, FlowResult};

use super::{Calls, one};
use crate::any_net::pt2::call::{Call, Item};

pub(super) const CALLS: Calls = &[
    ("conv1d", |call| convolve(call, false)),
    ("conv2d", |call| convolve(call, false)),
    ("conv3d", |call| convolve(call, false)),
    ("conv_transpose1d", |call| convolve(call, true)),
    ("conv_transpose2d", |call| convolve(call, true)),
    ("conv_transpose3d", |call| convolve(call, true)),
    ("convolution", general),
    ("_convolution", general),
];

fn general(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let transposed = call.flag_or("transposed", false)?;
    convolve(call, transposed)
}

fn convolve(call: &mut Call<'_>, transposed: bool) -> FlowResult<Vec<Item>> {
    let (mut x, weight) = (call.tensor("input")?, call.tensor("weight")?);
    let bias = call.tensor_or_none("bias")?;
    let of_weight = call.shape(weight);
    let Some(n) = of_weight.len().checked_sub(2).filter(|n| *n > 0) else {
        return call.fault("a weight of three axes or more", format!("{of_weight:?}"));
    };
    // One item without the axis of a batch.
    let single = call.rank(x) == n + 1;
    if single {
        x = call.unsqueeze(x, 0)?;
    }
    let stride = call.sizes_for("stride", n, 1)?;
    let dilation = call.sizes_for("dilation", n, 1)?;
    let padding = match call.text("padding") {
        "" => call.sizes_for("padding", n, 0)?.into_iter().map(|amount| (amount, amount)).collect(),
        "valid" => vec![(0, 0); n],
        "same" => (0..n)
            .map(|axis| {
                let all = of_weight[axis + 2].saturating_sub(1).saturating_mul(dilation[axis]);
                (all / 2, all - all / 2)
            })
            .collect(),
        other => return call.fault("padding by numbers, valid or same", format!("{other:?}")),
    };
    let groups = if call.has("groups") { call.size("groups")? } else { 1 };
    let more = call.sizes_for("output_padding", n, 0)?;
    let op = Convolve { stride, padding, dilation, groups, transposed: transposed.then_some(more) };
    let mut out = call.convolve(x, weight, bias, op)?;
    if single {
        let shape = call.shape(out)[1..].to_vec();
        out = call.reshape(out, shape)?;
    }
    one(out)
}
