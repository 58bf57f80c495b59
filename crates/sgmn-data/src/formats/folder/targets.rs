//! What is asked about each net of a folder: classes with their names, or scores.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    files::File,
    labels::{Labels, Listed},
    listed::{self, Rows},
};
use crate::{
    Error, Result, Target, beside,
    nets::{self, Facts, Label},
};

/// What is asked, and how it was found out.
#[derive(Debug, Default)]
pub(super) struct Targets {
    /// By net.
    pub(super) targets: Vec<Target>,
    /// Names of the classes, by number.
    pub(super) classes: Option<Vec<String>>,
    /// The table that lists the nets, if one was read.
    pub(super) table: Option<Rows>,
    pub(super) notes: Vec<String>,
}

/// What may be asked about each net.
#[derive(Default)]
struct Known {
    labels: Vec<Option<Label>>,
    scores: Vec<Option<f64>>,
    table: Option<Rows>,
    /// Where labels stand, for messages.
    place: String,
}

/// What a person said about targets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) labels: Option<&'a Labels>,
    pub(super) target: Option<&'a str>,
    pub(super) classes: Option<&'a [String]>,
}

/// Finds the targets of all nets; `facts` is what their own files say, as far as they can be read.
///
/// # Errors
/// [`Error::Config`] for what a person must say first; [`Error::Format`] for labels that are none.
pub(super) fn targets(
    root: &Path,
    files: &[File],
    facts: &[Option<Facts>],
    asked: Asked<'_>,
) -> Result<Targets> {
    let mut notes = Vec::new();
    let known = match asked.labels {
        Some(Labels::None) => return Ok(without(files, Vec::new())),
        Some(Labels::Inside) => inside(facts),
        Some(Labels::Folder) => {
            by_name(files, "the folders' names", asked.target, |file| class_folder(&file.name))
        }
        Some(Labels::Name(pattern)) => {
            let place = format!("names that fit {:?}", pattern.text());
            by_name(files, &place, asked.target, |file| pattern.find(&file.ended))
        }
        Some(Labels::Table(listed)) => {
            of_table(listed::read(root, listed, files)?, Some(listed), asked.target)?
        }
        None if facts.iter().flatten().any(|facts| facts.label.is_some() || facts.score.is_some()) => {
            inside(facts)
        }
        None => match listed::only_one(root, files)? {
            Some(rows) => {
                let path = beside::name(rows.table.path());
                notes.push(format!("targets are read from {path}, the only table that lists every net"));
                of_table(rows, None, asked.target)?
            }
            None => {
                let why = "no label is known: none stands in the files, and no table lists them; the option labels says where they are";
                return Ok(without(files, vec![why.to_owned()]));
            }
        },
    };
    let Known { labels, scores, table, place } = known;
    let first =
        |has: &dyn Fn(usize) -> bool| (0..files.len()).find(|&i| has(i)).map(|i| files[i].ended.as_str());
    let has_label = |i: usize| labels.get(i).is_some_and(Option::is_some);
    let has_score = |i: usize| scores.get(i).is_some_and(Option::is_some);
    let nothing = |what: &str| Error::Config {
        field: "target".to_owned(),
        expected: format!("nets with a {what}, in {place}"),
        found: "none".to_owned(),
    };
    let both = first(&|i| has_label(i) && has_score(i));
    let [by_label, by_score] = match (asked.target, both) {
        (None, Some(net)) => {
            return Err(Error::Config {
                field: "target".to_owned(),
                expected: "\"label\" or \"score\", since nets have both".to_owned(),
                found: format!("neither; {net} has both"),
            });
        }
        (None, None) => [true, true],
        (Some("label"), _) => [true, false],
        (Some(_), _) => [false, true],
    };
    let none_known = first(&|i| by_label && has_label(i) || by_score && has_score(i)).is_none();
    if none_known {
        return Err(nothing(asked.target.unwrap_or("label or a score")));
    }
    let (mut targets, classes) = match by_label && (0..files.len()).any(has_label) {
        true => classes(files, &labels, asked.classes, &place)?,
        false => (vec![Target::None; files.len()], None),
    };
    if by_score {
        for (target, score) in targets.iter_mut().zip(&scores) {
            if let (Target::None, Some(score)) = (*target, score) {
                *target = Target::Score(*score);
            }
        }
    }
    let nameless: Vec<usize> = (0..files.len()).filter(|&i| targets[i] == Target::None).collect();
    if let Some(&first) = nameless.first() {
        notes.push(format!(
            "{} net(s) without a target in {place}, the first: {}",
            nameless.len(),
            files[first].ended
        ));
    }
    Ok(Targets { targets, classes, table, notes })
}

/// The folder below the whole, or below a folder of its split, in which a net stands.
fn class_folder(name: &str) -> Option<&str> {
    let (first, rest) = name.split_once('/')?;
    match super::splits::folder_split(name) {
        Some(_) => rest.split_once('/').map(|(class, _)| class),
        None => Some(first),
    }
}

fn without(files: &[File], notes: Vec<String>) -> Targets {
    Targets { targets: vec![Target::None; files.len()], notes, ..Targets::default() }
}

fn inside(facts: &[Option<Facts>]) -> Known {
    Known {
        labels: facts.iter().map(|facts| facts.as_ref()?.label.clone()).collect(),
        scores: facts.iter().map(|facts| facts.as_ref()?.score).collect(),
        table: None,
        place: "the nets' own files".to_owned(),
    }
}

/// Labels that stand in names, or scores, where these are asked for and numbers stand there.
fn by_name<'a>(
    files: &'a [File],
    place: &str,
    target: Option<&str>,
    find: impl Fn(&'a File) -> Option<&'a str>,
) -> Known {
    let found = || files.iter().map(&find);
    let mut known = Known { place: place.to_owned(), ..Known::default() };
    if target == Some("score") {
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        known.scores = found().map(|text| text.and_then(number)).collect();
    } else {
        known.labels = found().map(|text| text.map(nets::label)).collect();
    }
    known
}

/// The columns of a table that are asked for.
fn of_table(rows: Rows, listed: Option<&Listed>, target: Option<&str>) -> Result<Known> {
    let said = listed.and_then(|listed| listed.column.as_deref());
    let path = beside::name(rows.table.path());
    let mut known = Known { place: path.clone(), ..Known::default() };
    let label = match said {
        Some(name) => Some(rows.table.column(name)?),
        None => rows.table.find("label").or_else(|| rows.table.find("class")),
    };
    let score = match target {
        None | Some("score") => rows.table.find("score"),
        Some("label") => None,
        Some(name) => Some(rows.table.column(name)?),
    };
    if label.is_none() && score.is_none() {
        let others = rows.other_columns().join(", ");
        return Err(Error::Config {
            field: "labels.column, or target".to_owned(),
            expected: format!(
                "the column of {path} with classes (labels.column) or with scores (target), of {others}"
            ),
            found: "neither, and no column label or score".to_owned(),
        });
    }
    if let Some(column) = label {
        known.labels =
            rows.cells(column).map(|cell| cell.filter(|cell| !cell.is_empty()).map(nets::label)).collect();
    }
    if let Some(column) = score {
        known.scores = rows.numbers(column)?;
    }
    known.table = Some(rows);
    Ok(known)
}

/// Classes of labels: numbers as they are, texts by their place among all texts, or in the order that was said.
fn classes(
    files: &[File],
    labels: &[Option<Label>],
    said: Option<&[String]>,
    place: &str,
) -> Result<(Vec<Target>, Option<Vec<String>>)> {
    let fault = |expected: String, i: usize, found: String| {
        Err(Error::Config {
            field: "classes".to_owned(),
            expected,
            found: format!("{found} of {}", files[i].ended),
        })
    };
    let names: BTreeSet<String> = labels.iter().flatten().map(Label::to_string).collect();
    let is_said: BTreeSet<&str> = said.unwrap_or_default().iter().map(String::as_str).collect();
    let are_numbers = labels.iter().flatten().all(|label| matches!(label, Label::Number(_)));
    let names: Vec<String> = match said {
        Some(said) if names.iter().all(|name| is_said.contains(name.as_str())) => said.to_vec(),
        Some(said) if are_numbers => {
            let mut targets = Vec::new();
            for (i, label) in labels.iter().enumerate() {
                match label {
                    Some(Label::Number(class)) if (*class as usize) < said.len() => {
                        targets.push(Target::Class(*class))
                    }
                    Some(label) => {
                        return fault(
                            format!("{} names for all labels", said.len()),
                            i,
                            format!("the label {label}"),
                        );
                    }
                    None => targets.push(Target::None),
                }
            }
            return Ok((targets, Some(said.to_vec())));
        }
        Some(said) => {
            let unknown = |label: &Option<Label>| {
                label.as_ref().is_some_and(|label| !is_said.contains(label.to_string().as_str()))
            };
            let i = labels.iter().position(unknown).unwrap_or_default();
            return fault(
                format!("one of {}", said.join(", ")),
                i,
                format!("the label {:?}", shown(&labels[i])),
            );
        }
        None if are_numbers => {
            let target = |label: &Option<Label>| match label {
                Some(Label::Number(class)) => Target::Class(*class),
                _ => Target::None,
            };
            return Ok((labels.iter().map(target).collect(), None));
        }
        None => {
            let is_amount = |label: &Option<Label>| matches!(label, Some(Label::Text(text)) if text.parse::<f64>().is_ok_and(f64::is_finite));
            if let Some(i) = labels.iter().position(is_amount) {
                return Err(Error::Config {
                    field: "target".to_owned(),
                    expected: format!(
                        "the column of {place} that is meant as a score, or classes that say these are names"
                    ),
                    found: format!(
                        "the label {} of {}, which counts no class",
                        shown(&labels[i]),
                        files[i].ended
                    ),
                });
            }
            names.into_iter().collect()
        }
    };
    // The first of two classes of one name counts.
    let numbers: BTreeMap<&str, usize> =
        names.iter().enumerate().rev().map(|(class, name)| (name.as_str(), class)).collect();
    let class = |label: &Option<Label>| {
        let name = label.as_ref()?.to_string();
        numbers.get(name.as_str()).map(|&class| Target::Class(class as u32))
    };
    Ok((labels.iter().map(|label| class(label).unwrap_or(Target::None)).collect(), Some(names)))
}

fn shown(label: &Option<Label>) -> String {
    label.as_ref().map(Label::to_string).unwrap_or_default()
}
