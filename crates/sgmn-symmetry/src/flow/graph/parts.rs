//! Roles, ties and numbers of sites: from a draft to a topology.

use std::sync::Arc;

use sgmn_graph::{Block, NodeRole, Parts, Site, Tie, Topology, flow::Flow};
use sha2::{Digest, Sha256};

use super::{
    draft::{Graph, Source},
    nodes::{Draft, Form, times},
};
use crate::Result;

/// Sites of the same units are all tied up to so many; beyond, each to the next.
const MOST_TIED: usize = 8;

/// The topology, where the numbers of its blocks lie, and where the biases of its sites lie.
pub(super) fn assembled(graph: Graph<'_>, flow: &Arc<Flow>) -> Result<(Topology, Vec<Source>, Vec<Option<Source>>)> {
    let drafts = &graph.nodes.drafts;
    let mut counts = [0usize, 1, 0];
    let mut site = |draft: &Draft| {
        let n = draft.units.len();
        let (role, count, step) = if draft.is_hidden() {
            (NodeRole::Hidden, 1, 1)
        } else if draft.is_output {
            (NodeRole::Output, 2, n)
        } else {
            (NodeRole::Input, 0, n)
        };
        let at = counts[count];
        counts[count] += step;
        Site { n, role, at, behaviour: draft.is_hidden().then(|| draft.behaviour()) }
    };
    let sites: Vec<Site> = drafts.iter().map(&mut site).collect();
    let ties = ties(drafts);
    let (mut blocks, mut sources): (Vec<Block>, Vec<Source>) = graph.blocks.into_iter().unzip();
    for block in &mut blocks {
        simplify(block, &sites);
    }
    let mut biases: Vec<Option<Source>> = vec![None; sites.len()];
    for (site, source) in graph.biases {
        biases[site] = Some(source);
    }
    sources.shrink_to_fit();
    let fingerprint = fingerprint(flow);
    Ok((Topology::of_parts(Parts { fingerprint, sites, blocks, ties })?, sources, biases))
}

/// Nodes that stand in their own order need not be listed.
fn simplify(block: &mut Block, sites: &[Site]) {
    let is_plain = |nodes: &Option<Vec<u32>>, n: usize| {
        nodes.as_ref().is_some_and(|nodes| nodes.iter().copied().eq(0..n as u32))
    };
    if is_plain(&block.senders, sites[block.from].n) {
        block.senders = None;
    }
    if is_plain(&block.receivers, sites[block.to].n) {
        block.receivers = None;
    }
}

/// Which sites have the same units, and which scalars multiply to which.
fn ties(drafts: &[Draft]) -> Vec<Tie> {
    let alike = |a: usize, b: usize| {
        drafts[a].units == drafts[b].units && drafts[a].units.iter().all(Option::is_some)
    };
    let mut ties = Vec::new();
    for to in 0..drafts.len() {
        let others: Vec<usize> = (0..drafts.len()).filter(|from| *from != to && alike(*from, to)).collect();
        let near = |from: &usize| others.len() < MOST_TIED || from.abs_diff(to) == 1;
        ties.extend(others.iter().copied().filter(near).map(|from| Tie::Peer { from, to }));
        if others.len() >= MOST_TIED {
            continue;
        }
        for (i, a) in others.iter().enumerate() {
            for b in &others[i + 1..] {
                let is_product = (0..drafts[to].units.len()).all(|node| {
                    let [a, b, to] = [*a, *b, to].map(|site| &drafts[site].scales[node]);
                    let [of_a, of_b] = [a, b].map(Form::of);
                    !of_a.is_one() && !of_b.is_one() && Form::of(&times(a, b, 1)) == Form::of(to)
                });
                if is_product {
                    ties.push(Tie::Product { from: [*a, *b], to });
                }
            }
        }
    }
    ties
}

/// A word that no other flow has.
fn fingerprint(flow: &Flow) -> String {
    let digest = Sha256::digest(format!("{flow:?}").as_bytes());
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{} numbers in {} parameters, {hex}", flow.n_numbers(), flow.params().len())
}
