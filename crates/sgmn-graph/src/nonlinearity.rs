//! What a layer does with what its map computes: an activation, and pooling before or after it.

use std::fmt;

use crate::{
    Activation, LayerPool, PoolAt, PoolKind, Result,
    flow::{Behaviour, Parity},
    layers::Signal,
};

/// What becomes of the sums of a layer's units. It decides what may be done to a unit without a change of the function.
///
/// ```
/// use sgmn_graph::{Activation, LayerPool, Nonlinearity, flow::Parity};
/// let with = |word: &str| word.parse::<LayerPool>().map(|pool| Nonlinearity { activation: Activation::Tanh, pool: Some(pool) });
/// assert_eq!(Nonlinearity::from(Activation::Tanh).behaviour().parity, Parity::Odd);
/// // The largest of the negatives is not the negative of the largest.
/// assert_eq!(with("max:2:after")?.behaviour().parity, Parity::Neither);
/// assert_eq!(with("mean:2:after")?.behaviour().parity, Parity::Odd);
/// # Ok::<(), sgmn_graph::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nonlinearity {
    /// The activation.
    pub activation: Activation,
    /// Pooling, if there is any.
    pub pool: Option<LayerPool>,
}

impl Nonlinearity {
    /// What it does to scalars in front of it: those of the activation, but a maximum lets no sign through, unless the
    /// activation has taken it away before.
    pub fn behaviour(self) -> Behaviour {
        let own = self.activation.behaviour();
        let parity = match (self.pool, own.parity) {
            (Some(LayerPool { kind: PoolKind::Max, at: PoolAt::AfterActivation, .. }), Parity::Even) => {
                Parity::Even
            }
            (Some(LayerPool { kind: PoolKind::Max, .. }), _) => Parity::Neither,
            (_, own) => own,
        };
        Behaviour { parity, ..own }
    }

    /// What it computes, in f64.
    pub(crate) fn apply(self, sums: Signal) -> Result<Signal> {
        let activate = |mut signal: Signal| {
            signal.values.iter_mut().for_each(|value| *value = self.activation.value(*value));
            signal
        };
        match self.pool {
            None => Ok(activate(sums)),
            Some(pool) if pool.at == PoolAt::BeforeActivation => Ok(activate(pool.apply(&sums)?)),
            Some(pool) => pool.apply(&activate(sums)),
        }
    }
}

impl From<Activation> for Nonlinearity {
    /// The activation alone.
    fn from(activation: Activation) -> Self {
        Self { activation, pool: None }
    }
}

impl fmt::Display for Nonlinearity {
    /// Words in the order of what is done: `tanh`, `max:2:before, tanh`, `tanh, max:2:after`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&match self.pool {
            None => self.activation.to_string(),
            Some(pool) if pool.at == PoolAt::BeforeActivation => format!("{pool}, {}", self.activation),
            Some(pool) => format!("{}, {pool}", self.activation),
        })
    }
}
