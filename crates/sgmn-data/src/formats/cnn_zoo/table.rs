//! The zoo's table of parameters: a `.npy` file of floats of any size, byte order and order of axes, row by row.

use std::path::{Path, PathBuf};

use crate::{
    Error, Result,
    bytes::mmap::MappedFile,
    containers::{ElementType, half_to_f64, npy},
};

/// A table `[n_rows, n_columns]` of floats that stays on the disk; only the rows asked for enter memory.
#[derive(Debug)]
pub(super) struct Table {
    map: MappedFile,
    path: PathBuf,
    data_start: usize,
    n_rows: usize,
    n_columns: usize,
    size: usize,
    is_big_endian: bool,
    /// Whether columns stand one after another, NumPy's Fortran order, and not rows.
    by_columns: bool,
}

impl Table {
    /// Opens a file of 16-, 32- or 64-bit floats.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be mapped, [`Error::Format`] if it is another kind of file or its size differs
    /// from what the header says.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let map = MappedFile::open(path)?;
        let fault = |expected: &str, found: String| Error::format(path, expected, found);
        let bytes = map.bytes();
        let header = npy::Header::parse(bytes)
            .ok_or_else(|| fault("a .npy header", "no or a damaged one".to_owned()))?;
        let npy::Header { descr, is_fortran, shape, start: data_start } = header;
        let (size, is_big_endian) = match descr.as_deref().and_then(npy::element) {
            Some((ElementType::F16, is_big_endian)) => (2, is_big_endian),
            Some((ElementType::F32, is_big_endian)) => (4, is_big_endian),
            Some((ElementType::F64, is_big_endian)) => (8, is_big_endian),
            _ => {
                let descr = descr.as_deref().unwrap_or("records");
                return Err(fault(
                    "floats of 2, 4 or 8 bytes ('<f4' in the zoo that is published)",
                    format!("{descr:?}"),
                ));
            }
        };
        let &[n_rows, n_columns] = &shape[..] else {
            return Err(fault("a table of rows and columns", format!("shape {shape:?}")));
        };
        let expected = n_rows.checked_mul(n_columns).and_then(|n| n.checked_mul(size));
        let there = bytes.len() - data_start;
        if expected != Some(there) {
            return Err(fault(
                &format!("{size}·{n_rows}·{n_columns} bytes after the header"),
                there.to_string(),
            ));
        }
        Ok(Self {
            map,
            path: path.to_owned(),
            data_start,
            n_rows,
            n_columns,
            size,
            is_big_endian,
            by_columns: is_fortran,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The numbers of row `i`.
    ///
    /// # Panics
    /// If `i` is not below [`Table::n_rows`].
    pub(super) fn row(&self, i: usize) -> Vec<f64> {
        assert!(i < self.n_rows, "row {i} of {}", self.n_rows);
        let values = &self.map.bytes()[self.data_start..];
        let place = |column: usize| {
            if self.by_columns { column * self.n_rows + i } else { i * self.n_columns + column }
        };
        let value = |column: usize| self.value(&values[place(column) * self.size..][..self.size]);
        (0..self.n_columns).map(value).collect()
    }

    fn value(&self, bytes: &[u8]) -> f64 {
        // Little-endian, in the first bytes.
        let mut value = [0; 8];
        value[..bytes.len()].copy_from_slice(bytes);
        if self.is_big_endian {
            value[..bytes.len()].reverse();
        }
        let [a, b, c, d, ..] = value;
        match self.size {
            2 => half_to_f64(u16::from_le_bytes([a, b])),
            4 => f64::from(f32::from_le_bytes([a, b, c, d])),
            _ => f64::from_le_bytes(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file as NumPy writes it.
    fn file(descr: &str, fortran: &str, shape: &str, numbers: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        [b"\x93NUMPY\x01\x00", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), numbers].concat()
    }

    fn open(content: &[u8]) -> Result<Table> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.npy");
        std::fs::write(&path, content).unwrap();
        Table::open(&path)
    }

    #[test]
    fn floats_of_all_sizes_orders_and_ends_give_the_same_rows() {
        let rows = [[1.5, -2.0, 0.25], [8.0, 0.0, -0.5]];
        let by_row: Vec<f64> = rows.concat();
        let by_column: Vec<f64> = (0..3).flat_map(|column| rows.map(|row| row[column])).collect();
        // 1.5, −2, 0.25, 8, 0 and −0.5 in 16 bits.
        let half = |value: f64| match value {
            1.5 => 0x3e00u16,
            -2.0 => 0xc000,
            0.25 => 0x3400,
            8.0 => 0x4800,
            0.0 => 0,
            _ => 0xb800,
        };
        for (fortran, numbers) in [("False", by_row), ("True", by_column)] {
            let bytes = |of: &dyn Fn(f64) -> Vec<u8>| {
                numbers.iter().flat_map(|&value| of(value)).collect::<Vec<u8>>()
            };
            for (descr, numbers) in [
                ("<f2", bytes(&|x| half(x).to_le_bytes().into())),
                (">f2", bytes(&|x| half(x).to_be_bytes().into())),
                ("<f4", bytes(&|x| (x as f32).to_le_bytes().into())),
                (">f4", bytes(&|x| (x as f32).to_be_bytes().into())),
                ("<f8", bytes(&|x| x.to_le_bytes().into())),
                (">f8", bytes(&|x| x.to_be_bytes().into())),
            ] {
                let table = open(&file(descr, fortran, "(2, 3)", &numbers)).unwrap();
                assert_eq!([table.row(0), table.row(1)].concat(), rows.concat(), "{descr} {fortran}");
            }
        }
    }

    #[test]
    fn other_types_shapes_and_lengths_are_refused() {
        for (content, found) in [
            (file("<i4", "False", "(1, 1)", &[0; 4]), "\"<i4\""),
            (file("<f4", "Maybe", "(1, 1)", &[0; 4]), "damaged"),
            (file("<f4", "False", "(4,)", &[0; 16]), "found shape [4]"),
            (file("<f4", "False", "(2, 1)", &[0; 4]), "expected 4·2·1 bytes after the header, found 4"),
            (file("<f8", "True", "(9999999999999, 9999999999999)", &[0; 8]), "found 8"),
        ] {
            let message = open(&content).unwrap_err().to_string();
            assert!(message.contains(found), "{message}");
        }
    }
}
