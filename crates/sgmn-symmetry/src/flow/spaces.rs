//! What was inferred: for each axis of each parameter its units and scalars, and what is free of them.

use std::{collections::BTreeMap, sync::Arc};

use rand::RngExt;
use sgmn_graph::{Seed, flow::Flow};

use super::{
    derive::{Derived, Holding, Label, Scale, derive as infer},
    element::{FlowElement, ParamElement, PartElement, unlike},
};
use crate::Result;

/// Everything that may change in a net of a flow by reordering units and multiplying them by scalars.
#[derive(Debug)]
pub struct Spaces {
    pub(super) flow: Arc<Flow>,
    pub(super) derived: Derived,
}

/// For each new index the old one whose numbers come there, and by what they are multiplied.
pub type PartNumbers = (Vec<u32>, Vec<f64>);

/// How far random elements go.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Draw {
    /// Whether units are reordered.
    pub orders: bool,
    /// Whether scalars get random signs.
    pub signs: bool,
    /// Logarithms of magnitudes are drawn from `−spread` to `spread`.
    pub spread: f64,
}

impl Default for Draw {
    fn default() -> Self {
        Self { orders: true, signs: true, spread: 0.7 }
    }
}

/// Infers what may change in nets of a flow. Deterministic; the numbers of a net are not asked.
pub fn derive(flow: &Arc<Flow>) -> Spaces {
    Spaces { flow: flow.clone(), derived: infer(flow) }
}

impl Spaces {
    /// The flow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// A random element.
    pub fn sample(&self, seed: Seed, draw: &Draw) -> FlowElement {
        let image = draw.orders.then(|| self.reordering(seed)).flatten();
        let mut rng = seed.child("scalars").rng();
        let n_vars = self.derived.n_vars() as usize;
        let logs: Vec<f64> = (0..n_vars).map(|_| draw.spread * (2.0 * rng.random::<f64>() - 1.0)).collect();
        let signs: Vec<bool> = (0..n_vars).map(|_| draw.signs && rng.random_bool(0.5)).collect();
        self.element(image.as_deref(), &logs, &signs)
    }

    /// The element that changes nothing.
    pub fn identity(&self) -> FlowElement {
        let n_vars = self.derived.n_vars() as usize;
        self.element(None, &vec![0.0; n_vars], &vec![false; n_vars])
    }

    /// The element with these parts: for each parameter its scalar, and for each of its parts the indices that numbers
    /// come from and their scalars, in the order of [`FlowElement::params`].
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if it is none of the group, with the first fact that does not hold.
    pub fn element_of(&self, params: Vec<(f64, Vec<PartNumbers>)>) -> Result<FlowElement> {
        let mut element = self.identity();
        if params.len() != element.params.len() {
            return Err(unlike("parameters", element.params.len(), params.len()));
        }
        for ((at, own), (scalar, parts)) in element.params.iter_mut().enumerate().zip(params) {
            let name = &self.flow.params()[at].name;
            if own.parts.len() != parts.len() {
                return Err(unlike(&format!("parts of {name}"), own.parts.len(), parts.len()));
            }
            own.scalar = scalar;
            for (own, (from, scales)) in own.parts.iter_mut().zip(parts) {
                for n in [from.len(), scales.len()] {
                    if n != own.from.len() {
                        let axes = &own.axes;
                        return Err(unlike(
                            &format!("indices of {name} along axes {axes:?}"),
                            own.from.len(),
                            n,
                        ));
                    }
                }
                (own.from, own.scales) = (from, scales);
            }
        }
        self.check_fits(&element)?;
        Ok(element)
    }

    /// A random reordering of units: for each label the one whose numbers take its place.
    fn reordering(&self, seed: Seed) -> Option<Vec<Label>> {
        // Choosing parents first finds an image at once wherever blocks are nested; else a few more tries are cheap.
        const TRIES: u64 = 8;
        (0..TRIES).find_map(|again| {
            let mut rng = seed.child("orders").child(&again.to_string()).rng();
            let image = self.derived.orbits.sample(&mut rng).ok()?;
            self.derived.keeps_groups(&image).then_some(image)
        })
    }

    /// What each parameter holds, in the order of the flow.
    pub(super) fn holdings_in_order(&self) -> Vec<&Holding> {
        let mut holdings: Vec<&Holding> = self.derived.holdings.iter().collect();
        holdings.sort_by_key(|holding| holding.param);
        holdings
    }

    /// Whether no reordering moves the numbers of a parameter along another axis than this one.
    pub(super) fn stands_beside(&self, param: usize, axis: usize) -> bool {
        let holding = self.derived.holdings.iter().find(|holding| holding.param == param);
        holding.is_none_or(|holding| {
            let orbits = &self.derived.orbits;
            let mut beside = holding.motion.groups.iter().filter(|group| group.axes != [axis]);
            holding.shape == self.flow.param_shape(param)
                && beside.all(|group| group.labels.iter().all(|label| orbits.size(*label) == 1))
        })
    }

    /// The scalar of a parameter as a whole, beside those of its axes.
    pub(super) fn whole_scalar(&self, param: usize) -> Scale {
        let holding = self.derived.holdings.iter().find(|holding| holding.param == param);
        holding.map_or_else(Scale::default, |holding| self.derived.reduced(holding.motion.scalar))
    }

    /// The element of a reordering and of values of all variables.
    pub(super) fn element(&self, image: Option<&[Label]>, logs: &[f64], signs: &[bool]) -> FlowElement {
        let scalar = |id| self.derived.scalar(id, logs, signs);
        let params = self.derived.holdings.iter().map(|holding| {
            let parts = holding.motion.groups.iter().map(|group| PartElement {
                axes: group.axes.clone(),
                from: match image {
                    Some(image) => {
                        self.derived.moved(group, image).expect("the reordering was seen to keep groups")
                    }
                    None => (0..group.len()).map(|at| at as u32).collect(),
                },
                scales: group.scales.iter().map(|id| scalar(*id)).collect(),
            });
            ParamElement {
                shape: holding.shape.clone(),
                chart: holding.chart,
                scalar: scalar(holding.motion.scalar),
                parts: parts.collect(),
            }
        });
        let mut of_param: BTreeMap<usize, ParamElement> =
            self.derived.holdings.iter().map(|holding| holding.param).zip(params).collect();
        let params = (0..self.flow.params().len())
            .map(|param| of_param.remove(&param).expect("each parameter is born once"))
            .collect();
        FlowElement { params }
    }
}
