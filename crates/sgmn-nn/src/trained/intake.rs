//! How nets come to a trained model: in canonical form, as graphs of the architectures it reads, on its device.

use candle_core::{DType, Device};
use sgmn_graph::{Batch, Graph, LentNet, Lowering, Net};
use sgmn_symmetry::{Repairs, Symmetry, canonicalize};

use crate::Result;

/// The way of a net to a model. It holds no variables, so other threads may walk it ahead of the model.
#[derive(Debug, Clone)]
pub struct Intake {
    /// The architectures that the model reads.
    pub lowering: Lowering,
    /// Symmetries whose canonical form every net is brought to; none for nets as they are.
    pub canonicalize: Vec<Symmetry>,
    /// Number type of batches.
    pub dtype: DType,
    /// Where batches lie.
    pub device: Device,
}

impl Intake {
    /// The graph of a net, and what its canonical form had to repair.
    ///
    /// # Errors
    /// [`crate::Error::Graph`] if the model does not read the net's architecture; [`crate::Error::Symmetry`] if the net
    /// has no canonical form.
    pub fn graph(&self, net: &Net) -> Result<(Graph, Repairs)> {
        let graph = self.lowering.lower(net)?;
        if self.canonicalize.is_empty() {
            return Ok((graph, Repairs::default()));
        }
        let canonical = canonicalize(&graph, &self.canonicalize)?;
        Ok((canonical.graph, canonical.repairs))
    }

    /// Graphs as a batch.
    ///
    /// # Errors
    /// If there is none, or the device refuses.
    pub fn collate(&self, graphs: &[Graph]) -> Result<Batch> {
        Ok(Batch::collate(graphs, self.dtype, &self.device)?)
    }

    /// Nets as a batch.
    ///
    /// # Errors
    /// As [`Intake::graph`] and [`Intake::collate`].
    pub fn batch(&self, nets: &[Net]) -> Result<Batch> {
        let graphs = nets.iter().map(|net| Ok(self.graph(net)?.0)).collect::<Result<Vec<_>>>()?;
        self.collate(&graphs)
    }

    /// Nets that lie elsewhere as a batch, with no copy in between.
    ///
    /// # Errors
    /// As [`Intake::batch`].
    ///
    /// # Panics
    /// If nets are to be brought to a canonical form, for lent nets cannot be changed.
    pub fn lent(&self, nets: &[LentNet<'_>]) -> Result<Batch> {
        assert!(self.canonicalize.is_empty(), "nets are lent, and to be changed: {:?}", self.canonicalize);
        Ok(Batch::from_lent(&self.lowering, nets, self.dtype, &self.device)?)
    }
}
