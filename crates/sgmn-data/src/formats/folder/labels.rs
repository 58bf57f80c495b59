//! Where the targets of nets in a folder come from, as it is written in options.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::{Deserialize, Serialize};

/// Where labels and scores come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
#[non_exhaustive]
pub enum Labels {
    /// The folder in which a net stands, directly below the whole: `"folder"`.
    Folder,
    /// The net's own file: `"inside"`.
    Inside,
    /// Nowhere: `"none"`.
    None,
    /// A table: `"labels.csv"`, or `{ csv = "labels.csv", file = "file", column = "label" }`; the same with `json`.
    Table(Listed),
    /// The part of the net's path below the folder that stands in the parentheses of a regular expression:
    /// `{ name = "label([0-9]+)" }`.
    Name(Pattern),
}

/// A table that lists nets.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The file; a relative path counts from the folder of the nets.
    pub path: PathBuf,
    /// Whether it is JSON (an object with a label or a record for each name, or a list of records), and not CSV.
    pub is_json: bool,
    /// The column with the names of the nets; found by its usual names if not said.
    pub file: Option<String>,
    /// The column with the labels; `label` if not said.
    pub column: Option<String>,
}

/// A regular expression with one group in parentheses.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// What is wrong with it, if it is none or has not one group.
    pub fn new(text: &str) -> Result<Self, String> {
        // The last line of the message says what is wrong, those before it draw where.
        let wrong = |why: regex::Error| why.to_string().lines().last().unwrap_or_default().trim().to_owned();
        let regex = Regex::new(text).map_err(wrong)?;
        // The whole counts as a group, too.
        match regex.captures_len() {
            2 => Ok(Self { regex }),
            n => Err(format!("expected one pair of parentheses in {text:?}, found {}", n - 1)),
        }
    }

    /// What the parentheses find in a name.
    pub(super) fn find<'a>(&self, name: &'a str) -> Option<&'a str> {
        Some(self.regex.captures(name)?.get(1)?.as_str())
    }

    /// The expression.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

/// What stands in a file of options.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Word(String),
    Table(WrittenTable),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenTable {
    #[serde(skip_serializing_if = "Option::is_none")]
    csv: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    json: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
}

const EXPECTED: &str = "labels: expected \"folder\", \"inside\", \"none\", \"TABLE.csv\", { csv = \"TABLE.csv\", file = \"COLUMN\", \
                        column = \"COLUMN\" }, the same with json, or { name = \"PATTERN with (one group)\" }";

impl TryFrom<Written> for Labels {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let table = match written {
            Written::Table(table) => table,
            Written::Word(word) => match word.as_str() {
                "folder" => return Ok(Self::Folder),
                "inside" => return Ok(Self::Inside),
                "none" => return Ok(Self::None),
                name if ends(name, "json") => {
                    WrittenTable { json: Some(name.into()), ..WrittenTable::default() }
                }
                name if ends(name, "csv") || ends(name, "gz") || ends(name, "tsv") => {
                    WrittenTable { csv: Some(name.into()), ..WrittenTable::default() }
                }
                _ => return Err(format!("{EXPECTED}, found {word:?}")),
            },
        };
        match table {
            WrittenTable { csv: Some(path), json: None, name: None, file, column } => {
                Ok(Self::Table(Listed { path, is_json: false, file, column }))
            }
            WrittenTable { csv: None, json: Some(path), name: None, file, column } => {
                Ok(Self::Table(Listed { path, is_json: true, file, column }))
            }
            WrittenTable { csv: None, json: None, name: Some(text), file: None, column: None } => {
                Pattern::new(&text).map(Self::Name).map_err(|why| format!("labels.name: {why}"))
            }
            _ => Err(format!("{EXPECTED}, found another choice of keys")),
        }
    }
}

impl From<Labels> for Written {
    fn from(labels: Labels) -> Self {
        match labels {
            Labels::Folder => Self::Word("folder".into()),
            Labels::Inside => Self::Word("inside".into()),
            Labels::None => Self::Word("none".into()),
            Labels::Name(pattern) => {
                Self::Table(WrittenTable { name: Some(pattern.text().to_owned()), ..WrittenTable::default() })
            }
            Labels::Table(Listed { path, is_json, file, column }) => {
                let (csv, json) = if is_json { (None, Some(path)) } else { (Some(path), None) };
                Self::Table(WrittenTable { csv, json, name: None, file, column })
            }
        }
    }
}

fn ends(name: &str, ending: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_labels_are_read_as_they_are_written() {
        for text in [
            "\"folder\"",
            "\"inside\"",
            "\"none\"",
            r#"{"csv":"a.csv"}"#,
            r#"{"json":"a.json","file":"net","column":"digit"}"#,
            r#"{"name":"label([0-9]+)"}"#,
        ] {
            let labels: Labels = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&labels).unwrap(), text);
        }
        let short: Labels = serde_json::from_str("\"a.csv\"").unwrap();
        assert_eq!(serde_json::to_string(&short).unwrap(), r#"{"csv":"a.csv"}"#);
    }

    #[test]
    fn what_is_no_source_of_labels_is_refused_with_all_there_are() {
        for text in [
            "\"folders\"",
            "{}",
            r#"{"csv":"a","name":"(b)"}"#,
            r#"{"name":"b"}"#,
            r#"{"name":"(b)(c)"}"#,
            r#"{"name":"(b"}"#,
        ] {
            let message = serde_json::from_str::<Labels>(text).unwrap_err().to_string();
            assert!(message.starts_with("labels"), "{text}: {message}");
        }
    }
}
