//! Results as lines of JSON, each written the moment it is known, and read by whoever asks later.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

/// The file that results are appended to, if there is one.
#[derive(Debug)]
pub(super) struct Results(Option<(PathBuf, File)>);

impl Results {
    /// Opens a file to append to, or makes it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn open(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.with_context(|| format!("--json: {}", path.display()))?;
        Ok(Self(Some((path.to_owned(), file))))
    }

    /// Appends a line.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&mut self, line: &Value) -> Result<()> {
        let Some((path, file)) = &mut self.0 else { return Ok(()) };
        // One call for the whole line: other programs append to the same file.
        file.write_all(format!("{line}\n").as_bytes()).with_context(|| format!("--json: {}", path.display()))
    }
}

/// All lines of a file that are JSON objects; what is not, such as a line that a crash tore, is left out.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(path: &Path) -> Result<Vec<Value>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    let lines = bytes.split(|byte| *byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).filter(Value::is_object).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lines_are_added_to_what_is_there_and_torn_ones_are_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        std::fs::write(&path, "{\"step\":\"facts\"}\n{\"step\":\"st\n7\n").unwrap();
        let mut results = Results::open(Some(&path)).unwrap();
        results.write(&json!({"step": "fit", "seconds": f64::NAN})).unwrap();
        let found = read(&path).unwrap();
        assert_eq!(found, [json!({"step": "facts"}), json!({"step": "fit", "seconds": null})]);
        let message = format!("{:#}", Results::open(Some(&folder.path().join("no/results"))).unwrap_err());
        assert!(message.starts_with("--json: "), "{message}");
        assert!(Results::open(None).unwrap().write(&json!({})).is_ok());
    }
}
