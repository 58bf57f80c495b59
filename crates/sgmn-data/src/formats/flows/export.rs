//! Takes one net out of a packed file of flows, as files that everyone reads.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Architecture, Reader};
use crate::{
    Error, Result,
    bytes::atomic::AtomicFile,
    formats::folder::write_safetensors,
};

impl Reader {
    /// Writes net `i` as safetensors to `weights`, with what is known of it as metadata, and its architecture file to
    /// `architecture`; each appears complete or not at all.
    ///
    /// # Errors
    /// [`Error::Io`] if a file cannot be written; [`Error::Format`] for a net that came from a file with its graph.
    pub fn write_net(&self, i: usize, weights: &Path, architecture: &Path) -> Result<()> {
        let Architecture::Described(description) = self.architecture(i) else {
            let expected = "a net that an architecture file describes";
            return Err(Error::format(weights, expected, format!("net {i}, which came from a file with its graph")));
        };
        let mut file = AtomicFile::create(architecture)?;
        file.write(description.toml.as_bytes())?;
        file.commit()?;

        let mut metadata = Map::new();
        let numbers = self.numbers().iter().map(|(name, column)| (name, column[i].to_string()));
        let words = self.words().keys().map(|name| (name, self.word(name, i).unwrap_or_default().to_owned()));
        for (name, text) in numbers.chain(words) {
            metadata.insert(name.clone(), text.into());
        }
        let mut header = Map::new();
        header.insert("__metadata__".into(), Value::Object(metadata));
        let mut end = 0;
        for tensor in &description.tensors {
            let start = end;
            end += tensor.shape.iter().product::<usize>() * size_of::<f32>();
            let offsets = [start, end];
            header.insert(
                tensor.name.clone(),
                json!({ "dtype": "F32", "shape": tensor.shape, "data_offsets": offsets }),
            );
        }
        let bytes: Vec<u8> = self.row(i).iter().flat_map(|number| number.to_le_bytes()).collect();
        write_safetensors(weights, &header, |file| file.write(&bytes))
    }
}
