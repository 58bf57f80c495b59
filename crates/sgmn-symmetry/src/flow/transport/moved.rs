//! What an element of orders and scalars does, space by space, to be said in words.

use super::super::{FlowElement, Spaces};
use crate::Result;

/// What an element does in one space: to the units of an order, or to scalars that belong to none.
#[derive(Debug, Clone, PartialEq)]
pub struct SpaceMove {
    /// The order, by its place in [`Spaces::orders`]; absent for scalars of other units, or of all.
    pub order: Option<usize>,
    /// How many units the order has in all its sets, or how many scalars there are.
    pub n: usize,
    /// How many units come to other places.
    pub reordered: usize,
    /// How many signs are flipped.
    pub flipped: usize,
    /// The least and the largest magnitude that is multiplied by.
    pub magnitudes: (f64, f64),
    /// The parameters in which the space stands.
    pub params: Vec<usize>,
}

impl Spaces {
    /// What an element of these spaces does in each space, orders first. Scalars that stand alone at no index are left
    /// out: they follow from others.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if the element is none of the group.
    pub fn moves(&self, element: &FlowElement) -> Result<Vec<SpaceMove>> {
        self.check_fits(element)?;
        let image = self.image_of(element)?;
        let (logs, signs) = self.variables_of(element)?;
        let orbits = &self.derived.orbits;
        let mut moves: Vec<SpaceMove> = Vec::new();
        for (color, order) in self.sorted_orders() {
            let of_order = orbits.moving().iter().filter(|label| orbits.color(**label) == color);
            let reordered = of_order.filter(|label| image[**label as usize] != **label).count();
            let mut params: Vec<usize> = order.holders.iter().map(|holder| holder.param).collect();
            params.dedup();
            moves.push(SpaceMove {
                order: Some(moves.len()),
                n: order.n * order.sets,
                reordered,
                flipped: 0,
                magnitudes: (1.0, 1.0),
                params,
            });
        }
        for (space, vars) in self.scales_with_vars() {
            let at = space.order.unwrap_or_else(|| {
                let (n, params) = (space.n, space.params.clone());
                let magnitudes = (1.0, 1.0);
                moves.push(SpaceMove { order: None, n, reordered: 0, flipped: 0, magnitudes, params });
                moves.len() - 1
            });
            let own = &mut moves[at];
            own.flipped += vars.iter().filter(|var| signs.get(var) == Some(&true)).count();
            for log in vars.iter().filter_map(|var| logs.get(var)) {
                own.magnitudes = (own.magnitudes.0.min(log.exp()), own.magnitudes.1.max(log.exp()));
            }
        }
        Ok(moves)
    }
}
