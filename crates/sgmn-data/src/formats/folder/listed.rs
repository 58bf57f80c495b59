//! Tables that list the nets of a folder: which row is about which net.

use std::path::{Path, PathBuf};

use super::{files::File, labels::Listed};
use crate::{
    Error, Result,
    beside::{
        self,
        names::{Found, Names},
        table::Table,
    },
};

/// Usual names of the column with the names of nets.
const FILE_COLUMNS: [&str; 8] = ["file", "filename", "file_name", "path", "net", "model", "name", "id"];

/// A table with the row of each net.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) table: Table,
    /// By net.
    row_of: Vec<Option<usize>>,
    file_column: usize,
    /// Rows about no net of the folder.
    n_foreign: usize,
}

impl Rows {
    /// The cell of each net.
    pub(super) fn cells(&self, column: usize) -> impl Iterator<Item = Option<&str>> {
        let cells: Vec<&str> = self.table.cells(column).collect();
        self.row_of.iter().map(move |row| row.map(|row| cells[row]))
    }

    /// The number of each net; none where the cell is empty.
    ///
    /// # Errors
    /// [`Error::Format`] for a cell that is no finite number.
    pub(super) fn numbers(&self, column: usize) -> Result<Vec<Option<f64>>> {
        let number = |cell: Option<&str>| match cell {
            None | Some("") => Ok(None),
            Some(cell) => match cell.parse::<f64>() {
                Ok(number) if number.is_finite() => Ok(Some(number)),
                _ => {
                    let expected = format!("finite numbers in the column {:?}", self.table.columns()[column]);
                    Err(Error::format(self.table.path(), expected, format!("{cell:?}")))
                }
            },
        };
        self.cells(column).map(number).collect()
    }

    /// Names of all columns but that of the nets.
    pub(super) fn other_columns(&self) -> Vec<&str> {
        let columns = self.table.columns().iter().enumerate();
        columns.filter(|(i, _)| *i != self.file_column).map(|(_, name)| name.as_str()).collect()
    }

    /// What a person should know about the rows.
    pub(super) fn notes(&self) -> Vec<String> {
        let foreign = (self.n_foreign > 0).then(|| {
            format!(
                "{}: {} row(s) about no net of the folder",
                beside::name(self.table.path()),
                self.n_foreign
            )
        });
        foreign.into_iter().collect()
    }
}

/// Reads the table that was asked for.
///
/// # Errors
/// Those of the table, and [`Error::Format`] if a row is about two nets, or two rows about one.
pub(super) fn read(root: &Path, listed: &Listed, files: &[File]) -> Result<Rows> {
    let path = root.join(&listed.path);
    let table = if listed.is_json { Table::read_json(&path)? } else { Table::read(&path)? };
    let column = match &listed.file {
        Some(name) => table.column(name)?,
        None => file_column(&table).ok_or_else(|| {
            let expected = format!(
                "the column with the nets' names, the option labels.file; or one of {}",
                FILE_COLUMNS.join(", ")
            );
            Error::format(&path, expected, format!("the columns {}", table.columns().join(", ")))
        })?,
    };
    rows(table, column, files)
}

/// The only table directly in the folder that lists every net, if there is one.
///
/// # Errors
/// [`Error::Io`]; [`Error::Config`] if several tables list every net.
pub(super) fn only_one(root: &Path, files: &[File]) -> Result<Option<Rows>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(root).map_err(Error::io(root))? {
        let entry = entry.map_err(Error::io(root))?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if !name.starts_with('.') && (name.ends_with(".csv") || name.ends_with(".csv.gz")) {
            paths.push(entry.path());
        }
    }
    paths.sort();
    let mut fitting: Vec<Rows> = Vec::new();
    for path in paths {
        // A table that cannot be read is about something else; whoever means it names it and gets its error.
        let Ok(table) = Table::read(&path) else { continue };
        let rows = file_column(&table).and_then(|column| rows(table, column, files).ok());
        fitting.extend(rows.filter(|rows| rows.row_of.iter().all(Option::is_some)));
    }
    if let [first, second, ..] = &fitting[..] {
        return Err(Error::Config {
            field: "labels".to_owned(),
            expected: "one table that lists the nets".to_owned(),
            found: format!("{} and {}", first.table.path().display(), second.table.path().display()),
        });
    }
    Ok(fitting.pop())
}

fn file_column(table: &Table) -> Option<usize> {
    FILE_COLUMNS
        .iter()
        .find_map(|name| table.columns().iter().position(|column| column.eq_ignore_ascii_case(name)))
}

fn rows(table: Table, file_column: usize, files: &[File]) -> Result<Rows> {
    let names = Names::new(files.iter().map(|file| (file.name.as_str(), file.ended.as_str())));
    let mut row_of = vec![None; files.len()];
    let mut n_foreign = 0;
    for (row, written) in table.cells(file_column).enumerate() {
        match names.find(written) {
            Found::One(net) => {
                if let Some(before) = row_of[net].replace(row) {
                    let found = format!("rows {} and {} about {}", before + 1, row + 1, files[net].ended);
                    return Err(Error::format(table.path(), "one row for each net", found));
                }
            }
            Found::None => n_foreign += 1,
            Found::Several(a, b) => {
                let found = format!("{written:?}, which may be {} or {}", files[a].ended, files[b].ended);
                return Err(Error::format(table.path(), "names of one net each", found));
            }
        }
    }
    Ok(Rows { table, row_of, file_column, n_foreign })
}
