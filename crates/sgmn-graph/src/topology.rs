//! The shape of a net's graph, shared by all nets of one architecture: sites of nodes, blocks of edges, and the facts
//! symmetries read.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{Block, Error, NetSpec, NodeRole, Nonlinearity, Result, Site, Tie, sites};

/// Sites and blocks of a net in canonical order.
///
/// Of a chain of layers, node layer `l` is site `l`: the inputs are site 0, the outputs the last one, and block `l` joins
/// site `l` to site `l + 1`. Edges are ordered by block, then receiver, then sender, so the edges of a block are dense,
/// `[receivers, senders, K]`.
///
/// Nets that are no chains have sites and blocks too, made from their symmetries; what speaks of layers below is for
/// chains.
#[derive(Debug, Clone, PartialEq)]
pub struct Topology {
    sites: Vec<Site>,
    blocks: Vec<Block>,
    ties: Vec<Tie>,
    origin: Origin,
}

/// What a topology is made from.
#[derive(Debug, Clone, PartialEq)]
enum Origin {
    /// A chain of layers, kernels padded to one size.
    Chain { spec: Arc<NetSpec>, largest_kernel: [usize; 2] },
    /// Something else, by a word that no other architecture has.
    Other { fingerprint: String },
}

/// Sites, blocks and ties of a topology that is no chain, as files hold it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parts {
    /// A word that no other architecture has.
    pub fingerprint: String,
    /// Sets of nodes.
    pub sites: Vec<Site>,
    /// Edges between them.
    pub blocks: Vec<Block>,
    /// Sites of the same units.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ties: Vec<Tie>,
}

impl Topology {
    /// The graph of a spec, its edges as wide as its own largest kernel or flatten.
    ///
    /// # Errors
    /// As [`Topology::padded`].
    pub fn new(spec: Arc<NetSpec>) -> Result<Self> {
        Self::padded(spec, [1, 1], 1)
    }

    /// The graph of a spec whose kernels are padded at least to `kernel` and whose edges hold at least
    /// `n_edge_values` numbers, so that nets of different architectures have edge features of one width.
    ///
    /// # Errors
    /// [`Error::Spec`] if the edges would hold more than a million numbers.
    pub fn padded(spec: Arc<NetSpec>, kernel: [usize; 2], n_edge_values: usize) -> Result<Self> {
        let mut largest_kernel = kernel;
        let mut slots = n_edge_values;
        for layer in spec.layers() {
            if let Some(own) = layer.map.kernel() {
                largest_kernel = [0, 1].map(|axis| largest_kernel[axis].max(own[axis]));
            }
            slots = slots.max(layer.map.n_edge_values());
        }
        let n_edge_values = slots.max(largest_kernel[0] * largest_kernel[1]);
        // A guard against specs from files that would ask for absurd memory.
        const MOST_EDGE_VALUES: usize = 1_000_000;
        if n_edge_values > MOST_EDGE_VALUES {
            let why =
                format!("an edge would hold {n_edge_values} numbers, expected at most {MOST_EDGE_VALUES}");
            return Err(Error::Spec { layer: 0, why });
        }
        let widths = spec.widths();
        let last = widths.len() - 1;
        let site = |(l, n): (usize, &usize)| {
            let (role, at, behaviour) = match l {
                0 => (NodeRole::Input, 0, None),
                l if l == last => (NodeRole::Output, 0, None),
                l => (NodeRole::Hidden, l, Some(spec.layers()[l - 1].nonlinearity().behaviour())),
            };
            Site { n: *n, role, at, behaviour }
        };
        Ok(Self {
            sites: widths.iter().enumerate().map(site).collect(),
            blocks: (0..last).map(|l| Block::dense(l, l + 1, n_edge_values, l)).collect(),
            ties: Vec::new(),
            origin: Origin::Chain { spec, largest_kernel },
        })
    }

    /// The graph with these sites and blocks.
    ///
    /// # Errors
    /// [`Error::Shape`] naming the first part that does not fit the others.
    pub fn of_parts(Parts { fingerprint, sites, blocks, ties }: Parts) -> Result<Self> {
        sites::check(&sites, &blocks, &ties)?;
        Ok(Self { sites, blocks, ties, origin: Origin::Other { fingerprint } })
    }

    /// The parts of a graph that is no chain.
    pub fn parts(&self) -> Option<Parts> {
        let Origin::Other { fingerprint } = &self.origin else { return None };
        Some(Parts {
            fingerprint: fingerprint.clone(),
            sites: self.sites.clone(),
            blocks: self.blocks.clone(),
            ties: self.ties.clone(),
        })
    }

    /// The sites.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// The blocks of edges between them.
    pub fn blocks(&self) -> &[Block] {
        &self.blocks
    }

    /// What joins sites of the same units.
    pub fn ties(&self) -> &[Tie] {
        &self.ties
    }

    /// The blocks that enter a site, by their numbers.
    pub fn blocks_into(&self, site: usize) -> impl Iterator<Item = usize> + '_ {
        self.blocks.iter().enumerate().filter(move |(_, block)| block.to == site).map(|(b, _)| b)
    }

    /// The blocks that leave a site, by their numbers.
    pub fn blocks_out_of(&self, site: usize) -> impl Iterator<Item = usize> + '_ {
        self.blocks.iter().enumerate().filter(move |(_, block)| block.from == site).map(|(b, _)| b)
    }

    /// How many nodes have this role.
    pub fn n_of(&self, role: NodeRole) -> usize {
        self.sites.iter().filter(|site| site.role == role).map(|site| site.n).sum()
    }

    /// Number of nodes, N.
    pub fn n_nodes(&self) -> usize {
        self.sites.iter().map(|site| site.n).sum()
    }

    /// Nodes of a site, counted over all nodes.
    pub fn node_range(&self, site: usize) -> Range<usize> {
        let start = self.sites[..site].iter().map(|site| site.n).sum();
        start..start + self.sites[site].n
    }

    /// The numbers of a block's edges, counted over those of all blocks.
    pub fn number_range(&self, block: usize) -> Range<usize> {
        let n = |block: &Block| block.n_numbers(&self.sites);
        let start = self.blocks[..block].iter().map(n).sum();
        start..start + n(&self.blocks[block])
    }

    /// Numbers an edge holds at most, K; the same for all edges of a chain.
    pub fn n_edge_values(&self) -> usize {
        self.blocks.iter().map(|block| block.n_values).max().unwrap_or(1)
    }

    /// A word that no other architecture has.
    pub fn fingerprint(&self) -> String {
        match &self.origin {
            Origin::Chain { spec, .. } => spec.fingerprint(),
            Origin::Other { fingerprint } => fingerprint.clone(),
        }
    }

    /// The chain of layers that the graph was made from.
    ///
    /// # Errors
    /// [`Error::NoChain`] if it was made from something else.
    pub fn spec(&self) -> Result<&Arc<NetSpec>> {
        match &self.origin {
            Origin::Chain { spec, .. } => Ok(spec),
            Origin::Other { fingerprint } => Err(Error::NoChain { found: fingerprint.clone() }),
        }
    }

    /// Nodes of each site; of a chain, of each node layer, inputs first.
    pub fn widths(&self) -> Vec<usize> {
        self.sites.iter().map(|site| site.n).collect()
    }

    /// Number of blocks; of a chain, of edge layers, one fewer than node layers.
    pub fn n_layers(&self) -> usize {
        self.blocks.len()
    }

    /// Number of edges, E.
    pub fn n_edges(&self) -> usize {
        self.blocks.iter().map(|block| block.shape(&self.sites).iter().product::<usize>()).sum()
    }

    /// Edges of a block, counted over all edges.
    pub fn edge_range(&self, block: usize) -> Range<usize> {
        let n = |block: &Block| block.shape(&self.sites).iter().product::<usize>();
        let start = self.blocks[..block].iter().map(n).sum();
        start..start + n(&self.blocks[block])
    }

    /// Height and width of the kernel to which all kernels of a chain are padded.
    pub fn largest_kernel(&self) -> [usize; 2] {
        match &self.origin {
            Origin::Chain { largest_kernel, .. } => *largest_kernel,
            Origin::Other { .. } => [1, 1],
        }
    }

    /// Node layers of a chain whose units are hidden: those that may be reordered and scaled.
    pub fn hidden_layers(&self) -> Range<usize> {
        1..self.sites.len() - 1
    }

    /// What becomes of the sums of the units of node layer `l` of a chain, their activation and pooling; none for inputs.
    pub fn nonlinearity(&self, l: usize) -> Option<Nonlinearity> {
        let Origin::Chain { spec, .. } = &self.origin else { return None };
        l.checked_sub(1).map(|layer| spec.layers()[layer].nonlinearity())
    }

    /// Whether the units of node layer `l` of a chain have a bias; inputs have none.
    pub fn has_bias(&self, l: usize) -> bool {
        let Origin::Chain { spec, .. } = &self.origin else { return false };
        l.checked_sub(1).is_some_and(|layer| spec.layers()[layer].bias)
    }

    /// For each number of an edge of layer `l` of a chain, in the weight's own order, its slot among the edge's K
    /// numbers.
    pub fn edge_slots(&self, l: usize) -> Vec<usize> {
        match &self.origin {
            Origin::Chain { spec, largest_kernel } => spec.layers()[l].map.edge_slots(*largest_kernel),
            Origin::Other { .. } => (0..self.blocks[l].n_values).collect(),
        }
    }
}
