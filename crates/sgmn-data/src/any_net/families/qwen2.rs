//! Qwen 2 and 2.5: a Llama with biases of queries, keys and values, and with windows in some blocks.

use serde_json::Value;

use super::{Family, config::Config, decoder, sketch::Sketch};
use crate::Result;

pub(super) const FAMILY: Family = Family { name: "qwen2", build, buffers: decoder::BUFFERS };

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let style = decoder::Style {
        classes: ["Qwen2Model", "Qwen2ForCausalLM"],
        biases: [true, false, false],
        asks_kv_heads: true,
        windows: windows(config, config.depth("num_hidden_layers")?)?,
    };
    decoder::build(config, sketch, &style)
}

/// For each block its window: as `layer_types` says, else those from `max_window_layers` on, if windows are used.
fn windows(config: &Config, depth: usize) -> Result<Vec<Option<usize>>> {
    let uses = config.truth_or("use_sliding_window", false)?;
    let (window, first) = (config.get("sliding_window"), config.get("max_window_layers"));
    let slides: Vec<bool> = match config.get("layer_types") {
        Some(types) => {
            let kind = |kind: &Value| match kind.as_str() {
                Some("full_attention") => Some(false),
                Some("sliding_attention") => Some(true),
                _ => None,
            };
            let kinds =
                types.as_array().and_then(|list| list.iter().map(kind).collect::<Option<Vec<bool>>>());
            match kinds.filter(|kinds| kinds.len() == depth) {
                Some(kinds) => kinds,
                None => {
                    let expected = format!("{depth} words full_attention or sliding_attention");
                    return config.fault("layer_types", expected);
                }
            }
        }
        None if !uses => vec![false; depth],
        None => match first.and_then(Value::as_u64) {
            Some(first) => (0..depth).map(|i| i as u64 >= first).collect(),
            None => return config.fault("max_window_layers", "a number of blocks without windows"),
        },
    };
    if !slides.contains(&true) {
        return Ok(vec![None; depth]);
    }
    if window.is_none() || !uses {
        return config.fault("sliding_window", "a number of places, and use_sliding_window,");
    }
    let window = config.size("sliding_window")?;
    Ok(slides.into_iter().map(|slides| slides.then_some(window)).collect())
}
