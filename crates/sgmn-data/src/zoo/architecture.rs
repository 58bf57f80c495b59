//! The zoo's one architecture, and its parameters as rows of sixteen numbers.

use std::ops::Range;

use crate::fit::simd::LANES;

/// Channels of every convolution: one row, one register of AVX-512.
pub(super) const N_CHANNELS: usize = LANES;
/// Classes of the images.
pub(super) const N_CLASSES: usize = 10;
/// Rows and columns of an image, and of what the three convolutions make of it.
pub(super) const SIDES: [usize; 4] = [28, 13, 6, 2];
/// Positions of a kernel of 3 × 3.
pub(super) const N_TAPS: usize = 9;
/// Parameters of a net.
pub(super) const N_PARAMS: usize = 4970;

/// Sixteen numbers that begin at a cache line: one position's channels, or what one input gives to every output.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub(super) struct Row(pub(super) [f32; LANES]);

impl Row {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
}

/// Where a layer's numbers stand among the rows of parameters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Row of the bias.
    pub(super) bias: usize,
    /// First row of the kernel; row `(tap · n_in + input)` holds its weights to every output.
    kernel: usize,
    /// Rows of the kernel.
    n_rows: usize,
    /// Outputs that are used of a row's sixteen.
    pub(super) n_out: usize,
    /// Name of the layer in `layout.csv`, and the kernel's shape there.
    pub(super) name: &'static str,
    pub(super) shape: &'static str,
}

impl Place {
    pub(super) const fn kernel(&self) -> Range<usize> {
        self.kernel..self.kernel + self.n_rows
    }
}

/// The layers in TensorFlow's order: bias, then kernel `(kh, kw, in, out)`, whose last index runs fastest.
pub(super) const PLACES: [Place; 4] = [
    Place { bias: 0, kernel: 1, n_rows: 9, n_out: 16, name: "conv2d", shape: "(3, 3, 1, 16)" },
    Place { bias: 10, kernel: 11, n_rows: 144, n_out: 16, name: "conv2d_1", shape: "(3, 3, 16, 16)" },
    Place { bias: 155, kernel: 156, n_rows: 144, n_out: 16, name: "conv2d_2", shape: "(3, 3, 16, 16)" },
    Place { bias: 300, kernel: 301, n_rows: 16, n_out: N_CLASSES, name: "dense", shape: "(16, 10)" },
];
/// Rows of all parameters.
pub(super) const N_ROWS: usize = 317;

/// The parameters of these rows in TensorFlow's order, as a row of `weights.npy` holds them.
pub(super) fn flat(rows: &[Row]) -> Vec<f32> {
    let mut params = Vec::with_capacity(N_PARAMS);
    for place in PLACES {
        for at in std::iter::once(place.bias).chain(place.kernel()) {
            params.extend_from_slice(&rows[at].0[..place.n_out]);
        }
    }
    params
}

/// The text of `layout.csv`.
pub(super) fn layout() -> String {
    let mut text = "varname,start_idx,end_idx,size,shape\n".to_owned();
    let mut start = 0;
    for place in PLACES {
        let parts = [
            ("bias", place.n_out, format!("({},)", place.n_out)),
            ("kernel", place.n_rows * place.n_out, place.shape.into()),
        ];
        for (part, size, shape) in parts {
            let end = start + size;
            text += &format!("sequential/{}/{part}:0,{start},{end},{size},\"{shape}\"\n", place.name);
            start = end;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_hold_every_parameter_once() {
        let mut next = 0;
        for place in PLACES {
            assert_eq!((place.bias, place.kernel().start), (next, next + 1));
            next = place.kernel().end;
        }
        assert_eq!(next, N_ROWS);
        let rows: Vec<Row> = (0..N_ROWS).map(|r| Row(std::array::from_fn(|i| (16 * r + i) as f32))).collect();
        let flat = flat(&rows);
        assert_eq!(flat.len(), N_PARAMS);
        assert!(flat.is_sorted() && flat[4810] == 16.0 * 301.0, "{}", flat[4810]);
    }

    #[test]
    fn the_layout_is_the_published_one() {
        let published = std::fs::read_to_string(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/testdata/formats/smallcnnzoo/layout.csv"
        ));
        assert_eq!(layout(), published.unwrap().replace("\r\n", "\n"));
    }
}
