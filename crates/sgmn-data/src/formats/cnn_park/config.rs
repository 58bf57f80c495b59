//! The architecture of a net of the park, from the settings in its checkpoint.

use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading};

use crate::containers::{Key, Value};

/// Convolutions of which a net may have at most; the park's have up to eight.
const MAX_LAYERS: usize = 1000;

/// The settings from which a net was built; each list has an entry a convolution, `channels` one more.
#[derive(Debug, PartialEq)]
pub(super) struct Config {
    n_classes: usize,
    channels: Vec<usize>,
    kernel_size: Vec<usize>,
    stride: Vec<usize>,
    padding: Vec<usize>,
    /// The convolution whose output is added to that of each one; −1 for none.
    residual: Vec<i64>,
    activation: Vec<String>,
}

impl Config {
    /// Reads settings: a dictionary, or the objects of OmegaConf, of which only the contents count.
    ///
    /// # Errors
    /// What was expected and found.
    pub(super) fn read(value: &Value) -> Result<Self, (String, String)> {
        let entry = |name: &str| {
            let entries = plain(value).entries().unwrap_or_default();
            let found = entries.iter().find(|(key, _)| matches!(key, Key::Text(text) if text == name));
            found
                .map(|(_, value)| plain(value))
                .ok_or_else(|| (format!("an entry {name} in config"), "none".to_owned()))
        };
        let list = |name: &str| match entry(name)? {
            Value::List(items) if items.len() <= MAX_LAYERS => Ok(items),
            other => Err((format!("a list {name} in config"), other.describe())),
        };
        let number = |name: &str, value: &Value| match plain(value) {
            Value::Int(number) => Ok(*number),
            other => Err((format!("whole numbers {name} in config"), other.describe())),
        };
        let sizes = |name: &str| {
            let size = |value: &Value| {
                let number = number(name, value)?;
                usize::try_from(number).map_err(|_| (format!("sizes {name} in config"), number.to_string()))
            };
            list(name)?.iter().map(size).collect::<Result<Vec<_>, _>>()
        };
        let word = |value: &Value| match plain(value) {
            Value::Text(word) => Ok(word.clone()),
            other => Err(("words activation in config".to_owned(), other.describe())),
        };
        let n_classes = number("n_classes", entry("n_classes")?)?;
        let config = Self {
            n_classes: usize::try_from(n_classes)
                .map_err(|_| ("a number of classes".to_owned(), n_classes.to_string()))?,
            channels: sizes("channels")?,
            kernel_size: sizes("kernel_size")?,
            stride: sizes("stride")?,
            padding: sizes("padding")?,
            residual: list("residual")?
                .iter()
                .map(|value| number("residual", value))
                .collect::<Result<_, _>>()?,
            activation: list("activation")?.iter().map(word).collect::<Result<_, _>>()?,
        };
        let n_layers = config.channels.len().saturating_sub(1);
        let lengths = [
            config.kernel_size.len(),
            config.stride.len(),
            config.padding.len(),
            config.residual.len(),
            config.activation.len(),
        ];
        match n_layers > 0 && lengths.iter().all(|len| *len == n_layers) {
            true => Ok(config),
            false => Err((
                format!("lists of {n_layers} entries in config, and one more of channels"),
                format!("lengths {lengths:?}"),
            )),
        }
    }

    /// The names of the layers.
    pub(super) fn names(&self) -> Vec<String> {
        let convolutions = (0..self.kernel_size.len()).map(|l| format!("layers.{l}"));
        convolutions.chain(["fc".to_owned()]).collect()
    }

    /// The architecture: convolutions, the mean over all positions, one linear layer.
    ///
    /// # Errors
    /// Why it cannot be said here: it has residual connections, or an activation that is not known.
    pub(super) fn spec(&self) -> Result<NetSpec, String> {
        let residual: Vec<String> = self
            .residual
            .iter()
            .enumerate()
            .filter(|(_, from)| **from >= 0)
            .map(|(to, from)| format!("{from} to {to}"))
            .collect();
        if !residual.is_empty() {
            return Err(format!(
                "residual connections (of convolution {}), which cannot be represented yet",
                residual.join(", ")
            ));
        }
        let mut layers = Vec::new();
        for l in 0..self.kernel_size.len() {
            let map = LayerMap::Conv {
                n_in: self.channels[l],
                n_out: self.channels[l + 1],
                kernel: [self.kernel_size[l]; 2],
                stride: [self.stride[l]; 2],
                padding: [self.padding[l]; 2],
            };
            layers.push(LayerSpec::new(map, activation(&self.activation[l])?));
        }
        let n_in = self.channels[self.channels.len() - 1];
        let map = LayerMap::Linear { n_in, n_out: self.n_classes, reading: Reading::GlobalAverage };
        layers.push(LayerSpec::new(map, Activation::Identity));
        NetSpec::new(layers, 0.0).map_err(|why| why.to_string())
    }
}

/// The activation that the park's program gives a word, with PyTorch's constants.
fn activation(word: &str) -> Result<Activation, String> {
    match word {
        "none" => Ok(Activation::Identity),
        "leaky_relu" => Ok(Activation::LeakyRelu { slope: 0.01 }),
        word => word.parse().map_err(|why| format!("config.activation: {why}")),
    }
}

/// What is inside of OmegaConf's objects: `_content` of a container, `_val` of a node.
fn plain(value: &Value) -> &Value {
    let mut value = value;
    // A node in a container in a node would be deep already.
    for _ in 0..4 {
        if !matches!(value, Value::Opaque { .. }) {
            break;
        }
        match value.get("_content").or_else(|| value.get("_val")) {
            Some(inside) => value = inside,
            None => break,
        }
    }
    value
}
