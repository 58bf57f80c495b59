//! One net: its layers, their sizes and magnitudes, and what may change without changing its function.

use std::{io::Write, sync::Arc};

use anyhow::Result;
use sgmn_data::{Sample, Target};
use sgmn_graph::{Activation, LayerMap, LayerSpec, Net, NetSpec, Reading, Topology};
use sgmn_symmetry::{Sites, Symmetry};

use crate::report::Table;

/// Describes a net with its name and what is known about it.
pub(super) fn describe(sample: &Sample, out: &mut impl Write) -> Result<()> {
    let target = match sample.target {
        Target::None => String::new(),
        Target::Class(class) => format!(", class {class}"),
        Target::Score(score) => format!(", score {score}"),
    };
    writeln!(out, "net {}{target}", sample.id)?;
    describe_net(&sample.net, out)
}

/// Describes a net.
pub(super) fn describe_net(net: &Net, out: &mut impl Write) -> Result<()> {
    let spec = net.spec();
    writeln!(out, "{}\n", describe_spec(spec))?;
    let topology = Topology::new(Arc::clone(spec))?;
    let sites = Sites::new(&topology, Symmetry::ALL);
    let header = [
        "layer",
        "map",
        "weight",
        "activation",
        "parameters",
        "weight rms",
        "norm",
        "bias rms",
        "norm",
        "symmetries of its units",
    ];
    let rows = spec.layers().iter().enumerate().map(|(l, layer)| {
        // Node layer l + 1 holds the units that layer l writes.
        let site = sites.layers().iter().find(|site| site.layer == l + 1);
        let symmetries = site.map_or("none: outputs".to_owned(), |site| {
            site.symmetries.iter().map(|symmetry| symmetry.name()).collect::<Vec<_>>().join(", ")
        });
        let [weight, bias] = [net.weight(l), net.bias(l)];
        vec![
            l.to_string(),
            map(layer),
            format!("{:?}", spec.weight_shape(l)),
            activation(layer.activation),
            (weight.len() + bias.len()).to_string(),
            format!("{:.3e}", rms(weight)),
            format!("{:.3e}", norm(weight)),
            format!("{:.3e}", rms(bias)),
            format!("{:.3e}", norm(bias)),
            symmetries,
        ]
    });
    let table = Table { header: header.map(str::to_owned).to_vec(), rows: rows.collect() };
    write!(out, "{}", table.to_markdown())?;
    Ok(())
}

/// An architecture in one line, such as `2 → 32 → 1, 129 parameters, output shifted by 0.5`.
pub(super) fn describe_spec(spec: &NetSpec) -> String {
    let widths: Vec<String> = spec.widths().iter().map(usize::to_string).collect();
    let mut activations: Vec<String> = Vec::new();
    for layer in &spec.layers()[..spec.layers().len() - 1] {
        let name = activation(layer.activation);
        if !activations.contains(&name) {
            activations.push(name);
        }
    }
    let kind = if spec.is_convolutional() { "convolutional net" } else { "perceptron" };
    let mut line = format!("{kind} {}, {} parameters", widths.join(" → "), spec.n_params());
    if !activations.is_empty() {
        line += &format!(", {}", activations.join(" and "));
    }
    if spec.output_offset() != 0.0 {
        line += &format!(", output shifted by {}", spec.output_offset());
    }
    line
}

fn map(layer: &LayerSpec) -> String {
    match layer.map {
        LayerMap::Linear { reading: Reading::Direct, .. } => "linear".to_owned(),
        LayerMap::Linear { reading: Reading::GlobalAverage, .. } => "average, linear".to_owned(),
        LayerMap::Linear { reading: Reading::Flatten { positions }, .. } => {
            format!("flatten {positions}, linear")
        }
        LayerMap::Conv { kernel: [kh, kw], stride, padding, .. } => {
            format!(
                "conv {kh}×{kw}, stride {}×{}, padding {}×{}",
                stride[0], stride[1], padding[0], padding[1]
            )
        }
    }
}

fn activation(activation: Activation) -> String {
    match activation {
        Activation::Relu => "ReLU".to_owned(),
        Activation::LeakyRelu { slope } => format!("leaky ReLU {slope}"),
        Activation::Tanh => "tanh".to_owned(),
        Activation::Sine { omega } => format!("sine {omega}"),
        Activation::Silu => "SiLU".to_owned(),
        Activation::Gelu => "GELU".to_owned(),
        Activation::Identity => "none".to_owned(),
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn rms(values: &[f64]) -> f64 {
    norm(values) / (values.len() as f64).sqrt()
}
