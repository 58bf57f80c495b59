//! Types of elements, and both ways between bits and numbers.

use crate::containers::half_to_f64;

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

impl Element {
    /// The number that these bytes are.
    pub(super) fn number(self, bytes: &[u8]) -> f64 {
        let bits = bytes.iter().rev().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        self.of_bits(bits)
    }

    /// The number of a varint: half-precision floats stand there as their bits, signed numbers are extended.
    pub(super) fn of_varint(self, value: u64) -> f64 {
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
    if steps * step >= 65520.0 || value.is_nan() {
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
