//! Tensors of a model: where their bytes lie, and the numbers that these are.

use std::{ops::Range, sync::Arc};

use sgmn_graph::flow::Stored;

use super::{
    element::Element,
    wire::{Field, Parsed, varint},
};

/// A tensor; its numbers stay in the file until they are asked for.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) element: Element,
    pub(super) payload: Payload,
    /// Whether it is an initializer or a constant node, not an attribute of something else.
    pub(super) stands_alone: bool,
}

/// Where the bytes of a tensor lie.
#[derive(Debug, Clone)]
pub(super) enum Payload {
    /// One after the other, each element little-endian in its own size.
    Plain(Place),
    /// As varints, in runs.
    Varints(Vec<Range<usize>>),
    /// As f32 or f64, in runs.
    Runs(Vec<Range<usize>>),
    /// In another file, as pairs of key and value; found by [`external`](super::external).
    External(Vec<(String, String)>),
}

/// Bytes of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// 0: the model; else a data file, counted from 1.
    pub(super) file: usize,
    pub(super) range: Range<usize>,
}

/// Axes of a tensor.
const MOST_AXES: usize = 64;

/// Reads a tensor's head and finds its bytes.
///
/// # Errors
/// A damaged message; negative sizes, or more numbers than can be counted.
pub(super) fn parse(field: &Field<'_>) -> Parsed<Tensor> {
    let mut message = field.message("TensorProto")?;
    let (mut name, mut dims, mut kind) = (String::new(), Vec::new(), 0);
    let (mut raw, mut external, mut outside) = (None, Vec::new(), false);
    let (mut runs, mut varints) = (Vec::new(), Vec::new());
    while let Some(field) = message.next()? {
        match field.number {
            1 => field.ints(&mut dims)?,
            2 => kind = field.int()?,
            4 => push(&mut runs, field.fixed(4)?),
            5 | 7 | 11 => push(&mut varints, field.varints()?),
            8 => name = field.text()?,
            9 => raw = Some(field.range()?),
            10 => push(&mut runs, field.fixed(8)?),
            13 => external.push(entry(&field)?),
            14 => outside = field.int()? == 1,
            _ => {}
        }
    }
    let shape: Option<Vec<usize>> = dims.iter().map(|size| usize::try_from(*size).ok()).collect();
    let counted = |shape: &Vec<usize>| {
        shape.len() <= MOST_AXES && shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).is_some()
    };
    let Some(shape) = shape.filter(counted) else {
        return Err(
            field.fault(&format!("sizes of tensor {name:?} that can be counted, not {}", brief(&dims)))
        );
    };
    let element = Element::of(kind);
    let payload = if outside {
        Payload::External(external)
    } else if let Some(range) = raw {
        Payload::Plain(Place { file: 0, range })
    } else if matches!(element, Element::F32 | Element::F64) {
        Payload::Runs(runs)
    } else {
        Payload::Varints(varints)
    };
    Ok(Tensor { name, shape, element, payload, stands_alone: true })
}

fn push(runs: &mut Vec<Range<usize>>, range: Range<usize>) {
    match runs.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => runs.push(range),
    }
}

fn entry(field: &Field<'_>) -> Parsed<(String, String)> {
    let mut message = field.message("StringStringEntryProto")?;
    let (mut key, mut value) = (String::new(), String::new());
    while let Some(field) = message.next()? {
        match field.number {
            1 => key = field.text()?,
            2 => value = field.text()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// A list that may be long, for messages.
pub(super) fn brief(list: &[i64]) -> String {
    const MOST: usize = 8;
    let end = if list.len() > MOST { ", …" } else { "" };
    let shown: Vec<String> = list.iter().take(MOST).map(i64::to_string).collect();
    format!("[{}{end}]", shown.join(", "))
}

impl Tensor {
    /// How many numbers it has.
    pub(super) fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// The numbers of a float tensor.
    ///
    /// # Errors
    /// What does not fit, if the bytes are not as many as the shape and type demand.
    pub(super) fn stored(&self, bytes: &[u8]) -> Result<Stored, String> {
        if let (Element::F32, Payload::Plain(_)) = (self.element, &self.payload) {
            self.expect_bytes(bytes.len())?;
            let (chunks, _) = bytes.as_chunks::<4>();
            let values: Arc<[f32]> = chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
            return Ok(Stored::F32(values));
        }
        let values = self.numbers(bytes)?;
        Ok(match self.element {
            Element::F64 => values.into(),
            #[allow(clippy::cast_possible_truncation, reason = "they come from types that f32 holds exactly")]
            _ => Stored::F32(values.into_iter().map(|value| value as f32).collect()),
        })
    }

    /// The numbers, whatever their type: `bytes` are those of [`Payload::Plain`], or else the whole file.
    ///
    /// # Errors
    /// As [`Tensor::stored`].
    pub(super) fn numbers(&self, bytes: &[u8]) -> Result<Vec<f64>, String> {
        if let Element::Other(_) = self.element {
            return Err(format!("expected numbers, found {}", self.element.name()));
        }
        match &self.payload {
            Payload::Plain(_) => {
                self.expect_bytes(bytes.len())?;
                Ok(bytes.chunks_exact(self.element.size()).map(|chunk| self.element.number(chunk)).collect())
            }
            Payload::Runs(runs) => {
                let size = self.element.size();
                self.expect_bytes(runs.iter().map(Range::len).sum())?;
                let chunks = runs.iter().flat_map(|run| bytes[run.clone()].chunks_exact(size));
                Ok(chunks.map(|chunk| self.element.number(chunk)).collect())
            }
            Payload::Varints(runs) => {
                let mut values = Vec::new();
                for run in runs {
                    let mut rest = &bytes[run.clone()];
                    while !rest.is_empty() {
                        let (value, len) = varint(rest).ok_or("expected whole numbers, found a cut one")?;
                        values.push(self.element.of_varint(value));
                        rest = &rest[len..];
                    }
                }
                if values.len() != self.count() {
                    return Err(format!("expected {} numbers, found {}", self.count(), values.len()));
                }
                Ok(values)
            }
            Payload::External(_) => Err("expected numbers, found a tensor in another file".to_owned()),
        }
    }

    fn expect_bytes(&self, found: usize) -> Result<(), String> {
        let (count, size) = (self.count(), self.element.size());
        if count.checked_mul(size) == Some(found) {
            return Ok(());
        }
        let name = self.element.name();
        Err(format!("expected {count} numbers of {name} ({size} bytes each), found {found} bytes"))
    }
}

/// Numbers of packed f32 bytes.
pub(super) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk))
}
