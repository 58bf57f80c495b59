//! Random elements, for augmentation and for examination.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sgmn_graph::{Graph, Net, Seed, Topology};

use crate::{Element, Error, LayerElement, Result, Sites, Symmetry};

/// From which ranges elements are drawn where a group has no end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ranges {
    /// Least and largest magnitude of a positive or non-zero scalar, drawn log-uniformly.
    pub scale: [f64; 2],
    /// Largest number of phase shifts either way, drawn uniformly.
    pub shifts: u32,
}

impl Default for Ranges {
    /// The ranges in which models are examined: three orders of magnitude, and shifts that leave any fitted bias
    /// well outside of the canonical interval.
    fn default() -> Self {
        Self { scale: [1.0 / 30.0, 30.0], shifts: 3 }
    }
}

impl Ranges {
    fn validate(&self) -> Result<()> {
        let [low, high] = self.scale;
        let sensible = low.recip().is_finite() && low > 0.0 && low <= high && high.is_finite();
        let expected = "two finite positive numbers, the smaller first";
        let fault = || Error::Ranges { field: "scale", expected, found: format!("{:?}", self.scale) };
        if sensible { Ok(()) } else { Err(fault()) }
    }
}

/// A random element: at each hidden layer the product of one element of each symmetry that acts there.
///
/// Each symmetry and layer has a seed of its own, so a further symmetry changes no draw of the others.
///
/// # Errors
/// [`Error::Ranges`] if a range is empty or not finite.
pub fn sample(seed: Seed, topology: &Topology, symmetries: &[Symmetry], ranges: &Ranges) -> Result<Element> {
    ranges.validate()?;
    let sites = Sites::new(topology, symmetries);
    let mut layers = Vec::with_capacity(sites.layers().len());
    for site in sites.layers() {
        let mut product = LayerElement::identity(site.n_units);
        for symmetry in &site.symmetries {
            let seed = seed.child(symmetry.name()).index(site.layer as u64);
            let factor = symmetry.rule().sample(seed, site.n_units, ranges)?;
            product = factor.after(&product).map_err(|fault| fault.at(site.layer))?;
        }
        layers.push(product);
    }
    Ok(Element::new(layers))
}

/// Moves a graph by a random element: another net with the same function.
///
/// # Errors
/// As [`sample`] and [`Element::act`].
pub fn augment(seed: Seed, graph: &Graph, symmetries: &[Symmetry], ranges: &Ranges) -> Result<Graph> {
    sample(seed, &graph.topology, symmetries, ranges)?.act(graph)
}

/// Moves a net by a random element: another net with the same function.
///
/// # Errors
/// As [`sample`] and [`Element::act_on_net`].
pub fn augment_net(seed: Seed, net: &Net, symmetries: &[Symmetry], ranges: &Ranges) -> Result<Net> {
    let topology = Arc::new(Topology::new(net.spec().clone())?);
    sample(seed, &topology, symmetries, ranges)?.act_on_net(net)
}

#[cfg(test)]
mod tests {
    use sgmn_graph::{Activation, NetSpec};

    use super::*;

    #[test]
    fn draws_stay_in_range_and_do_not_depend_on_other_symmetries() {
        let spec = NetSpec::mlp(&[1, 500, 1], Activation::Relu, 0.0).unwrap();
        let topology = Topology::new(spec.into()).unwrap();
        let draw = |symmetries: &[Symmetry]| {
            sample(Seed::new(1), &topology, symmetries, &Ranges::default()).unwrap().layers()[0].clone()
        };
        let scales = draw(&[Symmetry::Positive]).scales().to_vec();
        assert!(scales.iter().all(|q| (0.999 / 30.0..30.001).contains(q)));
        let n_small = scales.iter().filter(|q| **q < 1.0).count();
        assert!((200..300).contains(&n_small), "log-uniform: {n_small} of 500 below 1");
        let order = draw(&[Symmetry::Permutation]).order().to_vec();
        let both = draw(&[Symmetry::Positive, Symmetry::Permutation, Symmetry::Sign]);
        assert_eq!(both.order(), order);
        assert!(both.scales().iter().zip(&order).all(|(q, old)| *q == scales[*old]), "ReLU admits no sign");
    }

    #[test]
    fn an_empty_range_is_refused() {
        let topology =
            Topology::new(NetSpec::mlp(&[1, 1, 1], Activation::Relu, 0.0).unwrap().into()).unwrap();
        for scale in [[0.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [1.0, f64::NAN], [1e-310, 1.0]] {
            let ranges = Ranges { scale, ..Ranges::default() };
            assert!(sample(Seed::new(0), &topology, &[], &ranges).is_err(), "{scale:?}");
        }
    }
}
