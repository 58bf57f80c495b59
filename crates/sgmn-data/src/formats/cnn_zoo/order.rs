//! The published order of the zoo's rows and the published split.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{super::mersenne::PythonRandom, Header};
use crate::{Error, Result, beside::text, split::Split};

/// Row numbers as the split file lists them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) rows: Vec<usize>,
    /// Whether the first of them is the header line, read as row 0.
    pub(super) repeats_header: bool,
}

/// The folder's only file named `*_split.csv`, if there is one.
///
/// # Errors
/// [`Error::Format`] if there are several.
pub(super) fn only_split_file(root: &Path) -> Result<Option<PathBuf>> {
    let entries = std::fs::read_dir(root).map_err(Error::io(root))?;
    let mut found = BTreeSet::new();
    for entry in entries {
        let entry = entry.map_err(Error::io(root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with("_split.csv") && !name.starts_with('.') {
            found.insert(entry.path());
        }
    }
    match found.len() {
        0 | 1 => Ok(found.pop_first()),
        n => Err(Error::format(root, "one file *_split.csv, or the option split", format!("{n} of them"))),
    }
}

/// Reads one row number a line; each of the `n_rows` rows may stand there once, apart from a header line `0`, or a first
/// line that is no number.
///
/// The published files list all rows; those that are missing are not used, and the caller says so.
pub(super) fn read(path: &Path, header: Header, n_rows: usize) -> Result<Order> {
    let text = text::read(path)?;
    let mut rows = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match line.trim().parse() {
            Ok(row) if row < n_rows => rows.push(row),
            Err(_) if at == 0 && line.contains(char::is_alphabetic) => {}
            _ => {
                let found = format!("{:?} in line {}", line.chars().take(40).collect::<String>(), at + 1);
                return Err(Error::format(path, format!("row numbers below {n_rows}"), found));
            }
        }
    }
    let has_header = rows.first() == Some(&0) && rows[1..].contains(&0);
    if has_header && header == Header::Exact {
        rows.remove(0);
    }
    let repeats_header = has_header && header == Header::Published;
    let mut seen = BTreeSet::new();
    if let Some(twice) = rows[usize::from(repeats_header)..].iter().find(|row| !seen.insert(**row)) {
        return Err(Error::format(path, "every row once", format!("row {twice} twice")));
    }
    if seen.is_empty() {
        return Err(Error::format(path, format!("row numbers below {n_rows}"), "none"));
    }
    Ok(Order { rows, repeats_header })
}

/// Order in which the published code walks `n` rows (train, val, test), and the split of each row.
pub(super) fn published_split(n: usize) -> (Vec<usize>, Vec<Split>) {
    // As Python's int(0.5 * n) and int(0.8 * m): products of doubles, cut towards zero.
    let start_test = (0.5 * n as f64) as usize;
    let n_train = (0.8 * start_test as f64) as usize;
    let mut order: Vec<usize> = (0..start_test).collect();
    PythonRandom::new(0).shuffle(&mut order);
    order.extend(start_test..n);
    let mut splits = vec![Split::Test; n];
    for (at, &position) in order[..start_test].iter().enumerate() {
        splits[position] = if at < n_train { Split::Train } else { Split::Val };
    }
    (order, splits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_split_is_that_of_the_published_code() {
        let (order, splits) = published_split(21);
        // x = list(range(10)); random.Random(0).shuffle(x)
        assert_eq!(order[..10], [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
        assert_eq!(order[10..], (10..21).collect::<Vec<_>>());
        let of = |split| (0..21).filter(|&i| splits[i] == split).collect::<Vec<_>>();
        assert_eq!(of(Split::Val), [6, 9]);
        assert_eq!(of(Split::Train), [0, 1, 2, 3, 4, 5, 7, 8]);
        assert_eq!(published_split(0).0, Vec::<usize>::new());
    }

    #[test]
    fn the_header_line_is_row_zero_for_the_published_code_and_a_header_in_truth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x_split.csv");
        std::fs::write(&path, "0\n2\n0\n1\n").unwrap();
        let published = read(&path, Header::Published, 3).unwrap();
        assert_eq!(published, Order { rows: vec![0, 2, 0, 1], repeats_header: true });
        let exact = read(&path, Header::Exact, 3).unwrap();
        assert_eq!(exact, Order { rows: vec![2, 0, 1], repeats_header: false });
        assert!(read(&path, Header::Exact, 2).unwrap_err().to_string().contains("\"2\" in line 2"));

        // Without a header, a first line 0 is row 0 in both readings.
        std::fs::write(&path, "0\n2\n1\n").unwrap();
        for header in [Header::Published, Header::Exact] {
            assert_eq!(read(&path, header, 3).unwrap(), Order { rows: vec![0, 2, 1], repeats_header: false });
        }
        std::fs::write(&path, "\u{feff}row\r\n2\r\n1\r\n").unwrap();
        let partial = Order { rows: vec![2, 1], repeats_header: false };
        assert_eq!(read(&path, Header::Published, 3).unwrap(), partial, "a word as header, and not all rows");
        std::fs::write(&path, "row\n").unwrap();
        assert!(read(&path, Header::Published, 3).is_err());
        std::fs::write(&path, "1\n2\n1\n").unwrap();
        assert!(read(&path, Header::Published, 3).unwrap_err().to_string().contains("row 1 twice"));
    }
}
