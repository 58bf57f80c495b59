//! What may be added to a net without changing its function: shifts of biases that cancel, directions that nobody sees,
//! phases, flips.
//!
//! These changes are no group elements of units, as orders and scales are: what one moves depends on the numbers of
//! others. So a net is *settled* before models read it: [`settle()`] carries each freedom to one canonical point. A
//! [`Freedom`] is found from the flow alone, not from the net's numbers; it says in words what it is, draws a random
//! change, and carries numbers over to changed ones.
//!
//! A rule is one file here and one word in the list.

mod blind;
mod cancel;
mod carry;
pub(super) mod field;
pub(super) mod linear;
mod resolve;
mod settle;
pub(super) mod signs;
pub(super) mod solve;
pub(super) mod solved;
mod span;
#[cfg(test)]
pub(super) mod tests;
pub(super) mod view;

use std::{borrow::Cow, fmt, sync::Arc};

use sgmn_graph::{
    Seed,
    flow::{Flow, Numbers},
};

use solve::solve;
use solved::Solved;
use view::View;

use super::element::unlike;
use crate::Result;

pub use settle::{Settled, settle};
pub(in crate::flow) use settle::{settle_by, settled};
pub use span::span;

/// Something that may be added to a net.
#[derive(Debug, Clone)]
pub struct Freedom {
    /// The rule that found it.
    pub rule: Rule,
    /// What may change and what follows, in words, with the names of the parameters.
    pub words: String,
    /// The parameters that change.
    pub params: Vec<usize>,
    /// How many real numbers choose a change; 0 if the changes are discrete.
    pub dims: usize,
    act: Arc<dyn Act>,
}

/// A change that a freedom allows: numbers that choose it, 0 everywhere for none.
#[derive(Debug, Clone, PartialEq)]
pub struct Change(Vec<f64>);

impl Change {
    /// The numbers that choose it.
    pub fn amounts(&self) -> &[f64] {
        &self.0
    }

    /// Whether nothing changes.
    pub fn is_none(&self) -> bool {
        self.0.iter().all(|amount| *amount == 0.0)
    }
}

/// What the file of a rule provides for each freedom it finds.
pub(crate) trait Act: fmt::Debug + Send + Sync {
    /// A random change.
    fn draw(&self, seed: Seed, net: &dyn Numbers) -> Vec<f64>;

    /// The change that carries the net to the canonical point.
    fn settled(&self, net: &dyn Numbers) -> Vec<f64>;

    /// The numbers of a parameter of [`Freedom::params`] after a change.
    fn moved(&self, net: &dyn Numbers, change: &[f64], param: usize) -> Vec<f64>;

    /// The change that undoes this one.
    fn inverse(&self, change: &[f64]) -> Vec<f64> {
        change.iter().map(|amount| -amount).collect()
    }

    /// The change that is two changes together.
    fn joined(&self, first: &[f64], second: &[f64]) -> Vec<f64> {
        first.iter().zip(second).map(|(a, b)| a + b).collect()
    }

    /// All changes that are chosen by one number, for continuous freedoms.
    fn basis(&self) -> Vec<Vec<f64>> {
        Vec::new()
    }
}

impl Freedom {
    /// A random change of a net.
    pub fn draw(&self, seed: Seed, net: &dyn Numbers) -> Change {
        Change(self.act.draw(seed, net))
    }

    /// The change that carries a net to the canonical point of this freedom.
    pub fn settled(&self, net: &dyn Numbers) -> Change {
        Change(self.act.settled(net))
    }

    /// Changes that are chosen by one number each, of which all continuous ones are sums; none if changes are discrete.
    pub fn basis(&self) -> Vec<Change> {
        self.act.basis().into_iter().map(Change).collect()
    }

    /// The change that undoes a change.
    pub fn inverse(&self, change: &Change) -> Change {
        Change(self.act.inverse(&change.0))
    }

    /// The change that is two changes of this freedom together.
    pub fn joined(&self, first: &Change, second: &Change) -> Change {
        Change(self.act.joined(&first.0, &second.0))
    }

    /// The change that these numbers choose.
    ///
    /// # Errors
    /// [`Error::Unlike`](crate::Error::Unlike) if there are not as many finite numbers as choose a change of this net.
    pub fn change(&self, net: &dyn Numbers, amounts: Vec<f64>) -> Result<Change> {
        let n = self.act.draw(Seed::new(0), net).len();
        if amounts.len() != n || amounts.iter().any(|amount| !amount.is_finite()) {
            let found = format!("{} numbers", amounts.len());
            return Err(unlike(&self.words, format!("{n} finite numbers"), found));
        }
        Ok(Change(amounts))
    }

    /// The numbers of a net after a change; each parameter is computed when it is asked for.
    pub fn act<'a>(&'a self, net: &'a dyn Numbers, change: Change) -> Changed<'a> {
        Changed { net, freedom: self, change }
    }
}

/// A net to which something was added.
#[derive(Clone)]
pub struct Changed<'a> {
    net: &'a dyn Numbers,
    freedom: &'a Freedom,
    change: Change,
}

impl fmt::Debug for Changed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changed({})", self.freedom.words)
    }
}

impl Numbers for Changed<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        if self.change.is_none() || !self.freedom.params.contains(&param) {
            return self.net.numbers(param);
        }
        Cow::Owned(self.freedom.act.moved(self.net, &self.change.0, param))
    }
}

/// The list of rules: a file each, in the order in which nets are settled.
macro_rules! rules {
    ($($(#[$doc:meta])* $module:ident => $name:ident),* $(,)?) => {
        $(mod $module;)*

        /// The rules that find freedoms.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Rule {
            $($(#[$doc])* $name,)*
        }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its word in tables.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($module),)* }
            }

            /// Shifts of values that the rule wants to know absorbed, with the shape of their numbers.
            fn wanted(self, view: &View<'_>) -> Vec<solve::Wanted> {
                match self { $(Self::$name => $module::wanted(view),)* }
            }

            fn find(self, found: &Found<'_>) -> Vec<Freedom> {
                match self { $(Self::$name => $module::find(found),)* }
            }
        }
    };
}

rules! {
    /// Readers of what sums to a constant: a centred norm, shares.
    reader => Reader,
    /// `1 − σ(−z) = σ(z)`.
    flip => Flip,
    /// Biases that move on until others take them back, or nobody sees them.
    shift => Shift,
    /// Directions of writers that nobody sees.
    unseen => Unseen,
    /// Biases of sines by half periods.
    phase => Phase,
}

/// What a rule looks at.
pub(crate) struct Found<'a> {
    view: View<'a>,
    flow: Arc<Flow>,
    solved: Arc<Solved>,
}

/// Everything that may be added to a net of this flow, rule by rule. Continuous freedoms are independent: the changes of
/// all together span as many dimensions as [`Freedom::dims`] add up to.
pub fn freedoms(flow: &Arc<Flow>) -> Vec<Freedom> {
    let view = View::new(flow);
    let wanted: Vec<_> = Rule::ALL.iter().flat_map(|rule| rule.wanted(&view)).collect();
    let solved = Arc::new(solve(&view, &wanted));
    let found = Found { view, flow: flow.clone(), solved };
    Rule::ALL.iter().flat_map(|rule| rule.find(&found)).collect()
}

/// Names of parameters, for words.
fn names(flow: &Flow, params: &[usize]) -> String {
    let mut names: Vec<&str> = params.iter().map(|param| flow.params()[*param].name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}
