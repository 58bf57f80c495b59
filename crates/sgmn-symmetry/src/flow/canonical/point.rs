//! A net at its canonical point, which need not exist as a whole: what scalars alone have changed is computed when it is
//! asked for, and what nothing has changed stays in the memory of the net that it came from.

use std::{borrow::Cow, sync::Arc};

use sgmn_graph::flow::{Flow, FlowError, FlowNet, Numbers, Stored};

use super::super::{
    FlowElement,
    freedoms::{Freedom, settled},
    matrices::{Block, Matrix, MatrixElement},
};
use crate::Result;

/// A settled net after scalars, then matrices, settled again.
#[derive(Debug, Clone)]
pub(in crate::flow) struct Point {
    /// The settled net; with the last numbers of those parameters that more than scalars have changed.
    net: FlowNet,
    scaling: FlowElement,
    /// Which parameters scalars alone have changed.
    scaled: Vec<bool>,
}

impl Point {
    /// The point to which scalars and then matrices carry a settled net.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if a gain through which a matrix acts is 0; [`Error::Flow`](crate::Error::Flow)
    /// if a number is not finite any more.
    pub(super) fn new(
        net: FlowNet,
        freedoms: &[Freedom],
        scaling: &FlowElement,
        (matrices, turning): (&[Matrix], &MatrixElement),
    ) -> Result<Self> {
        let flow = net.flow().clone();
        let n_params = flow.params().len();
        let mut turned = vec![false; n_params];
        for (space, blocks) in matrices.iter().zip(turning.blocks()) {
            if !blocks.iter().all(Block::is_identity) {
                space.holders.iter().for_each(|holder| turned[holder.param] = true);
            }
        }
        let scaled = scaling.act(&net);
        let mixed = turning.act(&flow, matrices, &scaled)?;
        // Turning brings back what settling had moved, by a rounding at most; settling again costs little.
        let (changed, _) = settled(&flow, &mixed, freedoms);
        let mut is_scaled = vec![false; n_params];
        let mut stored = Vec::with_capacity(n_params);
        for (param, changed) in changed.into_iter().enumerate() {
            is_scaled[param] = changed.is_none() && !turned[param] && !scaling.params()[param].is_identity();
            if is_scaled[param] {
                check_finite(&flow, param, &scaled.numbers(param))?;
            }
            stored.push(match changed {
                Some(numbers) => Stored::from(numbers),
                None if turned[param] => Stored::from(mixed.numbers(param).into_owned()),
                None => net.stored()[param].clone(),
            });
        }
        let net = FlowNet::new(flow, stored)?;
        Ok(Self { net, scaling: scaling.clone(), scaled: is_scaled })
    }

    /// The flow.
    pub(in crate::flow) fn flow(&self) -> &Arc<Flow> {
        self.net.flow()
    }

    /// The net as a whole, with its units in this order.
    ///
    /// # Errors
    /// None: all numbers were looked at.
    pub(super) fn ordered(&self, order: &FlowElement) -> Result<FlowNet> {
        let ordered = order.act(self);
        let stored = |param: usize| match self.scaled[param] || !order.params()[param].is_identity() {
            true => Stored::from(ordered.numbers(param).into_owned()),
            false => self.net.stored()[param].clone(),
        };
        Ok(FlowNet::new(self.flow().clone(), (0..self.scaled.len()).map(stored).collect())?)
    }
}

impl Numbers for Point {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match self.scaled[param] {
            true => Cow::Owned(self.scaling.act(&self.net).numbers(param).into_owned()),
            false => self.net.numbers(param),
        }
    }
}

fn check_finite(flow: &Flow, param: usize, numbers: &[f64]) -> Result<()> {
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let param = flow.params()[param].name.clone();
            Err(FlowError::NotFinite { param, index, value: numbers[index] }.into())
        }
    }
}
