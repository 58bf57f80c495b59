//! Files that appear whole or not at all.

use std::path::Path;

use anyhow::{Context, Result};
use serde::{Serialize, de::DeserializeOwned};
use sgmn_data::AtomicFile;

/// Writes a file so that a reader finds the old content or the new one, but never a part: to a temporary sibling,
/// through to the disk, then renamed.
///
/// # Errors
/// If the file cannot be written; the old content then stays.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(bytes)?;
    Ok(file.commit()?)
}

/// Writes a value as indented JSON, atomically.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).with_context(|| path.display().to_string())?;
    text.push('\n');
    write_atomic(path, text.as_bytes())
}

/// Reads a JSON file.
///
/// # Errors
/// If the file cannot be read or holds something else.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}
