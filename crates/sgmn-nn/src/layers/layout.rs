//! What the nets of a dataset must share for one model to read them all.

use sgmn_graph::{Lowering, NodeRole, Tie, Topology, flow::Behaviour};

use crate::{Error, Result};

/// Counts that variables depend on. Hidden widths do not matter, and nets may be shallower than the deepest.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Inputs of every net; of nets that are no chains, of the net that has most.
    pub n_in: usize,
    /// Outputs of every net; of nets that are no chains, of the net that has most.
    pub n_out: usize,
    /// Hidden sites of the net that has most.
    pub n_hidden: usize,
    /// Blocks of edges of the net that has most; of chains, edge layers.
    pub n_layers: usize,
    /// Numbers an edge holds at most, K.
    pub n_edge_values: usize,
    /// All numbers of an edge that occur, ascending; one for chains.
    pub edge_widths: Vec<usize>,
    /// Whether all nets are chains of layers.
    pub are_chains: bool,
    /// Whether some net has sites of the same units.
    pub has_ties: bool,
}

/// What of a topology decides which features influence which: everything but widths.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outline {
    sites: Vec<(NodeRole, Option<Behaviour>)>,
    blocks: Vec<(usize, usize)>,
    ties: Vec<Tie>,
}

impl Outline {
    pub(crate) fn of(topology: &Topology) -> Self {
        Self {
            sites: topology.sites().iter().map(|site| (site.role, site.behaviour)).collect(),
            blocks: topology.blocks().iter().map(|block| (block.from, block.to)).collect(),
            ties: topology.ties().to_vec(),
        }
    }
}

impl Layout {
    /// The layout of a dataset.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no net, or chains differ in their inputs or outputs.
    pub fn of(lowering: &Lowering) -> Result<Self> {
        let topologies = lowering.topologies();
        let Some(first) = topologies.first() else {
            return Err(Error::config("data", "at least one net", "none"));
        };
        let most =
            |count: &dyn Fn(&Topology) -> usize| topologies.iter().map(|t| count(t)).max().unwrap_or(0);
        let are_chains = topologies.iter().all(|topology| topology.spec().is_ok());
        let ends = |topology: &Topology| (topology.n_of(NodeRole::Input), topology.n_of(NodeRole::Output));
        let (n_in, n_out) = ends(first);
        for topology in topologies {
            let (inputs, outputs) = ends(topology);
            if are_chains && (inputs, outputs) != (n_in, n_out) {
                let expected = format!("nets of {n_in} inputs and {n_out} outputs like the first");
                return Err(Error::config("data", expected, format!("widths {:?}", topology.widths())));
            }
        }
        let blocks = || topologies.iter().flat_map(|topology| topology.blocks());
        let mut edge_widths: Vec<usize> = blocks().map(|block| block.n_values).collect();
        edge_widths.sort_unstable();
        edge_widths.dedup();
        Ok(Self {
            n_in: most(&|topology| topology.n_of(NodeRole::Input)),
            n_out: most(&|topology| topology.n_of(NodeRole::Output)),
            n_hidden: most(&n_hidden),
            n_layers: most(&Topology::n_layers),
            n_edge_values: lowering.n_edge_values(),
            edge_widths,
            are_chains,
            has_ties: topologies.iter().any(|topology| !topology.ties().is_empty()),
        })
    }

    /// That a model of this layout can read nets of an architecture.
    ///
    /// # Errors
    /// [`Error::Config`] if inputs, outputs or depth do not fit.
    pub fn check(&self, topology: &Topology) -> Result<()> {
        let (inputs, outputs) = (topology.n_of(NodeRole::Input), topology.n_of(NodeRole::Output));
        let Self { n_in, n_out, n_layers, .. } = self;
        let fits =
            outputs <= *n_out && topology.n_layers() <= *n_layers && n_hidden(topology) <= self.n_hidden;
        if self.are_chains {
            if !fits || (inputs, outputs) != (*n_in, *n_out) || topology.spec().is_err() {
                let expected = format!("{n_in} inputs, {n_out} outputs and at most {n_layers} layers");
                return Err(Error::config("nets", expected, format!("widths {:?}", topology.widths())));
            }
            return Ok(());
        }
        let unknown =
            topology.blocks().iter().map(|block| block.n_values).find(|k| !self.edge_widths.contains(k));
        if !fits || inputs > *n_in || unknown.is_some() || !(self.has_ties || topology.ties().is_empty()) {
            let expected = format!(
                "at most {n_in} inputs, {n_out} outputs, {} hidden sites and {n_layers} blocks, edges of {:?} numbers",
                self.n_hidden, self.edge_widths
            );
            let found = format!(
                "{inputs} inputs, {} hidden sites, {} blocks, {outputs} outputs, edges of {unknown:?} numbers",
                n_hidden(topology),
                topology.n_layers()
            );
            return Err(Error::config("nets", expected, found));
        }
        Ok(())
    }
}

fn n_hidden(topology: &Topology) -> usize {
    topology.sites().iter().filter(|site| site.role == NodeRole::Hidden).count()
}
