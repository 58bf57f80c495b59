//! Normalizations in evaluation.

use sgmn_graph::flow::FlowResult;

use super::{Calls, first, one};
use crate::any_net::{
    compose::BatchNorm,
    pt2::call::{Call, Item, Kind},
};

pub(super) const CALLS: Calls = &[
    ("batch_norm", batch_norm),
    ("native_batch_norm", batch_norm),
    ("_native_batch_norm_legit", batch_norm),
    ("_native_batch_norm_legit_no_training", batch_norm),
    ("cudnn_batch_norm", batch_norm),
    ("_batch_norm_no_update", batch_norm),
    ("layer_norm", layer_norm),
    ("native_layer_norm", layer_norm),
    ("rms_norm", rms_norm),
    ("_fused_rms_norm", rms_norm),
    ("group_norm", group_norm),
    ("native_group_norm", group_norm),
    ("instance_norm", instance_norm),
    ("_weight_norm", weight_norm),
];

/// ε of a batch normalization that has none in its call.
const EPSILON: f64 = 1e-5;

fn batch_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if call.flag_or("training", false)? {
        return call.fault(
            "a net in evaluation",
            "a batch normalization in training; call eval() before the export",
        );
    }
    let x = call.tensor("input")?;
    let norm = BatchNorm {
        gain: call.tensor_or_none("weight")?,
        shift: call.tensor_or_none("bias")?,
        mean: call.tensor("running_mean")?,
        variance: call.tensor("running_var")?,
        epsilon: call.number_or(if call.has("epsilon") { "epsilon" } else { "eps" }, EPSILON)?,
    };
    first(call.batch_norm(x, norm)?, 3)
}

fn layer_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("input")?;
    let axes = call.ints("normalized_shape")?.len();
    let (gain, shift) = (call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    let epsilon = call.number_or("eps", EPSILON)?;
    first(call.layer_norm(x, axes, gain, shift, true, epsilon)?, 2)
}

fn rms_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("input")?;
    let axes = call.ints("normalized_shape")?.len();
    let gain = call.tensor_or_none("weight")?;
    // Absent: the distance from 1 to the next number of the type, which is f32 in the files that people have.
    let epsilon = call.number_or("eps", f64::from(f32::EPSILON))?;
    first(call.layer_norm(x, axes, gain, None, false, epsilon)?, 1)
}

fn group_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let x = call.tensor("input")?;
    let groups = call.size(if call.has("num_groups") { "num_groups" } else { "group" })?;
    let (gain, shift) = (call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    let epsilon = call.number_or("eps", EPSILON)?;
    first(call.group_norm(x, groups, gain, shift, epsilon)?, 2)
}

fn instance_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    if !call.flag_or("use_input_stats", true)? {
        return batch_norm(call);
    }
    let x = call.tensor("input")?;
    let groups = call.shape(x).get(1).copied().unwrap_or(0);
    let (gain, shift) = (call.tensor_or_none("weight")?, call.tensor_or_none("bias")?);
    let epsilon = call.number_or("eps", EPSILON)?;
    one(call.group_norm(x, groups, gain, shift, epsilon)?)
}

/// `g · v / ‖v‖`, the norm over all axes but one.
fn weight_norm(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (v, g) = (call.tensor("v")?, call.tensor("g")?);
    if call.kind("v") != Kind::Real {
        return call.fault("a weight of real numbers", "another kind");
    }
    let rank = call.rank(v);
    let kept = call.axis_or("dim", 0, rank)?;
    let axes = (0..rank).filter(|axis| *axis != kept).collect();
    let norm = call.reduce(sgmn_graph::flow::Reduction::Norm, v, axes, true)?;
    let unit = call.combine(sgmn_graph::flow::Combination::Divide, v, norm)?;
    first(call.multiply(unit, g)?, 1)
}
