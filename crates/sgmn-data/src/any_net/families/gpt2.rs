//! GPT-2 (Radford et al. 2019): layer norms, learned positions, one layer for queries, keys and values.

use super::{Family, act, config::Config, sketch::Sketch};
use crate::Result;

pub(super) const FAMILY: Family = Family {
    name: "gpt2",
    build,
    // The causal mask, and what hid places with it.
    buffers: &["*.attn.bias", "*.attn.masked_bias"],
};

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let class = config.class(&["GPT2Model", "GPT2LMHeadModel"])?;
    let (n, heads) = (config.size("n_embd")?, config.size("n_head")?);
    let (vocabulary, places) = (config.size("vocab_size")?, config.size("n_positions")?);
    let inner = config.size_if("n_inner")?.unwrap_or(4 * n);
    let epsilon = config.number_or("layer_norm_epsilon", 1e-5)?;
    let function = act::of(config, "activation_function", "gelu_new")?;
    config.only_truth("add_cross_attention", false)?;
    let scaled = config.truth_or("scale_attn_weights", true)?;
    let by_depth = config.truth_or("scale_attn_by_inverse_layer_idx", false)?;
    // These say what is computed in which precision, and what only other heads read.
    for key in ["reorder_and_upcast_attn", "n_ctx", "summary_type", "summary_use_proj"] {
        config.get(key);
    }
    for key in ["summary_activation", "summary_first_dropout", "summary_proj_to_labels"] {
        config.get(key);
    }
    if n % heads != 0 {
        return config.fault("n_head", format!("a divisor of n_embd = {n}"));
    }
    let at = sketch.prefix(&["transformer.", ""], "wte.weight", config.path())?;
    let table = format!("{at}wte.weight");
    sketch.tokens("input_ids", places);
    sketch.embedding(&format!("{at}wte"), vocabulary, n);
    sketch.positions(&format!("{at}wpe"), places, n).called("x");
    for i in 0..config.depth("n_layer")? {
        let block = format!("{at}h.{i}");
        sketch.layer_norm(&format!("{block}.ln_1"), n, epsilon);
        for (name, n_out) in [("c_attn", 3 * n), ("c_proj", n)] {
            sketch.expect(&format!("{block}.attn.{name}.weight"), &[n, n_out]);
            sketch.expect(&format!("{block}.attn.{name}.bias"), &[n_out]);
        }
        let mut scale = if scaled { ((n / heads) as f64).sqrt().recip() } else { 1.0 };
        if by_depth {
            scale /= (i + 1) as f64;
        }
        let attention = sketch.layer("attention", &format!("{block}.attn"));
        attention.option("heads", heads as i64).option("scale", scale).option("causal", true);
        attention.option("qkv", "c_attn").option("output", "c_proj").option("transposed", true);
        sketch.layer("add", "").with("x").called("x");
        sketch.layer_norm(&format!("{block}.ln_2"), n, epsilon);
        turned(sketch, &format!("{block}.mlp.c_fc"), [n, inner]);
        function.write(sketch);
        turned(sketch, &format!("{block}.mlp.c_proj"), [inner, n]);
        sketch.layer("add", "").with("x").called("x");
    }
    sketch.layer_norm(&format!("{at}ln_f"), n, epsilon).called("last_hidden_state");
    let tied = config.truth_or("tie_word_embeddings", true)?;
    sketch.end(class == "GPT2LMHeadModel", &table, [vocabulary, n], tied);
    Ok(())
}

/// A linear layer with a weight `[in, out]`.
fn turned(sketch: &mut Sketch<'_>, name: &str, [n_in, n_out]: [usize; 2]) {
    sketch.expect(&format!("{name}.weight"), &[n_in, n_out]);
    sketch.expect(&format!("{name}.bias"), &[n_out]);
    sketch.layer("linear", name).option("transposed", true);
}
