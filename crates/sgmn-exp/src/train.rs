//! The training loop: steps, evaluations, checkpoints. A run that was stopped goes on as if it had not been.

mod about;
mod diverged;
mod report;
mod standing;
mod unread;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use sgmn_data::{skip, split::Split as Part};
use sgmn_graph::{NetSpec, Seed};
use sgmn_nn::{
    Checkpoint, Normalization, Pass, VarStore,
    checkpoint::{About, Header},
    models::Model,
    no_grad,
    optim::{AdamW, AdamWConfig, Gradients, Warmup, clip_by_global_norm},
};

use crate::{
    config::{DeviceKind, EvalEvery, Experiment, TrainLength},
    datasets::Material,
    editing::Pictures,
    metrics::Criterion,
    pipeline::{Pipeline, PreparedBatch},
    progress::{EpochSummary, TrainProgress},
    report::{EventLog, RecordLog, Split, read_records},
    run_folder::{RunFolder, write_json},
    tasks::{self, Scores, Task},
};

pub use self::{
    diverged::Diverged,
    standing::{Outcome, Summary},
};
use self::{
    standing::Standing,
    unread::{Step, Unread},
};

/// Runs an experiment in a folder, from its beginning or from where an earlier call stopped.
///
/// # Errors
/// If data do not fit the model, a number is not finite, a file cannot be written, or another process runs in the
/// folder.
pub fn run(
    experiment: &Experiment,
    material: impl Into<Material>,
    folder: &RunFolder,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let _lock = folder.lock()?;
    let material = material.into();
    if !material.dataset.skipped.is_empty() {
        skip::write_skipped(&folder.skipped(), &material.dataset.skipped)?;
    }
    let train = experiment.train();
    let device = device(train.device)?;
    if let Some(facts) = crate::device::describe(&device) {
        eprintln!("device: {facts}");
    }
    for fault in sgmn_nn::ops::faults(&device) {
        eprintln!("note: {fault}");
    }
    const MIB: usize = 1 << 20;
    sgmn_nn::ops::keep_at_most(train.keep_mib.map_or(1024, |mib| mib as usize).saturating_mul(MIB));
    let run = || -> Result<Outcome> {
        let mut run = Run::new(experiment, material, folder, &device)?;
        let is_finished = run.train(stop)?;
        if let Some(bytes) = sgmn_nn::ops::peak_memory(&device) {
            eprintln!("device memory at most: {:.2} GiB", bytes as f64 / f64::from(1 << 30));
        }
        if is_finished { Ok(Outcome::Finished(run.finish()?)) } else { Ok(Outcome::Interrupted) }
    };
    let outcome = train.precision.scope(train.dtype.dtype(), &device, run).context("train")?;
    // Who plans runs need not find out again.
    match outcome.as_ref().map_err(|error| error.downcast_ref::<Diverged>()) {
        Err(Some(_)) => {
            let what = outcome.as_ref().err().map(|error| format!("{error:#}")).unwrap_or_default();
            write_json(&folder.diverged(), &Diverged::new(what))?;
        }
        _ if folder.diverged().exists() => std::fs::remove_file(folder.diverged())?,
        _ => {}
    }
    outcome
}

struct Run<'a> {
    experiment: &'a Experiment,
    folder: &'a RunFolder,
    pipeline: Pipeline,
    normalization: Normalization,
    model: Box<dyn Model>,
    vars: VarStore,
    optimizer: AdamW,
    task: Box<dyn Task>,
    criterion: Criterion,
    about: About,
    pictures: Option<Arc<Pictures>>,
    seed: Seed,
    standing: Standing,
    unread: Unread,
    records: RecordLog,
    events: EventLog,
    began: Instant,
    /// When a continuation was last made possible.
    saved: Instant,
}

impl<'a> Run<'a> {
    fn new(
        experiment: &'a Experiment,
        material: Material,
        folder: &'a RunFolder,
        device: &Device,
    ) -> Result<Self> {
        let began = Instant::now();
        let train = experiment.train();
        let dtype = train.dtype.dtype();
        let seed = Seed::new(train.seed);
        let Material { dataset, pictures } = material;
        let pictures = pictures.map(Arc::new);
        let (pipeline, normalization) = Pipeline::new(dataset, experiment.pipeline(), seed, dtype, device)?;
        // Now rather than after days of training, when the last test net is asked about.
        pipeline.check_targets(|target| tasks::check(experiment.task(), target))?;
        let classes = pipeline.dataset().classes.as_deref();
        for note in tasks::before(experiment.task(), classes, |part| pipeline.targets(part))? {
            eprintln!("note: {note}");
        }
        let task = tasks::of(experiment.task(), pictures.clone(), classes, &pipeline.targets(Part::Train))?;
        task.check_nets(pipeline.lowering())?;
        let about = about::of_run(experiment, task.as_ref(), &pipeline)?;
        let (model, vars) =
            experiment.model().build(pipeline.lowering(), normalization.clone(), seed, dtype, device)?;
        let mut optimizer = AdamW::new(AdamWConfig::new(train.weight_decay), &vars)?;
        let mut standing = Standing {
            experiment: experiment.hash(),
            n_nets: n_nets(&pipeline),
            standard: task.standard(),
            ..Standing::default()
        };
        let last = folder.last_checkpoint();
        if last.exists() {
            let checkpoint = Checkpoint::read(&last, device)?;
            let earlier: Standing = serde_json::from_value(checkpoint.header.progress)
                .with_context(|| format!("{}: expected the standing of a training run", last.display()))?;
            if earlier.experiment != standing.experiment {
                bail!(
                    "{}: expected a checkpoint of experiment {}, found one of {}",
                    last.display(),
                    standing.experiment,
                    earlier.experiment
                );
            }
            let same_nets = earlier.n_nets == standing.n_nets
                && earlier.standard == standing.standard
                && checkpoint.header.specs == specs(&pipeline)
                && checkpoint.header.normalization == normalization;
            if !same_nets {
                bail!(
                    "{}: expected the nets that the run began with, found that they changed",
                    last.display()
                );
            }
            vars.load(&checkpoint.vars).with_context(|| last.display().to_string())?;
            optimizer
                .restore(&vars, checkpoint.header.n_steps, &checkpoint.optimizer)
                .with_context(|| last.display().to_string())?;
            standing = earlier;
        }
        let (records, kept) = if folder.records().exists() {
            RecordLog::resume(&folder.records(), standing.n_steps)?
        } else {
            (RecordLog::create(&folder.records())?, Vec::new())
        };
        let events = EventLog::create(&folder.events(), &kept)?;
        Ok(Self {
            experiment,
            folder,
            pipeline,
            normalization,
            model,
            vars,
            optimizer,
            task,
            criterion: tasks::criterion(experiment.task()),
            about,
            pictures,
            seed,
            standing,
            unread: Unread::new(),
            records,
            events,
            began,
            saved: Instant::now(),
        })
    }

    /// Trains to the end; false if it was stopped before.
    fn train(&mut self, stop: &AtomicBool) -> Result<bool> {
        let train = self.experiment.train();
        let n_train = self.pipeline.n_nets(Part::Train);
        let batches_per_epoch = n_train.div_ceil(train.batch_size);
        let n_steps = match train.length() {
            TrainLength::Epochs(epochs) => epochs * batches_per_epoch as u64,
            TrainLength::Steps(steps) => steps,
        };
        // The last batch of an epoch may be short, so a run counts epochs in nets, not steps.
        let n_nets = n_steps / batches_per_epoch as u64 * n_train as u64
            + (n_steps % batches_per_epoch as u64 * train.batch_size as u64).min(n_train as u64);
        let progress = TrainProgress::new(self.experiment.name(), n_nets, self.standing.n_trained);
        while self.standing.n_steps < n_steps && !self.is_exhausted() {
            let batches =
                self.pipeline.training_batches(self.standing.epoch, train.batch_size, self.standing.batch);
            let mut stopped = false;
            let mut is_over = false;
            let n_before = self.standing.n_steps;
            for prepared in batches {
                let prepared = prepared?;
                self.step(prepared).with_context(|| format!("step {}", self.standing.n_steps + 1))?;
                self.standing.batch += 1;
                let epoch_ends = self.standing.batch == batches_per_epoch;
                if epoch_ends {
                    self.standing.epoch += 1;
                    self.standing.batch = 0;
                }
                let evaluates = match train.eval_every {
                    EvalEvery::Epoch => epoch_ends || self.standing.n_steps == n_steps,
                    EvalEvery::Steps(every) => {
                        self.standing.n_steps.is_multiple_of(every) || self.standing.n_steps == n_steps
                    }
                };
                stopped = stop.load(Ordering::Relaxed);
                let ends = self.standing.n_steps == n_steps;
                let saves = epoch_ends && self.standing.epoch.is_multiple_of(train.checkpoint_every_epochs)
                    || self.saved.elapsed().as_secs_f64() >= 60.0 * train.checkpoint_every_minutes;
                if evaluates || saves || stopped || ends || self.unread.is_due() {
                    self.read_steps(&progress)?;
                }
                if evaluates {
                    self.evaluate(&progress)
                        .with_context(|| format!("validation after step {}", self.standing.n_steps))?;
                    // That may have taken a while.
                    stopped = stop.load(Ordering::Relaxed);
                }
                is_over = ends || self.is_exhausted();
                if saves || stopped || is_over {
                    self.save(&self.folder.last_checkpoint(), true)?;
                    self.saved = Instant::now();
                }
                if stopped || is_over {
                    break;
                }
            }
            if self.standing.n_steps == n_before {
                bail!("epoch {}: expected a batch, found none", self.standing.epoch + 1);
            }
            if stopped && !is_over {
                progress.finish();
                return Ok(false);
            }
        }
        progress.finish();
        Ok(true)
    }

    /// Takes a step. Its numbers stay on the device until [`Run::read_steps`].
    fn step(&mut self, prepared: PreparedBatch) -> Result<()> {
        let began = Instant::now();
        let train = self.experiment.train();
        let pass = Pass::train(self.seed.child("dropout").index(self.standing.n_steps));
        let output = self.model.forward(&prepared.batch, &pass)?;
        let loss = self.task.loss(&prepared, &output)?;
        // What is reported is the task's; a model's own losses only give gradients.
        let own = pass.take_losses();
        let total = own.iter().try_fold(loss.clone(), |total, own| total + own)?;
        let mut gradients = Gradients::of(&self.vars, self.model.as_ref(), &total.backward()?)?;
        let norm = clip_by_global_norm(&mut gradients, train.clip_norm.unwrap_or(f64::INFINITY))?;
        let warmup = Warmup { learning_rate: train.learning_rate, n_steps: train.warmup_steps };
        self.optimizer.step(&self.vars, &gradients, warmup.rate(self.standing.n_steps))?;
        let PreparedBatch { targets, repairs, .. } = prepared;
        let standing = &mut self.standing;
        standing.n_steps += 1;
        standing.repairs += repairs;
        standing.n_trained += targets.len() as u64;
        // Detached: otherwise the graphs of all unread steps would be kept.
        let (loss, output) = (loss.detach(), output.detach());
        self.unread.push(Step { number: standing.n_steps, loss, norm, output, targets });
        standing.step_seconds += began.elapsed().as_secs_f64();
        Ok(())
    }

    /// Records the training metrics, measures the validation set, keeps the best model.
    fn evaluate(&mut self, progress: &TrainProgress) -> Result<()> {
        let began = Instant::now();
        let scores = self.measure(Part::Val)?;
        let val_rate = self.pipeline.n_nets(Part::Val) as f64 / began.elapsed().as_secs_f64();
        let metrics = scores.metrics();
        let criterion = self.criterion;
        let score = metrics.get(criterion.name()).copied().unwrap_or(f64::NAN);
        let train_rate = self.standing.n_trained as f64 / self.standing.step_seconds.max(1e-9);
        let train_loss = std::mem::take(&mut self.standing.train_loss).value().unwrap_or(f64::NAN);
        let train_score = std::mem::take(&mut self.standing.train_score).value().unwrap_or(f64::NAN);
        let train_metrics = [("loss", train_loss), (criterion.name(), train_score)];
        let repairs = std::mem::take(&mut self.standing.repairs);
        self.record(
            Split::Train,
            train_metrics.map(|(name, value)| (name.to_owned(), value)).into(),
            train_rate,
            Some(repairs),
        )?;
        self.record(Split::Val, metrics.clone(), val_rate, None)?;
        // Of equal epochs the first is kept; NaN is never better.
        let best =
            !score.is_nan() && self.standing.best_val.is_none_or(|best| criterion.is_better(score, best));
        if best {
            self.standing.best_val = Some(score);
            // An epoch that still runs counts from 1 too.
            self.standing.best_epoch = self.standing.epoch + u64::from(self.standing.batch > 0);
            self.standing.n_worse = 0;
            self.save(&self.folder.best_checkpoint(), false)?;
        } else {
            self.standing.n_worse += 1;
        }
        progress.epoch(&EpochSummary {
            epoch: self.standing.epoch,
            train_loss,
            val_loss: metrics["loss"],
            val_score: &criterion.said(score),
            best,
            nets_per_second: train_rate,
        });
        Ok(())
    }

    /// Metrics of the model as it is on a part of the dataset.
    fn measure(&self, part: Part) -> Result<Scores> {
        let mut scores = Scores::default();
        for prepared in self.pipeline.batches(part, self.experiment.train().batch_size) {
            let prepared = prepared?;
            let output = no_grad(|| self.model.forward(&prepared.batch, &Pass::eval()))?;
            self.task.judge(&prepared, &output, &mut scores)?;
        }
        Ok(scores)
    }

    /// Tests the best model and writes the report of the run.
    fn finish(mut self) -> Result<Summary> {
        let Some(best_val) = self.standing.best_val else {
            let name = self.criterion.name();
            bail!(
                "validation: expected a {name} in some epoch, found none: predictions were not finite, or all of them or \
                 all targets were equal"
            )
        };
        let best = self.folder.best_checkpoint();
        let mut checkpoint = Checkpoint::read(&best, self.vars.device())?;
        self.vars.load(&checkpoint.vars).with_context(|| best.display().to_string())?;
        let began = Instant::now();
        let scores = self.measure(Part::Test).context("test of the best model")?;
        let rate = self.pipeline.n_nets(Part::Test) as f64 / began.elapsed().as_secs_f64();
        self.tell_test(&mut checkpoint, &scores).write(&best)?;
        let already = read_records(&self.folder.records())?.iter().any(|record| record.split == Split::Test);
        if !already {
            self.record(Split::Test, scores.metrics(), rate, None)?;
        }
        let standing = &self.standing;
        let summary = Summary {
            name: self.experiment.name().to_owned(),
            experiment: standing.experiment.clone(),
            seed: self.experiment.train().seed,
            n_params: self.vars.n_params(),
            n_nets: standing.n_nets,
            n_skipped: self.pipeline.dataset().skipped.len(),
            criterion: self.criterion,
            best_epoch: standing.best_epoch,
            best_val,
            test: scores.metrics(),
            confusion: scores.confusion.clone(),
            pairs: scores.pairs.clone(),
            n_steps: standing.n_steps,
            seconds: self.seconds(),
            nets_per_second: standing.n_trained as f64 / standing.step_seconds.max(1e-9),
        };
        self.plot(&summary)?;
        self.keep_edited()?;
        // Last: its presence says that the run is finished.
        write_json(&self.folder.summary(), &summary)?;
        Ok(summary)
    }

    /// Writes a checkpoint, with what a continuation needs or for prediction only.
    fn save(&self, path: &Path, resumable: bool) -> Result<()> {
        let vars = self.vars.snapshot()?;
        // One number finds NaN and infinity anywhere: 0 times either is NaN, and so is any sum with it.
        let probes = vars.values().map(|var| (var * 0.0)?.sum_all()).collect::<Result<Vec<_>, _>>()?;
        let probes = Tensor::stack(&probes, 0)?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?;
        for (name, probe) in vars.keys().zip(probes.to_vec1::<f64>()?) {
            if probe != 0.0 {
                let what = format!("{name} after step {} is not finite", self.standing.n_steps);
                bail!(Diverged::new(what));
            }
        }
        let standing = Standing { seconds: self.seconds(), ..self.standing.clone() };
        let header = Header {
            model: self.experiment.model().clone(),
            specs: specs(&self.pipeline),
            normalization: self.normalization.clone(),
            n_steps: self.optimizer.n_steps(),
            progress: serde_json::to_value(standing)?,
            about: Some(if resumable { self.about.clone() } else { self.about_best() }),
        };
        let optimizer = if resumable { self.optimizer.state(&self.vars)? } else { Default::default() };
        Ok(Checkpoint { header, vars, optimizer }.write(path)?)
    }

    /// Working time of all calls together.
    fn seconds(&self) -> f64 {
        self.standing.seconds + self.began.elapsed().as_secs_f64()
    }

    /// Whether the patience with worse evaluations is at its end.
    fn is_exhausted(&self) -> bool {
        self.experiment.train().patience.is_some_and(|patience| self.standing.n_worse >= patience)
    }
}

/// How many nets there are to train, validate and test on.
fn n_nets(pipeline: &Pipeline) -> [usize; 3] {
    [Part::Train, Part::Val, Part::Test].map(|part| pipeline.n_nets(part))
}

/// The architectures of the nets.
fn specs(pipeline: &Pipeline) -> Vec<NetSpec> {
    pipeline.lowering().topologies().iter().map(|topology| NetSpec::clone(topology.spec())).collect()
}

/// The device that an experiment names.
///
/// # Errors
/// As [`crate::device::open`].
pub fn device(kind: DeviceKind) -> Result<Device> {
    crate::device::open(kind).context("train.device")
}
