//! The text of an architecture file: inputs, layers, repeated layers; everything that needs no tensors is checked here.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use toml::{Table, Value};

use super::layers;
use crate::{Error, Result};

/// A whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// For messages: what the net is.
    #[serde(default)]
    #[allow(dead_code, reason = "for who reads the file")]
    pub(super) about: String,
    /// Inputs by name, in the order of the file.
    pub(super) input: toml::map::Map<String, Value>,
    /// Names of the outputs; the result of the last layer if absent.
    #[serde(default)]
    pub(super) outputs: Vec<String>,
    /// Keys under which an archive of PyTorch holds the tensors, outermost first.
    #[serde(default)]
    pub(super) under: Vec<String>,
    /// Tensors of the weights that no layer uses; `*` stands for any text at one end.
    #[serde(default)]
    pub(super) unused: Vec<String>,
    /// Tensors that are part of the architecture: tables that were not learned.
    #[serde(default)]
    pub(super) fixed: Vec<String>,
    /// The layers.
    pub(super) layers: Vec<Value>,
}

/// An input.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::any_net) struct Input {
    /// Sizes; a name is a size that is left open, 1 if nobody says it.
    pub(in crate::any_net) shape: Vec<Size>,
    /// Whether numbers are whole: tokens.
    #[serde(default)]
    pub(in crate::any_net) whole: bool,
}

/// A size of an input.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(in crate::any_net) enum Size {
    /// A size.
    Known(usize),
    /// Its name.
    Open(String),
    /// Its name, and what it is if nobody says it.
    Usual(String, usize),
}

impl Size {
    /// The name of a size that is left open.
    pub(in crate::any_net) fn name(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Open(name) | Self::Usual(name, _) => Some(name),
        }
    }
}

/// One layer, with `{i}` replaced by the count of its repetition.
#[derive(Debug, Clone)]
pub(in crate::any_net) struct Layer {
    /// Where it stands in the file: `layers[3].layers[1] of i = 2`.
    pub(in crate::any_net) place: String,
    /// The word for what it does.
    pub(in crate::any_net) op: String,
    /// What the names of its tensors begin with; empty if it has none.
    pub(in crate::any_net) name: String,
    /// Names under which its result is known later.
    pub(in crate::any_net) aliases: Vec<String>,
    /// The value that it takes; the result of the layer before it if absent.
    pub(in crate::any_net) from: Option<String>,
    /// Further values that it takes.
    pub(in crate::any_net) with: Vec<String>,
    /// Names of its tensors where they differ from the rule.
    pub(in crate::any_net) tensors: BTreeMap<String, String>,
    /// All that only this kind of layer knows.
    pub(in crate::any_net) options: Table,
}

/// Layers at most, repeated ones included.
const MOST_LAYERS: usize = 1 << 16;
/// Deepest nesting of repetitions.
const MAX_DEPTH: usize = 4;
/// Largest file.
pub(super) const MAX_FILE: u64 = 4 << 20;

/// Parses a file; `path` is for messages.
///
/// # Errors
/// [`Error::Format`] with the line of the fault.
pub(super) fn parse(path: &Path, text: &str) -> Result<Document> {
    toml::from_str(text)
        .map_err(|why| Error::format(path, "an architecture file", why.to_string().trim_end().to_owned()))
}

impl Document {
    /// The inputs by name.
    ///
    /// # Errors
    /// [`Error::Format`] for a field that is not known or has a wrong type.
    pub(super) fn inputs(&self, path: &Path) -> Result<Vec<(String, Input)>> {
        let one = |(name, value): (&String, &Value)| match value.clone().try_into::<Input>() {
            Ok(input) => Ok((name.clone(), input)),
            Err(why) => Err(Error::format(path, format!("a shape of input.{name}"), one_line(&why))),
        };
        if self.input.is_empty() {
            return Err(Error::format(path, "at least one input under [input]", "none"));
        }
        self.input.iter().map(one).collect()
    }

    /// The layers, one after the other, repetitions written out.
    ///
    /// # Errors
    /// [`Error::Format`] for layers without `op`, with fields of wrong types, or too many of them.
    pub(super) fn layers(&self, path: &Path) -> Result<Vec<Layer>> {
        let mut out = Vec::new();
        write_out(path, &self.layers, &Around { place: "layers".to_owned(), counts: Vec::new() }, &mut out)?;
        if out.is_empty() {
            return Err(Error::format(path, "at least one layer", "none"));
        }
        Ok(out)
    }
}

/// What stands around a list of layers: its place in the file, and the counts of the repetitions it is in.
struct Around {
    place: String,
    counts: Vec<(String, i64)>,
}

/// The part of a layer that all kinds have, taken out of its table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Common {
    op: String,
    #[serde(default)]
    name: String,
    #[serde(default, rename = "as")]
    alias: Option<String>,
    #[serde(default)]
    from: Option<String>,
    #[serde(default)]
    with: Names,
    #[serde(default)]
    tensors: BTreeMap<String, String>,
}

/// A repetition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Repetition {
    repeat: i64,
    #[serde(default)]
    start: i64,
    #[serde(default = "count")]
    count: String,
    layers: Vec<Value>,
}

fn count() -> String {
    "i".to_owned()
}

/// One name or many.
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
enum Names {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

fn write_out(path: &Path, values: &[Value], around: &Around, out: &mut Vec<Layer>) -> Result<()> {
    if around.counts.len() > MAX_DEPTH {
        return Err(Error::format(path, format!("repetitions nested at most {MAX_DEPTH} deep"), "more"));
    }
    for (at, value) in values.iter().enumerate() {
        let counts: Vec<String> =
            around.counts.iter().map(|(name, count)| format!("{name} = {count}")).collect();
        let of = if counts.is_empty() { String::new() } else { format!(" of {}", counts.join(", ")) };
        let bare = format!("{}[{at}]", around.place);
        let place = format!("{bare}{of}");
        let fault =
            |expected: &str, found: String| Error::format(path, format!("{expected} in {place}"), found);
        let table = match value {
            Value::String(op) => Table::from_iter([("op".to_owned(), Value::String(op.clone()))]),
            Value::Table(table) => table.clone(),
            other => return Err(fault("a layer: a word or a table", other.type_str().to_owned())),
        };
        if table.contains_key("repeat") {
            let repetition: Repetition =
                Value::Table(table).try_into().map_err(|why| fault("a repetition", one_line(&why)))?;
            let Repetition { repeat, start, count, layers } = repetition;
            if !(0..=MOST_LAYERS as i64).contains(&repeat) || start.unsigned_abs() > 1 << 32 {
                return Err(fault(
                    &format!("0 to {MOST_LAYERS} repetitions"),
                    format!("{repeat} from {start}"),
                ));
            }
            for i in start..start + repeat {
                let mut counts = around.counts.clone();
                counts.push((count.clone(), i));
                write_out(path, &layers, &Around { place: format!("{bare}.layers"), counts }, out)?;
            }
            continue;
        }
        out.push(layer(table, place.clone(), &around.counts).map_err(|why| fault("a layer", why))?);
        if out.len() > MOST_LAYERS {
            return Err(Error::format(path, format!("at most {MOST_LAYERS} layers"), "more"));
        }
    }
    Ok(())
}

fn layer(table: Table, place: String, counts: &[(String, i64)]) -> Result<Layer, String> {
    const COMMON: [&str; 6] = ["op", "name", "as", "from", "with", "tensors"];
    let (common, options): (Table, Table) =
        table.into_iter().partition(|(key, _)| COMMON.contains(&key.as_str()));
    let common: Common = Value::Table(common).try_into().map_err(|why| one_line(&why))?;
    if !layers::is_known(&common.op) {
        return Err(format!("the op {:?}; known are {}", common.op, layers::words().join(", ")));
    }
    let counted = |text: &str| replace_counts(text, counts);
    let name = counted(&common.name)?;
    let alias = common.alias.as_deref().map(counted).transpose()?;
    let with = match common.with {
        Names::One(name) => vec![name],
        Names::Many(names) => names,
        Names::None => Vec::new(),
    };
    Ok(Layer {
        place,
        op: common.op,
        aliases: alias.into_iter().chain((!name.is_empty()).then(|| name.clone())).collect(),
        from: common.from.as_deref().map(counted).transpose()?,
        with: with.iter().map(|name| counted(name)).collect::<Result<_, _>>()?,
        tensors: common
            .tensors
            .into_iter()
            .map(|(key, name)| Ok((key, counted(&name)?)))
            .collect::<Result<_, String>>()?,
        name,
        options,
    })
}

/// `{i}` by its number; brackets that name no count are an error.
fn replace_counts(text: &str, counts: &[(String, i64)]) -> Result<String, String> {
    let mut out = text.to_owned();
    for (name, count) in counts {
        out = out.replace(&format!("{{{name}}}"), &count.to_string());
    }
    if out.contains(['{', '}']) {
        let known: Vec<String> = counts.iter().map(|(name, _)| format!("{{{name}}}")).collect();
        return Err(format!("{text:?}, where the counts {known:?} are known"));
    }
    Ok(out)
}

/// The message of an error without its picture of the text.
pub(super) fn one_line(why: &toml::de::Error) -> String {
    why.message().to_owned()
}
