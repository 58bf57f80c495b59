//! What stands beside nets in text files (tables, labels, split files), and the names by which it speaks of nets.

use std::path::Path;

pub(crate) mod names;
pub(crate) mod table;
pub(crate) mod text;

/// A file in a note: its name alone, since notes are kept in packed files, which should not depend on where they were made.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
