//! What the nets of a dataset must share for one model to read them all.

use sgmn_graph::{Lowering, Nonlinearity, Topology};

use crate::{Error, Result};

/// Counts that variables depend on. Hidden widths do not matter, and nets may be shallower than the deepest.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// Inputs of every net.
    pub n_in: usize,
    /// Outputs of every net.
    pub n_out: usize,
    /// Edge layers of the deepest net.
    pub n_layers: usize,
    /// Numbers an edge holds, K.
    pub n_edge_values: usize,
    /// Activations, and pooling, of the hidden layers of each architecture, first to last.
    pub hidden: Vec<Vec<Nonlinearity>>,
}

impl Layout {
    /// The layout of a dataset.
    ///
    /// # Errors
    /// [`Error::Config`] if there is no net, or nets differ in their inputs or outputs.
    pub fn of(lowering: &Lowering) -> Result<Self> {
        let Some(first) = lowering.topologies().first() else {
            return Err(Error::config("data", "at least one net", "none"));
        };
        let ends = |widths: &[usize]| (widths[0], widths[widths.len() - 1]);
        let (n_in, n_out) = ends(first.widths());
        let mut n_layers = 0;
        let mut hidden = Vec::new();
        for topology in lowering.topologies() {
            if ends(topology.widths()) != (n_in, n_out) {
                let expected = format!("nets of {n_in} inputs and {n_out} outputs like the first");
                return Err(Error::config("data", expected, format!("widths {:?}", topology.widths())));
            }
            n_layers = n_layers.max(topology.n_layers());
            hidden.push(hidden_of(topology));
        }
        Ok(Self { n_in, n_out, n_layers, n_edge_values: lowering.n_edge_values(), hidden })
    }

    /// That a model of this layout can read nets of an architecture.
    ///
    /// # Errors
    /// [`Error::Config`] if inputs, outputs or depth do not fit.
    pub fn check(&self, topology: &Topology) -> Result<()> {
        let (widths, n_layers) = (topology.widths(), topology.n_layers());
        if n_layers > self.n_layers || widths[0] != self.n_in || widths[n_layers] != self.n_out {
            let Self { n_in, n_out, n_layers, .. } = self;
            let expected = format!("{n_in} inputs, {n_out} outputs and at most {n_layers} layers");
            return Err(Error::config("nets", expected, format!("widths {widths:?}")));
        }
        Ok(())
    }
}

/// Activations and pooling of a net's hidden layers, first to last.
pub(crate) fn hidden_of(topology: &Topology) -> Vec<Nonlinearity> {
    topology.hidden_layers().filter_map(|l| topology.nonlinearity(l)).collect()
}
