//! Renders SIRENs on a grid of pixels, in single precision and fast, for reports.

use sgmn_graph::{Activation, LayerMap, NetSpec, Reading};

use super::{kernel::Kernel, simd::Level};
use crate::{Error, Result};

/// Renders SIRENs of one architecture at one size, one after the other.
///
/// Agrees with the f64 interpreter to 1e-5 on fitted nets.
#[derive(Debug)]
pub struct SirenRenderer {
    kernel: Kernel,
    params: Vec<f32>,
}

/// A picture with more pixels is taken for a mistake.
const MAX_PIXELS: usize = 1 << 28;

impl SirenRenderer {
    /// A renderer for nets of this architecture and pictures of `size` `[H, W]`.
    ///
    /// # Errors
    /// [`Error::Config`] if the net is no SIREN (two inputs, biases, sines after all linear layers but the last), or if the
    /// size is zero or absurd.
    pub fn new(spec: &NetSpec, size: [usize; 2]) -> Result<Self> {
        let not_a_siren = |found: String| Error::Config {
            field: "net".into(),
            expected: "a SIREN: two inputs, linear layers with biases, a sine after each but the last".into(),
            found,
        };
        let widths = spec.widths();
        if widths[0] != 2 {
            return Err(not_a_siren(format!("{} inputs", widths[0])));
        }
        let last = spec.layers().len() - 1;
        let mut omegas = Vec::new();
        for (l, layer) in spec.layers().iter().enumerate() {
            if !layer.bias {
                return Err(not_a_siren(format!("no bias in layer {l}")));
            }
            match (layer.map, layer.activation) {
                (LayerMap::Linear { reading: Reading::Direct, .. }, Activation::Sine { omega })
                    if l < last =>
                {
                    omegas.push(omega);
                }
                (LayerMap::Linear { reading: Reading::Direct, .. }, Activation::Identity)
                    if l == last && l > 0 => {}
                (map, activation) => {
                    return Err(not_a_siren(format!("{map:?} with {activation:?} as layer {l}")));
                }
            }
        }
        if !size[0].checked_mul(size[1]).is_some_and(|n_pixels| (1..=MAX_PIXELS).contains(&n_pixels)) {
            return Err(Error::Config {
                field: "picture size".into(),
                expected: format!("from 1 to {MAX_PIXELS} pixels"),
                found: format!("{size:?}"),
            });
        }
        let kernel = Kernel::new(Level::detect(), &widths, &omegas, spec.output_offset(), size);
        Ok(Self { kernel, params: Vec::new() })
    }

    /// The picture `[H, W, C]` of a net's parameters `W_0, b_0, W_1, b_1, …`; values may leave [0, 1] a little.
    ///
    /// # Errors
    /// [`Error::Config`] if the number of parameters is not the architecture's.
    pub fn render(&mut self, params: &[f64]) -> Result<Vec<f32>> {
        if params.len() != self.kernel.n_params() {
            return Err(Error::Config {
                field: "params".into(),
                expected: self.kernel.n_params().to_string(),
                found: params.len().to_string(),
            });
        }
        self.params.clear();
        self.params.extend(params.iter().map(|&param| param as f32));
        self.kernel.load_params(&self.params);
        Ok(self.kernel.render())
    }
}
