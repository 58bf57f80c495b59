//! Canonical forms: one net for each orbit, the same for every net that the symmetries carry into one another.

use std::{ops::AddAssign, sync::Arc};

use serde::{Deserialize, Serialize};
use sgmn_graph::{Graph, Net, Topology, lower};

use crate::{
    Element, LayerElement, Result, ScaleGroup, Sites, Symmetry,
    act::{Action, act_on_layer, check_lengths},
    sites::Units,
};

/// A graph in canonical form, how it was reached, and what stood in the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Canonical {
    /// The canonical graph.
    pub graph: Graph,
    /// The element that carries the given graph to the canonical one.
    pub element: Element,
    /// What was repaired, or could not be.
    pub repairs: Repairs,
}

/// Counts of units that a canonical form had to treat, or had to leave; sums over nets belong into the run record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repairs {
    /// Units into which nothing enters: they are left unscaled, for their outgoing weights count for nothing.
    pub dead_units: usize,
    /// Units equal to another of their layer: their order is left as found.
    pub tied_units: usize,
    /// Sine units whose phase was shifted.
    pub shifted_phases: usize,
    /// Sine units whose bias is so large that it holds no phase: left as found.
    pub lost_phases: usize,
}

impl AddAssign for Repairs {
    fn add_assign(&mut self, other: Self) {
        self.dead_units += other.dead_units;
        self.tied_units += other.tied_units;
        self.shifted_phases += other.shifted_phases;
        self.lost_phases += other.lost_phases;
    }
}

/// The canonical form of a graph under some symmetries.
///
/// Layer by layer from the input, so that a unit's incoming row already stands in canonical order and scale:
///
/// 1. positive and non-zero scaling: the row and the bias together get norm 1;
/// 2. sign and mirror: the largest weight of the row is positive;
/// 3. phase: the bias lies in (−π/2ω, π/2ω];
/// 4. permutation: units ascend by bias, then by row.
///
/// Idempotent to the bit. Constant on orbits up to [`tolerance::ORBIT`](crate::tolerance::ORBIT), except where
/// [`Repairs`] counts dead or tied units or lost phases, and but for nets in which two numbers that decide differ by
/// about [`tolerance::TIE`](crate::tolerance::TIE): no canonical form of signs or orders is continuous everywhere.
/// Where units are tied, the forms of an orbit are still one function, and equal up to the first layer with tied units.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the graph does not fit its topology.
///
/// # Source
/// ScaleGMN, algorithm 1, treats phase. **Departs:** with the period π/ω in place of π.
///
/// # Example
/// ```
/// use sgmn_graph::{Activation, Net, NetSpec};
/// use sgmn_symmetry::{Symmetry, canonicalize_net};
/// let spec = NetSpec::mlp(&[1, 2, 1], Activation::Relu, 0.0)?;
/// let net = Net::new(spec.into(), vec![2.0, 0.0, 0.0, -4.0, 1.0, 1.0, 0.5])?;
/// let (canonical, _repairs) = canonicalize_net(&net, Symmetry::ALL)?;
/// // Row and bias of each unit get norm 1, its outgoing weight the rest; the unit of smaller bias comes first.
/// assert_eq!(canonical.params(), [0.0, 1.0, -1.0, 0.0, 4.0, 2.0, 0.5]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn canonicalize(graph: &Graph, symmetries: &[Symmetry]) -> Result<Canonical> {
    check_lengths(graph)?;
    let mut graph = graph.clone();
    let mut repairs = Repairs::default();
    let mut layers = Vec::new();
    for site in Sites::new(&graph.topology, symmetries).layers() {
        let scales = site.symmetries.iter().any(|symmetry| symmetry.group() != ScaleGroup::Trivial);
        let mut product = LayerElement::identity(site.n_units);
        for (i, symmetry) in site.symmetries.iter().enumerate() {
            let units = Units::of(&graph, site.layer);
            if i == 0 && scales {
                repairs.dead_units += (0..site.n_units).filter(|i| units.is_dead(*i)).count();
            }
            let factor = symmetry.rule().canonical(&units, &mut repairs)?;
            act_on_layer(&mut graph, site.layer, &factor, Action::Affine);
            product = factor.after(&product).map_err(|fault| fault.at(site.layer))?;
        }
        layers.push(product);
    }
    Ok(Canonical { graph, element: Element::new(layers), repairs })
}

/// The canonical form of a net: lower, [`canonicalize`], raise.
///
/// # Errors
/// As [`canonicalize`], and if a parameter overflows.
pub fn canonicalize_net(net: &Net, symmetries: &[Symmetry]) -> Result<(Net, Repairs)> {
    let topology = Arc::new(Topology::new(net.spec().clone())?);
    let canonical = canonicalize(&lower(net, &topology)?, symmetries)?;
    Ok((canonical.graph.raise()?, canonical.repairs))
}
