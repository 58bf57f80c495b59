//! The way of a net to the model: read, lower, canonicalize, augment, collate; ahead of training, in a fixed order.

mod ahead;
mod digest;
mod noise;
mod order;

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device};
use rayon::prelude::*;
use sgmn_data::{Dataset, FlowSample, Sample, Target, split::Split};
use sgmn_graph::{Batch, Graph, LentNet, Lowering, Net, NetSpec, Seed};
use sgmn_nn::{Normalization, RmsAccumulator, trained::Intake};
use sgmn_symmetry::{Ranges, Repairs, augment, canonicalize_net};

pub use self::ahead::Batches;
pub(crate) use self::ahead::Waiting;
use self::digest::DataDigest;
use crate::{
    config::{Augment, Normalize, Pipeline as PipelineConfig},
    data::flows::{self, Ways},
};

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
    /// The number of each item's architecture, in the order in which they are met.
    architectures: Vec<usize>,
    config: PipelineConfig,
    intake: Intake,
    /// The ways of nets that are no chains; none if all are.
    ways: Ways,
    pool: rayon::ThreadPool,
    seed: Seed,
    /// What tells these nets and targets from others.
    sha256: String,
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
        if dataset.source.has_flows() {
            return Self::of_flows(dataset, config, seed, dtype, device, pool);
        }
        let mut targets = vec![Target::None; dataset.source.len()];
        let mut architectures = vec![0; dataset.source.len()];
        let mut specs: Vec<Arc<NetSpec>> = Vec::new();
        let mut rms = RmsAccumulator::default();
        let mut digest_of_all = DataDigest::default();
        for split in Split::ALL {
            let normalizes = split == Split::Train && config.normalize == Normalize::LayerRms;
            let look = |&item: &usize| -> Result<(Net, Target, [u8; 32])> {
                let Sample { id, net, target } = dataset.source.get(item)?;
                let digest = digest::of_net(&net, &target);
                let changes = normalizes && !config.canonicalize.is_empty();
                let net =
                    if changes { canonicalize_net(&net, &config.canonicalize).context(id)?.0 } else { net };
                Ok((net, target, digest))
            };
            // Looked at side by side, added in order, and never all in memory.
            for items in dataset.splits.get(split).chunks(LOOKED_AT_ONCE) {
                let nets = pool.install(|| items.par_iter().map(look).collect::<Result<Vec<_>>>())?;
                for (item, (net, target, digest)) in items.iter().zip(nets) {
                    targets[*item] = target;
                    digest_of_all.add(split, &digest);
                    let known = |spec: &Arc<NetSpec>| Arc::ptr_eq(spec, net.spec()) || spec == net.spec();
                    architectures[*item] = specs.iter().position(known).unwrap_or(specs.len());
                    if architectures[*item] == specs.len() {
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
        let canonicalize = config.canonicalize.clone();
        let intake = Intake { lowering, canonicalize, dtype, device: device.clone() };
        let (seed, sha256) = (seed.child("pipeline"), digest_of_all.finish());
        let (config, ways) = (config.clone(), Ways::default());
        let shared = Shared { dataset, targets, architectures, config, intake, ways, pool, seed, sha256 };
        Ok((Self { shared: Arc::new(shared), waiting: Waiting::default() }, normalization))
    }

    /// The pipeline of nets of any architecture.
    fn of_flows(
        dataset: Dataset,
        config: &PipelineConfig,
        seed: Seed,
        dtype: DType,
        device: &Device,
        pool: rayon::ThreadPool,
    ) -> Result<(Self, Normalization)> {
        check_for_flows(config)?;
        let mut targets = vec![Target::None; dataset.source.len()];
        let mut architectures = vec![0; dataset.source.len()];
        let (ways, mut digest_of_all) = (Ways::default(), DataDigest::default());
        for split in Split::ALL {
            for &item in dataset.splits.get(split) {
                let FlowSample { net, target, .. } = flows::sample(dataset.source.as_ref(), item)?;
                digest_of_all.add(split, &digest::of_flow(&net, &target));
                targets[item] = target;
                architectures[item] = ways.of(net.flow())?.0;
            }
        }
        let (lowering, canonicalize) = (ways.lowering()?, Vec::new());
        let intake = Intake { lowering, canonicalize, dtype, device: device.clone() };
        let (seed, sha256, config) = (seed.child("pipeline"), digest_of_all.finish(), config.clone());
        let shared = Shared { dataset, targets, architectures, config, intake, ways, pool, seed, sha256 };
        Ok((Self { shared: Arc::new(shared), waiting: Waiting::default() }, Normalization::none()))
    }

    /// The architectures of the dataset.
    pub fn lowering(&self) -> &Lowering {
        &self.shared.intake.lowering
    }

    /// SHA-256 over the nets and their targets as 64 hexadecimal digits, part by part in their order: equal for equal
    /// data, in any format and by any names.
    pub fn sha256(&self) -> &str {
        &self.shared.sha256
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
                let id = match dataset.source.flow(item)? {
                    Some(sample) => sample.id,
                    None => dataset.source.get(item)?.id,
                };
                return Err(error.context(id));
            }
        }
        Ok(())
    }

    /// The items of the training set in the order of one epoch.
    pub fn epoch_order(&self, epoch: u64) -> Vec<usize> {
        let Shared { dataset, architectures, config, seed, .. } = &*self.shared;
        let seed = seed.child("order").index(epoch);
        order::of_epoch(&dataset.splits.train, architectures, config.alike, seed)
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

    /// The same batches with every net moved as training nets are, in another way for each copy.
    pub fn moved_batches(&self, split: Split, batch_size: usize, copy: u64) -> Batches {
        let seed = self.shared.seed.child("moved copies").index(copy);
        self.ahead(chunks(self.shared.dataset.splits.get(split), batch_size), 0, Some(seed))
    }

    /// Whether training nets are moved through their functions.
    pub fn moves_nets(&self) -> bool {
        self.shared.config.moves().is_some()
    }

    /// How long takers of batches have waited for them since the last call, all together.
    pub fn take_waited(&self) -> Duration {
        self.waiting.take()
    }

    fn ahead(&self, batches: Vec<Vec<usize>>, first: usize, augment: Option<Seed>) -> Batches {
        let shared = Arc::clone(&self.shared);
        let device = shared.intake.device.clone();
        Batches::ahead(batches.len(), self.waiting.clone(), device, move |i| {
            shared.prepare(&batches[i], augment.map(|seed| seed.index((first + i) as u64)))
        })
    }
}

impl Shared {
    /// One batch; `seed` augments it.
    fn prepare(&self, items: &[usize], seed: Option<Seed>) -> Result<PreparedBatch> {
        let (batch, repairs) = self.collated(items, seed)?;
        let targets = items.iter().map(|item| self.targets[*item]).collect();
        Ok(PreparedBatch { batch, items: items.to_vec(), targets, repairs })
    }

    fn collated(&self, items: &[usize], seed: Option<Seed>) -> Result<(Batch, Repairs)> {
        let is_left_alone =
            self.config.canonicalize.is_empty() && (seed.is_none() || self.config.augment.is_empty());
        if is_left_alone && let Some(nets) = self.lent(items)? {
            return Ok((self.intake.lent(&nets)?, Repairs::default()));
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
        Ok((self.intake.collate(&graphs)?, repairs))
    }

    /// The nets of a batch without copies, if the source can lend all of them.
    fn lent(&self, items: &[usize]) -> Result<Option<Vec<LentNet<'_>>>> {
        let mut nets = Vec::with_capacity(items.len());
        for &item in items {
            match self.dataset.source.lend(item)? {
                Some(lent) => nets.push(lent.net),
                None => return Ok(None),
            }
        }
        Ok(Some(nets))
    }

    /// The graph of one net, canonical and augmented as configured.
    fn graph(&self, item: usize, seed: Option<Seed>) -> Result<(Graph, Repairs)> {
        if self.dataset.source.has_flows() {
            let FlowSample { id, net, .. } = flows::sample(self.dataset.source.as_ref(), item)?;
            let (_, way) = self.ways.of(net.flow()).with_context(|| id.clone())?;
            return Ok((way.lower(&net).context(id)?.0, Repairs::default()));
        }
        let Sample { id, mut net, .. } = self.dataset.source.get(item)?;
        // What changes the function comes first: the canonical form is that of the net which is read.
        for (change, seed) in self.changes(seed) {
            let changed = match change {
                Augment::RandomAction { .. } => continue,
                Augment::MoveInputs(motion) => {
                    let map = motion.sample(seed, net.spec().widths()[0]);
                    map.and_then(|map| map.act_on_net(&net)).map_err(anyhow::Error::from)
                }
                Augment::ScaleOutputs(levels) => {
                    let map = levels.sample(seed);
                    map.and_then(|map| map.act_on_net(&net)).map_err(anyhow::Error::from)
                }
                Augment::AddNoise { deviation } => {
                    noise::add_noise(&net, *deviation, seed).map_err(anyhow::Error::from)
                }
            };
            net = changed.with_context(|| id.clone())?;
        }
        let (mut graph, repairs) = self.intake.graph(&net).with_context(|| id.clone())?;
        for (change, seed) in self.changes(seed) {
            if let Augment::RandomAction { symmetries } = change {
                graph = augment(seed, &graph, symmetries, &Ranges::default()).with_context(|| id.clone())?;
            }
        }
        Ok((graph, repairs))
    }

    /// The random changes of a net, each with its seed; none if there is no seed.
    fn changes(&self, seed: Option<Seed>) -> impl Iterator<Item = (&Augment, Seed)> {
        let of = move |(i, change)| Some((change, seed?.index(i as u64)));
        self.config.augment.iter().enumerate().filter_map(of)
    }
}

/// That nothing is asked of the pipeline which is known for chains alone.
fn check_for_flows(config: &PipelineConfig) -> Result<()> {
    if !config.canonicalize.is_empty() {
        bail!(
            "pipeline.canonicalize: expected nothing, since nets of many architectures are read as they are, found symmetries"
        );
    }
    if !config.augment.is_empty() {
        bail!(
            "pipeline.augment: expected nothing, since nets of many architectures are read as they are, found augmentations"
        );
    }
    if config.normalize != Normalize::None {
        bail!(
            "pipeline.normalize: expected \"none\", since numbers of nets of many architectures are scaled by the shapes of \
             their layers, found another"
        );
    }
    Ok(())
}

/// Nets read at once before the first batch: enough to keep workers busy, few enough for any memory.
const LOOKED_AT_ONCE: usize = 1024;

fn chunks(items: &[usize], batch_size: usize) -> Vec<Vec<usize>> {
    items.chunks(batch_size).map(<[usize]>::to_vec).collect()
}
