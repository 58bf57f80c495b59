//! The way of a net to the model: read, lower, canonicalize, augment, collate; ahead of training, in a fixed order.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
};

use anyhow::{Context, Result, anyhow};
use candle_core::{DType, Device};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use sgmn_data::{Sample, Target, source::Dataset, split::Split};
use sgmn_graph::{Batch, Graph, Lowering, Net, Seed};
use sgmn_nn::normalization::{Normalization, RmsAccumulator};
use sgmn_symmetry::{Ranges, Repairs, augment, canonicalize};

use crate::config::{Augment, Normalize, Pipeline as PipelineConfig};

/// A dataset with everything that happens to its nets before a model reads them.
///
/// Batches are a function of the seed, the epoch and the configuration: neither threads nor timing change them.
pub struct Pipeline {
    shared: Arc<Shared>,
}

struct Shared {
    dataset: Dataset,
    /// What is asked about each item that is in a split, with its place in the source.
    targets: Vec<(usize, Target)>,
    config: PipelineConfig,
    lowering: Lowering,
    pool: rayon::ThreadPool,
    seed: Seed,
    dtype: DType,
    device: Device,
}

/// A batch on the device with what is asked about its nets.
#[derive(Debug)]
pub struct PreparedBatch {
    /// The nets.
    pub batch: Batch,
    /// What is asked, in the order of the nets.
    pub targets: Vec<Target>,
    /// What canonical forms had to repair.
    pub repairs: Repairs,
}

impl Pipeline {
    /// The pipeline of an experiment. All nets are looked at once, for their architectures and the normalization.
    ///
    /// # Errors
    /// If a net cannot be read, or a part of the dataset is empty.
    pub fn new(
        dataset: Dataset,
        config: &PipelineConfig,
        seed: Seed,
        dtype: DType,
        device: &Device,
    ) -> Result<(Self, Normalization)> {
        for split in [Split::Train, Split::Val, Split::Test] {
            if dataset.splits.get(split).is_empty() {
                anyhow::bail!("data: expected at least one net to {} on, found none", split.name());
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(config.workers).build()?;
        let mut targets = Vec::new();
        let mut specs = Vec::new();
        let mut rms = RmsAccumulator::default();
        let is_training: Vec<bool> = {
            let mut is_training = vec![false; dataset.source.len()];
            dataset.splits.train.iter().for_each(|&i| is_training[i] = true);
            is_training
        };
        let used =
            [Split::Train, Split::Val, Split::Test].into_iter().flat_map(|split| dataset.splits.get(split));
        for &i in used {
            let Sample { net, target, .. } = dataset.source.get(i)?;
            targets.push((i, target));
            if !specs.iter().any(|spec| Arc::ptr_eq(spec, net.spec()) || spec == net.spec()) {
                specs.push(net.spec().clone());
            }
            if config.normalize == Normalize::LayerRms && is_training[i] {
                rms.add(&canonical_net(&net, config)?);
            }
        }
        let lowering = Lowering::new(&specs)?;
        let normalization = rms.finish();
        // Now rather than after hours of training: a net of the test set may have an architecture of its own.
        lowering.topologies().iter().try_for_each(|topology| normalization.scales(topology).map(|_| ()))?;
        let (seed, device) = (seed.child("pipeline"), device.clone());
        let shared = Shared { dataset, targets, config: config.clone(), lowering, pool, seed, dtype, device };
        Ok((Self { shared: Arc::new(shared) }, normalization))
    }

    /// The architectures of the dataset.
    pub fn lowering(&self) -> &Lowering {
        &self.shared.lowering
    }

    /// Nets of a part of the dataset.
    pub fn n_nets(&self, split: Split) -> usize {
        self.shared.dataset.splits.get(split).len()
    }

    /// Whether all targets, of training, validation and test nets, pass a check.
    ///
    /// # Errors
    /// The first one of the check, with the name of the net.
    pub fn check_targets(&self, check: impl Fn(&Target) -> Result<()>) -> Result<()> {
        for (item, target) in &self.shared.targets {
            if let Err(error) = check(target) {
                return Err(error.context(self.shared.dataset.source.get(*item)?.id));
            }
        }
        Ok(())
    }

    /// The items of the training set in the order of one epoch.
    pub fn epoch_order(&self, epoch: u64) -> Vec<usize> {
        let mut order = self.shared.dataset.splits.train.clone();
        order.shuffle(&mut self.shared.seed.child("order").index(epoch).rng());
        order
    }

    /// Training batches of one epoch from batch `first` on, prepared ahead on other threads.
    pub fn training_batches(
        &self,
        epoch: u64,
        batch_size: usize,
        first: usize,
    ) -> Receiver<Result<PreparedBatch>> {
        let batches = chunks(&self.epoch_order(epoch), batch_size);
        let seed = self.shared.seed.child("augment").index(epoch);
        self.prepare(batches.into_iter().skip(first).collect(), first, Some(seed))
    }

    /// Batches of a part of the dataset in its own order, without augmentation.
    pub fn batches(&self, split: Split, batch_size: usize) -> Receiver<Result<PreparedBatch>> {
        self.prepare(chunks(self.shared.dataset.splits.get(split), batch_size), 0, None)
    }

    fn prepare(
        &self,
        batches: Vec<Vec<usize>>,
        first: usize,
        augment: Option<Seed>,
    ) -> Receiver<Result<PreparedBatch>> {
        // Two batches ahead hide the preparation; more would only hold memory.
        const AHEAD: usize = 2;
        let (sender, receiver) = sync_channel(AHEAD);
        let shared = Arc::clone(&self.shared);
        std::thread::spawn(move || {
            for (i, items) in batches.iter().enumerate() {
                let seed = augment.map(|seed| seed.index((first + i) as u64));
                // A panic here would otherwise look like the end of the batches.
                let prepared = catch_unwind(AssertUnwindSafe(|| shared.prepare(items, seed)))
                    .unwrap_or_else(|_| Err(anyhow!("preparing batch {} panicked", first + i)));
                // A receiver that went away wants no more batches.
                if sender.send(prepared).is_err() {
                    break;
                }
            }
        });
        receiver
    }
}

impl Shared {
    fn prepare(&self, items: &[usize], seed: Option<Seed>) -> Result<PreparedBatch> {
        let one = |(place, &item): (usize, &usize)| -> Result<(Graph, Target, Repairs)> {
            let sample = self.dataset.source.get(item)?;
            let graph = self.lowering.lower(&sample.net)?;
            let (mut graph, repairs) = match self.config.canonicalize.as_slice() {
                [] => (graph, Repairs::default()),
                symmetries => {
                    let canonical = canonicalize(&graph, symmetries).with_context(|| sample.id.clone())?;
                    (canonical.graph, canonical.repairs)
                }
            };
            if let Some(seed) = seed {
                for (i, change) in self.config.augment.iter().enumerate() {
                    let Augment::RandomAction { symmetries } = change;
                    let seed = seed.index(place as u64).index(i as u64);
                    graph = augment(seed, &graph, symmetries, &Ranges::default())
                        .with_context(|| sample.id.clone())?;
                }
            }
            Ok((graph, sample.target, repairs))
        };
        let prepared =
            self.pool.install(|| items.par_iter().enumerate().map(one).collect::<Result<Vec<_>>>())?;
        let mut graphs = Vec::with_capacity(prepared.len());
        let mut targets = Vec::with_capacity(prepared.len());
        let mut repairs = Repairs::default();
        for (graph, target, repair) in prepared {
            graphs.push(graph);
            targets.push(target);
            repairs += repair;
        }
        let batch = Batch::collate(&graphs, self.dtype, &self.device)?;
        // A CUDA device keeps a queue for each thread, and no other queue waits for this thread's uploads.
        self.device.synchronize()?;
        Ok(PreparedBatch { batch, targets, repairs })
    }
}

fn canonical_net(net: &Net, config: &PipelineConfig) -> Result<Net> {
    if config.canonicalize.is_empty() {
        return Ok(net.clone());
    }
    Ok(sgmn_symmetry::canonicalize_net(net, &config.canonicalize)?.0)
}

fn chunks(items: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    items.chunks(batch_size).map(<[usize]>::to_vec).collect()
}
