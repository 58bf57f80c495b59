//! Numbers of tensors as bytes of a file: where they stand, how they are read, and how others take their place.

use std::sync::Arc;

use sgmn_graph::flow::{Array, Stored};

use crate::{
    Result,
    containers::{ElementType, TensorRef, Tree, Values, View},
};

/// Where the numbers of a tensor stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The entry of the archive.
    pub(crate) entry: String,
    /// The archive inside of the archive, if the entry stands in one.
    pub(crate) inside: Option<String>,
    /// Type of the numbers.
    pub(crate) element: ElementType,
    /// Which of the entry's elements.
    pub(crate) view: View,
}

/// Where the tensors of the dictionary under the given keys of an archive stand, by name.
///
/// # Errors
/// [`Error::Format`] if a key is missing, or the dictionary.
pub(crate) fn slots(tree: &Tree, under: &[String]) -> Result<Vec<(String, Slot)>> {
    let tensors = tree.tensors_under(under)?.into_iter();
    let slot = |(name, tensor): (&str, &TensorRef)| {
        let entry = tree.entry(tensor)?.to_owned();
        Some((name.to_owned(), Slot { entry, inside: None, element: tensor.element, view: tensor.view() }))
    };
    Ok(tensors.filter_map(slot).collect())
}

/// Numbers of a tensor of a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    /// Of a floating-point type.
    Real(Stored),
    /// Of whole numbers or truth values.
    Whole(Array),
}

impl ElementType {
    /// Whether numbers of this type are real.
    pub(crate) fn is_real(self) -> bool {
        matches!(self, Self::F64 | Self::F32 | Self::F16 | Self::Bf16)
    }
}

impl Slot {
    /// Reads the numbers out of the bytes of the entry; `None` if they lie outside.
    pub(crate) fn read(&self, bytes: &[u8]) -> Option<Content> {
        // Numbers go back to where they came from, so none may stand in two places of the tensor.
        self.view.n_elements(bytes.len().checked_div(self.element.size())?)?;
        if self.element == ElementType::F32 {
            let (elements, _) = bytes.as_chunks::<4>();
            let count = self.view.n_elements(elements.len())?;
            let start = self.view.offset;
            let values: Arc<[f32]> = if self.view == whole(&self.view.shape, start) && count > 0 {
                elements[start..start + count].iter().map(|b| f32::from_le_bytes(*b)).collect()
            } else if count > 0 {
                self.view.places(count).map(|place| f32::from_le_bytes(elements[place])).collect()
            } else {
                Arc::from([])
            };
            return Some(Content::Real(Stored::F32(values)));
        }
        let tensor = self.view.read(self.element, bytes)?;
        let whole = |data: Vec<f64>| Array::new(tensor.shape.clone(), data).ok().map(Content::Whole);
        match tensor.values {
            Values::Float(values) if self.element == ElementType::F64 => Some(Content::Real(values.into())),
            Values::Float(values) => {
                let values: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
                Some(Content::Real(values.into()))
            }
            Values::Int(values) => whole(values.into_iter().map(|value| value as f64).collect()),
            Values::Bool(values) => whole(values.into_iter().map(f64::from).collect()),
        }
    }

    /// Puts numbers into the bytes of the entry, rounded to its type.
    ///
    /// # Errors
    /// Position and value of the first number that is not finite in the type of the file.
    pub(crate) fn write(&self, bytes: &mut [u8], values: &[f64]) -> Result<(), (usize, f64)> {
        let size = self.element.size();
        for ((at, value), place) in values.iter().enumerate().zip(self.view.places(values.len())) {
            let element = &mut bytes[place * size..(place + 1) * size];
            if !encode(self.element, *value, element) {
                return Err((at, *value));
            }
        }
        Ok(())
    }
}

/// All elements of a shape, row-major, from an offset.
fn whole(shape: &[usize], offset: usize) -> View {
    View { offset, ..View::contiguous(shape.to_vec()) }
}

/// Writes a real number, rounded to the nearest; false if it is not finite then.
pub(crate) fn encode(element: ElementType, value: f64, out: &mut [u8]) -> bool {
    match element {
        ElementType::F64 => {
            out.copy_from_slice(&value.to_le_bytes());
            value.is_finite()
        }
        ElementType::F32 => {
            out.copy_from_slice(&(value as f32).to_le_bytes());
            (value as f32).is_finite()
        }
        ElementType::F16 => {
            let bits = rounded(value, 5, 10);
            out.copy_from_slice(&bits.to_le_bytes());
            bits & 0x7c00 != 0x7c00
        }
        ElementType::Bf16 => {
            let bits = rounded(value, 8, 7);
            out.copy_from_slice(&bits.to_le_bytes());
            bits & 0x7f80 != 0x7f80
        }
        _ => false,
    }
}

/// The nearest number with some bits of exponent and of fraction, the even one of two; too large ones become infinite.
fn rounded(value: f64, exponent_bits: u32, fraction_bits: u32) -> u16 {
    let sign = u16::from(value.is_sign_negative()) << 15;
    let bias = (1i32 << (exponent_bits - 1)) - 1;
    let infinite = (((1u32 << exponent_bits) - 1) << fraction_bits) as u16;
    let size = value.abs();
    if size.is_nan() {
        return sign | infinite | 1;
    }
    // The exponent of the unit in the last place; numbers near zero share the smallest one.
    let exponent = if size == 0.0 { -bias } else { size.log2().floor() as i32 }.max(1 - bias);
    let exponent = if 2f64.powi(exponent) > size && exponent > 1 - bias { exponent - 1 } else { exponent };
    let units = (size / 2f64.powi(exponent - fraction_bits as i32)).round_ties_even();
    let bits = ((exponent + bias - 1) as f64) * f64::from(1u32 << fraction_bits) + units;
    if bits >= f64::from(infinite) { sign | infinite } else { sign | bits as u16 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_survive_reading_and_writing() {
        for element in [ElementType::F16, ElementType::Bf16] {
            let slot =
                Slot { entry: String::new(), inside: None, element, view: View::contiguous(vec![1 << 16]) };
            let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            let Some(Content::Real(Stored::F32(values))) = slot.read(&bytes) else { panic!("{element:?}") };
            for (bits, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
                let mut out = [0; 2];
                assert!(encode(element, f64::from(*value), &mut out), "{value}");
                assert_eq!(u16::from_le_bytes(out), bits as u16, "{value}");
            }
        }
    }

    #[test]
    fn numbers_round_to_the_nearest_even_one_and_overflow_is_seen() {
        let f16 = |value| {
            let mut out = [0; 2];
            let finite = encode(ElementType::F16, value, &mut out);
            (u16::from_le_bytes(out), finite)
        };
        assert_eq!(f16(1.0 + 1.0 / 2048.0), (0x3c00, true), "a tie goes to the even one");
        assert_eq!(f16(1.0 + 3.0 / 2048.0), (0x3c02, true));
        assert_eq!(f16(65519.9), (0x7bff, true));
        assert_eq!(f16(65520.0), (0x7c00, false));
        assert_eq!(f16(-2f64.powi(-25)), (0x8000, true));
    }

    #[test]
    fn numbers_go_back_to_where_they_came_from() {
        let view = View { offset: 1, shape: vec![2, 3], strides: vec![1, 2] };
        let slot = Slot { entry: String::new(), inside: None, element: ElementType::F32, view };
        let mut bytes: Vec<u8> = (0..8).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let before = bytes.clone();
        let Some(Content::Real(Stored::F32(values))) = slot.read(&bytes) else { panic!() };
        assert_eq!(values[..], [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
        let same: Vec<f64> = values.iter().map(|value| f64::from(*value)).collect();
        slot.write(&mut bytes, &same).unwrap();
        assert_eq!(bytes, before);
        assert_eq!(slot.write(&mut bytes, &[0.0, 1e39]), Err((1, 1e39)));
    }
}
