//! A net of any architecture as a graph that models read: units are nodes, numbers are edges between them.
//!
//! The graph is made from what [`derive`] has found, not from operations: a *node* is a unit with one of its scalars, a
//! *site* a set of nodes that come together, a *block* the numbers of a parameter between two sites. So whatever the
//! derivation understands (residual streams, attention, gates, norms, recurrence) is a graph, and by construction a
//! number on an edge scales with its receiver, and against its sender, exactly as the group says:
//!
//! ```text
//! w_ij → q_i w_ij / q_j,     b_i → q_i b_i
//! ```
//!
//! | in the net | in the graph |
//! | --- | --- |
//! | units that move together, with scalars of their own | a site; a residual stream is one, wherever it is read |
//! | a weight, a kernel, a table | a block; axes along which nothing moves are the K numbers of an edge |
//! | a bias | the value of its node; a second one at the same site, an edge from the number 1 |
//! | a grouped kernel | a block in groups; a depthwise one or a gain, a block of one edge a unit |
//! | the same units with other scalars (a gate and what it gates, queries and keys, gates of an LSTM) | sites that are tied |
//! | inputs | places, hence numbers on the edges from the number 1; outputs are nodes |
//!
//! What is free beside units' own scalars is fixed first, by [`FlowLowering::lower`]: norms are folded, additive
//! freedoms settled, scalars shared by several units and matrices brought to their canonical points.
//!
//! # Source
//! Kofinas et al. 2024 and Lim et al. 2024 read nets with skips, norms and attention as graphs of operations; graphs of
//! derived units are this project's.

mod draft;
mod fill;
mod nodes;
mod offsets;
mod parts;
mod sides;

use std::sync::Arc;

use sgmn_graph::{
    Graph, Topology,
    flow::{Flow, FlowNet},
};

use self::draft::Source;
use super::{
    Spaces,
    canonical::{FlowRepairs, gauged},
    derive,
    fold::Fold,
    freedoms::{Freedom, freedoms, settle_by},
    matrices::{Matrix, matrices},
};
use crate::Result;

/// The way from nets of a flow to graphs.
#[derive(Debug)]
pub struct FlowLowering {
    flow: Arc<Flow>,
    fold: Fold,
    spaces: Spaces,
    freedoms: Vec<Freedom>,
    matrices: Vec<Matrix>,
    /// Whether something beside units' own scalars has to be fixed.
    is_gauged: bool,
    /// Of each variable, whether it is a unit's own.
    own: Vec<bool>,
    topology: Arc<Topology>,
    sources: Vec<Source>,
    biases: Vec<Option<Source>>,
}

impl FlowLowering {
    /// Derives the graph of a flow.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) naming the parameter that is no block of edges.
    pub fn new(flow: &Arc<Flow>) -> Result<Self> {
        let fold = Fold::new(flow)?;
        let spaces = derive(fold.flow());
        let freedoms = freedoms(fold.flow());
        let matrices = matrices(fold.flow());
        let graph = draft::Graph::new(&spaces, &matrices)?;
        let own: Vec<bool> = (0..spaces.derived.n_vars()).map(|var| graph.nodes.is_own(var)).collect();
        let is_gauged = !matrices.is_empty() || shared_vars(&spaces, &own);
        let (topology, sources, biases) = parts::assembled(graph, flow)?;
        let topology = Arc::new(topology);
        Ok(Self {
            flow: flow.clone(),
            fold,
            spaces,
            freedoms,
            matrices,
            is_gauged,
            own,
            topology,
            sources,
            biases,
        })
    }

    /// The flow whose nets are read.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// The shape of the graphs.
    pub fn topology(&self) -> &Arc<Topology> {
        &self.topology
    }

    /// The graph of a net, and how many choices were made on the way that nothing decides.
    ///
    /// # Errors
    /// [`Error::Flow`](crate::Error::Flow) if the net is of another flow, or numbers grow beyond measure.
    pub fn lower(&self, net: &FlowNet) -> Result<(Graph, FlowRepairs)> {
        super::check_same_flow(&self.flow, net.flow())?;
        let folded = self.fold.apply(net)?;
        if !self.is_gauged {
            let (settled, _) = settle_by(&folded, &self.freedoms)?;
            drop(folded);
            return Ok((self.fill(&settled)?, FlowRepairs::default()));
        }
        let gauged = gauged(folded, &self.spaces, &self.freedoms, self.matrices.clone())?;
        // Scalars that are units' own are given back: models know what to do with them.
        let (logs, signs) = &gauged.scalars;
        let back: Vec<f64> =
            logs.iter().zip(&self.own).map(|(log, own)| if *own { -log } else { 0.0 }).collect();
        let flipped: Vec<bool> = signs.iter().zip(&self.own).map(|(sign, own)| *own && *sign).collect();
        let element = self.spaces.element(None, &back, &flipped);
        if element.is_identity() {
            return Ok((self.fill(&gauged.net)?, gauged.repairs));
        }
        // Acting parameter by parameter, so that a large net need not be there once more.
        Ok((self.fill(&element.act(&gauged.net))?, gauged.repairs))
    }
}

/// Whether scalars move numbers that are no unit's own.
fn shared_vars(spaces: &Spaces, own: &[bool]) -> bool {
    spaces.scale_rows().iter().any(|row| {
        let vars = row.log.0.iter().map(|term| term.0).chain(row.sign.0.iter().map(|term| term.0));
        vars.into_iter().any(|var| !own[var as usize])
    })
}
