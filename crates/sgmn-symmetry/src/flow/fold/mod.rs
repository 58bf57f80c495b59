//! Gains and shifts of norms, folded into the linear layers beside them: another flow of the same function.
//!
//! | what | goes into |
//! | --- | --- |
//! | batch normalization, a gain behind a linear layer | the layer before: its weights and one bias |
//! | gains of a norm | the weights of all its readers |
//! | shifts of a norm | the biases of its readers |
//! | batch normalization that neither layer takes | one gain and one shift, without statistics |
//!
//! A gain stays where some reader cannot take it: a tied table, a padded convolution of what is shifted, a nonlinear
//! function. Constant factors stay. Models and canonical forms read folded nets: gains and statistics have scales of
//! their own that say nothing.

mod chains;
mod pass;
mod rebuild;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sgmn_graph::flow::{Flow, FlowNet, FlowResult};

use pass::Pass;

/// A map from nets of one flow to nets of a folded one.
#[derive(Debug)]
pub struct Fold {
    flow: Arc<Flow>,
    passes: Vec<Pass>,
}

/// Passes at most; what one leaves the next one may take, as two gains with a constant factor between.
const MOST_PASSES: usize = 8;

impl Fold {
    /// Finds what can be folded, from the flow alone.
    ///
    /// # Errors
    /// None in a flow that was built; those of [`FlowBuilder`](sgmn_graph::flow::FlowBuilder).
    pub fn new(flow: &Arc<Flow>) -> FlowResult<Self> {
        let mut fold = Self { flow: flow.clone(), passes: Vec::new() };
        while fold.passes.len() < MOST_PASSES {
            match Pass::new(&fold.flow)? {
                Some(pass) => {
                    fold.flow = pass.flow().clone();
                    fold.passes.push(pass);
                }
                None => break,
            }
        }
        Ok(fold)
    }

    /// The folded flow.
    pub fn flow(&self) -> &Arc<Flow> {
        &self.flow
    }

    /// For each parameter of the folded flow the parameters of the old one that its numbers are made of, apart from
    /// biases that took back what another one lost.
    pub fn origins(&self) -> Vec<Vec<usize>> {
        let mut origins: Option<Vec<Vec<usize>>> = None;
        for pass in &self.passes {
            let here = pass.origins();
            origins = Some(match origins {
                None => here,
                Some(before) => {
                    here.into_iter().map(|all| union(all.iter().flat_map(|param| &before[*param]))).collect()
                }
            });
        }
        origins.unwrap_or_else(|| (0..self.flow.params().len()).map(|param| vec![param]).collect())
    }

    /// The folded net of a net of the old flow; its function is the same.
    ///
    /// # Errors
    /// [`FlowError::NotFinite`](sgmn_graph::flow::FlowError::NotFinite) if a gain is not: a variance below −ε.
    pub fn apply(&self, net: &FlowNet) -> FlowResult<FlowNet> {
        self.passes.iter().try_fold(net.clone(), |net, pass| pass.apply(&net))
    }
}

/// Without repetitions, in order.
fn union<'a>(params: impl Iterator<Item = &'a usize>) -> Vec<usize> {
    params.copied().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}
