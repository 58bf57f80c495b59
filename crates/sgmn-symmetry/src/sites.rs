//! Where symmetries act: the hidden layers of a topology, and the numbers of their units.

use std::cell::OnceCell;

use sgmn_graph::{Graph, Nonlinearity, Topology};

use crate::{Symmetry, act::half_period};

/// For each hidden layer of a net, which of some symmetries act there.
///
/// Only facts of the [`Topology`] are read, never the kind of a layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Sites {
    layers: Vec<Site>,
}

/// One hidden layer and the symmetries that act on its units.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// Node layer, inputs counted as 0.
    pub layer: usize,
    /// Number of units.
    pub n_units: usize,
    /// The symmetries, in the order in which canonical forms are taken.
    pub symmetries: Vec<Symmetry>,
}

impl Sites {
    /// The sites of a net. Of the given symmetries each layer keeps those that its units admit; a scaling whose
    /// elements another one has too is dropped for that one.
    pub fn new(topology: &Topology, symmetries: &[Symmetry]) -> Self {
        let site = |layer| {
            let units = topology.nonlinearity(layer);
            let admitted = |symmetry: &Symmetry| {
                units.is_some_and(|units| symmetry.applies(units))
                    && (topology.has_bias(layer) || !symmetry.rule().needs_bias())
            };
            let mut here: Vec<Symmetry> = symmetries.iter().copied().filter(admitted).collect();
            here.sort_by_key(|symmetry| (symmetry.rule().stage(), *symmetry));
            here.dedup();
            let all = here.clone();
            here.retain(|one| !all.iter().any(|other| is_part_of(*one, *other)));
            Site { layer, n_units: topology.widths()[layer], symmetries: here }
        };
        Self { layers: topology.hidden_layers().map(site).collect() }
    }

    /// The hidden layers, first to last.
    pub fn layers(&self) -> &[Site] {
        &self.layers
    }
}

/// Whether one symmetry scales by some of the scalars of another.
fn is_part_of(one: Symmetry, other: Symmetry) -> bool {
    let (a, b) = (one.group(), other.group());
    a != b && a != crate::ScaleGroup::Trivial && b.contains(a)
}

/// The numbers of the units of one hidden layer: each unit's bias, 0 if there is none, and incoming row.
pub(crate) struct Units<'a> {
    nonlinearity: Nonlinearity,
    biases: &'a [f64],
    rows: &'a [f64],
    row_len: usize,
    /// What [`Units::norm`] has found, asked for several times a unit.
    norms: OnceCell<Vec<f64>>,
}

impl<'a> Units<'a> {
    /// The units of node layer `l`.
    pub(crate) fn of(graph: &'a Graph, l: usize) -> Self {
        let topology = &graph.topology;
        let slots = topology.n_edge_values();
        let edges = topology.edge_range(l - 1);
        Self {
            nonlinearity: topology.nonlinearity(l).expect("hidden layers follow a map"),
            biases: &graph.nodes[topology.node_range(l)],
            rows: &graph.edges[edges.start * slots..edges.end * slots],
            row_len: topology.widths()[l - 1] * slots,
            norms: OnceCell::new(),
        }
    }

    pub(crate) fn nonlinearity(&self) -> Nonlinearity {
        self.nonlinearity
    }

    pub(crate) fn len(&self) -> usize {
        self.biases.len()
    }

    pub(crate) fn bias(&self, i: usize) -> f64 {
        self.biases[i]
    }

    /// All numbers on the edges into unit `i`.
    pub(crate) fn row(&self, i: usize) -> &'a [f64] {
        &self.rows[i * self.row_len..(i + 1) * self.row_len]
    }

    /// The Euclidean norm of unit `i`'s row and bias, safe from overflow.
    pub(crate) fn norm(&self, i: usize) -> f64 {
        self.norms.get_or_init(|| (0..self.len()).map(|i| self.compute_norm(i)).collect())[i]
    }

    fn compute_norm(&self, i: usize) -> f64 {
        let values = || self.row(i).iter().chain(std::slice::from_ref(&self.biases[i]));
        let largest = values().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if largest == 0.0 {
            return 0.0;
        }
        largest * values().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt()
    }

    /// Whether nothing enters unit `i`, or so little that its reciprocal overflows: no scaling can be told by it.
    pub(crate) fn is_dead(&self, i: usize) -> bool {
        !self.norm(i).recip().is_finite()
    }

    /// A magnitude below which differences are relative to it: a sine's bias is exact only up to its shifts.
    pub(crate) fn resolution(&self, of_biases: bool) -> f64 {
        if of_biases { half_period(self.nonlinearity).map_or(0.0, f64::abs) } else { 0.0 }
    }
}
