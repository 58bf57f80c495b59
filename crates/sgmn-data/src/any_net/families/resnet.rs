//! ResNet (He et al. 2015) as `transformers` has it: a stem, stages of basic or bottleneck blocks, a mean.

use super::{Family, act, act::Act, config::Config, sketch::Sketch};
use crate::{Result, any_net::architecture::document::Size};

pub(super) const FAMILY: Family = Family { name: "resnet", build, buffers: &["*.num_batches_tracked"] };

/// Side of the image that a net reads if nobody says another one: the last stage of five halvings still has several places.
const SIDE: usize = 64;
/// By how much the middle of a bottleneck is narrower.
const REDUCTION: usize = 4;

/// A convolution with its norm: channels, side of the kernel, stride.
#[derive(Debug, Clone, Copy)]
struct Conv(usize, usize, usize, usize);

fn build(config: &Config, sketch: &mut Sketch<'_>) -> Result<()> {
    let class = config.class(&["ResNetModel", "ResNetForImageClassification"])?;
    let (channels, stem) = (config.size("num_channels")?, config.size("embedding_size")?);
    let (widths, depths) = (config.sizes("hidden_sizes")?, config.sizes("depths")?);
    let function = act::of(config, "hidden_act", "relu")?;
    let narrow = match config.word_or("layer_type", "bottleneck")? {
        "bottleneck" => true,
        "basic" => false,
        _ => return config.fault("layer_type", "bottleneck or basic"),
    };
    let first = config.truth_or("downsample_in_first_stage", false)?;
    let early = config.truth_or("downsample_in_bottleneck", false)?;
    // Which stages a larger net would take features from.
    for key in ["stage_names", "out_features", "out_indices"] {
        config.get(key);
    }
    if widths.len() != depths.len() || widths.is_empty() {
        return config
            .fault("depths", format!("a number for each of {} hidden_sizes, at least one", widths.len()));
    }
    if narrow && widths.iter().any(|width| width % REDUCTION != 0) {
        return config.fault("hidden_sizes", format!("multiples of {REDUCTION} of a bottleneck"));
    }
    if depths.iter().fold(0usize, |sum, depth| sum.saturating_add(*depth)) > super::config::MOST_BLOCKS {
        return config.fault("depths", format!("at most {} blocks in all", super::config::MOST_BLOCKS));
    }
    let of_stem = "embedder.embedder";
    let at = sketch.prefix(&["resnet.", ""], &format!("{of_stem}.convolution.weight"), config.path())?;
    let side = |name: &str| Size::Usual(name.to_owned(), SIDE);
    let shape = vec![Size::Open("batch".to_owned()), Size::Known(channels), side("height"), side("width")];
    sketch.input("pixel_values", shape, false);
    conv(sketch, &format!("{at}{of_stem}"), Conv(channels, stem, 7, 2));
    function.write(sketch);
    sketch.layer("max_pool", "").option("size", 3).option("stride", 2).option("padding", 1).called("x");
    let mut from = stem;
    for (stage, (width, depth)) in widths.iter().zip(&depths).enumerate() {
        for i in 0..*depth {
            let stride = if i == 0 && (stage > 0 || first) { 2 } else { 1 };
            let name = format!("{at}encoder.stages.{stage}.layers.{i}");
            let middle = width / REDUCTION;
            let convs = match (narrow, early) {
                (false, _) => vec![Conv(from, *width, 3, stride), Conv(*width, *width, 3, 1)],
                (true, true) => {
                    vec![
                        Conv(from, middle, 1, stride),
                        Conv(middle, middle, 3, 1),
                        Conv(middle, *width, 1, 1),
                    ]
                }
                (true, false) => {
                    vec![
                        Conv(from, middle, 1, 1),
                        Conv(middle, middle, 3, stride),
                        Conv(middle, *width, 1, 1),
                    ]
                }
            };
            block(
                sketch,
                &name,
                &convs,
                (from != *width || stride > 1).then_some(Conv(from, *width, 1, stride)),
                function,
            );
            from = *width;
        }
    }
    sketch.layer("same", "").takes("x").called("last_hidden_state");
    let head = class == "ResNetForImageClassification";
    sketch.layer("mean", "").option("axes", vec![2, 3]).option("keep", !head).called("pooler_output");
    if head {
        sketch.linear("classifier.1", [from, config.labels()?], true).called("logits");
        sketch.outputs.push("logits".to_owned());
    } else {
        sketch.outputs.extend(["last_hidden_state", "pooler_output"].map(str::to_owned));
    }
    Ok(())
}

/// Convolutions one after the other, and the way around them.
fn block(sketch: &mut Sketch<'_>, name: &str, convs: &[Conv], around: Option<Conv>, function: Act) {
    let beside = match around {
        Some(around) => {
            conv(sketch, &format!("{name}.shortcut"), around);
            sketch.layer("same", "").called("around");
            sketch.layer("same", "").takes("x");
            "around"
        }
        None => "x",
    };
    for (i, part) in convs.iter().enumerate() {
        if i > 0 {
            function.write(sketch);
        }
        conv(sketch, &format!("{name}.layer.{i}"), *part);
    }
    sketch.layer("add", "").with(beside);
    function.write(sketch);
    sketch.layer("same", "").called("x");
}

fn conv(sketch: &mut Sketch<'_>, name: &str, Conv(n_in, n_out, kernel, stride): Conv) {
    sketch.expect(&format!("{name}.convolution.weight"), &[n_out, n_in, kernel, kernel]);
    let layer = sketch.layer("conv", &format!("{name}.convolution"));
    layer.option("stride", stride as i64).option("padding", (kernel / 2) as i64);
    for part in ["weight", "bias", "running_mean", "running_var"] {
        sketch.expect(&format!("{name}.normalization.{part}"), &[n_out]);
    }
    sketch.layer("batch_norm", &format!("{name}.normalization"));
}
