//! What stands beside nets in text files (tables, labels, split files), and the names by which it speaks of nets.

pub(crate) mod names;
pub(crate) mod table;
pub(crate) mod text;
