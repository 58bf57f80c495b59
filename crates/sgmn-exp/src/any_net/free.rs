//! Everything that may change in nets of a flow without changing their functions, drawn and done.

use std::{cell::OnceCell, sync::Arc};

use anyhow::Result;
use sgmn_graph::{
    Seed,
    flow::{Flow, FlowNet, Numbers},
};
use sgmn_symmetry::flow::{
    Draw, Spaces, derive,
    freedoms::{Freedom, freedoms},
    matrices::{Kind, Matrix, MatrixElement, matrices},
};

use super::added::Added;

/// What is free in nets of a flow.
#[derive(Debug)]
pub struct Free {
    /// Orders of units and scalars.
    pub spaces: Spaces,
    /// Matrices that mix units.
    pub matrices: Vec<Matrix>,
    /// What may be added.
    pub freedoms: Vec<Freedom>,
    scale_dims: OnceCell<(usize, usize)>,
}

/// Which part of what is free is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Choice {
    /// Orders and scalars; `None` for none of them.
    pub spaces: Option<Draw>,
    /// Whether units are mixed by matrices.
    pub matrices: bool,
    /// Whether something is added.
    pub additions: bool,
}

/// Continuous dimensions, kind by kind; they add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Dims {
    /// Magnitudes of scalars.
    pub magnitudes: usize,
    /// Matrices, beyond the magnitudes on their diagonals.
    pub matrices: usize,
    /// What may be added.
    pub additions: usize,
}

impl Free {
    /// Infers everything.
    pub fn of(flow: &Arc<Flow>) -> Self {
        let (spaces, matrices, freedoms) = (derive(flow), matrices(flow), freedoms(flow));
        Self { spaces, matrices, freedoms, scale_dims: OnceCell::new() }
    }

    /// Continuous dimensions.
    pub fn dims(&self) -> Dims {
        let magnitudes = self.scale_dims().0;
        let beyond = self.matrices.iter().map(|matrix| matrix.dims() - diagonal(matrix)).sum();
        let additions = self.freedoms.iter().map(|freedom| freedom.dims).sum();
        Dims { magnitudes, matrices: beyond, additions }
    }

    /// How many signs are free.
    pub fn signs(&self) -> usize {
        self.scale_dims().1
    }

    fn scale_dims(&self) -> (usize, usize) {
        *self.scale_dims.get_or_init(|| self.spaces.scale_dims())
    }

    /// Draws a change of a net and hands the changed net to `then`. `None` if nothing of what is chosen is free.
    ///
    /// # Errors
    /// A net whose gains cannot be computed.
    pub fn draw<T>(
        &self,
        net: &FlowNet,
        choice: &Choice,
        seed: Seed,
        then: impl FnOnce(&dyn Numbers) -> T,
    ) -> Result<Option<T>> {
        let element = choice.spaces.map(|draw| self.spaces.sample(seed.child("element"), &draw));
        let element = element.filter(|element| !element.is_identity());
        let mixes = choice.matrices && !self.matrices.is_empty();
        let adds = choice.additions && !self.freedoms.is_empty();
        if element.is_none() && !mixes && !adds {
            return Ok(None);
        }
        let acted = element.as_ref().map(|element| element.act(net));
        let moved: &dyn Numbers = acted.as_ref().map_or(net as &dyn Numbers, |acted| acted);
        let mixing = mixes.then(|| MatrixElement::sample(&self.matrices, seed.child("matrices")));
        let mixed = match &mixing {
            Some(element) => Some(element.act(net.flow(), &self.matrices, moved)?),
            None => None,
        };
        let mixed: &dyn Numbers = mixed.as_ref().map_or(moved, |mixed| mixed);
        Ok(Some(if adds {
            then(&Added::draw(mixed, net.flow(), &self.freedoms, seed.child("addition")))
        } else {
            then(mixed)
        }))
    }
}

impl Choice {
    /// Everything that is free.
    pub fn all() -> Self {
        Self { spaces: Some(Draw::default()), matrices: true, additions: true }
    }
}

impl Dims {
    /// All together.
    pub fn total(&self) -> usize {
        self.magnitudes + self.matrices + self.additions
    }
}

/// Magnitudes on the diagonal that are counted among the scalars.
fn diagonal(matrix: &Matrix) -> usize {
    matrix.blocks
        * match &matrix.kind {
            Kind::General => matrix.n,
            Kind::Pairs(pairs) => pairs.len(),
            Kind::Orthogonal | Kind::OrthogonalKeepingOnes | Kind::UnitPairs(_) => 0,
        }
}
