//! Arrays as they stand in files: an element type, a shape, and numbers held without loss.

use std::ops::Range;

/// Type of an element in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElementType {
    /// IEEE 64-bit floating point.
    F64,
    /// IEEE 32-bit floating point.
    F32,
    /// IEEE 16-bit floating point.
    F16,
    /// The upper half of an f32.
    Bf16,
    /// Signed 64-bit integer.
    I64,
    /// Signed 32-bit integer.
    I32,
    /// Signed 16-bit integer.
    I16,
    /// Signed 8-bit integer.
    I8,
    /// Unsigned 8-bit integer.
    U8,
    /// Unsigned 16-bit integer.
    U16,
    /// Unsigned 32-bit integer.
    U32,
    /// Unsigned 64-bit integer.
    U64,
    /// One byte, 0 or not 0.
    Bool,
    /// A type whose numbers are not read here, such as complex ones; tensors of it can be listed.
    Foreign {
        /// Its name, as PyTorch or safetensors write it.
        name: &'static str,
        /// Bytes of one element; 0 if it has less than a byte.
        size: usize,
    },
}

/// Numbers of a tensor, row-major, each exactly as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Of the floating-point types.
    Float(Vec<f64>),
    /// Of the integer types.
    Int(Vec<i64>),
    /// Of the truth type.
    Bool(Vec<bool>),
}

/// A tensor read from a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Type of the elements in the file.
    pub element: ElementType,
    /// Size of every dimension; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements, row-major whatever the order in the file.
    pub values: Values,
}

impl Tensor {
    /// The numbers, if they are of a floating-point type.
    pub fn floats(&self) -> Option<&[f64]> {
        match &self.values {
            Values::Float(values) => Some(values),
            Values::Int(_) | Values::Bool(_) => None,
        }
    }
}

impl ElementType {
    /// Bytes of one element; 0 if it has less than a byte.
    pub fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 | Self::U64 => 8,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 | Self::U16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
            Self::Foreign { size, .. } => size,
        }
    }

    /// The word for it, as PyTorch has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F64 => "float64",
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::Bf16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::I16 => "int16",
            Self::I8 => "int8",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::Bool => "bool",
            Self::Foreign { name, .. } => name,
        }
    }

    /// Whether its numbers can be read.
    pub fn is_readable(self) -> bool {
        !matches!(self, Self::Foreign { .. })
    }

    /// Decodes the elements at `places` (counted in elements) of little-endian `bytes`; `None` for foreign types, and
    /// for whole numbers beyond those of `i64`.
    ///
    /// # Panics
    /// If a place lies outside `bytes`; callers check the largest one before.
    fn decode(self, bytes: &[u8], places: impl Iterator<Item = usize>) -> Option<Values> {
        fn collect<const N: usize, T>(
            bytes: &[u8],
            places: impl Iterator<Item = usize>,
            value: impl Fn([u8; N]) -> T,
        ) -> Vec<T> {
            let (elements, _) = bytes.as_chunks::<N>();
            places.map(|place| value(elements[place])).collect()
        }
        Some(match self {
            Self::F64 => Values::Float(collect(bytes, places, f64::from_le_bytes)),
            Self::F32 => Values::Float(collect(bytes, places, |b| f64::from(f32::from_le_bytes(b)))),
            Self::F16 => Values::Float(collect(bytes, places, |b| half_to_f64(u16::from_le_bytes(b)))),
            Self::Bf16 => Values::Float(collect(bytes, places, |b| {
                f64::from(f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16))
            })),
            Self::I64 => Values::Int(collect(bytes, places, i64::from_le_bytes)),
            Self::I32 => Values::Int(collect(bytes, places, |b| i64::from(i32::from_le_bytes(b)))),
            Self::I16 => Values::Int(collect(bytes, places, |b| i64::from(i16::from_le_bytes(b)))),
            Self::I8 => Values::Int(collect(bytes, places, |b| i64::from(i8::from_le_bytes(b)))),
            Self::U8 => Values::Int(collect(bytes, places, |[b]| i64::from(b))),
            Self::U16 => Values::Int(collect(bytes, places, |b| i64::from(u16::from_le_bytes(b)))),
            Self::U32 => Values::Int(collect(bytes, places, |b| i64::from(u32::from_le_bytes(b)))),
            Self::U64 => {
                let wide = collect(bytes, places, u64::from_le_bytes);
                Values::Int(wide.into_iter().map(|value| i64::try_from(value).ok()).collect::<Option<_>>()?)
            }
            Self::Bool => Values::Bool(collect(bytes, places, |[b]| b != 0)),
            Self::Foreign { .. } => return None,
        })
    }
}

/// Elements of a tensor that shows some of its numbers many times, at most.
const MAX_EXPANDED: usize = 1 << 20;

/// Which elements of a flat storage form a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct View {
    /// Place of the first element.
    pub(crate) offset: usize,
    /// Size of every dimension.
    pub(crate) shape: Vec<usize>,
    /// Step in elements along every dimension.
    pub(crate) strides: Vec<usize>,
}

impl View {
    /// The whole of a row-major array.
    pub(crate) fn contiguous(shape: Vec<usize>) -> Self {
        let mut strides = vec![1usize; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        Self { offset: 0, shape, strides }
    }

    /// The whole of an array whose first dimension turns fastest, as in Fortran.
    pub(crate) fn by_column(shape: Vec<usize>) -> Self {
        let mut strides = vec![1usize; shape.len()];
        for axis in 1..shape.len() {
            strides[axis] = strides[axis - 1].saturating_mul(shape[axis - 1]);
        }
        Self { offset: 0, shape, strides }
    }

    /// Number of elements, if the view lies inside a storage of `n` elements and is not larger than it.
    ///
    /// A view with more elements than its storage (an expanded tensor) is refused: numbers written through it would not
    /// all stay. [`View::count`] takes it.
    pub(crate) fn n_elements(&self, n: usize) -> Option<usize> {
        self.count(n).filter(|count| *count <= n)
    }

    /// Number of elements, if the view lies inside a storage of `n` elements.
    ///
    /// A view with more elements than its storage has at most [`MAX_EXPANDED`], so that a file of a few bytes cannot
    /// ask for gigabytes.
    pub(crate) fn count(&self, n: usize) -> Option<usize> {
        if self.shape.len() != self.strides.len() {
            return None;
        }
        if self.shape.contains(&0) {
            return Some(0);
        }
        let count = self.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size))?;
        let last =
            self.shape.iter().zip(&self.strides).try_fold(self.offset, |at, (&size, &stride)| {
                at.checked_add((size - 1).checked_mul(stride)?)
            })?;
        (count <= n.max(MAX_EXPANDED) && last < n).then_some(count)
    }

    /// Copies the view out of little-endian `bytes` into row-major order; `None` if it does not lie inside them, or has
    /// numbers that are not read.
    pub(crate) fn read(&self, element: ElementType, bytes: &[u8]) -> Option<Tensor> {
        let n_elements = self.count(bytes.len().checked_div(element.size())?)?;
        let values = if n_elements == 0 {
            element.decode(bytes, 0..0)
        } else if self.strides == Self::contiguous(self.shape.clone()).strides {
            let Range { start, end } = self.offset..self.offset + n_elements;
            element.decode(bytes, start..end)
        } else {
            element.decode(bytes, self.places(n_elements))
        };
        Some(Tensor { element, shape: self.shape.clone(), values: values? })
    }

    /// Places of the elements in row-major order: an odometer whose last dimension turns fastest.
    pub(crate) fn places(&self, n_elements: usize) -> impl Iterator<Item = usize> {
        let mut digits = vec![0; self.shape.len()];
        let mut next = self.offset;
        (0..n_elements).map(move |_| {
            let place = next;
            for axis in (0..self.shape.len()).rev() {
                digits[axis] += 1;
                if digits[axis] < self.shape[axis] {
                    next += self.strides[axis];
                    break;
                }
                next -= self.strides[axis] * (self.shape[axis] - 1);
                digits[axis] = 0;
            }
            place
        })
    }
}

/// The value of a 16-bit float.
pub(crate) fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    // 10 bits of fraction, an exponent bias of 15; exponent 0 has no implicit leading one, 31 is infinite or NaN.
    match exponent {
        0 => sign * fraction * 2f64.powi(-24),
        0x1f if fraction == 0.0 => sign * f64::INFINITY,
        0x1f => f64::NAN,
        _ => sign * (1.0 + fraction / 1024.0) * 2f64.powi(exponent - 15),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_values_are_exact() {
        let known = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 2f64.powi(-24)),
            (0x0400, 2f64.powi(-14)),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
        ];
        for (bits, value) in known {
            assert_eq!(half_to_f64(bits), value, "{bits:#06x}");
        }
        assert!(half_to_f64(0x7e00).is_nan());
        assert!(half_to_f64(0x8000) == 0.0 && half_to_f64(0x8000).is_sign_negative());
    }

    #[test]
    fn permuted_and_sliced_views_are_read_row_major() {
        let bytes: Vec<u8> = (0..24).collect();
        let view = View { offset: 1, shape: vec![2, 3], strides: vec![1, 4] };
        assert_eq!(view.read(ElementType::U8, &bytes).unwrap().values, Values::Int(vec![1, 5, 9, 2, 6, 10]));
        let scalar = View::contiguous(vec![]);
        assert_eq!(scalar.read(ElementType::I8, &bytes).unwrap().values, Values::Int(vec![0]));
        let empty = View { offset: 99, shape: vec![3, 0], strides: vec![0, 1] };
        assert_eq!(empty.read(ElementType::F32, &bytes).unwrap().values, Values::Float(vec![]));
    }

    #[test]
    fn views_beyond_their_storage_or_larger_than_it_are_refused() {
        let view = |offset, shape: &[usize], strides: &[usize]| View {
            offset,
            shape: shape.into(),
            strides: strides.into(),
        };
        assert_eq!(view(0, &[2, 3], &[3, 1]).n_elements(6), Some(6));
        assert_eq!(view(1, &[2, 3], &[3, 1]).n_elements(6), None);
        assert_eq!(view(0, &[1 << 40], &[0]).n_elements(6), None, "a broadcast");
        assert_eq!(view(0, &[usize::MAX, 2], &[1, 1]).n_elements(6), None, "a product that overflows");
        assert_eq!(view(usize::MAX, &[2], &[1]).n_elements(6), None, "an end that overflows");
        assert_eq!(view(0, &[2], &[1, 1]).n_elements(6), None, "more strides than sizes");
    }
}
