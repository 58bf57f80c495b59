//! Chains of layers as flows: what is inferred is what the table of activations says.

use std::sync::Arc;

use sgmn_graph::{
    Activation, NetSpec, Seed, Topology,
    flow::{self, Array},
    testing,
};
use sgmn_symmetry::{
    ScaleGroup, Sites, Symmetry,
    flow::{Draw, derive},
};

/// A perceptron, a CNN and one with pooling, each with all biases and without some.
fn specs(seed: Seed, activation: Activation) -> impl Iterator<Item = Arc<NetSpec>> {
    let cnn = testing::random_cnn(seed, activation);
    let specs = [testing::random_mlp(seed, activation), testing::with_some_pools(seed, &cnn), cnn];
    specs.into_iter().flat_map(move |spec| [testing::without_some_biases(seed, &spec), spec])
}

fn square(n: usize) -> [usize; 2] {
    let side = (n as f64).sqrt().round() as usize;
    [side, side]
}

#[test]
fn elements_keep_the_function_of_random_chains() {
    for seed in 0..60 {
        let seed = Seed::new(seed);
        for activation in testing::ACTIVATIONS {
            for spec in specs(seed, activation) {
                let net = testing::random_net(seed, &spec);
                let input = testing::input_values(seed, &spec);
                let size =
                    if spec.is_convolutional() { square(input.len() / spec.widths()[0]) } else { [1, 1] };
                let net = net.into_flow(size).unwrap();
                let spaces = derive(net.flow());
                let element = spaces.sample(seed, &Draw::default());
                let x = [Array::new(net.flow().shape(net.flow().inputs()[0].value).to_vec(), input).unwrap()];
                let before = flow::run(net.flow(), &net, &x).unwrap();
                let after = flow::run(net.flow(), &element.act(&net), &x).unwrap();
                let largest = before[0].data().iter().fold(1e-3_f64, |m, v| m.max(v.abs()));
                for (a, b) in before[0].data().iter().zip(after[0].data()) {
                    assert!((a - b).abs() < 1e-9 * largest, "{activation:?} {spec:?}: {a} {b}");
                }
            }
        }
    }
}

#[test]
fn what_is_inferred_for_a_chain_are_the_sites_of_its_topology() {
    for seed in 0..40 {
        let seed = Seed::new(seed);
        for activation in testing::ACTIVATIONS {
            for spec in specs(seed, activation) {
                let input = testing::input_values(seed, &spec);
                let size =
                    if spec.is_convolutional() { square(input.len() / spec.widths()[0]) } else { [1, 1] };
                let spaces = derive(&Arc::new(spec.into_flow(size).unwrap()));
                let sites = Sites::new(&Topology::new(spec.clone()).unwrap(), Symmetry::ALL);
                let mut orders: Vec<usize> = spaces.orders().iter().map(|order| order.n).collect();
                let mut expected: Vec<usize> =
                    sites.layers().iter().map(|site| site.n_units).filter(|n| *n > 1).collect();
                orders.sort_unstable();
                expected.sort_unstable();
                assert_eq!(orders, expected, "{spec:?}");
                let admits = |group: ScaleGroup| -> usize {
                    let here = |site: &&sgmn_symmetry::Site| {
                        // A flow knows the signs of even functions among those that come out as nothing.
                        let is_mirror = |symmetry| group == ScaleGroup::Sign && symmetry == Symmetry::Mirror;
                        let admits =
                            |symmetry: &Symmetry| symmetry.group().contains(group) || is_mirror(*symmetry);
                        site.symmetries.iter().any(admits)
                    };
                    sites.layers().iter().filter(here).map(|site| site.n_units).sum()
                };
                let dims = (admits(ScaleGroup::Positive), admits(ScaleGroup::Sign));
                assert_eq!(spaces.scale_dims(), dims, "{spec:?}");
            }
        }
    }
}
