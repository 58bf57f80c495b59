//! What a file says about its net besides the weights: a name, a label, a score, and words on the architecture.

use std::fmt;

use serde::{Deserialize, Serialize};
use sgmn_graph::{Activation, ActivationWords};

use crate::containers::{Key, Tree, Value, Values};

use super::{
    architecture::Said,
    chain::Fault,
    inside::Inside,
    options::{LayerOrder, NetOptions},
};

/// A label as people write it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Label {
    /// A class, counted from 0.
    Number(u32),
    /// A class by its name.
    Text(String),
}

/// What a file tells besides its net.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Name of the net.
    pub id: Option<String>,
    /// Its class.
    pub label: Option<Label>,
    /// A number about it, such as its accuracy.
    pub score: Option<f64>,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.pad(&number.to_string()),
            Self::Text(text) => f.pad(text),
        }
    }
}

/// Reads name, label and score: from the metadata, and from values or tensors of these names beside the weights.
///
/// # Errors
/// What was expected and found, for values of another kind.
pub(super) fn facts(tree: &Tree, inside: &Inside) -> Result<Facts, Fault> {
    let mut facts = Facts { id: tree.metadata.get("id").cloned(), ..Facts::default() };
    let beside = |name: &str| {
        let own = inside.others.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let tensor = || {
            inside
                .tensors
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, tensor)| Value::Tensor(tensor.clone()))
        };
        own.or_else(tensor).or_else(|| at_root(&tree.root, name).cloned())
    };
    if let Some(text) = tree.metadata.get("label") {
        facts.label = Some(label(text));
    }
    if let Some(value) = beside("label") {
        let inside = label_of(tree, &value)?;
        match &facts.label {
            Some(written) if *written != inside => {
                return Err((format!("label {written}, as the metadata say"), inside.to_string()));
            }
            _ => facts.label = Some(inside),
        }
    }
    if let Some(text) = tree.metadata.get("score") {
        let score = text.trim().parse::<f64>().ok().filter(|score| score.is_finite());
        facts.score =
            Some(score.ok_or_else(|| {
                ("a score in the metadata that is a number".to_owned(), format!("{text:?}"))
            })?);
    }
    if let Some(value) = beside("score") {
        facts.score = Some(
            number(tree, &value).ok_or_else(|| ("a score that is one number".to_owned(), kind(&value)))?,
        );
    }
    Ok(facts)
}

/// A label written as text: a whole number is a class by its number.
pub fn label(text: &str) -> Label {
    let text = text.trim();
    text.parse().map_or_else(|_| Label::Text(text.to_owned()), Label::Number)
}

/// What is said about the architecture: options first, then the metadata.
///
/// # Errors
/// What was expected and found, for a word that is not known.
pub(super) fn said(
    tree: &Tree,
    options: &NetOptions,
    notes: &mut Vec<String>,
) -> Result<(Said, Option<LayerOrder>), Fault> {
    let word = |key: &str| tree.metadata.get(key).map(|text| text.trim());
    let fault = |key: &str, why: sgmn_graph::Error| (format!("metadata {key} that is read"), why.to_string());
    let activation = match (&options.activation, word("activation")) {
        (Some(words), written) => {
            if let Some(text) =
                written.filter(|text| text.parse::<ActivationWords>().ok().as_ref() != Some(words))
            {
                notes.push(format!("the activation {words} goes before {text}, which the file says"));
            }
            Some(words.clone())
        }
        (None, Some(text)) => Some(text.parse::<ActivationWords>().map_err(|why| fault("activation", why))?),
        (None, None) => None,
    };
    let output_activation = match (options.output_activation, word("output_activation")) {
        (Some(word), _) => Some(word),
        (None, Some(text)) => {
            Some(text.parse::<Activation>().map_err(|why| fault("output_activation", why))?)
        }
        (None, None) => None,
    };
    let output_offset =
        match (options.output_offset, word("output_offset")) {
            (Some(offset), _) => Some(offset),
            (None, Some(text)) => {
                let offset = text.parse::<f64>().ok().filter(|offset| offset.is_finite());
                Some(offset.ok_or_else(|| {
                    ("metadata output_offset that is a number".to_owned(), format!("{text:?}"))
                })?)
            }
            (None, None) => None,
        };
    let chain = options.chain || word("chain") == Some("true");
    let order = options.order.clone().or_else(|| word("order").map(|text| LayerOrder::from(text.to_owned())));
    Ok((Said { chain, activation, output_activation, output_offset }, order))
}

/// An entry of the outermost dictionary.
fn at_root<'a>(root: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Dict(entries) = root else { return None };
    entries.iter().find(|(key, _)| matches!(key, Key::Text(text) if text == name)).map(|(_, value)| value)
}

fn label_of(tree: &Tree, value: &Value) -> Result<Label, Fault> {
    let class = |number: Option<f64>| {
        number.filter(|x| x.fract() == 0.0 && (0.0..4e9).contains(x)).map(|x| Label::Number(x as u32))
    };
    let label = match value {
        Value::Text(text) => Some(label(text)),
        other => class(number(tree, other)),
    };
    label.ok_or_else(|| ("a label: a text, or one whole number from 0".to_owned(), kind(value)))
}

/// The one number of a value.
fn number(tree: &Tree, value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Tensor(tensor) if tensor.shape.iter().product::<usize>() == 1 => {
            match tree.tensor(tensor).ok()?.values {
                Values::Float(values) => values.first().copied(),
                Values::Int(values) => values.first().map(|value| *value as f64),
                Values::Bool(_) => None,
            }
        }
        _ => None,
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Tensor(tensor) => format!("a tensor of shape {:?}", tensor.shape),
        Value::Dict(_) => "a dictionary".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Opaque { class, .. } => format!("a {class}"),
        other => format!("{other:?}"),
    }
}
