//! In a folder of peers, every file is in the folder's list: a peer that nobody lists is tested by nobody.

use std::collections::BTreeMap;

use super::{Complaint, TextFile, code};

/// Names of the folders whose files are peers.
const FOLDERS: &[&str] = &["activations", "formats", "layers", "symmetries", "models", "tasks", "metrics"];

/// Files of such folders that the folder's `mod.rs` does not name.
pub(super) fn complete(files: &[TextFile]) -> Vec<Complaint> {
    let mut lists = BTreeMap::new();
    for file in files {
        if let Some((folder, "mod.rs")) = file.path.rsplit_once('/') {
            lists.insert(folder, code::only(&file.text));
        }
    }
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.contains("/src/")) {
        let Some((folder, name)) = file.path.rsplit_once('/') else { continue };
        let Some((above, folder_name)) = folder.rsplit_once('/') else { continue };
        // A peer is a file of the folder, or a folder of its own with a mod.rs.
        let (folder, peer) = match name {
            "mod.rs" if FOLDERS.contains(&above.rsplit('/').next().unwrap_or_default()) => {
                (above, folder_name)
            }
            "mod.rs" => continue,
            _ if FOLDERS.contains(&folder_name) => (folder, name.strip_suffix(".rs").unwrap_or(name)),
            _ => continue,
        };
        if !file.path.ends_with(".rs") {
            continue;
        }
        match lists.get(folder) {
            None => complaints.push(Complaint::at(file, 1, format!("{folder}/mod.rs, its list, is missing"))),
            Some(list) if !code::has_word(list, peer) => {
                complaints.push(Complaint::at(file, 1, format!("{folder}/mod.rs does not list {peer}")));
            }
            Some(_) => {}
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn a_peer_that_is_not_listed_is_found() {
        let files = [
            file("crates/a/src/layers/mod.rs", "mod linear;\n// mod conv;\nmod deep;"),
            file("crates/a/src/layers/linear.rs", ""),
            file("crates/a/src/layers/conv.rs", ""),
            file("crates/a/src/layers/deep/mod.rs", ""),
            file("crates/a/src/layers/deep/inner.rs", ""),
            file("crates/a/src/layers/lost/mod.rs", ""),
            file("crates/a/src/models/x.rs", ""),
            file("crates/a/src/other.rs", ""),
        ];
        let places: Vec<String> = complete(&files).into_iter().map(|c| c.place).collect();
        assert_eq!(
            places,
            [
                "crates/a/src/layers/conv.rs:1",
                "crates/a/src/layers/lost/mod.rs:1",
                "crates/a/src/models/x.rs:1"
            ]
        );
    }
}
