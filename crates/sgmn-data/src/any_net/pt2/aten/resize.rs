//! Images at other sizes.

use sgmn_graph::flow::FlowResult;

use super::{Calls, one};
use crate::any_net::{
    compose::Interpolation,
    pt2::call::{Call, Item},
};

pub(super) const CALLS: Calls = &[
    ("upsample_nearest1d", |call| resize(call, Interpolation::Nearest, 1)),
    ("upsample_nearest2d", |call| resize(call, Interpolation::Nearest, 2)),
    ("upsample_nearest3d", |call| resize(call, Interpolation::Nearest, 3)),
    ("_upsample_nearest_exact1d", |call| resize(call, Interpolation::NearestExact, 1)),
    ("_upsample_nearest_exact2d", |call| resize(call, Interpolation::NearestExact, 2)),
    ("_upsample_nearest_exact3d", |call| resize(call, Interpolation::NearestExact, 3)),
    ("upsample_linear1d", |call| resize(call, Interpolation::Linear, 1)),
    ("upsample_bilinear2d", |call| resize(call, Interpolation::Linear, 2)),
    ("upsample_trilinear3d", |call| resize(call, Interpolation::Linear, 3)),
    ("upsample_bicubic2d", |call| resize(call, Interpolation::Cubic, 2)),
];

fn resize(call: &mut Call<'_>, how: Interpolation, n: usize) -> FlowResult<Vec<Item>> {
    let x = call.tensor(if call.has("self") { "self" } else { "input" })?;
    let shape = call.shape(x);
    let Some(first) = shape.len().checked_sub(n) else {
        return call.fault(format!("a value of {n} axes or more"), format!("{shape:?}"));
    };
    let factors = if call.has("scale_factors") {
        call.floats("scale_factors")?
    } else {
        let mut factors = Vec::new();
        for name in ["scales_d", "scales_h", "scales_w", "scales"] {
            if call.has(name) {
                factors.push(call.number(name)?);
            }
        }
        factors
    };
    if !(factors.is_empty() || factors.len() == n) || !factors.iter().all(|factor| *factor > 0.0) {
        return call.fault(format!("{n} factors above 0"), format!("{factors:?}"));
    }
    let sizes = if call.has("output_size") {
        call.sizes("output_size")?
    } else {
        factors
            .iter()
            .zip(&shape[first..])
            .map(|(factor, size)| (*size as f64 * factor).floor() as usize)
            .collect()
    };
    if sizes.len() != n {
        return call.fault(format!("{n} sizes"), format!("{sizes:?}"));
    }
    let ratios: Vec<Option<f64>> = factors.iter().map(|factor| Some(1.0 / factor)).collect();
    let corners = call.flag_or("align_corners", false)?;
    one(call.resize(x, how, &sizes, &ratios, corners)?)
}
