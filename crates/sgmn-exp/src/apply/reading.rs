//! All nets of a dataset as batches for a trained model: ahead of it, in order, without those that it does not read.

use std::sync::Arc;

use anyhow::Result;
use rayon::prelude::*;
use sgmn_data::{Dataset, Error, FlowSample, LentSample, Sample, Target, skip::Skipped, split::Split};
use sgmn_graph::{Batch, Graph, NetSpec};
use sgmn_nn::{layers::Layout, trained::Intake};

use crate::{
    data::{
        flows::Ways,
        pipeline::{Batches, Waiting},
    },
    show::describe_spec,
};

/// Nets on their way to a trained model.
pub struct Reading {
    dataset: Dataset,
    splits: Vec<Option<Split>>,
    intake: Intake,
    /// The ways of nets that are no chains.
    ways: Ways,
    /// What the model can read.
    layout: Layout,
}

/// Some nets in their order.
#[derive(Debug)]
pub struct ReadBatch {
    /// The nets on the model's device; none if all were left out.
    pub batch: Option<Batch>,
    /// What is known of each.
    pub nets: Vec<ReadNet>,
    /// Nets of this part of the dataset that the model does not read.
    pub left_out: Vec<Skipped>,
}

/// What is known of a net beside its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadNet {
    /// Its name.
    pub id: String,
    /// What is to be predicted from it.
    pub target: Target,
    /// The part of the dataset that it stands in.
    pub split: Option<Split>,
}

impl Reading {
    /// The nets of a dataset for a model. What becomes of bad nets, [`Dataset::on_bad_net`] says; nets that the model
    /// does not read are such nets.
    ///
    /// # Errors
    /// If a net stands in two parts of the dataset.
    pub fn new(dataset: Dataset, intake: Intake) -> Result<Self> {
        let splits = dataset.splits.assignment(dataset.source.len())?;
        let layout = Layout::of(&intake.lowering)?;
        Ok(Self { dataset, splits, intake, ways: Ways::default(), layout })
    }

    /// Number of nets, those that will be left out too.
    pub fn n_nets(&self) -> usize {
        self.dataset.source.len()
    }

    /// Names of the classes, where they have some.
    pub fn classes(&self) -> Option<&[String]> {
        self.dataset.classes.as_deref()
    }

    /// All nets in batches of this size, read on another thread while the model works.
    pub fn batches(self: &Arc<Self>, batch_size: usize) -> Batches<ReadBatch> {
        let (n_nets, device) = (self.n_nets(), self.intake.device.clone());
        let this = Arc::clone(self);
        Batches::ahead(n_nets.div_ceil(batch_size), Waiting::default(), device, move |i| {
            let start = i * batch_size;
            this.read(start..(start + batch_size).min(n_nets))
        })
    }

    /// A net that the model has no answer for: an error, or one more that is left out.
    ///
    /// # Errors
    /// Unless such nets may be left out.
    pub fn refuse(&self, id: &str, found: &str, left_out: &mut Vec<Skipped>) -> Result<()> {
        let fault = Error::format(id, "an answer of finite numbers", found);
        self.dataset.on_bad_net.take::<()>(Err(fault), || id.to_owned(), left_out)?;
        Ok(())
    }

    fn read(&self, items: std::ops::Range<usize>) -> Result<ReadBatch> {
        let mut left_out = Vec::new();
        if self.intake.canonicalize.is_empty()
            && !self.dataset.source.has_flows()
            && let Some(lent) = self.lent(items.clone(), &mut left_out)?
        {
            let nets = lent.iter().map(|(item, lent)| self.known(*item, lent.id.to_owned(), lent.target));
            let nets = nets.collect();
            let lent: Vec<_> = lent.into_iter().map(|(_, lent)| lent.net).collect();
            let batch = if lent.is_empty() { None } else { Some(self.intake.lent(&lent)?) };
            return Ok(ReadBatch { batch, nets, left_out });
        }
        let read: Vec<_> = items.clone().into_par_iter().map(|item| self.graph(item)).collect();
        let (mut graphs, mut nets) = (Vec::new(), Vec::new());
        for (item, read) in items.zip(read) {
            let source = &self.dataset.source;
            let taken = self.dataset.on_bad_net.take(read, || source.name(item), &mut left_out)?;
            if let Some((id, target, graph)) = taken {
                nets.push(self.known(item, id, target));
                graphs.push(graph);
            }
        }
        let batch = if graphs.is_empty() { None } else { Some(self.intake.collate(&graphs)?) };
        Ok(ReadBatch { batch, nets, left_out })
    }

    /// The nets that the model reads, without copies, if the source lends all of them.
    fn lent(
        &self,
        items: std::ops::Range<usize>,
        left_out: &mut Vec<Skipped>,
    ) -> Result<Option<Vec<(usize, LentSample<'_>)>>> {
        let source = &self.dataset.source;
        let mut nets = Vec::with_capacity(items.len());
        for item in items {
            let lent = match source.lend(item) {
                Ok(None) => {
                    left_out.clear();
                    return Ok(None);
                }
                Ok(Some(lent)) => self.fits(lent.id, lent.net.spec()).map(|()| lent),
                Err(why) => Err(why),
            };
            let taken = self.dataset.on_bad_net.take(lent, || source.name(item), left_out)?;
            nets.extend(taken.map(|lent| (item, lent)));
        }
        Ok(Some(nets))
    }

    fn graph(&self, item: usize) -> sgmn_data::Result<(String, Target, Graph)> {
        if self.dataset.source.has_flows() {
            return self.graph_of_flow(item);
        }
        let Sample { id, net, target } = self.dataset.source.get(item)?;
        self.fits(&id, net.spec())?;
        let graph = self.intake.graph(&net);
        let (graph, _) =
            graph.map_err(|why| Error::format(&id, "a net that the model reads", why.to_string()))?;
        Ok((id, target, graph))
    }

    fn graph_of_flow(&self, item: usize) -> sgmn_data::Result<(String, Target, Graph)> {
        let source = &self.dataset.source;
        let missing = || Error::format(source.name(item), "a net of any architecture", "none");
        let FlowSample { id, net, target } = source.flow(item)?.ok_or_else(missing)?;
        let read = || -> Result<Graph> {
            let (_, way) = self.ways.of(net.flow())?;
            self.layout.check(way.topology())?;
            Ok(way.lower(&net)?.0)
        };
        let graph =
            read().map_err(|why| Error::format(&id, "a net that the model reads", format!("{why:#}")))?;
        Ok((id, target, graph))
    }

    /// Whether the model reads nets of an architecture.
    fn fits(&self, id: &str, spec: &Arc<NetSpec>) -> sgmn_data::Result<()> {
        if self.intake.lowering.topology(spec).is_ok() {
            return Ok(());
        }
        let known = self.intake.lowering.topologies().iter().map(|topology| {
            topology.spec().map_or_else(|_| topology.fingerprint(), |spec| describe_spec(spec))
        });
        let known = known.collect::<Vec<_>>().join("; or ");
        let expected = format!("an architecture that the model reads ({known})");
        Err(Error::format(id, expected, describe_spec(spec)))
    }

    fn known(&self, item: usize, id: String, target: Target) -> ReadNet {
        ReadNet { id, target, split: self.splits[item] }
    }
}
