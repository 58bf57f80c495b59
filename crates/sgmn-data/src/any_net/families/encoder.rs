//! A block of an encoder: what BERT and ViT share, before their norms.

use toml::Value;

use super::{act::Act, sketch::Sketch};

/// Sizes of a block, and the names of its layers behind its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block<'a> {
    /// Channels of the stream.
    pub(super) n: usize,
    /// Heads.
    pub(super) heads: usize,
    /// Units between the two linear layers.
    pub(super) inner: usize,
    /// Layers of queries, keys and values.
    pub(super) qkv: [&'a str; 3],
    /// Whether these have biases.
    pub(super) biases: bool,
    /// The function between the two linear layers.
    pub(super) function: Act,
}

impl Block<'_> {
    /// Attention of the value of the layer before, and its output layer.
    pub(super) fn attention(&self, sketch: &mut Sketch<'_>, block: &str) {
        let Self { n, heads, qkv, biases, .. } = *self;
        let name = format!("{block}.attention");
        for (part, bias) in qkv.into_iter().map(|part| (part, biases)).chain([("output.dense", true)]) {
            sketch.expect(&format!("{name}.{part}.weight"), &[n, n]);
            if bias {
                sketch.expect(&format!("{name}.{part}.bias"), &[n]);
            }
        }
        let attention = sketch.layer("attention", &name).option("heads", heads as i64);
        attention.option("qkv", qkv.map(Value::from).to_vec()).option("output", "output.dense");
    }

    /// The two linear layers behind it.
    pub(super) fn perceptron(&self, sketch: &mut Sketch<'_>, block: &str) {
        let Self { n, inner, .. } = *self;
        sketch.linear(&format!("{block}.intermediate.dense"), [n, inner], true);
        self.function.write(sketch);
        sketch.linear(&format!("{block}.output.dense"), [inner, n], true);
    }
}
