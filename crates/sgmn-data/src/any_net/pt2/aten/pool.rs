//! Pooling.

use sgmn_graph::flow::{FlowResult, Pooling};

use super::{Calls, first, one};
use crate::any_net::{
    compose::Windows,
    pt2::call::{Call, Item},
};

pub(super) const CALLS: Calls = &[
    ("max_pool1d", |call| max_pool(call, 1)),
    ("max_pool2d", |call| max_pool(call, 2)),
    ("max_pool3d", |call| max_pool(call, 3)),
    ("max_pool1d_with_indices", |call| max_pool(call, 1)),
    ("max_pool2d_with_indices", |call| max_pool(call, 2)),
    ("max_pool3d_with_indices", |call| max_pool(call, 3)),
    ("avg_pool1d", |call| mean_pool(call, 1)),
    ("avg_pool2d", |call| mean_pool(call, 2)),
    ("avg_pool3d", |call| mean_pool(call, 3)),
    ("adaptive_avg_pool1d", |call| adaptive(call, true)),
    ("adaptive_avg_pool2d", |call| adaptive(call, true)),
    ("_adaptive_avg_pool2d", |call| adaptive(call, true)),
    ("adaptive_avg_pool3d", |call| adaptive(call, true)),
    ("_adaptive_avg_pool3d", |call| adaptive(call, true)),
    ("adaptive_max_pool1d", |call| adaptive(call, false)),
    ("adaptive_max_pool2d", |call| adaptive(call, false)),
    ("adaptive_max_pool3d", |call| adaptive(call, false)),
];

fn windows(call: &Call<'_>, n: usize) -> FlowResult<Windows> {
    let size = call.sizes_for("kernel_size", n, 1)?;
    let given = call.has("stride") && !call.ints("stride")?.is_empty();
    let stride = if given { call.sizes_for("stride", n, 1)? } else { size.clone() };
    Ok(Windows {
        size,
        stride,
        padding: call.sizes_for("padding", n, 0)?,
        dilation: call.sizes_for("dilation", n, 1)?,
        ceil: call.flag_or("ceil_mode", false)?,
    })
}

/// The second result, places of the maxima, is not computed.
fn max_pool(call: &mut Call<'_>, n: usize) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let windows = windows(call, n)?;
    first(call.pool(Pooling::Maximum, x, &windows)?, 1)
}

fn mean_pool(call: &mut Call<'_>, n: usize) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let windows = windows(call, n)?;
    let counts_padding = call.flag_or("count_include_pad", true)?;
    if !call.has("divisor_override") {
        return one(call.pool(Pooling::Mean { counts_padding }, x, &windows)?);
    }
    if windows.ceil {
        return call.fault("windows that all lie inside, with another divisor", "some that do not");
    }
    let mean = call.pool(Pooling::Mean { counts_padding: true }, x, &windows)?;
    let places: usize = windows.size.iter().product();
    let divisor = call.number("divisor_override")?;
    one(call.scale(mean, places as f64 / divisor)?)
}

fn adaptive(call: &mut Call<'_>, mean: bool) -> FlowResult<Vec<Item>> {
    let x = call.tensor("self")?;
    let sizes = call.sizes("output_size")?;
    first(call.adaptive_pool(mean, x, &sizes)?, usize::from(!mean))
}
