//! What a person may say about a net that its file does not say itself.

use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, ActivationWords, PoolWords};

/// How a net is read. What is said here goes before what the file's own metadata say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetOptions {
    /// Keys and beginnings of names that lead to the net, such as `model_state_dict.encoder`.
    pub under: Option<String>,
    /// The order of the layers.
    pub order: Option<LayerOrder>,
    /// Names of tensors that are left out; `*` stands for anything.
    pub ignore: Vec<String>,
    /// Whether batch, weight and spectral norms are folded into the map before them. Says too that each batch norm
    /// stands directly behind its map, before the activation.
    pub fold: bool,
    /// ε of the batch norms; PyTorch's and Flax's is `1e-5`, Keras's `1e-3`, if nobody changed it.
    pub epsilon: Option<f64>,
    /// Whether each layer reads the one before it and nothing else, whatever its name.
    pub chain: bool,
    /// Channels of the images that the first convolution reads.
    pub channels: Option<usize>,
    /// Activations of the hidden layers: one word for all, or one for each.
    pub activation: Option<ActivationWords>,
    /// Activation of the last layer; none if nothing is said.
    pub output_activation: Option<Activation>,
    /// Constant added to the output; 0 if nothing is said.
    pub output_offset: Option<f64>,
    /// Step and padding of the convolutions.
    pub convolution: Option<Convolution>,
    /// Pooling of the convolutions: one word for all, or one for each, such as `max:2:after`; `none` where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolWords>,
}

/// What the weights of a convolution do not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Step in rows and columns.
    pub stride: [usize; 2],
    /// Zeros added on each side, in rows and columns.
    pub padding: [usize; 2],
}

/// An order of layers: `file`, `names`, or all names, first to last, with commas between them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum LayerOrder {
    /// As they stand in the file.
    File,
    /// By name, numbers in names by their value.
    Names,
    /// These.
    Listed(Vec<String>),
}

impl From<String> for LayerOrder {
    fn from(text: String) -> Self {
        match text.trim() {
            "file" => Self::File,
            "names" => Self::Names,
            listed => Self::Listed(listed.split(',').map(|name| name.trim().to_owned()).collect()),
        }
    }
}

impl From<LayerOrder> for String {
    fn from(order: LayerOrder) -> Self {
        match order {
            LayerOrder::File => "file".to_owned(),
            LayerOrder::Names => "names".to_owned(),
            LayerOrder::Listed(names) => names.join(","),
        }
    }
}

/// Whether a name fits a pattern in which `*` stands for anything.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(rest) = pieces.next().and_then(|first| name.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, between)) = pieces.split_last() else { return rest.is_empty() };
    let mut rest = rest;
    for piece in between {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name) in
            [("a.b", "a.b"), ("a.*", "a.b"), ("*.mask", "x.0.mask"), ("*", "anything"), ("a*b*c", "a1b2c")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a.b", "a.bc"), ("*.mask", "mask"), ("a*b", "ab1"), ("ab*ba", "aba")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn orders_are_written_as_they_are_read() {
        for text in ["file", "names", "enc,mid,out"] {
            assert_eq!(String::from(LayerOrder::from(text.to_owned())), text);
        }
    }
}
