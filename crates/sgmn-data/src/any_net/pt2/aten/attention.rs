//! Attention as one call.

use sgmn_graph::flow::FlowResult;

use super::{Calls, first};
use crate::any_net::{
    compose::Attention,
    pt2::call::{Call, Item, Kind},
};

pub(super) const CALLS: Calls = &[
    ("scaled_dot_product_attention", attention),
    ("_scaled_dot_product_flash_attention", attention),
    ("_scaled_dot_product_flash_attention_for_cpu", attention),
    ("_scaled_dot_product_efficient_attention", attention),
    ("_scaled_dot_product_attention_math", attention),
];

fn attention(call: &mut Call<'_>) -> FlowResult<Vec<Item>> {
    let (q, k, v) = (call.tensor("query")?, call.tensor("key")?, call.tensor("value")?);
    if call.number_or("dropout_p", 0.0)? != 0.0 {
        return call.fault("a net in evaluation", "dropout");
    }
    let mask = if call.has("attn_mask") { "attn_mask" } else { "attn_bias" };
    let given = call.tensor_or_none(mask)?;
    let (mask, bias) = if call.kind(mask) == Kind::Truth { (given, None) } else { (None, given) };
    let scale = if call.has("scale") { Some(call.number("scale")?) } else { None };
    let how = Attention { scale, causal: call.flag_or("is_causal", false)?, window: None, bias, mask };
    // All further results are for the way back.
    first(call.attention(q, k, v, how)?, 8)
}
