//! What `sgmn predict` and `sgmn edit` share: a checkpoint, nets, what becomes of bad ones, progress.

pub(super) mod edit;
pub(super) mod predict;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use anyhow::{Context, Result, bail, ensure};
use candle_core::Device;
use clap::ValueEnum;
use indicatif::ProgressBar;
use sgmn_data::{Dataset, FlowSample, Target, any_net, skip::OnBadNet, split::Splits};
use sgmn_nn::{checkpoint::Checkpoint, trained::TrainedModel};

use super::precision::Precision;
use crate::{
    any_net::args::NetArgs,
    apply::{Reading, complete},
    config::{Experiment, ExperimentFile},
    files::{self, Input, OneFlow, ReadArgs},
    run::{device::DeviceArg, interrupt::stop_on_interrupt},
};

/// A trained model and the nets that it is to read.
#[derive(Debug, clap::Args)]
struct Subject {
    /// Checkpoint of a trained model, such as runs/NAME/checkpoints/best.safetensors
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// Nets: a packed file, a dataset, a folder of nets, or one net
    #[arg(value_name = "NETS")]
    nets: PathBuf,
    /// What becomes of nets that cannot be read, or whose architecture the model does not read
    #[arg(long, value_name = "WHAT", value_enum, default_value = "error")]
    on_bad_net: BadNet,
    /// What the model was trained on, for a checkpoint that does not say so: an experiment's name or file
    #[arg(long, value_name = "NAME|FILE")]
    experiment: Option<String>,
    /// Nets that the model reads at once; more need more memory
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Number format of the model
    #[arg(long, value_enum, default_value = "f32")]
    dtype: Precision,
    #[command(flatten)]
    device: DeviceArg,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    any_net: NetArgs,
}

/// What becomes of nets that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BadNet {
    /// The first one ends the work, by its name
    Error,
    /// They are left out, and listed in a file beside the output
    Skip,
}

/// What was opened.
struct Opened {
    trained: TrainedModel,
    nets: Arc<Reading>,
    batch_size: usize,
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
    began: Instant,
}

impl Subject {
    fn open(&self) -> Result<Opened> {
        ensure!(self.batch > 0, "--batch: expected at least 1, found 0");
        let device = self.device.open()?;
        let trained = self.trained(&device)?;
        let nets = Arc::new(Reading::new(self.dataset()?, trained.intake.clone())?);
        // Nothing is lost by stopping: what is written appears when it is complete.
        let stop = stop_on_interrupt(None)?;
        // The bar hides itself where nobody looks at a terminal.
        let bar = ProgressBar::new(nets.n_nets() as u64);
        Ok(Opened { trained, nets, batch_size: self.batch, bar, stop, began: Instant::now() })
    }

    fn trained(&self, device: &Device) -> Result<TrainedModel> {
        let shown = self.checkpoint.display();
        if self.checkpoint.is_dir() {
            bail!(
                "{shown}: expected a checkpoint, found a folder; a run keeps its own in checkpoints/best.safetensors"
            );
        }
        match files::open(&self.checkpoint, &ReadArgs::default())? {
            Input::Checkpoint => {}
            other => bail!("{shown}: expected a checkpoint, found {}", other.name()),
        }
        let mut checkpoint = Checkpoint::read(&self.checkpoint, device)?;
        let experiment = self.experiment()?;
        if checkpoint.header.about.is_some() && experiment.is_some() {
            bail!("--experiment: expected none, since {shown} says what it was trained on, found one");
        }
        complete(&mut checkpoint, &self.checkpoint, experiment.as_ref())?;
        if checkpoint.header.about.is_none() {
            eprintln!(
                "note: {shown}: does not say what it was trained on (--experiment says it): nets are read and outputs \
                 written as they are"
            );
        }
        checkpoint.model(self.dtype.dtype(), device).with_context(|| shown.to_string())
    }

    fn experiment(&self) -> Result<Option<Experiment>> {
        let open = |name: &String| ExperimentFile::open(name)?.resolve().context("--experiment");
        self.experiment.as_ref().map(open).transpose()
    }

    fn dataset(&self) -> Result<Dataset> {
        let dataset = match self.any_net.take(&self.nets) {
            true => {
                let net = any_net::open(&self.nets, &self.any_net.options())?.net;
                let id = self
                    .nets
                    .file_stem()
                    .map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
                Dataset::new(OneFlow(FlowSample { id, net, target: Target::None }), Splits::default())
            }
            false => files::nets(&self.nets, &self.read)?,
        };
        Ok(match self.on_bad_net {
            BadNet::Skip => Dataset { on_bad_net: OnBadNet::Skip, ..dataset },
            BadNet::Error => dataset,
        })
    }
}
