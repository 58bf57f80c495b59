//! Which scalings of hidden units a reader of nets is to ignore, and whether the nets have them.

use sgmn_graph::{NodeRole, Nonlinearity, Site, Topology};

use crate::{Error, Result, ScaleGroup};

/// The scalings of hidden units that whoever reads nets takes as symmetries.
///
/// ```
/// use sgmn_graph::{Activation, NetSpec, Topology};
/// use sgmn_symmetry::{ScaleGroup, Scaling};
///
/// let sines = Topology::new(NetSpec::mlp(&[2, 4, 1], Activation::Sine { omega: 30.0 }, 0.0)?.into())?;
/// assert_eq!(Scaling::Own.of_units(Activation::Tanh), ScaleGroup::Sign);
/// assert!(Scaling::Only(ScaleGroup::Sign).check(&sines).is_ok());
/// // Twice the weights of a sine unit are another function.
/// assert!(Scaling::Only(ScaleGroup::Positive).check(&sines).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scaling {
    /// In each layer all that its own activation and pooling allow.
    Own,
    /// In every layer those of one group.
    Only(ScaleGroup),
}

impl Scaling {
    /// The scalings of units with this activation, or activation and pooling.
    pub fn of_units(self, units: impl Into<Nonlinearity>) -> ScaleGroup {
        match self {
            Self::Own => ScaleGroup::of(units),
            Self::Only(group) => group,
        }
    }

    /// The scalings of the nodes of each site of a net: inputs and outputs have none.
    pub fn of_sites(self, topology: &Topology) -> Vec<ScaleGroup> {
        topology.sites().iter().map(|site| self.of_site(site).unwrap_or(ScaleGroup::Trivial)).collect()
    }

    /// The same, but inputs and outputs are taken for units like those of the hidden site beside them, so that what is
    /// made for hidden units may serve them too.
    pub fn of_sites_alike(self, topology: &Topology) -> Vec<ScaleGroup> {
        let (sites, blocks) = (topology.sites(), topology.blocks());
        let beside = |at: usize| {
            let site = match sites[at].role {
                NodeRole::Input => topology.blocks_out_of(at).next().map(|block| blocks[block].to),
                _ => topology.blocks_into(at).next().map(|block| blocks[block].from),
            };
            site.and_then(|site| self.of_site(&sites[site]))
        };
        let outside = match self {
            Self::Own => ScaleGroup::Trivial,
            Self::Only(group) => group,
        };
        let of = |at: usize| self.of_site(&sites[at]).or_else(|| beside(at)).unwrap_or(outside);
        (0..sites.len()).map(of).collect()
    }

    fn of_site(self, site: &Site) -> Option<ScaleGroup> {
        site.behaviour.map(|behaviour| match self {
            Self::Own => ScaleGroup::before(behaviour),
            Self::Only(group) => group,
        })
    }

    /// Whether every hidden site of a net has the scalings that are taken as its symmetries.
    ///
    /// # Errors
    /// [`Error::NotOwn`] naming the first that has not; of a chain, its layer.
    pub fn check(self, topology: &Topology) -> Result<()> {
        for (layer, site) in topology.sites().iter().enumerate() {
            let (Some(behaviour), Some(wanted)) = (site.behaviour, self.of_site(site)) else { continue };
            let own = ScaleGroup::before(behaviour);
            if !own.contains(wanted) {
                let units =
                    topology.nonlinearity(layer).map_or("a unit".to_owned(), |units| units.to_string());
                return Err(Error::NotOwn { layer, units, wanted, own });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, testing};

    use super::*;

    fn two_layers(first: Activation, second: Activation) -> Topology {
        Topology::new(Arc::new(NetSpec::mixed_mlp(&[2, 3, 3, 1], &[first, second], 0.0).unwrap())).unwrap()
    }

    #[test]
    fn a_layers_own_scalings_and_parts_of_them_are_accepted() {
        for activation in testing::ACTIVATIONS {
            let topology = two_layers(activation, activation);
            let own = ScaleGroup::of(activation);
            Scaling::Own.check(&topology).unwrap();
            for group in [ScaleGroup::Trivial, ScaleGroup::Sign, ScaleGroup::Positive, ScaleGroup::NonZero] {
                let accepted = Scaling::Only(group).check(&topology).is_ok();
                assert_eq!(accepted, own.contains(group), "{group:?} on {activation:?}");
            }
        }
    }

    #[test]
    fn inputs_and_outputs_do_not_scale_unless_they_are_taken_like_their_neighbors() {
        use ScaleGroup::{Positive, Sign, Trivial};
        let nets = two_layers(Activation::Tanh, Activation::Relu);
        assert_eq!(Scaling::Own.of_sites(&nets), [Trivial, Sign, Positive, Trivial]);
        assert_eq!(Scaling::Own.of_sites_alike(&nets), [Sign, Sign, Positive, Positive]);
        assert_eq!(Scaling::Only(Sign).of_sites(&nets), [Trivial, Sign, Sign, Trivial]);
        let shallow = Topology::new(Arc::new(NetSpec::mlp(&[2, 1], Activation::Tanh, 0.0).unwrap())).unwrap();
        assert_eq!(Scaling::Only(Sign).of_sites_alike(&shallow), [Sign, Sign]);
        assert_eq!(Scaling::Own.of_sites_alike(&shallow), [Trivial, Trivial]);
    }

    #[test]
    fn the_layer_that_has_not_the_scalings_is_named() {
        let topology = two_layers(Activation::Tanh, Activation::Relu);
        let message = Scaling::Only(ScaleGroup::Sign).check(&topology).unwrap_err().to_string();
        assert_eq!(
            message,
            "hidden layer 2: expected an activation that commutes with signs, found relu, which commutes with \
             positive numbers"
        );
    }

    #[test]
    fn a_maximum_over_windows_takes_the_signs_and_a_mean_does_not() {
        let map = LayerMap::Conv { n_in: 1, n_out: 2, kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
        let topology = |activation, pool: &str| {
            let layer = LayerSpec::new(map, activation).with_pool(pool.parse().unwrap());
            Topology::new(Arc::new(NetSpec::new(vec![layer, layer_after()], 0.0).unwrap())).unwrap()
        };
        let signs = Scaling::Only(ScaleGroup::Sign);
        for at in ["before", "after"] {
            let of = |activation, kind| topology(activation, &format!("{kind}:2:{at}"));
            assert!(signs.check(&of(Activation::Tanh, "max")).is_err());
            assert!(signs.check(&of(Activation::Tanh, "mean")).is_ok());
            assert!(Scaling::Only(ScaleGroup::Positive).check(&of(Activation::Relu, "max")).is_ok());
            let of_units = Scaling::Own.of_units(of(Activation::Identity, "max").nonlinearity(1).unwrap());
            assert_eq!(of_units, ScaleGroup::Positive);
        }
        let message = signs.check(&topology(Activation::Tanh, "max:2:before")).unwrap_err().to_string();
        assert_eq!(
            message,
            "hidden layer 1: expected an activation that commutes with signs, found max:2:before, tanh, which commutes \
             with no number but 1"
        );
    }

    fn layer_after() -> LayerSpec {
        let reading = sgmn_graph::Reading::GlobalAverage;
        LayerSpec::new(LayerMap::Linear { n_in: 2, n_out: 1, reading }, Activation::Identity)
    }
}
