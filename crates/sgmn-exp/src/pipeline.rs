//! The way of a net to the model: read, lower, canonicalize, augment, collate; ahead of training, in a fixed order.

mod ahead;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use sgmn_data::{Sample, Target, source::Dataset, split::Split};
use sgmn_graph::{Batch, Graph, LentNet, Lowering, Net, NetSpec, Seed};
use sgmn_nn::normalization::{Normalization, RmsAccumulator};
use sgmn_symmetry::{Ranges, Repairs, augment, canonicalize, canonicalize_net};

pub use self::ahead::Batches;
use self::ahead::Waiting;
use crate::config::{Augment, Normalize, Pipeline as PipelineConfig};

/// A dataset with everything that happens to its nets before a model reads them.
///
/// Batches are a function of the seed, the epoch and the configuration: neither threads nor timing change them.
pub struct Pipeline {
    shared: Arc<Shared>,
    waiting: Waiting,
}

struct Shared {
    dataset: Dataset,
    /// What is asked about each item of the source; nothing about those that are in no split.
    targets: Vec<Target>,
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
    /// The items of the dataset that the nets are, in their order.
    pub items: Vec<usize>,
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
        for split in Split::ALL {
            if dataset.splits.get(split).is_empty() {
                anyhow::bail!("data: expected at least one net to {} on, found none", split.name());
            }
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(config.workers).build()?;
        let mut targets = vec![Target::None; dataset.source.len()];
        let mut specs: Vec<Arc<NetSpec>> = Vec::new();
        let mut rms = RmsAccumulator::default();
        for split in Split::ALL {
            let normalizes = split == Split::Train && config.normalize == Normalize::LayerRms;
            let look = |&item: &usize| -> Result<(Net, Target)> {
                let Sample { id, net, target } = dataset.source.get(item)?;
                let changes = normalizes && !config.canonicalize.is_empty();
                let net =
                    if changes { canonicalize_net(&net, &config.canonicalize).context(id)?.0 } else { net };
                Ok((net, target))
            };
            // Looked at side by side, added in order, and never all in memory.
            for items in dataset.splits.get(split).chunks(LOOKED_AT_ONCE) {
                let nets = pool.install(|| items.par_iter().map(look).collect::<Result<Vec<_>>>())?;
                for (item, (net, target)) in items.iter().zip(nets) {
                    targets[*item] = target;
                    if !specs.iter().any(|spec| Arc::ptr_eq(spec, net.spec()) || spec == net.spec()) {
                        specs.push(net.spec().clone());
                    }
                    if normalizes {
                        rms.add(&net);
                    }
                }
            }
        }
        let lowering = Lowering::new(&specs)?;
        let normalization = rms.finish();
        // Now rather than after hours of training: a net of the test set may have an architecture of its own.
        lowering.topologies().iter().try_for_each(|topology| normalization.scales(topology).map(|_| ()))?;
        let (seed, device) = (seed.child("pipeline"), device.clone());
        let shared = Shared { dataset, targets, config: config.clone(), lowering, pool, seed, dtype, device };
        Ok((Self { shared: Arc::new(shared), waiting: Waiting::default() }, normalization))
    }

    /// The architectures of the dataset.
    pub fn lowering(&self) -> &Lowering {
        &self.shared.lowering
    }

    /// Nets of a part of the dataset.
    pub fn n_nets(&self, split: Split) -> usize {
        self.shared.dataset.splits.get(split).len()
    }

    /// The nets.
    pub fn dataset(&self) -> &Dataset {
        &self.shared.dataset
    }

    /// What is asked about the nets of a part of the dataset, in its order.
    pub fn targets(&self, split: Split) -> Vec<Target> {
        let Shared { dataset, targets, .. } = &*self.shared;
        dataset.splits.get(split).iter().map(|item| targets[*item]).collect()
    }

    /// Whether all targets, of training, validation and test nets, pass a check.
    ///
    /// # Errors
    /// The first one of the check, with the name of the net.
    pub fn check_targets(&self, check: impl Fn(&Target) -> Result<()>) -> Result<()> {
        let Shared { dataset, targets, .. } = &*self.shared;
        for &item in Split::ALL.iter().flat_map(|split| dataset.splits.get(*split)) {
            if let Err(error) = check(&targets[item]) {
                return Err(error.context(dataset.source.get(item)?.id));
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
    pub fn training_batches(&self, epoch: u64, batch_size: usize, first: usize) -> Batches {
        let batches = chunks(&self.epoch_order(epoch), batch_size);
        let seed = self.shared.seed.child("augment").index(epoch);
        self.ahead(batches.into_iter().skip(first).collect(), first, Some(seed))
    }

    /// Batches of a part of the dataset in its own order, without augmentation.
    pub fn batches(&self, split: Split, batch_size: usize) -> Batches {
        self.ahead(chunks(self.shared.dataset.splits.get(split), batch_size), 0, None)
    }

    /// How long takers of batches have waited for them since the last call, all together.
    pub fn take_waited(&self) -> Duration {
        self.waiting.take()
    }

    fn ahead(&self, batches: Vec<Vec<usize>>, first: usize, augment: Option<Seed>) -> Batches {
        let shared = Arc::clone(&self.shared);
        Batches::ahead(batches.len(), self.waiting.clone(), move |i| {
            shared.prepare(&batches[i], augment.map(|seed| seed.index((first + i) as u64)))
        })
    }
}

impl Shared {
    /// One batch; `seed` augments it. It is on the device when this returns.
    fn prepare(&self, items: &[usize], seed: Option<Seed>) -> Result<PreparedBatch> {
        let (batch, repairs) = self.collated(items, seed)?;
        // A CUDA device keeps a queue for each thread, and no other queue waits for this thread's uploads.
        self.device.synchronize()?;
        let targets = items.iter().map(|item| self.targets[*item]).collect();
        Ok(PreparedBatch { batch, items: items.to_vec(), targets, repairs })
    }

    fn collated(&self, items: &[usize], seed: Option<Seed>) -> Result<(Batch, Repairs)> {
        let is_left_alone =
            self.config.canonicalize.is_empty() && (seed.is_none() || self.config.augment.is_empty());
        if is_left_alone && let Some(nets) = self.lent(items)? {
            let batch = Batch::from_lent(&self.lowering, &nets, self.dtype, &self.device)?;
            return Ok((batch, Repairs::default()));
        }
        let one =
            |(place, &item): (usize, &usize)| self.graph(item, seed.map(|seed| seed.index(place as u64)));
        let prepared =
            self.pool.install(|| items.par_iter().enumerate().map(one).collect::<Result<Vec<_>>>())?;
        let mut graphs = Vec::with_capacity(prepared.len());
        let mut repairs = Repairs::default();
        for (graph, repair) in prepared {
            graphs.push(graph);
            repairs += repair;
        }
        Ok((Batch::collate(&graphs, self.dtype, &self.device)?, repairs))
    }

    /// The nets of a batch without copies, if the source can lend all of them.
    fn lent(&self, items: &[usize]) -> Result<Option<Vec<LentNet<'_>>>> {
        let mut nets = Vec::with_capacity(items.len());
        for &item in items {
            match self.dataset.source.lend(item)? {
                Some(net) => nets.push(net),
                None => return Ok(None),
            }
        }
        Ok(Some(nets))
    }

    /// The graph of one net, canonical and augmented as configured.
    fn graph(&self, item: usize, seed: Option<Seed>) -> Result<(Graph, Repairs)> {
        let Sample { id, net, .. } = self.dataset.source.get(item)?;
        let mut graph = self.lowering.lower(&net)?;
        let mut repairs = Repairs::default();
        if !self.config.canonicalize.is_empty() {
            let canonical = canonicalize(&graph, &self.config.canonicalize).with_context(|| id.clone())?;
            (graph, repairs) = (canonical.graph, canonical.repairs);
        }
        if let Some(seed) = seed {
            for (i, change) in self.config.augment.iter().enumerate() {
                let Augment::RandomAction { symmetries } = change;
                graph = augment(seed.index(i as u64), &graph, symmetries, &Ranges::default())
                    .with_context(|| id.clone())?;
            }
        }
        Ok((graph, repairs))
    }
}

/// Nets read at once before the first batch: enough to keep workers busy, few enough for any memory.
const LOOKED_AT_ONCE: usize = 1024;

fn chunks(items: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    items.chunks(batch_size).map(<[usize]>::to_vec).collect()
}
