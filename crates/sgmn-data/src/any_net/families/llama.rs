//! Llama, and all that is published under its name.

use super::{Family, config::Config, decoder, sketch::Sketch};
use crate::Result;

pub(super) const FAMILY: Family = Family { name: "llama", build, buffers: decoder::BUFFERS };

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let of_attention = config.truth_or("attention_bias", false)?;
    // How a matrix product is cut into pieces, with the same result; and a mark that some nets bear.
    for key in ["pretraining_tp", "is_llama_config"] {
        config.get(key);
    }
    let style = decoder::Style {
        classes: ["LlamaModel", "LlamaForCausalLM"],
        biases: [of_attention, of_attention, config.truth_or("mlp_bias", false)?],
        asks_kv_heads: false,
        windows: vec![None; config.depth("num_hidden_layers")?],
    };
    decoder::build(config, sketch, &style)
}
