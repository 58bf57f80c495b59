//! One pass of folding: which chains are taken up, and the numbers of the folded net.

use std::{borrow::Cow, sync::Arc};

use sgmn_graph::flow::{Array, Flow, FlowNet, FlowResult, Numbers, Stored};

use super::{
    chains::{Chain, Fate, chains},
    rebuild, union,
};
use crate::flow::freedoms::{
    linear::Sum,
    signs::Signed,
    solve::solve,
    solved::{Solved, Unknown},
    view::View,
};

/// A map from nets of one flow to nets of another one, in which all chains that can be are taken up.
#[derive(Debug)]
pub(super) struct Pass {
    from: Arc<Flow>,
    to: Arc<Flow>,
    chains: Vec<Chain>,
    solved: Solved,
    recipes: Vec<Recipe>,
}

/// Where the numbers of a parameter of the folded flow come from.
#[derive(Debug, Clone)]
pub(super) enum Recipe {
    /// A parameter, its elements times the gains of chains.
    Param { param: usize, scaled: Vec<(usize, Signed)> },
    /// The gain of a chain.
    Gain(usize),
    /// The shift of a chain.
    Shift(usize),
}

impl Pass {
    /// What can be folded at once; absent if nothing can.
    pub(super) fn new(flow: &Arc<Flow>) -> FlowResult<Option<Self>> {
        let view = View::new(flow);
        let mut chains = chains(&view);
        let wanted: Vec<_> = chains.iter().filter_map(|chain| chain.wanted(&view)).collect();
        let solved = solve(&view, &wanted);
        for at in 0..chains.len() {
            let others: Vec<usize> = (0..chains.len())
                .filter(|other| *other != at && chains[*other].gains())
                .flat_map(|other| chains[other].params(flow))
                .collect();
            chains[at].decide(&view, &solved, &others);
        }
        if chains.iter().all(|chain| matches!(chain.fate, Fate::Stays)) {
            return Ok(None);
        }
        let (to, recipes) = rebuild::rebuild(&view, &chains)?;
        Ok(Some(Self { from: flow.clone(), to: Arc::new(to), chains, solved, recipes }))
    }

    /// The flow of the result.
    pub(super) fn flow(&self) -> &Arc<Flow> {
        &self.to
    }

    /// For each parameter of the result the parameters that its numbers are made of.
    pub(super) fn origins(&self) -> Vec<Vec<usize>> {
        let of = |recipe: &Recipe| {
            let params = match recipe {
                Recipe::Param { param, scaled } => {
                    let gains = scaled.iter().flat_map(|(chain, _)| self.chains[*chain].params(&self.from));
                    [vec![*param], gains.collect()].concat()
                }
                Recipe::Gain(chain) | Recipe::Shift(chain) => self.chains[*chain].params(&self.from),
            };
            union(params.iter())
        };
        self.recipes.iter().map(of).collect()
    }

    /// The net of the result.
    pub(super) fn apply(&self, net: &FlowNet) -> FlowResult<FlowNet> {
        let mut moved = Moved { net, changed: vec![None; net.stored().len()] };
        for (at, chain) in self.chains.iter().enumerate() {
            if let Fate::Readers(_) = chain.fate
                && chain.shifts()
            {
                self.move_shift(at, &mut moved);
            }
        }
        let values: Vec<(Vec<f64>, Vec<f64>)> =
            self.chains.iter().map(|chain| chain.values(&self.from, &moved)).collect();
        let stored = |recipe: &Recipe| match recipe {
            Recipe::Gain(chain) => Stored::from(values[*chain].0.clone()),
            Recipe::Shift(chain) => Stored::from(values[*chain].1.clone()),
            Recipe::Param { param, scaled } if scaled.is_empty() && moved.changed[*param].is_none() => {
                net.stored()[*param].clone()
            }
            Recipe::Param { param, scaled } => {
                let mut numbers = moved.numbers(*param).into_owned();
                for (chain, signed) in scaled {
                    signed.scale(&mut numbers, &values[*chain].0);
                }
                numbers.into()
            }
        };
        FlowNet::new(self.to.clone(), self.recipes.iter().map(stored).collect())
    }

    /// Moves the shift of a chain into later biases.
    fn move_shift(&self, at: usize, moved: &mut Moved<'_>) {
        let chain = &self.chains[at];
        let Some(node) = self.solved.variable(&Unknown::Value(chain.to)) else { return };
        let (_, shift) = chain.values(&self.from, moved);
        let shape = self.solved.variables[node].shape.clone();
        let less = shift.into_iter().map(|x| -x).collect();
        let amounts = Array::new(shape, less).expect("a chain has a shift for each unit");
        let moves: Vec<(usize, Sum)> = self.solved.moves(node);
        let numbers = moves
            .iter()
            .map(|(param, _)| (*param, self.solved.moved(&moves, &self.from, moved, &amounts, *param)))
            .collect::<Vec<_>>();
        numbers.into_iter().for_each(|(param, numbers)| moved.changed[param] = Some(numbers));
    }
}

/// A net with some biases moved.
struct Moved<'a> {
    net: &'a FlowNet,
    changed: Vec<Option<Vec<f64>>>,
}

impl Numbers for Moved<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        match &self.changed[param] {
            Some(numbers) => Cow::Borrowed(numbers),
            None => self.net.numbers(param),
        }
    }
}
