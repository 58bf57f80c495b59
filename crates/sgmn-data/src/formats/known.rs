//! Checkpoints of data sets that state the architecture of their nets, beside them or by what is known of their programs.

use sgmn_graph::{Net, NetSpec};

use super::{architectures::Architectures, spec_json};
use crate::{
    Error, Result,
    containers::{Key, Tree, Value},
    nets::{self, LayerOrder, NetOptions},
};

/// Epochs or steps of training whose nets are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "WrittenEpochs", into = "WrittenEpochs")]
pub enum Epochs {
    /// The last one of each training: `"last"`.
    Last,
    /// All that were kept: `"all"`.
    All,
    /// This one: its number.
    One(u64),
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
enum WrittenEpochs {
    Number(u64),
    Word(String),
}

impl TryFrom<WrittenEpochs> for Epochs {
    type Error = String;

    fn try_from(written: WrittenEpochs) -> Result<Self, String> {
        match written {
            WrittenEpochs::Number(number) => Ok(Self::One(number)),
            WrittenEpochs::Word(word) => match word.as_str() {
                "last" => Ok(Self::Last),
                "all" => Ok(Self::All),
                _ => Err(format!("epochs: expected \"last\", \"all\" or a number, found {word:?}")),
            },
        }
    }
}

impl From<Epochs> for WrittenEpochs {
    fn from(epochs: Epochs) -> Self {
        match epochs {
            Epochs::Last => Self::Word("last".into()),
            Epochs::All => Self::Word("all".into()),
            Epochs::One(number) => Self::Number(number),
        }
    }
}

/// The layers of a state dict, in its order: name and shape of the weight.
pub(super) fn layers(state_dict: &Value) -> Vec<(String, Vec<usize>)> {
    let entries = state_dict.entries().unwrap_or_default();
    let layer = |(key, value): &(Key, Value)| match (key, value) {
        (Key::Text(name), Value::Tensor(tensor)) => {
            Some((name.strip_suffix(".weight")?.to_owned(), tensor.shape.clone()))
        }
        _ => None,
    };
    entries.iter().filter_map(layer).collect()
}

/// The net of a state dict in a checkpoint, whose layers and architecture are known.
///
/// # Errors
/// [`Error::Format`] if the weights have other shapes or there are other tensors, [`Error::Net`] for numbers that are not
/// finite.
pub(super) fn net(
    checkpoint: Tree,
    state_dict: Value,
    layers: Vec<String>,
    spec: &NetSpec,
    architectures: &Architectures,
) -> Result<Net> {
    let mut tree = checkpoint;
    tree.root = state_dict;
    tree.metadata.insert("spec".to_owned(), spec_json::write(spec));
    let options =
        NetOptions { order: Some(LayerOrder::Listed(layers)), chain: true, ..NetOptions::default() };
    nets::from_tree(tree, &options)?.net_of(|spec| architectures.share(spec.clone()))
}

/// An architecture that a net has and that cannot be said here.
pub(super) fn unsupported(tree: &Tree, what: impl Into<String>) -> Error {
    Error::Unsupported { path: tree.path().to_owned(), what: what.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epochs_are_read_as_words_and_numbers() {
        for (text, epochs) in [("\"last\"", Epochs::Last), ("\"all\"", Epochs::All), ("50", Epochs::One(50))]
        {
            assert_eq!(serde_json::from_str::<Epochs>(text).unwrap(), epochs);
            assert_eq!(serde_json::to_string(&epochs).unwrap(), text);
        }
        assert!(
            serde_json::from_str::<Epochs>("\"first\"")
                .unwrap_err()
                .to_string()
                .starts_with("epochs: expected")
        );
    }
}
