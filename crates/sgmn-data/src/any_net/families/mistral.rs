//! Mistral: a Llama whose places see a window of those before them.

use super::{Family, config::Config, decoder, sketch::Sketch};
use crate::Result;

pub(super) const FAMILY: Family = Family { name: "mistral", build, buffers: decoder::BUFFERS };

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    // An absent key is not null here: the first nets of the family had a window that files need not say.
    if !config.says("sliding_window") {
        return config.fault("sliding_window", "a number of places, or null for all,");
    }
    let style = decoder::Style {
        classes: ["MistralModel", "MistralForCausalLM"],
        biases: [false; 3],
        asks_kv_heads: true,
        windows: vec![config.size_if("sliding_window")?; config.depth("num_hidden_layers")?],
    };
    decoder::build(config, sketch, &style)
}
