//! Tensors in a file beside the model: only a plain name in the same folder is followed.

use std::path::Path;

use super::tensor::{Payload, Place, Tensor};
use crate::{Error, Result, bytes::mmap::MappedFile};

/// The files of a model.
#[derive(Debug)]
pub(super) struct Files {
    /// The model itself.
    pub(super) model: MappedFile,
    /// Its data files, by name.
    pub(super) data: Vec<(String, MappedFile)>,
}

/// Data files of a model.
const MOST_FILES: usize = 4096;

impl Files {
    /// The bytes at a place.
    pub(super) fn bytes(&self, place: &Place) -> &[u8] {
        let file = place.file.checked_sub(1).map_or(&self.model, |i| &self.data[i].1);
        &file.bytes()[place.range.clone()]
    }

    /// The bytes that a tensor's numbers are read from.
    pub(super) fn of(&self, tensor: &Tensor) -> &[u8] {
        match &tensor.payload {
            Payload::Plain(place) => self.bytes(place),
            _ => self.model.bytes(),
        }
    }

    /// Gives back the memory of all bytes that were read; they are read again when they are asked for.
    pub(super) fn forget_pages(&self) {
        self.model.forget_pages();
        self.data.iter().for_each(|(_, data)| data.forget_pages());
    }

    /// Opens what the tensors of a model name and finds their places in it.
    ///
    /// # Errors
    /// A name with a folder in it, a link, a missing file, a range beyond its end.
    pub(super) fn find(model: MappedFile, path: &Path, tensors: &mut [Tensor]) -> Result<Self> {
        let mut files = Self { model, data: Vec::new() };
        for tensor in tensors {
            let Payload::External(entries) = &tensor.payload else { continue };
            let fault = |expected: String, found: String| {
                Err(Error::format(path, format!("{expected} for tensor {:?}", tensor.name), found))
            };
            let value =
                |key: &str| entries.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
            let name = value("location").unwrap_or_default();
            if !is_plain(name) {
                return fault("a data file in the same folder".to_owned(), format!("{name:?}"));
            }
            let number = |key: &str| match value(key) {
                Some(text) => {
                    text.parse::<usize>().map(Some).map_err(|_| (key.to_owned(), format!("{text:?}")))
                }
                None => Ok(None),
            };
            let (offset, length) = match (number("offset"), number("length")) {
                (Ok(offset), Ok(length)) => (offset.unwrap_or(0), length),
                (Err((key, found)), _) | (_, Err((key, found))) => {
                    return fault(format!("a number as {key}"), found);
                }
            };
            let at = match files.data.iter().position(|(known, _)| known == name) {
                Some(at) => at,
                None if files.data.len() >= MOST_FILES => {
                    return fault(format!("at most {MOST_FILES} data files"), format!("{name:?} besides"));
                }
                None => {
                    files.data.push((name.to_owned(), open(path, name)?));
                    files.data.len() - 1
                }
            };
            let size = files.data[at].1.bytes().len();
            let length = length.or_else(|| size.checked_sub(offset)).unwrap_or(usize::MAX);
            match offset.checked_add(length).filter(|end| *end <= size) {
                Some(end) => tensor.payload = Payload::Plain(Place { file: at + 1, range: offset..end }),
                None => {
                    let found = format!("bytes from {offset} of {name:?}, which has {size}");
                    return fault(format!("{length} bytes"), found);
                }
            }
        }
        Ok(files)
    }
}

/// Whether a name is one of a file in the same folder, on any system.
fn is_plain(name: &str) -> bool {
    let name = name.strip_prefix("./").unwrap_or(name);
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}

fn open(model: &Path, name: &str) -> Result<MappedFile> {
    let path = model.with_file_name(name.strip_prefix("./").unwrap_or(name));
    let found = std::fs::symlink_metadata(&path).map_err(Error::io(&path))?;
    // A link may lead anywhere; stores of models keep each file as a link beside the model's own link, so a link is
    // followed where both end in one folder.
    if found.is_symlink() {
        let end = |path: &Path| path.canonicalize().map_err(Error::io(path));
        let (data, own) = (end(&path)?, end(model)?);
        if data.parent() != own.parent() {
            return Err(Error::format(
                &path,
                "a file in the folder of its model",
                "a link to another folder",
            ));
        }
    } else if !found.is_file() {
        return Err(Error::format(&path, "a file", "something else"));
    }
    MappedFile::open(&path)
}
