//! Links between pages of the documentation lead somewhere.

use std::path::Path;

use super::{Complaint, TextFile};

/// Relative links of Markdown pages to files that do not exist below the root.
pub(super) fn lead_somewhere(root: &Path, files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        let folder = root.join(&file.path);
        let folder = folder.parent().unwrap_or(root);
        for (i, line) in file.text.lines().enumerate() {
            for target in targets(line) {
                if !folder.join(target).exists() {
                    complaints.push(Complaint::at(
                        file,
                        i + 1,
                        format!("links to {target}, which does not exist"),
                    ));
                }
            }
        }
    }
    complaints
}

/// What the links of a line name, addresses and places of the same page left out.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    let paths = links.map(|(target, _)| target.split('#').next().unwrap_or_default());
    paths.filter(|path| !path.is_empty() && !path.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn links_to_nothing_are_found_and_addresses_are_left_alone() {
        let root = crate::repository::root();
        let page = |text: &str| lead_somewhere(root, &[file("docs/page.md", text)]);
        assert_eq!(
            page("[a](../README.md#part) [b](https://example.org/x) [c](#here) ![d](../Cargo.toml)"),
            []
        );
        let complaints = page("one\n[gone](../no/such/file.rs)");
        assert_eq!(complaints.len(), 1);
        assert_eq!(complaints[0].place, "docs/page.md:2");
    }
}
