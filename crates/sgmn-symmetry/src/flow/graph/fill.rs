//! The numbers of a net into the places of its graph.

use std::borrow::Cow;

use sgmn_graph::{
    Graph, NodeRole,
    flow::{FlowError, Numbers},
};

use super::{
    FlowLowering,
    draft::{MISSING, Source},
};
use crate::Result;

impl FlowLowering {
    /// The graph of a net of the folded flow, which is asked for one parameter at a time.
    ///
    /// # Errors
    /// [`Error::Flow`](crate::Error::Flow) naming a number that is not finite.
    pub(super) fn fill(&self, net: &dyn Numbers) -> Result<Graph> {
        let topology = &self.topology;
        let mut nodes = Vec::with_capacity(topology.n_nodes());
        for (site, bias) in topology.sites().iter().zip(&self.biases) {
            match bias {
                Some(source) => append(&self.finite(net, source.param)?, source, &mut nodes),
                // Inputs have no bias, but a number.
                None => {
                    nodes.resize(nodes.len() + site.n, if site.role == NodeRole::Input { 1.0 } else { 0.0 })
                }
            }
        }
        let n_edge_numbers = (0..topology.blocks().len()).map(|b| topology.number_range(b).len()).sum();
        let mut edges = Vec::with_capacity(n_edge_numbers);
        // Blocks of one parameter stand side by side.
        let mut last: Option<(usize, Cow<'_, [f64]>)> = None;
        for (block, source) in topology.blocks().iter().zip(&self.sources) {
            let numbers = match last.take() {
                Some((param, numbers)) if param == source.param => numbers,
                _ => self.finite(net, source.param)?,
            };
            let [groups, receivers, senders] = block.shape(topology.sites());
            let [rows, columns] = source.places;
            for group in 0..groups {
                for r in group * receivers..(group + 1) * receivers {
                    for s in group * senders..(group + 1) * senders {
                        for row in &source.rows[r * rows..(r + 1) * rows] {
                            for column in &source.columns[s * columns..(s + 1) * columns] {
                                let is_there = *row != MISSING && *column != MISSING;
                                edges.extend(source.rest.iter().map(|rest| match is_there {
                                    true => source.chart.seen(numbers[(row + column + rest) as usize]),
                                    false => 0.0,
                                }));
                            }
                        }
                    }
                }
            }
            last = Some((source.param, numbers));
        }
        Ok(Graph { topology: topology.clone(), nodes, edges })
    }

    /// The numbers of a parameter, which are finite.
    fn finite<'a>(&self, net: &'a dyn Numbers, param: usize) -> Result<Cow<'a, [f64]>> {
        let numbers = net.numbers(param);
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(index) => {
                let name = self.fold.flow().params()[param].name.clone();
                Err(FlowError::NotFinite { param: name, index, value: numbers[index] }.into())
            }
            None => Ok(numbers),
        }
    }
}

/// The biases of a site.
fn append(numbers: &[f64], source: &Source, nodes: &mut Vec<f64>) {
    let number = |at: &u32| if *at == MISSING { 0.0 } else { source.chart.seen(numbers[*at as usize]) };
    nodes.extend(source.rows.iter().map(number));
}
