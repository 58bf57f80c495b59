//! Reads an architecture from JSON that may have been written by anyone.

use serde::Deserialize;
use sgmn_graph::{LayerMap, LayerSpec, NetSpec, Reading};

/// Parameters of one net at most; beyond this a size in a file is a mistake, and products might overflow.
pub(super) const MAX_PARAMS: usize = 1 << 31;

/// An architecture as it stands in a file, not yet checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UncheckedSpec {
    layers: Vec<LayerSpec>,
    output_offset: f64,
}

impl UncheckedSpec {
    /// The checked architecture, or what is wrong with it.
    ///
    /// Sizes are bounded before anything is multiplied or allocated.
    pub(super) fn check(self) -> Result<NetSpec, String> {
        let mut total = 0usize;
        for (l, layer) in self.layers.iter().enumerate() {
            let (sizes, others) = match layer.map {
                LayerMap::Linear { n_in, n_out, reading } => {
                    let positions = if let Reading::Flatten { positions } = reading { positions } else { 1 };
                    (vec![n_in, n_out, positions], [1, 1, 1, 1])
                }
                LayerMap::Conv { n_in, n_out, kernel, stride, padding } => {
                    let others = [stride[0], stride[1], padding[0], padding[1]];
                    (vec![n_in, n_out, kernel[0], kernel[1]], others)
                }
            };
            let weights = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
            let params =
                weights.and_then(|weights| weights.checked_add(layer.map.n_out())?.checked_add(total));
            total = match params {
                Some(params) if params <= MAX_PARAMS && others.iter().all(|&size| size <= MAX_PARAMS) => {
                    params
                }
                _ => return Err(format!("layer {l} of more than {MAX_PARAMS} parameters or positions")),
            };
        }
        NetSpec::new(self.layers, self.output_offset).map_err(|why| why.to_string())
    }
}

/// Reads and checks a spec from JSON text.
pub(super) fn read(text: &str) -> Result<NetSpec, String> {
    serde_json::from_str::<UncheckedSpec>(text).map_err(|why| why.to_string())?.check()
}

/// The JSON text of a spec.
pub(super) fn write(spec: &NetSpec) -> String {
    serde_json::to_string(spec).expect("a spec holds only numbers and words, all of which JSON can write")
}
