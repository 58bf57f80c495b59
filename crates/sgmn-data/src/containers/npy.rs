//! NumPy's `.npy` files: their headers, and tables of 32-bit floats that are read row by row.

use std::path::{Path, PathBuf};

use super::tensor::ElementType;
use crate::{Error, Result, bytes::mmap::MappedFile};

/// Longest header; NumPy itself refuses to trust one above 10,000 bytes.
const MAX_HEADER: usize = 10_000;

/// A table `[n_rows, n_columns]` of f32 that stays on the disk; only the rows asked for enter memory.
#[derive(Debug)]
pub(crate) struct NpyTable {
    map: MappedFile,
    path: PathBuf,
    data_start: usize,
    n_rows: usize,
    n_columns: usize,
}

impl NpyTable {
    /// Opens a file of dtype `<f4` in C order.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be mapped, [`Error::Format`] if it is another kind of file or its size differs
    /// from what the header says.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let map = MappedFile::open(path)?;
        let fault = |expected: &str, found: String| Error::format(path, expected, found);
        let bytes = map.bytes();
        let header =
            Header::parse(bytes).ok_or_else(|| fault("a .npy header", "no or a damaged one".to_owned()))?;
        let Header { descr, is_fortran, shape, start: data_start } = header;
        if descr.as_deref() != Some("<f4") || is_fortran {
            let order = if is_fortran { "Fortran" } else { "C" };
            return Err(fault("dtype '<f4' in C order", format!("{descr:?} in {order} order")));
        }
        let &[n_rows, n_columns] = &shape[..] else {
            return Err(fault("a table of rows and columns", format!("shape {shape:?}")));
        };
        let size = n_rows.checked_mul(n_columns).and_then(|n| n.checked_mul(size_of::<f32>()));
        let there = bytes.len() - data_start;
        if size != Some(there) {
            return Err(fault(&format!("4·{n_rows}·{n_columns} bytes after the header"), there.to_string()));
        }
        Ok(Self { map, path: path.to_owned(), data_start, n_rows, n_columns })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.n_rows
    }

    pub(crate) fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// The numbers of row `i`.
    ///
    /// # Panics
    /// If `i` is not below [`NpyTable::n_rows`].
    pub(crate) fn row(&self, i: usize) -> Vec<f32> {
        let row_len = self.n_columns * size_of::<f32>();
        let start = self.data_start + i * row_len;
        let (values, _) = self.map.bytes()[start..start + row_len].as_chunks::<4>();
        values.iter().map(|&value| f32::from_le_bytes(value)).collect()
    }
}

/// The beginning of a file of version 1.0 that holds a table of f32 in C order.
///
/// NumPy wants the numbers to begin at a multiple of 64 bytes, and a line's end before them.
pub(crate) fn f32_header([n_rows, n_columns]: [usize; 2]) -> Vec<u8> {
    const ALIGNMENT: usize = 64;
    const BEFORE_TEXT: usize = 10;
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n_rows}, {n_columns}), }}");
    let len = (BEFORE_TEXT + text.len() + 1).next_multiple_of(ALIGNMENT) - BEFORE_TEXT;
    text += &" ".repeat(len - 1 - text.len());
    text.push('\n');
    let len = u16::try_from(len).expect("two numbers are shorter than 64 KiB");
    [b"\x93NUMPY\x01\x00", &len.to_le_bytes()[..], text.as_bytes()].concat()
}

/// What stands before the numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type of the elements, such as `<f4`; `None` for records of several.
    pub(super) descr: Option<String>,
    /// Whether the first dimension turns fastest.
    pub(super) is_fortran: bool,
    pub(super) shape: Vec<usize>,
    /// First byte behind it.
    pub(super) start: usize,
}

impl Header {
    /// Longest beginning of a file that a header takes.
    pub(super) const MOST: usize = MAX_HEADER + 12;

    /// Reads it from the beginning of a file; `None` if there is none, or a damaged one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let (text, start) = header(bytes)?;
        let descr = field(text, "descr")?.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let shape = field(text, "shape")?;
        Some(Self {
            descr: descr.map(|(descr, _)| descr.to_owned()),
            is_fortran: match field(text, "fortran_order")? {
                order if order.starts_with("False") => false,
                order if order.starts_with("True") => true,
                _ => return None,
            },
            shape: tuple(&shape[..=shape.find(')')?])?,
            start,
        })
    }
}

/// The text of the header and the first byte after it.
fn header(bytes: &[u8]) -> Option<(&str, usize)> {
    let rest = bytes.strip_prefix(b"\x93NUMPY")?;
    let (&[major, _minor], rest) = rest.split_first_chunk::<2>()?;
    let (len, text) = if major == 1 {
        let (len, text) = rest.split_first_chunk::<2>()?;
        (usize::from(u16::from_le_bytes(*len)), text)
    } else {
        let (len, text) = rest.split_first_chunk::<4>()?;
        (usize::try_from(u32::from_le_bytes(*len)).ok()?, text)
    };
    if !(1..=3).contains(&major) || len > MAX_HEADER {
        return None;
    }
    let start = bytes.len() - text.len();
    Some((std::str::from_utf8(text.get(..len)?).ok()?, start + len))
}

/// What stands behind `'key':`.
fn field<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = header.split_once(&format!("'{key}':"))?;
    Some(rest.trim_start())
}

/// The sizes in a Python tuple such as `(3, 3, 1, 16)` or `(16,)`.
pub(crate) fn tuple(text: &str) -> Option<Vec<usize>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?.trim();
    let inner = inner.strip_suffix(',').unwrap_or(inner);
    if inner.is_empty() {
        return Some(Vec::new());
    }
    inner.split(',').map(|size| size.trim().parse().ok()).collect()
}

/// The type of numbers that NumPy calls so, such as `<f4`, and whether the first byte is the highest; `None` for anything
/// but numbers.
pub(crate) fn element(descr: &str) -> Option<(ElementType, bool)> {
    let (is_big, name) = match descr.split_at_checked(1)? {
        (">", name) => (true, name),
        ("<" | "|" | "=", name) => (false, name),
        _ => (false, descr),
    };
    let element = match name {
        "f8" => ElementType::F64,
        "f4" => ElementType::F32,
        "f2" => ElementType::F16,
        "i8" => ElementType::I64,
        "i4" => ElementType::I32,
        "i2" => ElementType::I16,
        "i1" => ElementType::I8,
        "u8" => ElementType::U64,
        "u4" => ElementType::U32,
        "u2" => ElementType::U16,
        "u1" => ElementType::U8,
        "b1" => ElementType::Bool,
        "c8" => ElementType::Foreign { name: "complex64", size: 8 },
        "c16" => ElementType::Foreign { name: "complex128", size: 16 },
        _ => return None,
    };
    Some((element, is_big && element.size() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_the_one_that_numpy_writes() {
        let bytes = f32_header([120, 4970]);
        let (text, start) = header(&bytes).unwrap();
        assert_eq!((bytes.len(), start, bytes[6], bytes[7]), (128, 128, 1, 0));
        assert_eq!(text.trim_end(), "{'descr': '<f4', 'fortran_order': False, 'shape': (120, 4970), }");
        assert!(text.ends_with(" \n"));
    }

    #[test]
    fn python_tuples_are_read() {
        assert_eq!(tuple("(3, 3, 1, 16)"), Some(vec![3, 3, 1, 16]));
        assert_eq!(tuple("(16,)"), Some(vec![16]));
        assert_eq!(tuple("()"), Some(vec![]));
        for text in ["16", "(16", "(a,)", "(1,,2)", "(-1, 2)", "(99999999999999999999,)"] {
            assert_eq!(tuple(text), None, "{text}");
        }
    }
}
