//! Which files of a folder are nets, and what they are called.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use crate::{Error, Result, any_net, beside::names};

/// Endings of files that hold one net, longest first.
const ENDINGS: &[&str] = &[
    "safetensors.index.json",
    "bin.index.json",
    "weights.h5",
    "safetensors",
    "keras",
    "hdf5",
    "ckpt",
    "pth",
    "bin",
    "npz",
    "h5",
    "pt",
];
/// Endings of files that hold a net with its graph.
const GRAPH_ENDINGS: &[&str] = &["onnx", "ort", "pt2"];
/// Endings of what people keep beside nets; such files need no word.
const BESIDE: &[&str] =
    &["json", "jsonl", "csv", "gz", "txt", "md", "yaml", "yml", "toml", "log", "py", "png", "jpg", "svg"];
/// Deepest folder, so that links that lead in circles end.
const MAX_DEPTH: usize = 32;
/// Files that are looked at.
const MAX_FILES: usize = 20_000_000;

/// A file with one net.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Its path below the folder, without ending, as names are compared.
    pub(super) name: String,
    /// The same with its ending.
    pub(super) ended: String,
    /// Whether its graph stands in it: ONNX, a program of `torch.export`, or a published folder.
    pub(super) has_graph: bool,
}

/// The nets of a folder, by name.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) nets: Vec<File>,
    /// What was left aside.
    pub(super) notes: Vec<String>,
}

/// Finds all nets below a folder. What begins with `.` is none, and the parts of a net in several files are one net.
///
/// # Errors
/// [`Error::Io`] if a folder cannot be listed; [`Error::Format`] if there are no nets, or two of one name.
pub(super) fn files(root: &Path) -> Result<Files> {
    let mut walk = Walk { root, nets: Vec::new(), others: BTreeMap::new(), n_seen: 0 };
    walk.folder(root, "", 0)?;
    let Walk { mut nets, others, .. } = walk;
    leave_out_parts(&mut nets);
    nets.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(pair) = nets.windows(2).find(|pair| pair[0].name == pair[1].name) {
        let found = format!("{} and {}", pair[0].path.display(), pair[1].path.display());
        return Err(Error::format(
            root,
            "nets whose names differ, without ending and with letters composed",
            found,
        ));
    }
    if nets.is_empty() {
        return Err(Error::format(root, format!("files named *.{}, *.{}", ENDINGS.join(", *."), GRAPH_ENDINGS.join(", *.")), "none"));
    }
    let left: Vec<String> = others.iter().map(|(ending, n)| format!("{n} of *.{ending}")).take(10).collect();
    let notes =
        (!left.is_empty()).then(|| format!("files that are no nets by their ending: {}", left.join(", ")));
    Ok(Files { nets, notes: notes.into_iter().collect() })
}

/// Whether there is a net in a folder, without looking at all of it.
pub(super) fn any(root: &Path) -> bool {
    fn any_below(folder: &Path, depth: usize, n_seen: &mut usize) -> bool {
        let Ok(entries) = std::fs::read_dir(folder) else { return false };
        let mut folders = Vec::new();
        for entry in entries.flatten() {
            *n_seen += 1;
            let name = entry.file_name().to_string_lossy().into_owned();
            if *n_seen > MAX_FILES || name.starts_with('.') {
                continue;
            }
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                _ if ending(&name).is_some() => return true,
                _ => {}
            }
        }
        folders.sort();
        depth < MAX_DEPTH && folders.iter().any(|folder| any_below(folder, depth + 1, n_seen))
    }
    any_below(root, 0, &mut 0)
}

struct Walk<'a> {
    root: &'a Path,
    nets: Vec<File>,
    others: BTreeMap<String, usize>,
    n_seen: usize,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<()> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder).map_err(Error::io(folder))? {
            entries.push(entry.map_err(Error::io(folder))?.file_name());
        }
        entries.sort();
        for entry in entries {
            self.n_seen += 1;
            if depth > MAX_DEPTH || self.n_seen > MAX_FILES {
                let expected = format!("at most {MAX_FILES} files, {MAX_DEPTH} folders deep");
                return Err(Error::format(self.root, expected, format!("more, at {}", folder.display())));
            }
            let path = folder.join(&entry);
            // Names that are no text in any encoding we know are shown with a mark in place of what is unknown.
            let name = entry.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            let whole = format!("{below}{name}");
            if path.is_dir() && any_net::has_graph(&path) {
                let name = names::normal(&whole);
                self.nets.push(File { path, ended: name.clone(), name, has_graph: true });
            } else if path.is_dir() {
                self.folder(&path, &format!("{whole}/"), depth + 1)?;
            } else if let Some(ending) = ending(&name) {
                let ended = names::normal(&whole);
                let plain = names::normal(&whole[..whole.len() - ending.len() - 1]);
                let has_graph = GRAPH_ENDINGS.contains(&ending);
                self.nets.push(File { path, name: plain, ended, has_graph });
            } else {
                let ending = name.rsplit_once('.').map_or("(none)", |(_, ending)| ending).to_lowercase();
                if !BESIDE.contains(&ending.as_str()) {
                    *self.others.entry(ending).or_default() += 1;
                }
            }
        }
        Ok(())
    }
}

/// The ending by which a name is that of a net; a name that is nothing but an ending is none.
fn ending(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let fits = |ending: &&str| {
        lower.len() > ending.len() + 1
            && lower.ends_with(*ending)
            && lower[..lower.len() - ending.len()].ends_with('.')
    };
    ENDINGS.iter().chain(GRAPH_ENDINGS).copied().find(fits)
}

/// Files `NAME-00001-of-00002.safetensors` are parts of the net whose index stands beside them.
fn leave_out_parts(nets: &mut Vec<File>) {
    let folder = |name: &str| name.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let with_index: BTreeSet<String> =
        nets.iter().filter(|net| net.ended.ends_with(".index.json")).map(|net| folder(&net.name)).collect();
    nets.retain(|net| !(is_part(&net.name) && with_index.contains(&folder(&net.name))));
}

/// Whether a name ends in `-00001-of-00002`.
fn is_part(name: &str) -> bool {
    let mut pieces = name.rsplitn(4, '-');
    let is_number = |piece: Option<&str>| {
        piece.is_some_and(|piece| piece.len() == 5 && piece.bytes().all(|byte| byte.is_ascii_digit()))
    };
    is_number(pieces.next())
        && pieces.next() == Some("of")
        && is_number(pieces.next())
        && pieces.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(any(folder.path()), files(folder.path()).is_ok() || names.contains(&"a.pt"));
        Ok(files(folder.path())?.nets.into_iter().map(|net| net.name).collect())
    }

    #[test]
    fn nets_are_found_by_their_endings_in_all_folders_and_hidden_files_are_none() {
        let names = [
            "b.PTH",
            "x/a.v2.pt",
            "x/._a.pt",
            ".hidden/c.pt",
            ".DS_Store",
            "x/y/z.weights.h5",
            "labels.csv",
            "d.onnx",
        ];
        assert_eq!(found(&names).unwrap(), ["b", "d", "x/a.v2", "x/y/z"]);
        assert!(found(&["labels.csv", "._a.pth", ".pth"]).is_err());
    }

    #[test]
    fn parts_of_one_net_are_one_net() {
        let names = [
            "m.safetensors.index.json",
            "m-00001-of-00002.safetensors",
            "m-00002-of-00002.safetensors",
            "other.safetensors",
        ];
        assert_eq!(found(&names).unwrap(), ["m", "other"]);
        assert_eq!(
            found(&names[1..2]).unwrap(),
            ["m-00001-of-00002"],
            "without an index it is a net of its own"
        );
    }

    #[test]
    fn two_nets_of_one_name_are_refused_with_both_files() {
        for pair in [["a.pth", "a.pt"], ["caf\u{e9}.pt", "cafe\u{301}.pth"]] {
            let pair = [pair[0], pair[1], "a.pt"];
            let message = found(&pair[..if pair[0] == "a.pth" { 2 } else { 3 }]).unwrap_err().to_string();
            assert!(message.contains(pair[0]) && message.contains(pair[1]), "{message}");
        }
    }
}
