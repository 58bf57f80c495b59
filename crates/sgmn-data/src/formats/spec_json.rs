//! Reads an architecture from JSON that may have been written by anyone.

use serde::Deserialize;
use sgmn_graph::{LayerSpec, NetSpec};

/// An architecture as it stands in a file, not yet checked: what is wrong is reported with its place in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UncheckedSpec {
    layers: Vec<LayerSpec>,
    output_offset: f64,
}

impl UncheckedSpec {
    /// The checked architecture, or what is wrong with it.
    pub(super) fn check(self) -> Result<NetSpec, String> {
        NetSpec::new(self.layers, self.output_offset).map_err(|why| why.to_string())
    }
}

/// Reads and checks a spec from JSON text.
pub(crate) fn read(text: &str) -> Result<NetSpec, String> {
    serde_json::from_str::<UncheckedSpec>(text).map_err(|why| why.to_string())?.check()
}

/// The JSON text of a spec.
pub(crate) fn write(spec: &NetSpec) -> String {
    serde_json::to_string(spec).expect("a spec holds only numbers and words, all of which JSON can write")
}
