//! Nets of many architectures to graphs whose edges are equally wide.

use std::sync::Arc;

use crate::{Error, Graph, Net, NetSpec, Result, Topology, lower};

/// The topologies of a dataset: one for each architecture, all padded to the same edge width.
#[derive(Debug, Clone)]
pub struct Lowering {
    topologies: Vec<Arc<Topology>>,
}

impl Lowering {
    /// The topologies of the given specs; equal specs share one.
    ///
    /// # Errors
    /// As [`Topology::padded`].
    pub fn new<'a>(specs: impl IntoIterator<Item = &'a Arc<NetSpec>>) -> Result<Self> {
        let mut distinct: Vec<&Arc<NetSpec>> = Vec::new();
        for spec in specs {
            if !distinct.iter().any(|known| same(known, spec)) {
                distinct.push(spec);
            }
        }
        let alone = distinct.iter().map(|spec| Topology::new((*spec).clone())).collect::<Result<Vec<_>>>()?;
        let kernel = [0, 1].map(|axis| alone.iter().map(|t| t.largest_kernel()[axis]).max().unwrap_or(1));
        let n_values = alone.iter().map(Topology::n_edge_values).max().unwrap_or(1);
        let padded =
            distinct.iter().map(|spec| Topology::padded((*spec).clone(), kernel, n_values).map(Arc::new));
        Ok(Self { topologies: padded.collect::<Result<_>>()? })
    }

    /// These topologies, of nets that are no chains.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is none.
    pub fn of_topologies(topologies: Vec<Arc<Topology>>) -> Result<Self> {
        if topologies.is_empty() {
            return Err(Error::shape("architectures", "at least 1", 0));
        }
        Ok(Self { topologies })
    }

    /// One topology an architecture, in the order in which the specs were given.
    pub fn topologies(&self) -> &[Arc<Topology>] {
        &self.topologies
    }

    /// Numbers an edge holds at most, K; the same for all edges of chains.
    pub fn n_edge_values(&self) -> usize {
        self.topologies.iter().map(|topology| topology.n_edge_values()).max().unwrap_or(1)
    }

    /// The graph of a net.
    ///
    /// # Errors
    /// [`Error::Shape`] if the net's spec is not among those given to [`Lowering::new`].
    pub fn lower(&self, net: &Net) -> Result<Graph> {
        lower(net, self.topology(net.spec())?)
    }

    /// The topology of an architecture.
    ///
    /// # Errors
    /// [`Error::Shape`] if the spec is not among those given to [`Lowering::new`].
    pub fn topology(&self, spec: &Arc<NetSpec>) -> Result<&Arc<Topology>> {
        let is_it = |topology: &&Arc<Topology>| topology.spec().is_ok_and(|own| same(own, spec));
        self.topologies.iter().find(is_it).ok_or_else(|| {
            let known: Vec<_> = self.topologies.iter().map(|topology| topology.fingerprint()).collect();
            Error::shape("spec of a net", known.join(" or "), spec.fingerprint())
        })
    }
}

/// Equality that asks the pointer first: nearly all nets of a dataset share a few specs.
pub(crate) fn same(a: &Arc<NetSpec>, b: &Arc<NetSpec>) -> bool {
    Arc::ptr_eq(a, b) || a == b
}
