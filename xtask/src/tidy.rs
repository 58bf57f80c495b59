//! `cargo xtask tidy`: the rules of the house that no compiler knows.
//!
//! Each rule is a function from the files of the repository to its complaints, in a file of its own, with a test
//! that shows it complaining.

mod code;
mod edges;
mod links;
mod lists;
mod modules;
mod one_path;
mod paths;
mod rooms;
mod tables;
mod words;

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

use crate::repository;

/// One text file of the repository.
pub(crate) struct TextFile {
    /// Path below the root, with `/`.
    path: String,
    text: String,
}

/// What is wrong and where.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Complaint {
    place: String,
    what: String,
}

impl Complaint {
    fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }

    /// A complaint about a line, counted from 1.
    fn at(file: &TextFile, line: usize, what: impl Into<String>) -> Self {
        Self::new(format!("{}:{line}", file.path), what)
    }
}

/// Folders that hold what is made, fetched or run, not what is written.
const NOT_OURS: &[&str] = &[".git", "target", "data", "runs", "testdata"];
/// Endings of the files that people write.
const TEXT: &[&str] =
    &["rs", "toml", "md", "sh", "cu", "cuh", "metal", "py", "html", "css", "js", "yml", "yaml"];

pub(crate) fn run() -> Result<()> {
    let root = repository::root();
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));

    let mut complaints = Vec::new();
    complaints.extend(modules::docs(&files));
    complaints.extend(modules::lengths(&files));
    complaints.extend(words::unsafe_code(&files));
    complaints.extend(words::prints(&files));
    complaints.extend(words::silenced_tests(&files));
    complaints.extend(lists::complete(&files));
    complaints.extend(links::lead_somewhere(root, &files));
    complaints.extend(paths::of_machines(&files));
    complaints.extend(tables::well_formed(&files));
    complaints.extend(tables::manifests(root));
    complaints.extend(rooms::go_down(&files));
    complaints.extend(one_path::to_every_item(&files));
    complaints.extend(edges::check(root)?);
    complaints.sort();

    for file in modules::long(&files) {
        println!("note: {file}");
    }
    for complaint in &complaints {
        println!("{}: {}", complaint.place, complaint.what);
    }
    match complaints.len() {
        0 => {
            println!("tidy: {} files, nothing to complain about", files.len());
            Ok(())
        }
        n => bail!("tidy has {n} complaints"),
    }
}

/// Reads every text file below `folder`.
fn collect(root: &Path, folder: &Path, files: &mut Vec<TextFile>) -> Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if entry.file_type()?.is_dir() {
            if !NOT_OURS.contains(&name.as_ref()) {
                collect(root, &path, files)?;
            }
        } else if is_text(&path) {
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let inner = path.strip_prefix(root).expect("the walk began at the root");
            files.push(TextFile { path: inner.to_string_lossy().replace('\\', "/"), text });
        }
    }
    Ok(())
}

fn is_text(path: &Path) -> bool {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some(ending) => TEXT.contains(&ending),
        // Scripts of the CI have no ending.
        None => path.parent().and_then(Path::file_name).is_some_and(|folder| folder == ".ci"),
    }
}

/// A file for the tests of the rules.
#[cfg(test)]
fn file(path: &str, text: &str) -> TextFile {
    TextFile { path: path.into(), text: text.into() }
}
