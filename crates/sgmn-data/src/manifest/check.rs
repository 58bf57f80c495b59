//! What a manifest must satisfy beyond its form; the first field that cannot be meant is named.

use std::path::{Component, Path};

use super::{Manifest, Origin, RemoteFile};
use crate::{Error, Result};

impl Manifest {
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let wrong = |field: &str, expected: &str, found: &str| {
            Err(Error::format(path, format!("{expected} in {field}"), format!("\"{found}\"")))
        };
        if path.file_stem().is_none_or(|stem| stem != self.name.as_str()) {
            return wrong("name", "the name of the file", &self.name);
        }
        for (field, text) in [
            ("title", &self.title),
            ("description", &self.description),
            ("license", &self.license),
            ("citation", &self.citation),
            ("by_hand", &self.by_hand),
            ("splits.rule", &self.splits.rule),
        ] {
            if text.trim().is_empty() {
                return wrong(field, "some text", text);
            }
        }
        if !self.homepage.starts_with("https://") && !self.homepage.starts_with("http://") {
            return wrong("homepage", "an address that begins with http", &self.homepage);
        }
        // Embedded data may lie anywhere in the project: nothing is fetched into their folder.
        let folder = if self.is_embedded() { &None } else { &self.folder };
        for (field, inner) in [("folder", folder), ("root", &self.root), ("splits.file", &self.splits.file)] {
            if let Some(inner) = inner.as_ref().filter(|p| !is_inner_path(p)) {
                return wrong(field, "a relative path without ..", inner);
            }
        }
        if self.files.is_empty() {
            return wrong("files", "at least one file", "[]");
        }
        for (i, file) in self.files.iter().enumerate() {
            if self.files[..i].iter().any(|other| other.path == file.path) {
                return wrong(&format!("files[{i}].path"), "a path that no other file has", &file.path);
            }
            if (file.origin == Origin::Embedded {}) != self.is_embedded() {
                return wrong(&format!("files[{i}].origin"), "all files or none embedded", &file.path);
            }
            if let Err((field, expected, found)) = file.check() {
                return wrong(&format!("files[{i}].{field}"), expected, &found);
            }
        }
        Ok(())
    }
}

impl RemoteFile {
    /// Finds the first field that cannot be meant: its name, what was expected, what stands there.
    fn check(&self) -> Result<(), (&'static str, &'static str, String)> {
        if !is_inner_path(&self.path) {
            return Err(("path", "a relative path without ..", self.path.clone()));
        }
        match &self.origin {
            Origin::Https { urls } => {
                // Plain http is let through on the loopback device only: there is nothing to listen in on.
                let good = |url: &String| url.starts_with("https://") || url.starts_with("http://127.0.0.1");
                if urls.is_empty() || !urls.iter().all(good) {
                    return Err(("origin.urls", "addresses that begin with https://", urls.join(" ")));
                }
            }
            Origin::Hub { repo, revision, path } => {
                if repo.split('/').count() != 2 || !is_inner_path(repo) {
                    return Err(("origin.repo", "owner/name", repo.clone()));
                }
                if revision.is_empty() || !is_inner_path(path) {
                    return Err((
                        "origin.path",
                        "a path inside the repository, and a revision",
                        path.clone(),
                    ));
                }
            }
            Origin::Embedded {} => {}
        }
        if let Some(digest) = &self.sha256 {
            let is_hex = digest.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            if digest.len() != 64 || !is_hex {
                return Err(("sha256", "64 lower-case hexadecimal digits", digest.clone()));
            }
        }
        match (&self.unpack, &self.creates) {
            (None, None) => Ok(()),
            (Some(_), Some(folder)) if is_inner_path(folder) && !folder.contains('/') => Ok(()),
            (_, folder) => Err((
                "creates",
                "the one folder that an archive unpacks to, and only for archives",
                folder.clone().unwrap_or_default(),
            )),
        }
    }
}

/// Whether `path` is relative, not empty, and stays below the folder it is joined to.
fn is_inner_path(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\\')
        && Path::new(path).components().all(|c| matches!(c, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use crate::{Result, manifest::Manifest};

    const GOOD: &str = r#"
name = "tiny"
title = "Tiny"
description = "Two nets."
contents = "nets"
format = "dws_mnist"
root = "tiny-nets"
target = { kind = "class", n_classes = 10 }
license = "MIT"
citation = "A line."
homepage = "https://example.org"
splits = { train = 1, test = 1, rule = "by file" }
by_hand = "download tiny.zip"
[[files]]
path = "tiny.zip"
origin = { kind = "https", urls = ["https://example.org/tiny.zip"] }
unpack = "zip"
creates = "tiny-nets"
"#;

    fn load(text: &str) -> Result<Manifest> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tiny.toml");
        fs::write(&path, text).unwrap();
        Manifest::load(path)
    }

    #[test]
    fn a_good_manifest_loads() {
        let manifest = load(GOOD).unwrap();
        assert_eq!(manifest.root(Path::new("data")), Path::new("data/tiny/tiny-nets"));
        assert_eq!(manifest.size(), (0, true));
    }

    #[test]
    fn a_wrong_field_is_named() {
        let cases = [
            ("name = \"tiny\"", "name = \"huge\"", "in name"),
            ("license = \"MIT\"", "license = \" \"", "in license"),
            ("https://example.org/tiny.zip", "ftp://example.org/tiny.zip", "files[0].origin.urls"),
            ("path = \"tiny.zip\"", "path = \"../tiny.zip\"", "files[0].path"),
            ("root = \"tiny-nets\"", "root = \"/etc\"", "in root"),
            ("creates = \"tiny-nets\"", "creates = \"..\"", "files[0].creates"),
            ("unpack = \"zip\"", "unpack = \"zip\"\nsha256 = \"12\"", "files[0].sha256"),
            ("unpack = \"zip\"", "unpack = \"rar\"", "rar"),
            ("unpack = \"zip\"", "sha265 = \"12\"", "sha265"),
        ];
        for (from, to, named) in cases {
            let message = load(&GOOD.replace(from, to)).unwrap_err().to_string();
            assert!(message.contains(named) && message.contains("tiny.toml"), "{message}");
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn every_manifest_of_the_project_is_valid() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
        let names: Vec<String> = Manifest::all(&directory).unwrap().into_iter().map(|m| m.name).collect();
        for name in
            ["mini", "mnist", "mnist-inr", "fmnist-inr", "cifar-inr", "cifar-inr-aug", "cnn-zoo-cifar10"]
        {
            assert!(names.iter().any(|n| n == name), "{name} is missing from {names:?}");
        }
        let unknown = Manifest::named(&directory, "mnits").unwrap_err().to_string();
        assert!(unknown.contains("mnist-inr") && unknown.contains("mnits"), "{unknown}");
    }
}
