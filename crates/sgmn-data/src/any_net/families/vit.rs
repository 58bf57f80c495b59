//! ViT (Dosovitskiy et al. 2020): patches of an image and a class token, norms before each part.

use super::{Family, act, config::Config, encoder::Block, sketch::Sketch};
use crate::{Result, any_net::architecture::document::Size};

pub(super) const FAMILY: Family = Family { name: "vit", build, buffers: &[] };

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let class = config.class(&["ViTModel", "ViTForImageClassification"])?;
    let (n, heads) = (config.size("hidden_size")?, config.size("num_attention_heads")?);
    let epsilon = config.number_or("layer_norm_eps", 1e-12)?;
    let [image, patch] = ["image_size", "patch_size"].map(|key| config.sides(key));
    let ([height, width], [down, right]) = (image?, patch?);
    let channels = config.size("num_channels")?;
    let block = Block {
        n,
        heads,
        inner: config.size("intermediate_size")?,
        qkv: ["attention.query", "attention.key", "attention.value"],
        biases: config.truth_or("qkv_bias", true)?,
        function: act::of(config, "hidden_act", "gelu")?,
    };
    // Of a decoder of images, which no class here has.
    config.get("encoder_stride");
    if n % heads != 0 {
        return config.fault("num_attention_heads", format!("a divisor of hidden_size = {n}"));
    }
    if height < down || width < right {
        return config.fault("patch_size", format!("patches within an image of {height} by {width}"));
    }
    let at = sketch.prefix(&["vit.", ""], "embeddings.cls_token", config.path())?;
    let size = |size: usize| Size::Known(size);
    let shape = vec![Size::Open("batch".to_owned()), size(channels), size(height), size(width)];
    sketch.input("pixel_values", shape, false);

    let patches = format!("{at}embeddings.patch_embeddings.projection");
    sketch.expect(&format!("{patches}.weight"), &[n, channels, down, right]);
    sketch.expect(&format!("{patches}.bias"), &[n]);
    let stride = [down, right].map(|size| toml::Value::from(size as i64)).to_vec();
    sketch.layer("conv", &patches).option("stride", stride);
    sketch.layer("flatten", "").option("first", 2);
    sketch.layer("transpose", "").option("axes", vec![1, 2]).called("patches");
    let places = 1 + (height / down) * (width / right);
    for (name, called, shape) in
        [("position_embeddings", "positions", [1, places, n]), ("cls_token", "class", [1, 1, n])]
    {
        let tensor = format!("{at}embeddings.{name}");
        sketch.expect(&tensor, &shape);
        sketch.layer("tensor", "").called(called).tensors.insert("value".to_owned(), tensor);
    }
    sketch.layer("concat", "").with("patches").option("axis", 1);
    sketch.layer("add", "").with("positions").called("x");
    // Of masked images, which is no input.
    sketch.idle.push(format!("{at}embeddings.mask_token"));
    for i in 0..config.depth("num_hidden_layers")? {
        let name = format!("{at}encoder.layer.{i}");
        sketch.layer_norm(&format!("{name}.layernorm_before"), n, epsilon);
        block.attention(sketch, &name);
        sketch.layer("add", "").with("x").called("x");
        sketch.layer_norm(&format!("{name}.layernorm_after"), n, epsilon);
        block.perceptron(sketch, &name);
        sketch.layer("add", "").with("x").called("x");
    }
    sketch.layer_norm(&format!("{at}layernorm"), n, epsilon).called("last_hidden_state");
    let (n_pooled, function) =
        (config.size_if("pooler_output_size")?.unwrap_or(n), act::of(config, "pooler_act", "tanh")?);
    let pooler = format!("{at}pooler.dense");
    let has_pooler = sketch.has(&format!("{pooler}.weight"));
    sketch.layer("select", "").option("axis", 1).option("place", 0);
    if class == "ViTForImageClassification" {
        sketch.idle.push(format!("{pooler}*"));
        sketch.linear("classifier", [n, config.labels()?], true).called("logits");
        sketch.outputs.push("logits".to_owned());
        return Ok(());
    }
    sketch.outputs.push("last_hidden_state".to_owned());
    if has_pooler {
        sketch.linear(&pooler, [n, n_pooled], true);
        function.write(sketch);
        sketch.layer("same", "").called("pooler_output");
        sketch.outputs.push("pooler_output".to_owned());
    }
    Ok(())
}
