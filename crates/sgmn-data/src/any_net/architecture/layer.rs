//! One layer while it is lowered: its options, its operands, and its tensors by their endings.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, Deref, DerefMut},
};

use serde::de::DeserializeOwned;
use sgmn_graph::flow::{FlowResult, ValueId};
use toml::Value;

use super::document;
use crate::any_net::{compose::Draft, shared::Share};

/// One layer.
pub(super) struct Layer<'a> {
    /// Where its steps go.
    pub(super) draft: Draft<'a>,
    /// What the file says.
    pub(super) spec: &'a document::Layer,
    /// Its first operand.
    pub(super) x: ValueId,
    /// Further operands.
    pub(super) with: Vec<ValueId>,
    /// Tensors that it may use: by ending, the name and the value.
    pub(super) tensors: BTreeMap<String, (String, ValueId)>,
    /// Values by name.
    pub(super) values: &'a BTreeMap<String, ValueId>,
    /// Names of the tensors that it used.
    pub(super) taken: BTreeSet<String>,
}

/// The tensors that a layer may use: what begins with its name and a point, by the rest; and those that it names.
pub(super) fn names(spec: &document::Layer, known: &BTreeMap<String, Share>) -> Vec<(String, String)> {
    let mut names = Vec::new();
    if !spec.name.is_empty() {
        let start = format!("{}.", spec.name);
        let from = known.range::<str, _>((Bound::Included(start.as_str()), Bound::Unbounded));
        let own = from.map(|(name, _)| name).take_while(|name| name.starts_with(&start));
        names.extend(own.map(|name| (name[start.len()..].to_owned(), name.clone())));
    }
    names.retain(|(key, _)| !spec.tensors.contains_key(key));
    names.extend(spec.tensors.iter().map(|(key, name)| (key.clone(), name.clone())));
    names
}

impl<'a> Deref for Layer<'a> {
    type Target = Draft<'a>;

    fn deref(&self) -> &Draft<'a> {
        &self.draft
    }
}

impl<'a> DerefMut for Layer<'a> {
    fn deref_mut(&mut self) -> &mut Draft<'a> {
        &mut self.draft
    }
}

impl Layer<'_> {
    /// What the file says about this kind of layer; unknown words are errors.
    pub(super) fn options<T: DeserializeOwned>(&self) -> FlowResult<T> {
        let table = Value::Table(self.spec.options.clone());
        table
            .try_into()
            .or_else(|why| self.fault(format!("options of {}", self.spec.op), document::one_line(&why)))
    }

    /// Nothing but what all layers have.
    pub(super) fn no_options(&self) -> FlowResult<()> {
        match self.spec.options.keys().next() {
            None => Ok(()),
            Some(key) => self.fault(format!("no options of {}", self.spec.op), format!("{key:?}")),
        }
    }

    /// Its one operand.
    pub(super) fn alone(&self) -> FlowResult<ValueId> {
        match self.with[..] {
            [] => Ok(self.x),
            _ => self.fault(format!("no `with` for {}", self.spec.op), format!("{:?}", self.spec.with)),
        }
    }

    /// A tensor that it cannot do without.
    pub(super) fn tensor(&mut self, ending: &str) -> FlowResult<ValueId> {
        if let Some(value) = self.tensor_or_none(ending) {
            return Ok(value);
        }
        let expected = match &self.spec.name[..] {
            "" => format!("`tensors = {{ {ending} = \"…\" }}` or a name"),
            name => format!("a tensor \"{name}.{ending}\" in the weights"),
        };
        let known: Vec<&String> = self.tensors.values().map(|(name, _)| name).take(8).collect();
        self.fault(
            expected,
            if known.is_empty() { "none that begins so".to_owned() } else { format!("{known:?}") },
        )
    }

    /// A tensor that it uses if it is there.
    pub(super) fn tensor_or_none(&mut self, ending: &str) -> Option<ValueId> {
        let (name, value) = self.tensors.get(ending)?;
        self.taken.insert(name.clone());
        Some(*value)
    }

    /// An axis of a value with `rank` axes; negative ones count from the end.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> FlowResult<usize> {
        let found = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        match found.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank) {
            Some(axis) => Ok(axis),
            None => self.fault(format!("an axis of {rank}"), axis),
        }
    }

    /// Axes, ascending.
    pub(super) fn axes(&self, axes: &OneOrMany<i64>, rank: usize) -> FlowResult<Vec<usize>> {
        let mut axes = axes.iter().map(|axis| self.axis(*axis, rank)).collect::<FlowResult<Vec<_>>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// A number for each of n axes.
    pub(super) fn each<T: Copy + std::fmt::Debug>(
        &self,
        given: &OneOrMany<T>,
        n: usize,
    ) -> FlowResult<Vec<T>> {
        match given {
            OneOrMany::One(value) => Ok(vec![*value; n]),
            OneOrMany::Many(values) if values.len() == n => Ok(values.clone()),
            OneOrMany::Many(values) => {
                self.fault(format!("one number or {n} of them"), format!("{values:?}"))
            }
        }
    }
}

/// One value or a list.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    /// For all.
    One(T),
    /// For each.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// The values.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, T> {
        match self {
            Self::One(value) => std::slice::from_ref(value).iter(),
            Self::Many(values) => values.iter(),
        }
    }
}
