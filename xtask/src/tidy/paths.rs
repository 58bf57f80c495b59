//! No file names a path of one person's machine.

use super::{Complaint, TextFile};

/// Top-level folders in which people and machines keep their own things.
const PRIVATE: &[&str] = &["home", "mnt", "opt", "root", "Users", "work"];

/// Lines with an absolute path into such a folder.
pub(super) fn of_machines(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files {
        for (i, line) in file.text.lines().enumerate() {
            for folder in PRIVATE {
                if names(line, &format!("/{folder}/")) {
                    complaints.push(Complaint::at(
                        file,
                        i + 1,
                        format!("names a path below {folder} of some machine"),
                    ));
                }
            }
        }
    }
    complaints
}

/// Whether `path` begins an absolute path in `line`: nothing that could be part of a longer path stands before it.
fn names(line: &str, path: &str) -> bool {
    line.match_indices(path)
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-~*}>)]/$".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn absolute_paths_are_found_and_addresses_are_not() {
        let path = |folder: &str| format!("let p = \"/{folder}/me/x\";");
        for folder in PRIVATE {
            assert_eq!(of_machines(&[file("a.rs", &path(folder))]).len(), 1, "{folder}");
        }
        let address = format!("https://example.org/{}/me and src/{}/x", "home", "work");
        assert_eq!(of_machines(&[file("a.md", &address)]), []);
    }
}
