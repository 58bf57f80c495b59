//! The numbers of a net into the places of its graph.

use sgmn_graph::{Graph, NodeRole, flow::Numbers};

use super::{
    FlowLowering,
    draft::{MISSING, Source},
};

impl FlowLowering {
    /// The graph of a net of the folded flow.
    pub(super) fn fill(&self, net: &dyn Numbers) -> Graph {
        let topology = &self.topology;
        let mut nodes = Vec::with_capacity(topology.n_nodes());
        for (site, bias) in topology.sites().iter().zip(&self.biases) {
            match bias {
                Some(source) => append(net, source, &mut nodes),
                // Inputs have no bias, but a number.
                None => {
                    nodes.resize(nodes.len() + site.n, if site.role == NodeRole::Input { 1.0 } else { 0.0 })
                }
            }
        }
        let mut edges = Vec::new();
        for ((block, source), b) in topology.blocks().iter().zip(&self.sources).zip(0..) {
            edges.reserve(topology.number_range(b).len());
            let numbers = net.numbers(source.param);
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
        }
        Graph { topology: topology.clone(), nodes, edges }
    }
}

/// The biases of a site.
fn append(net: &dyn Numbers, source: &Source, nodes: &mut Vec<f64>) {
    let numbers = net.numbers(source.param);
    let number = |at: &u32| if *at == MISSING { 0.0 } else { source.chart.seen(numbers[*at as usize]) };
    nodes.extend(source.rows.iter().map(number));
}
