//! What is checked: a model with its variables, and nets for it to read.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use sgmn_graph::{Batch, Lowering, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    Normalization, Pass,
    checkpoint::Checkpoint,
    equivariance::symmetry_error,
    golden::Golden,
    models::{Model, ModelConfig},
    ops::no_grad,
    trained::TrainedModel,
};
use sgmn_symmetry::check::{Report, Trials};

use crate::{
    config::{Experiment, ExperimentFile, Normalize},
    data::architectures,
    files::{self, Input, ReadArgs},
};

/// Where a model comes from.
pub(super) enum Source {
    /// A trained model.
    Checkpoint { path: String, checkpoint: Box<Checkpoint> },
    /// A model of another implementation, with nets that it reads.
    Golden { path: String, golden: Box<Golden> },
    /// A configuration; its variables are drawn.
    Experiment(Box<Experiment>),
}

/// A model that can be run on nets.
pub(super) struct Subject {
    title: String,
    config: ModelConfig,
    model: Box<dyn Model>,
    lowering: Lowering,
    dtype: DType,
    device: Device,
    nets: Vec<Net>,
}

impl Source {
    /// Finds out what a word on the command line means.
    pub(super) fn find(subject: &str, overrides: &[String], read: &ReadArgs) -> Result<Self> {
        let path = Path::new(subject);
        if !path.is_file() || path.extension().is_some_and(|ending| ending == "toml") {
            let mut file = ExperimentFile::open(subject).context("subject")?;
            for assignment in overrides {
                file.set(assignment)?;
            }
            return Ok(Self::Experiment(Box::new(file.resolve()?)));
        }
        if let Some(given) = overrides.first() {
            bail!("--set {given}: expected an experiment, found a file whose model cannot be changed");
        }
        let path_text = subject.to_owned();
        match files::open(path, read)? {
            Input::Checkpoint => {
                let checkpoint = Box::new(Checkpoint::read(path, &Device::Cpu)?);
                Ok(Self::Checkpoint { path: path_text, checkpoint })
            }
            Input::Golden => Ok(Self::Golden { path: path_text, golden: Box::new(Golden::read(path)?) }),
            other => bail!(
                "{subject}: expected a checkpoint, a golden file or an experiment, found {}",
                other.name()
            ),
        }
    }

    fn config(&self) -> &ModelConfig {
        match self {
            Self::Checkpoint { checkpoint, .. } => &checkpoint.header.model,
            Self::Golden { golden, .. } => golden.config(),
            Self::Experiment(experiment) => experiment.model(),
        }
    }

    /// The architectures that the model reads, as far as the source tells.
    fn specs(&self) -> Result<Vec<Arc<NetSpec>>> {
        match self {
            Self::Checkpoint { checkpoint, .. } => {
                Ok(checkpoint.header.specs.iter().cloned().map(Arc::new).collect())
            }
            Self::Golden { golden, .. } => Ok(golden.nets().iter().map(|net| net.spec().clone()).collect()),
            Self::Experiment(experiment) => architectures::of_data(experiment.data()),
        }
    }

    /// Nets that the source brings with it.
    fn nets(&self) -> Option<Vec<Net>> {
        match self {
            Self::Golden { golden, .. } => Some(golden.nets().to_vec()),
            Self::Checkpoint { .. } | Self::Experiment(_) => None,
        }
    }
}

impl Subject {
    /// Builds the model for the given nets, or for `n_nets` random nets of the architectures it reads.
    pub(super) fn new(
        source: Source,
        given: Option<Vec<Net>>,
        n_nets: usize,
        dtype: DType,
        device: Device,
        seed: Seed,
    ) -> Result<Self> {
        let nets = match given.or_else(|| source.nets()) {
            Some(nets) => nets,
            None => {
                let specs = source.specs()?;
                if specs.is_empty() {
                    bail!("expected at least one architecture that the model reads, found none");
                }
                let random = |i: usize| {
                    testing::random_net(seed.child("net").index(i as u64), &specs[i % specs.len()])
                };
                (0..n_nets).map(random).collect()
            }
        };
        let config = source.config().clone();
        let (model, vars, lowering, title) = match &source {
            Source::Checkpoint { path, checkpoint } => {
                let TrainedModel { model, vars, intake, .. } =
                    checkpoint.model(dtype, &device).with_context(|| path.clone())?;
                let title = format!("checkpoint {path} after {} steps", checkpoint.header.n_steps);
                (model, vars, intake.lowering, title)
            }
            Source::Golden { path, golden } => {
                let (model, vars) = golden.build(dtype, &device)?;
                // Its variables were made for these, in particular for this width of edges.
                (model, vars, Lowering::new(&source.specs()?)?, format!("golden file {path}"))
            }
            Source::Experiment(experiment) => {
                let lowering = Lowering::new(nets.iter().map(Net::spec))?;
                let normalization = match experiment.pipeline().normalize {
                    Normalize::LayerRms => Normalization::fit(&nets),
                    Normalize::None => Normalization::none(),
                };
                let (model, vars) =
                    config.build(&lowering, normalization, seed.child("model"), dtype, &device)?;
                (model, vars, lowering, format!("experiment {}, random variables", experiment.name()))
            }
        };
        let title = format!("{title}: {} numbers in {} variables", vars.n_params(), vars.len());
        Ok(Self { title, config, model, lowering, dtype, device, nets })
    }

    /// What is checked, in one line.
    pub(super) fn title(&self) -> &str {
        &self.title
    }

    pub(super) fn config(&self) -> &ModelConfig {
        &self.config
    }

    pub(super) fn nets(&self) -> &[Net] {
        &self.nets
    }

    /// The model's output for each net; changes of parameters in the order of the net's parameters.
    ///
    /// # Errors
    /// If a net does not fit the model.
    fn outputs(&self, nets: &[Net]) -> sgmn_nn::Result<Vec<Vec<f64>>> {
        let graphs = nets.iter().map(|net| self.lowering.lower(net)).collect::<Result<Vec<_>, _>>()?;
        let batch = Batch::collate(&graphs, self.dtype, &self.device)?;
        no_grad(|| self.model.forward(&batch, &Pass::eval()))?.of_nets(&batch)
    }

    /// How far the outputs are from moving as they should under the elements of the trials.
    ///
    /// # Errors
    /// If a net does not fit the model.
    pub(super) fn symmetry_error(&self, trials: &Trials) -> sgmn_nn::Result<Report> {
        symmetry_error(&*self.model, trials, &self.nets, &self.lowering, self.dtype, &self.device)
    }

    /// Largest difference between the outputs of the first net and any other with as many, relative to the largest
    /// output: a model that says the same of all nets is invariant and useless.
    ///
    /// # Errors
    /// As [`Subject::outputs`].
    pub(super) fn spread(&self) -> Result<f64> {
        let outputs = self.outputs(&self.nets)?;
        let largest = outputs.iter().flatten().fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let like_first = outputs.iter().filter(|output| output.len() == outputs[0].len());
        let differences =
            like_first.flat_map(|output| output.iter().zip(&outputs[0]).map(|(a, b)| (a - b).abs()));
        let difference = differences.fold(0.0, f64::max);
        Ok(if largest > 0.0 { difference / largest } else { 0.0 })
    }
}
