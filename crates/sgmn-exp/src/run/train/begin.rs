//! How a run begins: data, model and optimizer are made, and brought to where an earlier call stopped.

use std::{sync::Arc, time::Instant};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use rand::seq::SliceRandom;
use sgmn_data::split::Split;
use sgmn_graph::{NetSpec, Parts, Seed};
use sgmn_nn::{
    checkpoint::Checkpoint,
    optim::{AdamWConfig, Average, Optimizer},
};

use super::{Run, about, standing::Standing, unread::Unread};
use crate::{
    config::Experiment,
    data::{datasets::Material, pipeline::Pipeline},
    run::folder::RunFolder,
    show::{EventLog, RecordLog},
    tasks,
};

impl<'a> Run<'a> {
    /// # Errors
    /// If data do not fit the model, or the folder holds a run of another experiment or on other nets.
    pub(super) fn new(
        experiment: &'a Experiment,
        material: Material,
        folder: &'a RunFolder,
        device: &Device,
    ) -> Result<Self> {
        let began = Instant::now();
        let train = experiment.train();
        let dtype = train.dtype.dtype();
        let seed = Seed::new(train.seed);
        let Material { mut dataset, pictures } = material;
        if let Some(n_nets) = train.n_nets {
            dataset.splits.train = some_of(&dataset.splits.train, n_nets)?;
        }
        let pictures = pictures.map(Arc::new);
        let (pipeline, normalization) = Pipeline::new(dataset, experiment.pipeline(), seed, dtype, device)?;
        // Now rather than after days of training, when the last test net is asked about.
        pipeline.check_targets(|target| tasks::check(experiment.task(), target))?;
        let classes = pipeline.dataset().classes.as_deref();
        for note in tasks::before(experiment.task(), classes, |part| pipeline.targets(part))? {
            eprintln!("note: {note}");
        }
        let task = tasks::of(experiment.task(), pictures.clone(), classes, &pipeline.targets(Split::Train))?;
        task.check_nets(pipeline.lowering())?;
        let about = about::of_run(experiment, task.as_ref(), &pipeline)?;
        let (model, vars) =
            experiment.model().build(pipeline.lowering(), normalization.clone(), seed, dtype, device)?;
        let mut optimizer = Optimizer::new(train.optimizer, AdamWConfig::new(train.weight_decay), &vars)?;
        let mut average = train.average.map(|decay| Average::new(decay, &vars)).transpose()?;
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
                && checkpoint.header.graphs == graphs(&pipeline)
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
            if let Some(average) = &mut average {
                let restored = average.restore(&vars, &checkpoint.optimizer);
                restored.with_context(|| last.display().to_string())?;
            }
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
            average,
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
}

/// Some of the training nets, in their order. Which ones is the same in every run, and fewer are part of more.
fn some_of(all: &[usize], n_nets: usize) -> Result<Vec<usize>> {
    if n_nets > all.len() {
        bail!("train.n_nets: expected at most {}, the training nets there are, found {n_nets}", all.len());
    }
    let mut places: Vec<usize> = (0..all.len()).collect();
    places.shuffle(&mut Seed::new(0).child("some of the training nets").rng());
    places.truncate(n_nets);
    places.sort_unstable();
    Ok(places.into_iter().map(|place| all[place]).collect())
}

/// How many nets there are to train, validate and test on.
pub(super) fn n_nets(pipeline: &Pipeline) -> [usize; 3] {
    [Split::Train, Split::Val, Split::Test].map(|part| pipeline.n_nets(part))
}

/// The shapes of the graphs of nets that are no chains.
pub(super) fn graphs(pipeline: &Pipeline) -> Vec<Parts> {
    pipeline.lowering().topologies().iter().filter_map(|topology| topology.parts()).collect()
}

/// The architectures of the nets that are chains.
pub(super) fn specs(pipeline: &Pipeline) -> Vec<NetSpec> {
    pipeline
        .lowering()
        .topologies()
        .iter()
        .filter_map(|topology| topology.spec().ok().map(|spec| NetSpec::clone(spec)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_training_nets_are_part_of_more() {
        let all: Vec<usize> = (100..200).collect();
        let (few, more) = (some_of(&all, 10).unwrap(), some_of(&all, 30).unwrap());
        assert_eq!((few.len(), more.len()), (10, 30));
        assert!(few.iter().all(|item| more.contains(item)) && more.is_sorted());
        assert_ne!(few, all[..10], "the first ones may all be of one class");
        assert_eq!(some_of(&all, 100).unwrap(), all);
        let message = some_of(&all, 101).unwrap_err().to_string();
        assert!(message.starts_with("train.n_nets: expected at most 100"), "{message}");
    }
}
