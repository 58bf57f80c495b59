//! Nets of any architecture on their way: one way into graphs for each flow.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use sgmn_data::{FlowSample, Source};
use sgmn_graph::{Graph, Lowering, flow::Flow};
use sgmn_symmetry::flow::FlowLowering;

use crate::config::{Normalize, Pipeline as PipelineConfig};

/// The ways of all flows of a dataset.
#[derive(Debug, Default)]
pub(super) struct Flows {
    ways: Vec<FlowLowering>,
}

impl Flows {
    /// The number of the way of a flow, which is added if it is a new one.
    ///
    /// # Errors
    /// If nets of the flow cannot be read as graphs.
    pub(super) fn add(&mut self, flow: &Arc<Flow>) -> Result<usize> {
        if let Some(known) = self.find(flow) {
            return Ok(known);
        }
        self.ways.push(FlowLowering::new(flow)?);
        Ok(self.ways.len() - 1)
    }

    /// The shapes of their graphs.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn lowering(&self) -> Result<Lowering> {
        Ok(Lowering::of_topologies(self.ways.iter().map(|way| way.topology().clone()).collect())?)
    }

    /// The graph of item `i`.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn graph(&self, source: &dyn Source, i: usize) -> Result<Graph> {
        let FlowSample { id, net, .. } = sample(source, i)?;
        let number =
            self.find(net.flow()).with_context(|| format!("{id}: a net of an unknown architecture"))?;
        Ok(self.ways[number].lower(&net).context(id)?.0)
    }

    // Nets of one flow share it, and so it is nearly always found at once.
    fn find(&self, flow: &Arc<Flow>) -> Option<usize> {
        let same = self.ways.iter().position(|way| Arc::ptr_eq(way.flow(), flow));
        same.or_else(|| self.ways.iter().position(|way| **way.flow() == **flow))
    }
}

/// Item `i` of a source of such nets.
pub(super) fn sample(source: &dyn Source, i: usize) -> Result<FlowSample> {
    source.flow(i)?.with_context(|| format!("{}: expected a net of any architecture", source.name(i)))
}

/// That nothing is asked of the pipeline which is known for chains alone.
pub(super) fn check(config: &PipelineConfig) -> Result<()> {
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
