//! BERT (Devlin et al. 2018): sums of three tables, and norms behind each sum.
//!
//! All tokens count: the mask of padded places is no input.

use super::{Family, act, config::Config, encoder::Block, sketch::Sketch};
use crate::Result;

pub(super) const FAMILY: Family =
    Family { name: "bert", build, buffers: &["*.position_ids", "*.token_type_ids"] };

/// What may stand on the states.
const CLASSES: [&str; 5] = [
    "BertModel",
    "BertForMaskedLM",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertForQuestionAnswering",
];

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let class = config.class(&CLASSES)?;
    let (n, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let (vocabulary, places) = (config.size("vocab_size")?, config.size("max_position_embeddings")?);
    let epsilon = config.number_or("layer_norm_eps", 1e-12)?;
    let block = Block {
        n,
        heads,
        inner: config.size("intermediate_size")?,
        qkv: ["self.query", "self.key", "self.value"],
        biases: true,
        function: act::of(config, "hidden_act", "gelu")?,
    };
    config.only_truth("is_decoder", false)?;
    config.only_truth("add_cross_attention", false)?;
    config.only_word("position_embedding_type", "absolute")?;
    // Published files tell of a pooler in words that nothing reads.
    for key in ["num_fc_layers", "num_attention_heads", "fc_size_per_head", "size_per_head", "type"] {
        config.get(&format!("pooler_{key}"));
    }
    for key in ["pooler_fc_size", "pooler_num_fc_layers", "pooler_size_per_head", "directionality"] {
        config.get(key);
    }
    if n % heads != 0 {
        return config.fault("num_attention_heads", format!("a divisor of hidden_size = {n}"));
    }
    let at = sketch.prefix(&["bert.", ""], "embeddings.word_embeddings.weight", config.path())?;
    let tables = format!("{at}embeddings");
    sketch.tokens("input_ids", places);
    sketch.tokens("token_type_ids", places);
    let types = config.size("type_vocab_size")?;
    let layer = sketch.embedding(&format!("{tables}.token_type_embeddings"), types, n);
    layer.takes("token_type_ids").called("types");
    sketch.embedding(&format!("{tables}.word_embeddings"), vocabulary, n).takes("input_ids");
    sketch.layer("add", "").with("types");
    sketch.positions(&format!("{tables}.position_embeddings"), places, n);
    sketch.layer_norm(&format!("{tables}.LayerNorm"), n, epsilon).called("x");
    for i in 0..config.depth("num_hidden_layers")? {
        let name = format!("{at}encoder.layer.{i}");
        block.attention(sketch, &name);
        sketch.layer("add", "").with("x");
        sketch.layer_norm(&format!("{name}.attention.output.LayerNorm"), n, epsilon).called("x");
        block.perceptron(sketch, &name);
        sketch.layer("add", "").with("x");
        sketch.layer_norm(&format!("{name}.output.LayerNorm"), n, epsilon).called("x");
    }
    let tied = config.truth_or("tie_word_embeddings", true)?;
    head(config, sketch, class, at, [vocabulary, n], (tied, epsilon))
}

/// What stands on the states `x`.
fn head(
    config: &Config,
    sketch: &mut Sketch<'_>,
    class: &str,
    at: &str,
    [vocabulary, n]: [usize; 2],
    (tied, epsilon): (bool, f64),
) -> Result<()> {
    let pooler = format!("{at}pooler.dense");
    let outputs: &[&str] = match class {
        "BertModel" => {
            sketch.layer("same", "").takes("x").called("last_hidden_state");
            // The pooler may have been left out when the net was made.
            if sketch.has(&format!("{pooler}.weight")) {
                pooled(sketch, &pooler, n);
                &["last_hidden_state", "pooler_output"]
            } else {
                &["last_hidden_state"]
            }
        }
        "BertForMaskedLM" => {
            // What else files of the first training hold.
            sketch.idle.extend([format!("{pooler}*"), "cls.seq_relationship*".to_owned()]);
            let name = "cls.predictions";
            sketch.linear(&format!("{name}.transform.dense"), [n, n], true);
            act::of(config, "hidden_act", "gelu")?.write(sketch);
            sketch.layer_norm(&format!("{name}.transform.LayerNorm"), n, epsilon);
            let table = format!("{at}embeddings.word_embeddings.weight");
            sketch.scores(&format!("{name}.decoder"), &table, [vocabulary, n], tied);
            // The decoder's bias is the one beside it, which files may hold twice.
            let (bias, own) = (format!("{name}.bias"), format!("{name}.decoder.bias"));
            sketch.expect(&bias, &[vocabulary]);
            if sketch.has(&own) {
                sketch.same.push((own, bias.clone()));
            }
            sketch.last().tensors.insert("bias".to_owned(), bias);
            sketch.layer("same", "").called("logits");
            &["logits"]
        }
        "BertForSequenceClassification" => {
            sketch.layer("same", "").takes("x");
            pooled(sketch, &pooler, n);
            sketch.linear("classifier", [n, config.labels()?], true).called("logits");
            &["logits"]
        }
        _ => {
            let (name, n_out) = if class == "BertForTokenClassification" {
                ("classifier", config.labels()?)
            } else {
                ("qa_outputs", 2)
            };
            sketch.idle.push(format!("{pooler}*"));
            sketch.linear(name, [n, n_out], true).takes("x").called("logits");
            &["logits"]
        }
    };
    sketch.outputs.extend(outputs.iter().map(|name| (*name).to_owned()));
    Ok(())
}

/// The state of the first place behind a layer with tanh.
fn pooled(sketch: &mut Sketch<'_>, name: &str, n: usize) {
    sketch.layer("select", "").option("axis", 1).option("place", 0);
    sketch.linear(name, [n, n], true);
    sketch.layer("tanh", "").called("pooler_output");
}
