//! Names of compositions, and what they mean.
//!
//! ```text
//! SIZE[-DATA][-TASK][-MODEL]      without what goes without saying: the size's home data, the data's first task, scalegmn
//!
//! quick                           quick × mini-inrs × classify × scalegmn
//! quick-zoo-tanh-gmn              quick × zoo-tanh × predict × gmn
//! small-editing-bidirectional     small × mnist-inrs-full × edit × bidirectional
//! ```

use anyhow::{Result, bail};

use super::{Composition, DataPart, ModelPart, SizePart};
use crate::config::{
    TaskKind,
    embedded::{DATA, Embedded, MODELS, SIZES, VARIANTS},
    origin,
};

/// Names of version 0.1.0 that follow no rule, and what they are by it.
const EARLIER: [(&str, &str); 2] = [
    ("quick-zoo-regress", "quick-zoo-hetero-regress"),
    ("quick-zoo-relu-quirks", "quick-zoo-relu-bidirectional-published"),
];

/// How a task is called in names.
fn word(task: TaskKind) -> &'static str {
    match task {
        TaskKind::Edit => "editing",
        other => other.name(),
    }
}

/// The name of a composition.
pub(super) fn name(composition: &Composition) -> String {
    let Composition { data, task, model, size } = composition;
    let mut words = vec![size.name()];
    if size.home.as_deref() != Some(data.name()) {
        words.push(data.name());
    }
    if data.tasks().next() != Some(*task) {
        words.push(word(*task));
    }
    if model.name() != ModelPart::USUAL {
        words.push(model.name());
    }
    words.join("-")
}

/// The composition of a name; nothing if the name does not begin with a size.
pub(super) fn named(name: &str) -> Result<Option<Composition>> {
    let name = EARLIER.iter().find(|(earlier, _)| *earlier == name).map_or(name, |(_, name)| *name);
    let Some((size, rest)) = part(SIZES, name) else { return Ok(None) };
    let size = SizePart::open(size)?;
    let home = size.home.as_deref().map(|home| (home, rest));
    let Some((data, rest)) = part(DATA, rest).or(home) else {
        bail!("{name:?}: expected data after the size, one of {}", origin::known(&[DATA]));
    };
    let data = DataPart::open(data)?;
    let (task, rest) = match data.tasks().find_map(|task| Some((task, without(rest, word(task))?))) {
        Some((task, rest)) => (Some(task), rest),
        None => (None, rest),
    };
    let is_model = [MODELS, VARIANTS].into_iter().flatten().any(|file| file.name == rest);
    if !rest.is_empty() && !is_model {
        bail!(
            "{name:?}: expected data ({}), a task of {} ({}) or a model ({}) at {rest:?}; `sgmn list` has the parts",
            origin::known(&[DATA]),
            data.name(),
            data.tasks().map(word).collect::<Vec<_>>().join(", "),
            origin::known(&[MODELS, VARIANTS]),
        );
    }
    let model = ModelPart::open(if rest.is_empty() { ModelPart::USUAL } else { rest })?;
    Composition::new(data, task, model, size).map(Some)
}

/// The part that a name begins with, and what follows; of several the longest, for some begin with others.
fn part<'a>(list: &'static [Embedded], name: &'a str) -> Option<(&'static str, &'a str)> {
    let parts = list.iter().filter_map(|file| Some((file.name, without(name, file.name)?)));
    parts.max_by_key(|(part, _)| part.len())
}

/// What follows a word and a dash at the beginning of a name; nothing follows the word alone.
fn without<'a>(name: &'a str, word: &str) -> Option<&'a str> {
    let rest = name.strip_prefix(word)?;
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('-') }
}
