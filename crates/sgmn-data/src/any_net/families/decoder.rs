//! Decoders like Llama (Touvron et al. 2023): RMS norms, rotary codes, gated layers; what several families share.

use toml::Value;

use super::{act, config::Config, rope, sketch::Sketch};
use crate::Result;

/// In what these families differ.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Class of the stem, and class with scores of tokens.
    pub(super) classes: [&'static str; 2],
    /// Whether there are biases of queries, keys and values; of the output of attention; of the gated layers.
    pub(super) biases: [bool; 3],
    /// Whether the heads of keys must be said; else they are as many as those of queries.
    pub(super) asks_kv_heads: bool,
    /// For each block, how many places it sees if not all.
    pub(super) windows: Vec<Option<usize>>,
}

/// Tables of angles that older files hold.
pub(super) const BUFFERS: &[&str] = &["*.rotary_emb.inv_freq"];

/// Writes the net down.
pub(super) fn build(config: &Config, sketch: &mut Sketch<'_>, style: &Style) -> Result<()> {
    let class = config.class(&style.classes)?;
    let (n, inner, heads) =
        (config.size("hidden_size")?, config.size("intermediate_size")?, config.size("num_attention_heads")?);
    let kv_heads = match config.size_if("num_key_value_heads")? {
        Some(heads) => heads,
        None if style.asks_kv_heads => config.size("num_key_value_heads")?,
        None => heads,
    };
    if heads % kv_heads != 0 {
        return config.fault("num_key_value_heads", format!("a divisor of {heads} heads"));
    }
    let width = match config.size_if("head_dim")? {
        Some(width) => width,
        None if n % heads == 0 => n / heads,
        None => return config.fault("num_attention_heads", format!("a divisor of hidden_size = {n}")),
    };
    let vocabulary = config.size("vocab_size")?;
    let places = config.size("max_position_embeddings")?;
    let epsilon = config.number_or("rms_norm_eps", 1e-6)?;
    let function = act::of(config, "hidden_act", "silu")?;
    let frequencies: Vec<Value> = rope::frequencies(config, width)?.into_iter().map(Value::Float).collect();
    let frequencies = toml::Table::from_iter([("frequencies".to_owned(), Value::Array(frequencies))]);
    let [of_inputs, of_output, of_gates] = style.biases;

    let at = sketch.prefix(&["model.", ""], "embed_tokens.weight", config.path())?;
    let table = format!("{at}embed_tokens.weight");
    sketch.tokens("input_ids", places);
    sketch.embedding(&format!("{at}embed_tokens"), vocabulary, n).called("x");
    for (i, window) in style.windows.iter().enumerate() {
        let block = format!("{at}layers.{i}");
        sketch.rms_norm(&format!("{block}.input_layernorm"), n, epsilon);
        let parts = [
            ("q_proj", n, heads * width, of_inputs),
            ("k_proj", n, kv_heads * width, of_inputs),
            ("v_proj", n, kv_heads * width, of_inputs),
            ("o_proj", heads * width, n, of_output),
        ];
        for (name, n_in, n_out, bias) in parts {
            sketch.expect(&format!("{block}.self_attn.{name}.weight"), &[n_out, n_in]);
            if bias {
                sketch.expect(&format!("{block}.self_attn.{name}.bias"), &[n_out]);
            }
        }
        if !sketch.fits_so_far() {
            return Ok(());
        }
        let attention = sketch.layer("attention", &format!("{block}.self_attn"));
        attention.option("heads", heads as i64).option("kv_heads", kv_heads as i64).option("causal", true);
        attention.option("qkv", ["q_proj", "k_proj", "v_proj"].map(Value::from).to_vec());
        attention.option("output", "o_proj").option("rotary", frequencies.clone());
        if let Some(window) = window {
            attention.option("window", *window as i64);
        }
        sketch.layer("add", "").with("x").called("x");
        sketch.rms_norm(&format!("{block}.post_attention_layernorm"), n, epsilon).called("y");
        sketch.linear(&format!("{block}.mlp.up_proj"), [n, inner], of_gates).called("up");
        sketch.linear(&format!("{block}.mlp.gate_proj"), [n, inner], of_gates).takes("y");
        function.write(sketch);
        sketch.layer("multiply", "").with("up");
        sketch.linear(&format!("{block}.mlp.down_proj"), [inner, n], of_gates);
        sketch.layer("add", "").with("x").called("x");
    }
    sketch.rms_norm(&format!("{at}norm"), n, epsilon).called("last_hidden_state");
    let tied = config.truth_or("tie_word_embeddings", false)?;
    sketch.end(class == style.classes[1], &table, [vocabulary, n], tied);
    Ok(())
}
