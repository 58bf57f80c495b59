//! What carries one net to another one of its orbit: an element of all that is free in their flow.
//!
//! Both nets have ways to one canonical form, `A → form ← B`; the one way forth and the other one back is
//! `g_B⁻¹ g_A`. [`transport()`] brings it into a plain form: orders and scalars, then matrices, then additions. It is
//! believed only after it has acted on A and met the numbers of B.

mod find;
mod moved;

use std::borrow::Cow;

use sgmn_graph::flow::{FlowNet, Numbers, Stored};

use super::{
    FlowElement,
    freedoms::{Change, Freedom},
    matrices::{Block, Matrix, MatrixElement},
};
use crate::Result;

pub(super) use find::Pair;
pub use find::{Found, transport};
pub use moved::SpaceMove;

/// An element of all that is free: orders and scalars, then matrices, then additions.
#[derive(Debug, Clone, PartialEq)]
pub struct Transport {
    /// Orders and scalars.
    pub element: FlowElement,
    /// A matrix for each block of each space of the flow.
    pub turning: MatrixElement,
    /// What is added then, in this order.
    pub additions: Vec<Addition>,
}

/// A change of one freedom.
#[derive(Debug, Clone, PartialEq)]
pub struct Addition {
    /// The freedom, by its place in the list of the flow.
    pub freedom: usize,
    /// What is added.
    pub change: Change,
}

impl Transport {
    /// The net after it. `matrices` and `freedoms` are those of the net's flow.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if the matrices do not fit or a gain through which one acts is 0;
    /// [`Error::Flow`](crate::Error::Flow) if a number is not finite any more.
    pub fn act(&self, net: &FlowNet, matrices: &[Matrix], freedoms: &[Freedom]) -> Result<FlowNet> {
        self.acted(net, matrices, freedoms, |acted| {
            let stored = |param: usize| match self.leaves(param, matrices, freedoms) {
                true => net.stored()[param].clone(),
                false => Stored::from(acted.numbers(param).into_owned()),
            };
            Ok(FlowNet::new(net.flow().clone(), (0..net.flow().params().len()).map(stored).collect())?)
        })
    }

    /// Shows the net after it to `see`, without making it as a whole: numbers are computed when they are asked for.
    ///
    /// # Errors
    /// As [`Transport::act`], but for numbers that are not finite, and those of `see`.
    pub fn acted<T, E: From<crate::Error>>(
        &self,
        net: &FlowNet,
        matrices: &[Matrix],
        freedoms: &[Freedom],
        see: impl FnOnce(&dyn Numbers) -> Result<T, E>,
    ) -> Result<T, E> {
        self.turning.check_fits(matrices)?;
        let acted = self.element.act(net);
        // Where a matrix is the identity, gains may be anything.
        let mixing: Vec<usize> = (0..matrices.len()).filter(|space| self.mixes(*space)).collect();
        let blocks = mixing.iter().map(|space| self.turning.blocks()[*space].clone()).collect();
        let spaces: Vec<Matrix> = mixing.iter().map(|space| matrices[*space].clone()).collect();
        let turning = MatrixElement::new(&spaces, blocks)?;
        let mixed = turning.act(net.flow(), &spaces, &acted)?;
        see(&Added::new(&mixed, &self.additions, freedoms))
    }

    /// Whether matrices of a space change something.
    pub fn mixes(&self, space: usize) -> bool {
        !self.turning.blocks()[space].iter().all(Block::is_identity)
    }

    /// Whether a parameter stays as it is.
    fn leaves(&self, param: usize, matrices: &[Matrix], freedoms: &[Freedom]) -> bool {
        let moves = |addition: &Addition| freedoms[addition.freedom].params.contains(&param);
        let holds = |space: &usize| matrices[*space].holders.iter().any(|holder| holder.param == param);
        self.element.params()[param].is_identity()
            && !(0..matrices.len()).filter(holds).any(|space| self.mixes(space))
            && !self.additions.iter().any(moves)
    }
}

/// A net to which changes were added, one after the other.
struct Added<'a> {
    net: &'a dyn Numbers,
    changed: Vec<Option<Vec<f64>>>,
}

impl<'a> Added<'a> {
    fn new(net: &'a dyn Numbers, additions: &[Addition], freedoms: &[Freedom]) -> Self {
        let n_params = freedoms.iter().flat_map(|freedom| &freedom.params).max().map_or(0, |most| most + 1);
        let mut added = Self { net, changed: vec![None; n_params] };
        additions.iter().for_each(|addition| added.add(&freedoms[addition.freedom], &addition.change));
        added
    }

    fn add(&mut self, freedom: &Freedom, change: &Change) {
        let acted = freedom.act(self, change.clone());
        let new: Vec<Vec<f64>> =
            freedom.params.iter().map(|param| acted.numbers(*param).into_owned()).collect();
        freedom.params.iter().zip(new).for_each(|(param, numbers)| self.changed[*param] = Some(numbers));
    }
}

impl Numbers for Added<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match self.changed.get(param) {
            Some(Some(numbers)) => Cow::Borrowed(numbers),
            _ => self.net.numbers(param),
        }
    }
}
