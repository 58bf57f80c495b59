//! Every TOML file parses, and every dataset manifest means something.

use std::path::Path;

use sgmn_data::manifest::Manifest;

use super::{Complaint, TextFile};

/// TOML files that do not parse.
pub(super) fn well_formed(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".toml")) {
        if let Err(error) = file.text.parse::<toml::Table>() {
            let line = error.span().map_or(1, |span| file.text[..span.start].lines().count().max(1));
            complaints.push(Complaint::at(file, line, format!("is not TOML: {}", error.message())));
        }
    }
    complaints
}

/// Manifests that do not load.
pub(super) fn manifests(root: &Path) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let entries = root.join("datasets").read_dir().into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "toml"))
    {
        if let Err(error) = Manifest::load(&path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            complaints.push(Complaint::new(format!("datasets/{name}"), error.to_string()));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn a_broken_table_is_found_with_its_line() {
        let files = [file("a.toml", "x = 1\n"), file("b.toml", "x = 1\ny = = 2\n")];
        let complaints = well_formed(&files);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].place.starts_with("b.toml:2"), "{complaints:?}");
    }

    #[test]
    fn a_manifest_that_means_nothing_is_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("datasets")).unwrap();
        std::fs::write(folder.path().join("datasets/x.toml"), "name = \"x\"").unwrap();
        assert_eq!(manifests(folder.path()).len(), 1);
    }
}
