//! Nets of any architecture on their way: one way into graphs for each flow.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::{Context, Result};
use sgmn_data::{FlowSample, Source};
use sgmn_graph::{Lowering, flow::Flow};
use sgmn_symmetry::flow::FlowLowering;

/// The ways of flows, each made when its flow is first met.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    known: RwLock<Vec<Arc<FlowLowering>>>,
}

impl Ways {
    /// The number of the way of a flow, and the way.
    ///
    /// # Errors
    /// If nets of the flow cannot be read as graphs.
    pub(crate) fn of(&self, flow: &Arc<Flow>) -> Result<(usize, Arc<FlowLowering>)> {
        // A panic while a lock was held cannot leave the list half changed: pushing is the last step.
        if let Some(known) = find(&self.known.read().unwrap_or_else(PoisonError::into_inner), flow) {
            return Ok(known);
        }
        let way = Arc::new(FlowLowering::new(flow)?);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have met the flow in between.
        if let Some(known) = find(&known, flow) {
            return Ok(known);
        }
        known.push(way.clone());
        Ok((known.len() - 1, way))
    }

    /// The shapes of the graphs of all flows that were met.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn lowering(&self) -> Result<Lowering> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Lowering::of_topologies(known.iter().map(|way| way.topology().clone()).collect())?)
    }
}

// Nets of one flow share it, and so it is nearly always found at once.
fn find(known: &[Arc<FlowLowering>], flow: &Arc<Flow>) -> Option<(usize, Arc<FlowLowering>)> {
    let same = known.iter().position(|way| Arc::ptr_eq(way.flow(), flow));
    let number = same.or_else(|| known.iter().position(|way| **way.flow() == **flow))?;
    Some((number, known[number].clone()))
}

/// Item `i` of a source of such nets.
///
/// # Errors
/// Those of the source.
pub(crate) fn sample(source: &dyn Source, i: usize) -> Result<FlowSample> {
    source.flow(i)?.with_context(|| format!("{}: expected a net of any architecture", source.name(i)))
}
