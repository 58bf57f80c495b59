//! Reads JSON split files, as the authors of data sets and people write them.

use std::path::Path;

use serde_json::{Map, Value};

use super::Split;
use crate::{
    Error, Result,
    beside::{self, text},
};

/// One line of a split file: a file or item name, and what else the file states about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The name as written, with whatever folders the author's machine had.
    pub name: String,
    /// The class, counted from 0.
    pub class: Option<u32>,
    /// A number about the net, such as its accuracy.
    pub score: Option<f64>,
    /// The epoch or step of training.
    pub step: Option<i64>,
}

/// What a split file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SplitFile {
    /// Train first, then val, then test, each in file order.
    pub entries: Vec<(Split, Entry)>,
    /// What was left aside.
    pub notes: Vec<String>,
}

/// Reads a JSON split file.
///
/// The published forms are read, `{"train": ["a", ...], ...}` and `{"train": {"path": ["a", ...], "label": ["5", ...]}, ...}`
/// with columns `label`, `score` and `step` as far as they are there; names may be whole numbers, the splits are named as
/// [`Split::from_word`] says, and a missing one is empty. Other keys are left aside and noted.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it has another form.
pub fn read_json(path: &Path) -> Result<SplitFile> {
    const EXPECTED: &str = "a JSON object with the lists train, val and test";
    let fault = |expected: &str, found: String| Error::format(path, expected, found);
    let value = text::json(path, EXPECTED)?;
    let Value::Object(keys) = &value else { return Err(fault(EXPECTED, kind(&value).to_owned())) };
    let mut notes = Vec::new();
    let mut lists: [Option<(&str, &Value)>; 3] = [None; 3];
    let mut others = Vec::new();
    for (key, list) in keys {
        let Some(split) = Split::from_word(key) else {
            others.push(key.as_str());
            continue;
        };
        if let Some((before, _)) = lists[split as usize].replace((key, list)) {
            return Err(fault("every split once", format!("{before:?} and {key:?}")));
        }
    }
    if lists.iter().all(Option::is_none) {
        let found: Vec<&str> = keys.keys().take(10).map(String::as_str).collect();
        return Err(fault(EXPECTED, format!("the keys {found:?}")));
    }
    notes.extend(left_aside("key", &others).map(|note| format!("{}: {note}", beside::name(path))));
    let mut entries = Vec::new();
    for (split, (key, list)) in
        Split::ALL.into_iter().zip(lists).filter_map(|(split, list)| Some((split, list?)))
    {
        match list {
            Value::Array(names) => {
                for written in names {
                    let name = name(written)
                        .ok_or_else(|| fault(&format!("names or whole numbers in {key}"), shown(written)))?;
                    entries.push((split, Entry { name, class: None, score: None, step: None }));
                }
            }
            Value::Object(columns) => {
                let rows =
                    rows(key, columns, &mut notes).map_err(|(expected, found)| fault(&expected, found))?;
                entries.extend(rows.into_iter().map(|entry| (split, entry)));
            }
            other => return Err(fault(&format!("a list of names in {key}"), kind(other).to_owned())),
        }
    }
    Ok(SplitFile { entries, notes })
}

/// The rows of columns `path`, `label`, `score` and `step`.
fn rows(
    key: &str,
    columns: &Map<String, Value>,
    notes: &mut Vec<String>,
) -> Result<Vec<Entry>, (String, String)> {
    let column = |name: &str| match columns.get(name) {
        None => Ok(None),
        Some(Value::Array(values)) => Ok(Some(values)),
        Some(other) => Err((format!("a list {name} in {key}"), kind(other).to_owned())),
    };
    let Some(paths) = column("path")? else {
        let found: Vec<&str> = columns.keys().take(10).map(String::as_str).collect();
        return Err((
            format!("a list of names, or columns with a list path, in {key}"),
            format!("the keys {found:?}"),
        ));
    };
    let others = [column("label")?, column("score")?, column("step")?];
    for (name, values) in ["label", "score", "step"].into_iter().zip(others) {
        if let Some(values) = values
            && values.len() != paths.len()
        {
            let found = format!("{} paths and {} {name}s in {key}", paths.len(), values.len());
            return Err((format!("as many {name}s as paths"), found));
        }
    }
    let is_unread = |name: &&str| !matches!(*name, "path" | "label" | "score" | "step");
    let unread: Vec<&str> = columns.keys().map(String::as_str).filter(is_unread).collect();
    notes.extend(left_aside("column", &unread).map(|note| format!("{note} in {key}")));
    let [labels, scores, steps] = others;
    let cell = |column: Option<&Vec<Value>>, i: usize| column.map(|values| values[i].clone());
    let mut entries = Vec::with_capacity(paths.len());
    for (i, written) in paths.iter().enumerate() {
        let name = name(written).ok_or_else(|| (format!("names in {key}"), shown(written)))?;
        let fault = |what: &str, value: &Value| (what.to_owned(), format!("{} for {name:?}", shown(value)));
        let class = match cell(labels, i) {
            None => None,
            Some(value) => Some(class(&value).ok_or_else(|| fault("labels that are whole numbers", &value))?),
        };
        let score = match cell(scores, i) {
            None => None,
            Some(value) => Some(value.as_f64().ok_or_else(|| fault("scores that are numbers", &value))?),
        };
        let step = match cell(steps, i) {
            None => None,
            Some(value) => Some(value.as_i64().ok_or_else(|| fault("steps that are whole numbers", &value))?),
        };
        entries.push(Entry { name, class, score, step });
    }
    Ok(entries)
}

/// That some keys or columns are not read, if there are any.
fn left_aside(what: &str, names: &[&str]) -> Option<String> {
    /// Names that are told.
    const MOST: usize = 8;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("{name:?}")).collect();
    let shown = shown.join(", ");
    match names.len() {
        0 => None,
        1 => Some(format!("the {what} {shown} is left aside")),
        2..=MOST => Some(format!("the {what}s {shown} are left aside")),
        n => Some(format!("the {what}s {shown} and {} more are left aside", n - MOST)),
    }
}

fn name(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if number.is_u64() => Some(number.to_string()),
        _ => None,
    }
}

fn class(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_u64().and_then(|class| u32::try_from(class).ok()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value in a message, unless it is long.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => kind(value).to_owned(),
        plain => plain.to_string().chars().take(60).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SplitFile> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("splits.json");
        std::fs::write(&path, text).unwrap();
        read_json(&path)
    }

    fn names(file: &SplitFile) -> Vec<(Split, &str)> {
        file.entries.iter().map(|(split, entry)| (*split, entry.name.as_str())).collect()
    }

    #[test]
    fn every_word_for_a_split_is_read_and_other_keys_are_noted() {
        let file =
            read("\u{feff}{\"valid\": [6], \"seed\": 3, \"Train\": [\"a\", 0], \"testing\": []}").unwrap();
        assert_eq!(names(&file), [(Split::Train, "a"), (Split::Train, "0"), (Split::Val, "6")]);
        assert!(file.notes.len() == 1 && file.notes[0].ends_with("the key \"seed\" is left aside"));
    }

    #[test]
    fn columns_beside_the_paths_are_read() {
        let file = read(
            r#"{"train": {"path": ["a", "b"], "score": [0.5, 1], "step": [10, 20], "label": ["3", 4], "x": 1}}"#,
        );
        let file = file.unwrap();
        let second = Entry { name: "b".into(), class: Some(4), score: Some(1.0), step: Some(20) };
        assert_eq!(file.entries[1], (Split::Train, second));
        assert_eq!(file.notes, ["the column \"x\" is left aside in train"]);
    }

    #[test]
    fn other_forms_are_refused_with_what_was_found() {
        for (text, found) in [
            ("[1]", "found a list"),
            ("{\"a\": [1]}", "found the keys [\"a\"]"),
            ("{\"val\": [], \"valid\": []}", "found \"val\" and \"valid\""),
            ("{\"train\": 3}", "found a number"),
            ("{\"train\": [0.5]}", "found 0.5"),
            ("{\"train\": [[1]]}", "found a list"),
            ("{\"train\": {\"name\": []}}", "found the keys [\"name\"]"),
            ("{\"train\": {\"path\": [\"a\"], \"label\": []}}", "found 1 paths and 0 labels in train"),
            ("{\"train\": {\"path\": [\"a\"], \"label\": [\"cat\"]}}", "found \"cat\" for \"a\""),
            ("{\"train\": {\"path\": [\"a\"], \"score\": [NaN]}}", "found null for \"a\""),
        ] {
            let message = read(text).unwrap_err().to_string();
            assert!(message.ends_with(found), "{text}: {message}");
        }
    }
}
