//! Writes a model again with other numbers: every byte that is not a number of a moved tensor stays.

use std::{ops::Range, path::Path};

use super::{
    element::Element,
    external::Files,
    tensor::{Payload, Tensor},
    wire::varint,
};
use crate::{Error, Result, bytes::atomic::AtomicFile};

/// Writes the model to `out`, and beside it those data files whose numbers move or which would else be missing there.
/// `tensors` are the tensors that may move; `numbers(i)` are the new numbers of tensor i.
///
/// # Errors
/// [`Error::Io`]; a data file that stands there already; a number that its type cannot hold.
pub(super) fn write(
    path: &Path,
    files: &Files,
    tensors: &[&Tensor],
    numbers: &dyn Fn(usize) -> Option<Vec<f64>>,
    out: &Path,
) -> Result<()> {
    for (name, _) in &files.data {
        let beside = out.with_file_name(name);
        if beside.exists() {
            let expected = format!("no file of this name yet, for the data of {} go there", out.display());
            return Err(Error::format(&beside, expected, "a file; choose another folder"));
        }
    }
    for (i, (name, data)) in files.data.iter().enumerate() {
        copy(path, data.bytes(), i + 1, tensors, numbers, &out.with_file_name(name))?;
    }
    copy(path, files.model.bytes(), 0, tensors, numbers, out)
}

/// Copies one of the files, with the numbers of those tensors that lie in it.
fn copy(
    path: &Path,
    bytes: &[u8],
    file: usize,
    tensors: &[&Tensor],
    numbers: &dyn Fn(usize) -> Option<Vec<f64>>,
    out: &Path,
) -> Result<()> {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for (i, tensor) in tensors.iter().enumerate() {
        let runs = runs_in(tensor, file);
        parts.extend(runs.first().map(|run| (run.start, i)));
    }
    parts.sort_unstable();
    let mut written = AtomicFile::create(out)?;
    let mut at = 0;
    for (_, i) in parts {
        let Some(values) = numbers(i) else { continue };
        let runs = runs_in(tensors[i], file);
        let mut values = values.into_iter();
        for run in runs {
            if run.start < at {
                let expected = format!("tensor {:?} in bytes of its own", tensors[i].name);
                return Err(Error::format(
                    path,
                    expected,
                    "bytes of another tensor, which cannot both be written",
                ));
            }
            written.write(&bytes[at..run.start])?;
            let new = encoded(tensors[i], &bytes[run.clone()], &mut values)
                .map_err(|(expected, found)| Error::format(path, expected, found))?;
            written.write(&new)?;
            at = run.end;
        }
    }
    written.write(&bytes[at..])?;
    written.commit()
}

fn runs_in(tensor: &Tensor, file: usize) -> &[Range<usize>] {
    match &tensor.payload {
        Payload::Plain(place) if place.file == file => std::slice::from_ref(&place.range),
        Payload::Runs(runs) | Payload::Varints(runs) if file == 0 => runs,
        _ => &[],
    }
}

/// The next numbers in as many bytes as the old ones.
fn encoded(
    tensor: &Tensor,
    old: &[u8],
    values: &mut impl Iterator<Item = f64>,
) -> Result<Vec<u8>, (String, String)> {
    let mut new = Vec::with_capacity(old.len());
    let mut next = || {
        let value = values.next().unwrap_or(f64::NAN);
        let element: Element = tensor.element;
        element.bits(value).ok_or_else(|| {
            (
                format!("a number that {} holds, for tensor {:?}", element.name(), tensor.name),
                value.to_string(),
            )
        })
    };
    if let Payload::Varints(_) = tensor.payload {
        let mut rest = old;
        while let Some((_, len)) = varint(rest) {
            let mut bits = next()?;
            for place in 0..len {
                let more = if place + 1 < len { 0x80 } else { 0 };
                new.push((bits & 0x7f) as u8 | more);
                bits >>= 7;
            }
            if bits != 0 {
                let expected =
                    format!("numbers of tensor {:?} that take as many bytes as before", tensor.name);
                return Err((expected, "a longer one in a list of varints".to_owned()));
            }
            rest = &rest[len..];
        }
    } else {
        let size = tensor.element.size();
        for _ in 0..old.len() / size.max(1) {
            new.extend_from_slice(&next()?.to_le_bytes()[..size]);
        }
    }
    Ok(new)
}
