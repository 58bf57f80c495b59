//! `[[when]]` of a part: settings that it has beside some other parts only.

use anyhow::{Result, bail};
use serde::{Deserialize, Deserializer, de};
use toml::Table;

use super::{NetKind, Scalings};
use crate::config::TaskKind;

/// Settings, and what must be composed for them to hold: one of the words of every condition that is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct When {
    #[serde(default, deserialize_with = "one_or_several")]
    data: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_several")]
    nets: Option<Vec<NetKind>>,
    #[serde(default, deserialize_with = "one_or_several")]
    symmetry: Option<Vec<Scalings>>,
    #[serde(default, deserialize_with = "one_or_several")]
    task: Option<Vec<TaskKind>>,
    #[serde(default, deserialize_with = "one_or_several")]
    model: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_several")]
    size: Option<Vec<String>>,
    /// The settings.
    pub(super) set: Table,
}

/// What is composed, as conditions see it: a part goes by its name and by those of all that it inherits from.
pub(super) struct Facts<'a> {
    pub(super) data: &'a [String],
    pub(super) nets: NetKind,
    pub(super) symmetry: Scalings,
    pub(super) task: TaskKind,
    pub(super) model: &'a [String],
    pub(super) size: &'a [String],
}

impl When {
    /// Whether the settings hold.
    pub(super) fn holds(&self, facts: &Facts<'_>) -> bool {
        let is_named = |wanted: &Option<Vec<String>>, lineage: &[String]| {
            wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|name| lineage.contains(name)))
        };
        is_named(&self.data, facts.data)
            && is_named(&self.model, facts.model)
            && is_named(&self.size, facts.size)
            && self.nets.as_ref().is_none_or(|wanted| wanted.contains(&facts.nets))
            && self.symmetry.as_ref().is_none_or(|wanted| wanted.contains(&facts.symmetry))
            && self.task.as_ref().is_none_or(|wanted| wanted.contains(&facts.task))
    }

    /// Whether the parts that conditions name are known, by their words `data`, `model` and `size`.
    ///
    /// # Errors
    /// If one is not: a mistyped name would never hold, and nobody would notice.
    pub(super) fn check_names(&self, is_known: impl Fn(&str, &str) -> bool) -> Result<()> {
        for (word, names) in [("data", &self.data), ("model", &self.model), ("size", &self.size)] {
            if let Some(unknown) = names.iter().flatten().find(|name| !is_known(word, name)) {
                bail!("when.{word}: expected the name of a part, found {unknown:?}");
            }
        }
        Ok(())
    }
}

/// One word, or a list of them that is not empty.
fn one_or_several<'de, T, D>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrSeveral {
        One(String),
        Several(Vec<String>),
    }

    let words = match OneOrSeveral::deserialize(deserializer)? {
        OneOrSeveral::One(word) => vec![word],
        OneOrSeveral::Several(words) if words.is_empty() => {
            return Err(de::Error::custom("expected a word or several, found an empty list"));
        }
        OneOrSeveral::Several(words) => words,
    };
    let typed = |word: String| T::deserialize(de::value::StringDeserializer::<D::Error>::new(word));
    words.into_iter().map(typed).collect::<Result<_, _>>().map(Some)
}
