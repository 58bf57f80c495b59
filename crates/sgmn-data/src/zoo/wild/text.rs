//! An architecture of the zoo as the text of an architecture file.

use serde_json::Value;
use sgmn_graph::Activation;

use super::{
    architecture::{Architecture, Norm, SIDE},
    steps::{EPSILON, Map, Step, Window},
};
use crate::any_net::architecture::Description;

impl Architecture {
    /// The net without its numbers, in the language of architecture files.
    pub fn description(&self) -> Description {
        let steps = self.steps();
        let kind = self.kind();
        let input = match self.convolutional {
            Some(_) => format!("\"batch\", 1, {SIDE}, {SIDE}"),
            None => format!("\"batch\", {}", SIDE * SIDE),
        };
        let activation = activation(self.activation);
        let is_image = self.convolutional.is_some();
        let layers: String =
            steps.iter().map(|step| format!("    {},\n", line(step, is_image, &activation))).collect();
        let toml = format!(
            "about = \"a {kind} net of the wild zoo, for digits of {SIDE} x {SIDE} pixels from 0 to 1\"\n\
             layers = [\n{layers}]\n\n[input]\nimage = {{ shape = [{input}] }}\n"
        );
        let tensors = steps.iter().flat_map(Step::tensors).map(|(_, tensor)| tensor).collect();
        Description { toml, tensors }
    }
}

/// A step as a layer of the file.
fn line(step: &Step, is_image: bool, activation: &str) -> String {
    match step {
        Step::Map(Map { name, window: None, .. }) => format!("{{ op = \"linear\", name = \"{name}\" }}"),
        Step::Map(Map { name, window: Some(Window { kernel, stride, groups, .. }), .. }) => {
            let options = [("stride", *stride, 1), ("padding", kernel / 2, 0), ("groups", *groups, 1)];
            let said: String = options
                .iter()
                .filter(|(_, value, usual)| value != usual)
                .map(|(word, value, _)| format!(", {word} = {value}"))
                .collect();
            format!("{{ op = \"conv\", name = \"{name}\"{said} }}")
        }
        Step::Norm { name, norm, .. } => {
            let (op, groups) = match (norm, is_image) {
                (Norm::Batch, _) => ("batch_norm", ""),
                (_, true) => ("group_norm", ", groups = 1"),
                (_, false) => ("layer_norm", ""),
            };
            format!("{{ op = \"{op}\", name = \"{name}\"{groups}, epsilon = {EPSILON:e} }}")
        }
        Step::Activation => activation.to_owned(),
        Step::Keep => "{ op = \"same\", as = \"stream\" }".to_owned(),
        Step::Add => "{ op = \"add\", with = \"stream\" }".to_owned(),
        Step::Flatten => "\"flatten\"".to_owned(),
        Step::Average => "{ op = \"mean\", axes = [2, 3] }".to_owned(),
    }
}

/// An activation as a layer: files have the same words for it and its number.
fn activation(activation: Activation) -> String {
    let written = serde_json::to_value(activation).expect("words and numbers can be written as JSON");
    let kind = written.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
    match activation.number() {
        None => format!("\"{kind}\""),
        Some((field, number)) => format!("{{ op = \"{kind}\", {field} = {number:?} }}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::wild::{Convolutional, Head, Mixing, Residual};

    #[test]
    fn a_residual_convolutional_net_reads_like_this() {
        let architecture = Architecture {
            activation: Activation::LeakyRelu { slope: 0.1 },
            norm: Norm::Batch,
            residual: Residual::Layer,
            widths: vec![4, 4],
            convolutional: Some(Convolutional {
                kernel: 5,
                strides: vec![2, 1],
                mixing: Mixing::Depthwise,
                head: Head::Average,
            }),
        };
        let text = architecture.description().toml;
        let expected = r#"layers = [
    { op = "conv", name = "layers.0.map", stride = 2, padding = 2 },
    { op = "batch_norm", name = "layers.0.norm", epsilon = 1e-5 },
    { op = "leaky_relu", slope = 0.1 },
    { op = "same", as = "stream" },
    { op = "conv", name = "layers.1.depthwise", padding = 1, groups = 4 },
    { op = "conv", name = "layers.1.map" },
    { op = "batch_norm", name = "layers.1.norm", epsilon = 1e-5 },
    { op = "leaky_relu", slope = 0.1 },
    { op = "add", with = "stream" },
    { op = "mean", axes = [2, 3] },
    { op = "linear", name = "head" },
]

[input]
image = { shape = ["batch", 1, 14, 14] }
"#;
        assert!(text.ends_with(expected), "{text}");
    }
}
