//! Random nets of every activation and kind, as graphs.

use std::sync::Arc;

use sgmn_graph::{
    Activation, Graph, LayerSpec, Net, NetSpec, Seed, Topology, eval, lower,
    testing::{
        ACTIVATIONS, input_values, random_cnn, random_mlp, random_net, with_some_pools, without_some_biases,
    },
};

/// Also a sine of negative frequency: its half period is negative.
pub(crate) fn activations() -> Vec<Activation> {
    ACTIVATIONS.into_iter().chain([Activation::Sine { omega: -2.5 }]).collect()
}

/// `n` MLPs, `n` CNNs and `n` MLPs of mixed activations for each activation, `n` of them without some biases, and the CNNs
/// with pooling, with the seed each was made from.
pub(crate) fn random_nets(n: u64) -> Vec<(Seed, Net)> {
    let mut nets = Vec::new();
    for (a, activation) in activations().into_iter().enumerate() {
        for i in 0..n {
            let seed = Seed::new(1000 * a as u64 + i);
            let specs = [random_mlp(seed, activation), random_cnn(seed, activation), mixed_mlp(seed, a)];
            let without = without_some_biases(seed, &specs[i as usize % 3]);
            let pooled = with_some_pools(seed, &specs[1]);
            for spec in specs.into_iter().chain([without, pooled]) {
                nets.push((seed, random_net(seed, &spec)));
            }
        }
    }
    nets
}

/// A random MLP in which each layer has an activation of its own.
fn mixed_mlp(seed: Seed, first: usize) -> Arc<NetSpec> {
    let plain = random_mlp(seed, Activation::Identity);
    let all = activations();
    let layer =
        |(l, layer): (usize, &LayerSpec)| LayerSpec { activation: all[(first + l) % all.len()], ..*layer };
    let layers = plain.layers().iter().enumerate().map(layer).collect();
    Arc::new(NetSpec::new(layers, plain.output_offset()).unwrap())
}

/// The graph of a net, with more slots an edge than it needs.
pub(crate) fn graph_of(net: &Net) -> Graph {
    let topology = Arc::new(Topology::padded(net.spec().clone(), [4, 5], 7).unwrap());
    lower(net, &topology).unwrap()
}

/// The largest difference of two graphs, each tensor's relative to its largest magnitude.
pub(crate) fn distance(a: &Graph, b: &Graph) -> f64 {
    let topology = &a.topology;
    let slots = topology.n_edge_values();
    let nodes = (0..topology.widths().len())
        .map(|l| topology.node_range(l))
        .map(|r| (&a.nodes[r.clone()], &b.nodes[r]));
    let edges =
        (0..topology.n_layers()).map(|l| topology.edge_range(l)).map(|r| r.start * slots..r.end * slots);
    let edges = edges.map(|r| (&a.edges[r.clone()], &b.edges[r]));
    nodes.chain(edges).map(|(a, b)| relative_difference(a, b)).fold(0.0, f64::max)
}

/// The largest difference, relative to the largest magnitude.
pub(crate) fn relative_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let difference = a.iter().zip(b).fold(0.0_f64, |worst, (a, b)| {
        assert!(a.is_finite() && b.is_finite());
        worst.max((a - b).abs())
    });
    if difference == 0.0 { 0.0 } else { difference / largest }
}

/// How far two nets are apart as functions, on a few inputs.
pub(crate) fn function_difference(seed: Seed, a: &Net, b: &Net) -> f64 {
    let outputs = |net: &Net| -> Vec<f64> {
        (0..4).flat_map(|i| eval::run(net, &input_values(seed.index(i), net.spec())).unwrap()).collect()
    };
    relative_difference(&outputs(a), &outputs(b))
}
