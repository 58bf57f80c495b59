//! Tables of texts with named columns: CSV with commas, semicolons or tabs, plain or gzipped; records in JSON.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use csv::{ReaderBuilder, StringRecord};
use serde_json::{Map, Value};

use super::text;
use crate::{Error, Result};

/// Kinds of keys that records in JSON may have, together.
const MAX_COLUMNS: usize = 1000;
/// Of so many kinds of keys a record must have one, taken over all records, so that a table of cells is not much larger
/// than its text.
const MAX_SPARSITY: usize = 64;

/// A table that is in memory.
#[derive(Debug)]
pub(crate) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<StringRecord>,
}

impl Table {
    /// Reads a table whose first line names the columns.
    ///
    /// # Errors
    /// As [`text::read`], and [`Error::Format`] for lines of different lengths or two columns of one name.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let content = text::read(path)?;
        let first = content.lines().next().unwrap_or_default();
        let damaged =
            |why: csv::Error| Error::format(path, "lines with as many cells as the first", why.to_string());
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter(first))
            .trim(csv::Trim::All)
            .from_reader(content.as_bytes());
        let columns: Vec<String> = reader.headers().map_err(damaged)?.iter().map(str::to_owned).collect();
        let mut seen = BTreeSet::new();
        if let Some(name) = columns.iter().find(|name| !name.is_empty() && !seen.insert(name.as_str())) {
            return Err(Error::format(path, "columns whose names differ", format!("{name:?} twice")));
        }
        let rows = reader.into_records().collect::<csv::Result<_>>().map_err(damaged)?;
        Ok(Self { path: path.to_owned(), columns, rows })
    }

    /// Reads JSON as a table: an object with a value or a record for each name, which is the column `file` then, or a
    /// list of records. A value that is no record is the column `label`; what is no plain value is an empty cell.
    ///
    /// # Errors
    /// As [`text::json`], and [`Error::Format`] for another form.
    pub(crate) fn read_json(path: &Path) -> Result<Self> {
        const EXPECTED: &str = "an object with a label or a record for each name, or a list of records";
        let fault = |found: String| Error::format(path, EXPECTED, found);
        let records: Vec<Map<String, Value>> = match text::json(path, EXPECTED)? {
            Value::Object(entries) => entries.into_iter().map(|(name, value)| named(name, value)).collect(),
            Value::Array(items) => {
                let record = |(i, item)| match item {
                    Value::Object(record) => Ok(record),
                    _ => Err(fault(format!("no record at place {i} of the list"))),
                };
                items.into_iter().enumerate().map(record).collect::<Result<_>>()?
            }
            _ => return Err(fault("a single value".to_owned())),
        };
        let mut known: BTreeSet<&str> = BTreeSet::new();
        let mut columns: Vec<String> = Vec::new();
        let mut n_values = records.len();
        for key in records.iter().flat_map(Map::keys) {
            n_values += 1;
            if known.insert(key) {
                columns.push(key.clone());
            }
            if columns.len() > MAX_COLUMNS {
                return Err(fault(format!("more than {MAX_COLUMNS} kinds of keys")));
            }
        }
        if columns.len() * records.len() > MAX_SPARSITY * n_values {
            let found =
                format!("{} records that share few of {} kinds of keys", records.len(), columns.len());
            return Err(fault(found));
        }
        let row = |record: &Map<String, Value>| columns.iter().map(|name| cell(record.get(name))).collect();
        let rows = records.iter().map(row).collect();
        Ok(Self { path: path.to_owned(), columns, rows })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names of the columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The place of a column, if there is one of this name.
    pub(crate) fn find(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column == name)
    }

    /// The place of a column that must be there.
    ///
    /// # Errors
    /// [`Error::Format`] that lists the columns there are.
    pub(crate) fn column(&self, name: &str) -> Result<usize> {
        self.find(name).ok_or_else(|| missing(&self.path, name, &self.columns))
    }

    /// The cells of one column, top to bottom.
    pub(crate) fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| row.get(column).unwrap_or_default())
    }
}

/// A record with the name it stands under.
fn named(name: String, value: Value) -> Map<String, Value> {
    let mut record = Map::from_iter([("file".to_owned(), Value::String(name))]);
    match value {
        Value::Object(others) => {
            others.into_iter().filter(|(key, _)| key != "file").for_each(|(key, value)| {
                record.insert(key, value);
            })
        }
        plain => drop(record.insert("label".to_owned(), plain)),
    }
    record
}

fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(plain @ (Value::Number(_) | Value::Bool(_))) => plain.to_string(),
        _ => String::new(),
    }
}

/// That a table has no column of a name.
pub(crate) fn missing(path: &Path, name: &str, columns: &[String]) -> Error {
    Error::format(path, format!("a column {name:?}"), format!("the columns {}", columns.join(", ")))
}

/// What stands between the cells of a line.
pub(crate) fn delimiter(line: &str) -> u8 {
    match line {
        _ if line.contains(',') => b',',
        _ if line.contains(';') => b';',
        _ if line.contains('\t') => b'\t',
        _ => b',',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_semicolons_and_tabs_make_the_same_table() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        for content in ["file,label\r\na,1\r\n", "\u{feff}file;label\na; 1\n", "file\tlabel\na\t1"] {
            std::fs::write(&path, content).unwrap();
            let table = Table::read(&path).unwrap();
            assert_eq!(table.columns(), ["file", "label"]);
            let label = table.column("label").unwrap();
            assert_eq!(table.cells(label).collect::<Vec<_>>(), ["1"], "{content:?}");
            let message = table.column("score").unwrap_err().to_string();
            assert!(
                message.ends_with("expected a column \"score\", found the columns file, label"),
                "{message}"
            );
        }
    }

    #[test]
    fn json_is_a_table_as_object_and_as_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.json");
        for (content, columns, rows) in [
            (r#"{"a": 1, "b": "cat"}"#, vec!["file", "label"], vec!["a 1", "b cat"]),
            (r#"{"a": {"acc": 0.5}, "b": {}}"#, vec!["file", "acc"], vec!["a 0.5", "b "]),
            (
                r#"[{"net": "a", "label": true}, {"net": "b", "x": [1]}]"#,
                vec!["net", "label", "x"],
                vec!["a true ", "b  "],
            ),
        ] {
            std::fs::write(&path, content).unwrap();
            let table = Table::read_json(&path).unwrap();
            assert_eq!(table.columns(), columns);
            let found: Vec<String> =
                table.rows.iter().map(|row| row.iter().collect::<Vec<_>>().join(" ")).collect();
            assert_eq!(found, rows);
        }
        let keys: Vec<String> = (0..900).map(|i| format!("\"{i}\": 0")).collect();
        let sparse = format!("[{{{}}}{}]", keys.join(","), ", {}".repeat(1000));
        for content in ["[1]", "3", "{", &sparse] {
            std::fs::write(&path, content).unwrap();
            assert!(Table::read_json(&path).is_err(), "{content}");
        }
    }

    #[test]
    fn lines_of_other_lengths_and_columns_of_one_name_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.csv");
        for content in ["file,label\na\n", "file,file\na,b\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(Table::read(&path).is_err(), "{content:?}");
        }
    }
}
