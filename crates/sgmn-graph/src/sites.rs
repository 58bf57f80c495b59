//! What the graph of a net is made of: sites of nodes, blocks of edges between them, ties of sites of the same units.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, flow::Behaviour};

/// What a node stands for: inputs and outputs of the net have an order of their own, and nothing scales them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeRole {
    /// An input of the net, or another unit that stands still: a place of a table, the node that stands for the number 1.
    Input,
    /// A hidden unit.
    Hidden,
    /// An output of the net.
    Output,
}

/// A set of nodes that are alike: units of one kind, and their scalars of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// How many nodes.
    pub n: usize,
    /// What they stand for.
    pub role: NodeRole,
    /// Where the site stands among all of its role, in the order of the net: of a hidden site its number, from 1; of
    /// inputs and outputs the number of its first node, from 0.
    pub at: usize,
    /// What the units let through: degree and parity of a function that has the same scalars before it. None where
    /// nothing scales.
    pub behaviour: Option<Behaviour>,
}

/// Edges from every node of one site to every node of another, or group by group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The site that the edges leave.
    pub from: usize,
    /// The site that they enter.
    pub to: usize,
    /// Numbers on an edge, K.
    pub n_values: usize,
    /// Its number in the order of the net, from 0.
    pub at: usize,
    /// Groups of nodes: those of one group are joined with each other only. 1 for a dense block.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
    /// The nodes that the edges leave, group after group; none for all in their own order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub senders: Option<Vec<u32>>,
    /// The nodes that they enter, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receivers: Option<Vec<u32>>,
}

/// What joins sites whose nodes are the same units with other scalars: node i of one is node i of the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tie {
    /// Nothing is known of the two scalars.
    Peer {
        /// The site that is heard.
        from: usize,
        /// The site that hears.
        to: usize,
    },
    /// The scalars of two sites multiply to those of a third.
    Product {
        /// The factors.
        from: [usize; 2],
        /// The product.
        to: usize,
    },
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the form that serde calls")]
fn is_one(n: &usize) -> bool {
    *n == 1
}

impl Block {
    /// A dense block of K numbers on an edge.
    pub fn dense(from: usize, to: usize, n_values: usize, at: usize) -> Self {
        Self { from, to, n_values, at, groups: 1, senders: None, receivers: None }
    }

    /// Groups, receivers of each, senders of each: the shape of the block before K.
    pub fn shape(&self, sites: &[Site]) -> [usize; 3] {
        [self.groups, sites[self.to].n / self.groups, sites[self.from].n / self.groups]
    }

    /// How many numbers the block holds.
    pub fn n_numbers(&self, sites: &[Site]) -> usize {
        self.shape(sites).iter().product::<usize>() * self.n_values
    }
}

impl Tie {
    /// The site that hears.
    pub fn to(&self) -> usize {
        match self {
            Self::Peer { to, .. } | Self::Product { to, .. } => *to,
        }
    }
}

/// That blocks and ties join sites that exist and fit.
///
/// # Errors
/// [`Error::Shape`] naming the first that does not.
pub(crate) fn check(sites: &[Site], blocks: &[Block], ties: &[Tie]) -> Result<()> {
    let site = |what: &str, at: usize| {
        sites.get(at).ok_or_else(|| Error::shape(what, format!("a site below {}", sites.len()), at))
    };
    for (b, block) in blocks.iter().enumerate() {
        let what = format!("block {b}");
        for (end, nodes) in [(block.from, &block.senders), (block.to, &block.receivers)] {
            let n = site(&what, end)?.n;
            if block.groups == 0 || n % block.groups != 0 {
                return Err(Error::shape(what, format!("a number of groups that divides {n}"), block.groups));
            }
            let Some(nodes) = nodes else { continue };
            let mut sorted = nodes.clone();
            sorted.sort_unstable();
            if !sorted.iter().copied().eq(0..n as u32) {
                return Err(Error::shape(what, format!("each of {n} nodes once"), format!("{nodes:?}")));
            }
        }
        if block.n_values == 0 {
            return Err(Error::shape(what, "at least one number on an edge", 0));
        }
    }
    for (t, tie) in ties.iter().enumerate() {
        let what = format!("tie {t}");
        let n = site(&what, tie.to())?.n;
        let from = match tie {
            Tie::Peer { from, .. } => vec![*from],
            Tie::Product { from, .. } => from.to_vec(),
        };
        for from in from {
            let other = site(&what, from)?.n;
            if other != n {
                return Err(Error::shape(what, format!("{n} nodes"), other));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sites() -> Vec<Site> {
        let site = |n, role, at| Site { n, role, at, behaviour: None };
        vec![site(1, NodeRole::Input, 0), site(4, NodeRole::Hidden, 1), site(4, NodeRole::Hidden, 2)]
    }

    #[test]
    fn parts_that_do_not_fit_are_refused_by_name() {
        let refused = |block: Block, ties: &[Tie], words: &str| {
            let message = check(&sites(), &[block], ties).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        };
        let grouped = Block { groups: 2, ..Block::dense(1, 2, 9, 0) };
        check(&sites(), std::slice::from_ref(&grouped), &[Tie::Peer { from: 1, to: 2 }]).unwrap();
        assert_eq!(grouped.shape(&sites()), [2, 2, 2]);
        refused(Block::dense(1, 3, 1, 0), &[], "block 0: expected a site below 3, found 3");
        refused(Block { groups: 3, ..Block::dense(1, 2, 1, 0) }, &[], "a number of groups that divides 4");
        refused(Block { senders: Some(vec![0, 1, 2, 2]), ..grouped.clone() }, &[], "each of 4 nodes once");
        refused(Block { n_values: 0, ..grouped.clone() }, &[], "at least one number");
        refused(grouped, &[Tie::Product { from: [1, 0], to: 2 }], "tie 0: expected 4 nodes, found 1");
    }
}
