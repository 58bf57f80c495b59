//! Checkpoints of the published program, in and out: variables have their published names already, so what is translated
//! is the configuration, and what has no counterpart is refused by the name of its option.

use std::{collections::BTreeMap, path::Path};

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use sgmn_graph::{Lowering, Net, NetSpec, Seed, Topology};
use sgmn_symmetry::ScaleGroup;

use super::{Checkpoint, Header, write_tensors};
use crate::{
    Error, Normalization, Pass, Result, VarBuilder,
    layers::Scalings,
    models::{ModelConfig, PART, ScaleGmnConfig, from_published, to_published},
    ops::no_grad,
};

/// What the published program needs for a model.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its configuration, the part `scalegmn_args`, with the layout of the nets.
    pub args: Value,
    /// Its state dict.
    pub tensors: BTreeMap<String, Tensor>,
}

impl Published {
    /// The part of a published configuration that describes the model; the text beside the tensors has this key.
    pub const PART: &'static str = PART;

    /// Writes the state dict as safetensors, with the configuration as JSON in its metadata.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] with what the system said.
    pub fn write(&self, path: &Path) -> Result<()> {
        let tensors = self.tensors.iter().map(|(name, tensor)| (name.clone(), tensor)).collect();
        write_tensors(path, tensors, PART, self.args.to_string())
    }
}

impl Checkpoint {
    /// A checkpoint from a published configuration and a published state dict, for nets of the given architectures.
    /// Outputs are those of the published program: it does not normalize, and its quirks are kept.
    ///
    /// # Errors
    /// [`Error::Config`] if the configuration is not supported; [`Error::Variable`] if the state dict is not its.
    pub fn from_published(published: &Published, specs: Vec<NetSpec>, dtype: DType) -> Result<Self> {
        let header = Header {
            model: ModelConfig::ScaleGmn(from_published(&published.args)?),
            specs,
            graphs: Vec::new(),
            normalization: Normalization::none(),
            n_steps: 0,
            progress: Value::Null,
            about: None,
        };
        let read = Self { header, vars: published.tensors.clone(), optimizer: BTreeMap::new() };
        let vars = read.model(dtype, &Device::Cpu)?.vars.snapshot()?;
        Ok(Self { vars, ..read })
    }

    /// What the published program needs to be this model, the reverse of [`Checkpoint::from_published`].
    ///
    /// The published form is built and run beside this model on the nets of the trial, in f64: it is handed out only if
    /// it answers as this model does. A variable that the published program has and never reads is filled up.
    ///
    /// # Errors
    /// [`Error::Config`] naming the first option that the published program does not have, or by which it computes
    /// something else; [`Error::Variable`] if a variable has no place there.
    pub fn to_published(&self, trial: &[Net]) -> Result<Published> {
        let ModelConfig::ScaleGmn(config) = &self.header.model else {
            let expected = "scalegmn, the only model of the published program";
            return Err(Error::config("model.kind", expected, self.header.model.kind()));
        };
        if self.header.normalization != Normalization::none() {
            let expected = "none, since the published program reads nets as they are";
            return Err(Error::config("pipeline.normalize", expected, "layer_rms"));
        }
        let canonicalize = self.header.about.as_ref().map_or(&[][..], |about| &about.canonicalize);
        if let Some(symmetry) = canonicalize.first() {
            let expected = "none, since the published program reads nets as they are";
            return Err(Error::config("pipeline.canonicalize", expected, symmetry));
        }
        let mut args = to_published(config)?;
        let ours = self.model(DType::F64, &Device::Cpu)?;
        add_layout(&mut args, &ours.intake.lowering, config)?;

        let theirs = ModelConfig::ScaleGmn(from_published(&args)?);
        let vars = VarBuilder::new(Seed::new(0), DType::F64, &Device::Cpu).with_room_for(self.vars.values());
        let (model, vars) = theirs.build_below(&ours.intake.lowering, Normalization::none(), vars)?;
        let mut tensors = vars.snapshot()?;
        let dtype = self.vars.values().next().map_or(DType::F32, Tensor::dtype);
        for tensor in tensors.values_mut() {
            *tensor = tensor.to_dtype(dtype)?;
        }
        for (name, tensor) in &self.vars {
            if tensors.insert(name.clone(), tensor.clone()).is_none() {
                let expected = "a variable that the published program has".to_owned();
                return Err(Error::Variable {
                    name: name.clone(),
                    expected,
                    found: "one of our own".to_owned(),
                });
            }
        }
        vars.load(&tensors)?;

        let batch = ours.intake.batch(trial)?;
        let answers = ours.output(&batch)?.of_nets(&batch)?;
        let published = no_grad(|| model.forward(&batch, &Pass::eval()))?.of_nets(&batch)?;
        let apart = difference(&answers, &published);
        if apart > MOST_APART {
            let expected =
                "published, since the published program computes something else with these options";
            let found = format!("exact, whose outputs differ by {apart:.1e} of the largest");
            return Err(Error::config("model.compatibility", expected, found));
        }
        Ok(Published { args, tensors })
    }
}

/// Outputs that differ by more, as a share of the largest, are those of another model; the constant by which the published
/// program keeps divisions from zero moves them by far less.
const MOST_APART: f64 = 1e-6;

/// Largest difference of two lists of outputs, relative to the largest output of the first; infinite for NaN.
fn difference(a: &[Vec<f64>], b: &[Vec<f64>]) -> f64 {
    let largest = a.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    let apart = a.iter().flatten().zip(b.iter().flatten()).map(|(a, b)| (a - b).abs());
    let apart = apart.fold(0.0, |worst: f64, d| if d.is_nan() { f64::INFINITY } else { worst.max(d) });
    if largest > 0.0 { apart / largest } else { apart }
}

/// Adds what the published program wants to know of the nets: one layout of units or channels, and the largest kernel.
fn add_layout(args: &mut Value, lowering: &Lowering, config: &ScaleGmnConfig) -> Result<()> {
    let refuse = |expected: &str, found: String| {
        Err(Error::config("nets", format!("{expected} in the published program"), found))
    };
    let topologies = lowering.topologies();
    let Some(first) = topologies.first() else { return refuse("one layout of units", "none".to_owned()) };
    if let Some(other) = topologies.iter().find(|other| other.widths() != first.widths()) {
        let found = format!("{:?} and {:?}", first.widths(), other.widths());
        return refuse("one layout of units", found);
    }
    if config.scalings == Scalings::Own
        && let Some(mixed) = topologies.iter().find(|topology| !is_sign_or_scale(topology))
    {
        let expected =
            "tanh in all hidden layers of a net or ReLU in all of them, where model.symmetry is `own`,";
        return refuse(expected, mixed.fingerprint());
    }
    args["layer_layout"] = json!(first.widths());
    let [height, width] = first.largest_kernel();
    let n_edge_values = lowering.n_edge_values();
    if n_edge_values != height * width {
        let found = format!("{n_edge_values} numbers an edge for kernels of {height} × {width}");
        return refuse("kernels alone on edges", found);
    }
    if topologies.iter().any(|topology| topology.spec().is_ok_and(|spec| spec.is_convolutional())) {
        (args["_max_kernel_height"], args["_max_kernel_width"]) = (height.into(), width.into());
        (args["d_in_e"], args["graph_init"]["d_in_e"]) = (n_edge_values.into(), n_edge_values.into());
    }
    Ok(())
}

/// Whether all hidden units of a net scale by one of the two groups that the published mixture knows.
fn is_sign_or_scale(topology: &Topology) -> bool {
    let mut groups = topology.hidden_layers().filter_map(|l| topology.nonlinearity(l)).map(ScaleGroup::of);
    let Some(first) = groups.next() else { return true };
    matches!(first, ScaleGroup::Sign | ScaleGroup::Positive) && groups.all(|group| group == first)
}
