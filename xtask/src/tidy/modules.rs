//! Every Rust file begins with a sentence about itself and is short enough to be one concept.

use super::{Complaint, TextFile};

/// A file of this many lines is looked at twice.
const LONG: usize = 400;
/// A file of more lines holds two concepts.
const TOO_LONG: usize = 600;

fn rust(files: &[TextFile]) -> impl Iterator<Item = &TextFile> {
    files.iter().filter(|file| file.path.ends_with(".rs"))
}

/// Files without `//!` at their top.
pub(super) fn docs(files: &[TextFile]) -> Vec<Complaint> {
    rust(files)
        .filter(|file| {
            let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
            first.strip_prefix("//!").is_none_or(|sentence| sentence.trim().is_empty())
        })
        .map(|file| Complaint::at(file, 1, "begins without a //! sentence that says what the file is for"))
        .collect()
}

/// Files that are too long.
pub(super) fn lengths(files: &[TextFile]) -> Vec<Complaint> {
    rust(files)
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, n)| *n > TOO_LONG)
        .map(|(file, n)| {
            Complaint::at(file, n, format!("{n} lines are more than {TOO_LONG}: find the second concept"))
        })
        .collect()
}

/// Files that are long, but not too long.
pub(super) fn long(files: &[TextFile]) -> Vec<String> {
    rust(files)
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, n)| (LONG + 1..=TOO_LONG).contains(n))
        .map(|(file, n)| {
            format!("{} has {n} lines: more than {LONG}, look for the second concept", file.path)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn a_file_without_a_first_sentence_is_named() {
        let files =
            [file("a.rs", "\n//! Says it.\n"), file("b.rs", "use x;\n//! late"), file("c.rs", "//!\nx")];
        let places: Vec<String> = docs(&files).into_iter().map(|c| c.place).collect();
        assert_eq!(places, ["b.rs:1", "c.rs:1"]);
    }

    #[test]
    fn only_files_above_the_limit_are_refused() {
        let files = [
            file("a.rs", &"x\n".repeat(600)),
            file("b.rs", &"x\n".repeat(601)),
            file("c.md", &"x\n".repeat(999)),
        ];
        assert_eq!(lengths(&files).len(), 1);
        assert_eq!(long(&files).len(), 1);
    }
}
