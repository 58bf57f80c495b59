//! How a child file and command line overrides are laid over a parent, before anything is typed.

use anyhow::{Context, Result, bail};
use toml::{Table, Value};

/// Keys of one table that exclude each other: writing one takes the other of the parent away.
const EITHER_OR: [[&str; 2]; 1] = [["epochs", "steps"]];

/// Lays `child` over `parent`.
///
/// Tables are merged key by key, everything else is replaced.
/// A table whose `kind` or `metric` changes is replaced as a whole: keys of one alternative mean nothing to another. One
/// that has none takes that of the child.
pub(super) fn merge(parent: &mut Table, child: Table) {
    for [one, other] in EITHER_OR {
        for (written, dropped) in [(one, other), (other, one)] {
            if child.contains_key(written) && !child.contains_key(dropped) {
                parent.remove(dropped);
            }
        }
    }
    for (key, value) in child {
        match (parent.get_mut(&key), value) {
            (Some(Value::Table(old)), Value::Table(new)) if same_kind(old, &new) => merge(old, new),
            (_, value) => {
                parent.insert(key, value);
            }
        }
    }
}

/// Lays one override `a.b.c=value` over `table`.
pub(super) fn set(table: &mut Table, assignment: &str) -> Result<()> {
    let (path, text) = assignment
        .split_once('=')
        .with_context(|| format!("--set: expected KEY=VALUE, found {assignment:?}"))?;
    let keys: Vec<&str> = path.trim().split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        bail!("--set: expected a key such as train.seed, found {path:?}");
    }
    let mut inner = &*table;
    for (depth, key) in keys[..keys.len() - 1].iter().enumerate() {
        match inner.get(*key) {
            Some(Value::Table(next)) => inner = next,
            None => break,
            Some(_) => bail!("--set {path}: expected a table at {}, found a value", keys[..=depth].join(".")),
        }
    }
    let nested = keys.iter().rev().fold(value(text.trim()), |value, key| {
        let mut wrapper = Table::new();
        wrapper.insert((*key).to_owned(), value);
        Value::Table(wrapper)
    });
    if let Value::Table(child) = nested {
        merge(table, child);
    }
    Ok(())
}

fn same_kind(old: &Table, new: &Table) -> bool {
    ["kind", "metric"].iter().all(|word| match (old.get(*word), new.get(*word)) {
        (Some(old), Some(new)) => old == new,
        (None, _) | (_, None) => true,
    })
}

/// Reads the text of an override as TOML, or as a plain string where it is none.
fn value(text: &str) -> Value {
    let document: Option<Table> = format!("value = {text}").parse().ok();
    match document {
        // More than one key would mean that the text ended the value and began a new line.
        Some(mut document) if document.len() == 1 => {
            document.remove("value").unwrap_or_else(|| Value::String(text.to_owned()))
        }
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().unwrap()
    }

    #[test]
    fn tables_merge_key_by_key_and_values_are_replaced() {
        let mut parent = table("[train]\nseed = 0\nlist = [1, 2]\n[train.deep]\na = 1\nb = 2");
        merge(&mut parent, table("[train]\nlist = [3]\n[train.deep]\nb = 5"));
        assert_eq!(parent, table("[train]\nseed = 0\nlist = [3]\n[train.deep]\na = 1\nb = 5"));
    }

    #[test]
    fn a_changed_kind_replaces_the_whole_table() {
        let mut parent = table("[model]\nkind = 'scalegmn'\nd_hidden = 128");
        merge(&mut parent, table("[model]\nkind = 'flat_mlp'\ndropout = 0.1"));
        assert_eq!(parent, table("[model]\nkind = 'flat_mlp'\ndropout = 0.1"));
    }

    #[test]
    fn a_table_without_a_kind_takes_one() {
        let mut parent = table("[model]\nprobes = { n = 64 }");
        merge(&mut parent, table("[model]\nkind = 'probes'\ndropout = 0.1"));
        assert_eq!(parent, table("[model]\nkind = 'probes'\ndropout = 0.1\nprobes = { n = 64 }"));
    }

    #[test]
    fn a_value_for_another_metric_replaces_the_one_expected() {
        let mut parent = table("[expect]\nmetric = 'test_accuracy'\npaper_mean = 0.9\npaper_std = 0.1");
        merge(&mut parent, table("[expect]\nmetric = 'test_mse'\npaper_mean = 0.02"));
        assert_eq!(parent, table("[expect]\nmetric = 'test_mse'\npaper_mean = 0.02"));
    }

    #[test]
    fn writing_steps_takes_inherited_epochs_away() {
        let mut parent = table("[train]\nepochs = 200");
        merge(&mut parent, table("[train]\nsteps = 10"));
        assert_eq!(parent, table("[train]\nsteps = 10"));
    }

    #[test]
    fn overrides_are_read_as_toml_and_else_as_text() {
        let mut merged = table("[train]\nseed = 0");
        for assignment in
            ["train.seed=3", "train.device=cuda", "model.d_mlp=[1, 2]", "a.b.c = 1e-3", "x=1\ny=2"]
        {
            set(&mut merged, assignment).unwrap();
        }
        let expected =
            "x = \"1\\ny=2\"\n[train]\nseed = 3\ndevice = 'cuda'\n[model]\nd_mlp = [1, 2]\n[a.b]\nc = 1e-3";
        assert_eq!(merged, table(expected));
    }

    #[test]
    fn an_override_without_value_or_through_a_value_is_an_error() {
        let mut merged = table("[train]\nseed = 0");
        for (assignment, message) in [
            ("train.seed", "--set: expected KEY=VALUE, found \"train.seed\""),
            ("train..seed=1", "--set: expected a key such as train.seed, found \"train..seed\""),
            ("train.seed.x=1", "--set train.seed.x: expected a table at train.seed, found a value"),
        ] {
            assert_eq!(set(&mut merged, assignment).unwrap_err().to_string(), message);
        }
    }
}
