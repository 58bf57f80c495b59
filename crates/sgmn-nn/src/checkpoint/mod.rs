//! Checkpoints: variables, optimizer and configuration in one safetensors file, written whole or not at all.

mod about;
mod published;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};
use sgmn_graph::{Lowering, NetSpec, Parts, Seed, Topology};

pub use self::{
    about::{About, DataFacts, Reached},
    published::Published,
};
use crate::{
    Error, Normalization, Result, VarBuilder,
    models::ModelConfig,
    trained::{Answers, Intake, TrainedModel},
};

/// What a checkpoint says about itself besides its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The model's configuration.
    pub model: ModelConfig,
    /// The architectures of the nets it was built for; they decide shapes of variables.
    pub specs: Vec<NetSpec>,
    /// The shapes of the graphs of nets that are no chains; absent if all are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub graphs: Vec<Parts>,
    /// The constants by which parameters are divided.
    pub normalization: Normalization,
    /// Training steps behind the variables.
    pub n_steps: u64,
    /// Whatever the training loop needs to go on, as it wrote it.
    pub progress: serde_json::Value,
    /// What was asked of the model and where it comes from; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
}

/// A checkpoint in memory.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What it says about itself.
    pub header: Header,
    /// Variables by name.
    pub vars: BTreeMap<String, Tensor>,
    /// The optimizer's state by name; empty in a checkpoint for prediction only.
    pub optimizer: BTreeMap<String, Tensor>,
}

/// Metadata key of the header.
const HEADER: &str = "sgmn.checkpoint";
/// Prefix of the optimizer's tensors; variables have no prefix, so other programs find them under their published names.
const OPTIMIZER: &str = "optimizer.";

impl Checkpoint {
    /// Writes the checkpoint beside its place and renames it: the file is old or new, never half.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with what the system said.
    pub fn write(&self, path: &Path) -> Result<()> {
        let fault = |why: String| Error::Checkpoint { path: path.to_path_buf(), why };
        let optimizer = self.optimizer.iter().map(|(name, tensor)| (format!("{OPTIMIZER}{name}"), tensor));
        let tensors: Vec<_> =
            self.vars.iter().map(|(name, tensor)| (name.clone(), tensor)).chain(optimizer).collect();
        let header = serde_json::to_string(&self.header).map_err(|error| fault(error.to_string()))?;
        write_tensors(path, tensors, HEADER, header)
    }

    /// Reads a checkpoint onto a device.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if the file is no checkpoint or damaged.
    pub fn read(path: &Path, device: &Device) -> Result<Self> {
        let fault = |why: String| Error::Checkpoint { path: path.to_path_buf(), why };
        let bytes = std::fs::read(path).map_err(|error| fault(error.to_string()))?;
        let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes)
            .map_err(|error| fault(format!("expected a safetensors file, found {error}")))?;
        let header = metadata.metadata().as_ref().and_then(|metadata| metadata.get(HEADER));
        let header = header.ok_or_else(|| fault(format!("expected metadata `{HEADER}`, found none")))?;
        let header =
            serde_json::from_str(header).map_err(|error| fault(format!("metadata `{HEADER}`: {error}")))?;
        let tensors = candle_core::safetensors::load_buffer(&bytes, device)
            .map_err(|error| fault(error.to_string()))?;
        let tensors: BTreeMap<String, Tensor> = tensors.into_iter().collect();
        let mut vars = BTreeMap::new();
        let mut optimizer = BTreeMap::new();
        for (name, tensor) in tensors {
            match name.strip_prefix(OPTIMIZER) {
                Some(name) => optimizer.insert(name.to_owned(), tensor),
                None => vars.insert(name, tensor),
            };
        }
        Ok(Self { header, vars, optimizer })
    }

    /// The model, ready to read nets: with its variables, its normalization, and what its answers mean.
    ///
    /// If the checkpoint does not say how nets are brought to it, they are read as they are, and if it does not say
    /// what was asked, its answers are plain numbers.
    ///
    /// # Errors
    /// [`Error::Config`] or [`Error::Variable`] if the parts of the checkpoint do not fit each other.
    pub fn model(&self, dtype: DType, device: &Device) -> Result<TrainedModel> {
        let Header { model: config, specs, graphs, normalization, about, .. } = &self.header;
        let specs: Vec<Arc<NetSpec>> = specs.iter().cloned().map(Arc::new).collect();
        let about = about.clone().unwrap_or_else(|| About::of(Answers::unsaid(config)));
        about.answers.check(config)?;
        let lowering = if graphs.is_empty() {
            Lowering::new(&specs)?
        } else {
            let topology = |parts: &Parts| Ok(Arc::new(Topology::of_parts(parts.clone())?));
            Lowering::of_topologies(graphs.iter().map(topology).collect::<Result<_>>()?)?
        };
        // The seed draws variables that are replaced, or loading fails.
        let vars = VarBuilder::new(Seed::new(0), dtype, device).with_room_for(self.vars.values());
        let (model, vars) = config.build_below(&lowering, normalization.clone(), vars)?;
        vars.load(&self.vars)?;
        let About { answers, canonicalize, .. } = about;
        let intake = Intake { lowering, canonicalize, dtype, device: device.clone() };
        Ok(TrainedModel { model, vars, config: config.clone(), intake, answers })
    }
}

/// Writes tensors and one text beside them; the file is old or new, never half.
fn write_tensors(path: &Path, tensors: Vec<(String, &Tensor)>, key: &str, text: String) -> Result<()> {
    let fault = |why: String| Error::Checkpoint { path: path.to_path_buf(), why };
    #[allow(clippy::disallowed_types, reason = "the safetensors crate asks for this map; it holds one entry")]
    let metadata = std::collections::HashMap::from([(key.to_owned(), text)]);
    let temporary = sibling(path);
    safetensors::serialize_to_file(tensors, Some(metadata), &temporary)
        .map_err(|error| fault(error.to_string()))
        .and_then(|()| {
            // Through to the disk before the name changes: a power cut must not leave an empty file under it.
            let written = std::fs::File::open(&temporary).and_then(|file| file.sync_all());
            written.and_then(|()| std::fs::rename(&temporary, path)).map_err(|error| fault(error.to_string()))
        })
        .inspect_err(|_| {
            // The first error is the one to report; a leftover is only untidy.
            let _ = std::fs::remove_file(&temporary);
        })
}

/// The temporary file beside a path.
fn sibling(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use candle_core::DType;
    use sgmn_graph::{Activation, Lowering, Seed};

    use super::*;
    use crate::models::{FlatMlpConfig, HeadConfig};

    fn small() -> (Checkpoint, ModelConfig, Lowering) {
        let config = ModelConfig::FlatMlp(FlatMlpConfig {
            d_hidden: vec![3],
            layer_norm: true,
            dropout: 0.0,
            output: HeadConfig::PerGraph { d_out: 2 },
        });
        let spec = NetSpec::mlp(&[2, 3, 1], Activation::Tanh, 0.0).unwrap();
        let lowering = Lowering::new([&Arc::new(spec.clone())]).unwrap();
        let built = config.build(&lowering, Normalization::none(), Seed::new(1), DType::F32, &Device::Cpu);
        let (_, vars) = built.unwrap();
        let header = Header {
            model: config.clone(),
            specs: vec![spec],
            graphs: Vec::new(),
            normalization: Normalization::none(),
            n_steps: 7,
            progress: serde_json::json!({"epoch": 3}),
            about: None,
        };
        let vars = vars.snapshot().unwrap();
        (
            Checkpoint {
                header,
                optimizer: BTreeMap::from([("mean.x".to_owned(), vars["mlp.fc.0.bias"].clone())]),
                vars,
            },
            config,
            lowering,
        )
    }

    #[test]
    fn a_checkpoint_is_read_as_it_was_written() {
        let (checkpoint, ..) = small();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        checkpoint.write(&path).unwrap();
        let read = Checkpoint::read(&path, &Device::Cpu).unwrap();
        assert_eq!(read.header, checkpoint.header);
        assert_eq!(read.vars.keys().collect::<Vec<_>>(), checkpoint.vars.keys().collect::<Vec<_>>());
        assert_eq!(read.optimizer.len(), 1);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn damaged_checkpoints_are_refused_and_change_nothing() {
        let (checkpoint, config, lowering) = small();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        checkpoint.write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        for end in [0, 4, 20, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..end]).unwrap();
            let message = Checkpoint::read(&path, &Device::Cpu).unwrap_err().to_string();
            assert!(message.contains("model.safetensors"), "{message}");
        }
        let (_, vars) =
            config.build(&lowering, Normalization::none(), Seed::new(2), DType::F32, &Device::Cpu).unwrap();
        let mut tensors = checkpoint.vars.clone();
        let removed = tensors.remove("mlp.fc.1.bias").unwrap();
        assert!(
            vars.load(&tensors)
                .unwrap_err()
                .to_string()
                .contains("mlp.fc.1.bias: expected shape [2], found nothing")
        );
        tensors.insert("mlp.fc.1.bias".to_owned(), removed.reshape((1, 2)).unwrap());
        assert!(vars.load(&tensors).unwrap_err().to_string().contains("found shape [1, 2]"));
        let nan = (&removed * f64::NAN).unwrap();
        tensors.insert("mlp.fc.1.bias".to_owned(), nan);
        let message = vars.load(&tensors).unwrap_err().to_string();
        assert!(message.contains("mlp.fc.1.bias: expected finite numbers"), "{message}");
        tensors.insert("other".to_owned(), removed);
        assert!(vars.load(&tensors).is_err());
        checkpoint.write(&folder.path().join("nowhere/model.safetensors")).unwrap_err();
    }
}
