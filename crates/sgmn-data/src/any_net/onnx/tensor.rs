//! Tensors of a model: what their elements are, where their bytes lie, and both ways between bytes and numbers.

use std::{ops::Range, sync::Arc};

use sgmn_graph::flow::Stored;

use super::wire::{Field, Parsed, varint};
use crate::formats::tensor::half_to_f64;

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

/// Type of the elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    F32,
    F64,
    F16,
    Bf16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    /// ONNX's number of a type that is not read: texts, complex numbers, numbers of 8 bits and less.
    Other(i64),
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

impl Element {
    /// The type with this number in ONNX.
    pub(super) fn of(kind: i64) -> Self {
        match kind {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            12 => Self::U32,
            13 => Self::U64,
            16 => Self::Bf16,
            other => Self::Other(other),
        }
    }

    /// Whether the numbers are of a floating-point type.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F64 | Self::F16 | Self::Bf16)
    }

    /// Bytes of an element; 0 if the type is not read.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::Other(_) => 0,
        }
    }

    /// The word for it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Other(8) => "text".to_owned(),
            Self::Other(14 | 15) => "complex numbers".to_owned(),
            Self::Other(kind) => format!("element type {kind} of ONNX"),
            known => format!("{known:?}").to_lowercase(),
        }
    }
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

impl Element {
    /// The number that these bytes are.
    fn number(self, bytes: &[u8]) -> f64 {
        let bits = bytes.iter().rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        self.of_bits(bits)
    }

    /// The number of a varint: half-precision floats stand there as their bits, signed numbers are extended.
    fn of_varint(self, value: u64) -> f64 {
        self.of_bits(value)
    }

    #[allow(clippy::cast_possible_truncation, reason = "the lower bits are the number")]
    #[allow(clippy::cast_precision_loss, reason = "whole numbers beyond 2^53 stand for `no limit` only")]
    fn of_bits(self, bits: u64) -> f64 {
        match self {
            Self::F32 => f64::from(f32::from_bits(bits as u32)),
            Self::F64 => f64::from_bits(bits),
            Self::F16 => half_to_f64(bits as u16),
            Self::Bf16 => f64::from(f32::from_bits((bits as u32) << 16)),
            Self::I8 => f64::from(bits as i8),
            Self::I16 => f64::from(bits as i16),
            Self::I32 => f64::from(bits as i32),
            Self::I64 => bits.cast_signed() as f64,
            Self::U8 => f64::from(bits as u8),
            Self::U16 => f64::from(bits as u16),
            Self::U32 => f64::from(bits as u32),
            Self::U64 => bits as f64,
            Self::Bool => f64::from(u8::from(bits != 0)),
            Self::Other(_) => f64::NAN,
        }
    }

    /// The bits of a number of a float type, rounded to the nearest; `None` if it is beyond the type's range.
    #[allow(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    pub(super) fn bits(self, value: f64) -> Option<u64> {
        let bits = match self {
            Self::F64 => value.to_bits(),
            Self::F32 => u64::from((value as f32).to_bits()),
            Self::F16 => u64::from(half(value)),
            Self::Bf16 => u64::from(upper_half(value as f32)),
            _ => return None,
        };
        self.of_bits(bits).is_finite().then_some(bits)
    }
}

/// The half-precision float nearest to a number, the even one of two.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the sizes are bounded by the branches"
)]
fn half(value: f64) -> u16 {
    let sign = u16::from(value.is_sign_negative()) << 15;
    let magnitude = value.abs();
    // Below 2^-14 steps are 2^-24; above, 2^-10 of the power of two.
    let exponent = if magnitude < 2f64.powi(-14) { -14 } else { (magnitude.log2().floor() as i32).min(16) };
    let step = 2f64.powi(exponent - 10);
    let steps = (magnitude / step).round_ties_even();
    if !(steps * step < 65520.0) {
        return sign | 0x7c00;
    }
    // The leading one of a normal number adds itself to the exponent, as a carry of rounding does.
    sign | ((exponent + 14) as u16 * 1024 + steps as u16)
}

/// The upper half of an f32, rounded to the nearest, the even one of two.
#[allow(clippy::cast_possible_truncation, reason = "what is left has 16 bits")]
fn upper_half(value: f32) -> u16 {
    let bits = value.to_bits();
    (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
}

/// Numbers of packed f32 bytes.
pub(super) fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| f32::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_precision_number_is_written_as_it_was_read() {
        for element in [Element::F16, Element::Bf16] {
            for bits in 0..=u16::MAX {
                let value = element.of_bits(u64::from(bits));
                let again = element.bits(value);
                assert_eq!(again, value.is_finite().then_some(u64::from(bits)), "{element:?} {bits:#06x}");
            }
        }
    }

    #[test]
    fn half_precision_rounds_to_the_nearest() {
        let known = [
            (65519.0, Some(0x7bff)),
            (65520.0, None),
            (1.0 + 2f64.powi(-11), Some(0x3c00)),
            (2f64.powi(-25), Some(0)),
        ];
        for (value, bits) in known {
            assert_eq!(Element::F16.bits(value), bits, "{value}");
        }
    }
}
