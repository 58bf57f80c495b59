//! Chains of layers as flows: what is inferred is what the table of activations says.

use sgmn_graph::{
    Activation, Seed,
    flow::{self, Array},
    testing,
};
use sgmn_symmetry::flow::{Draw, derive};

fn square(n: usize) -> [usize; 2] {
    let side = (n as f64).sqrt().round() as usize;
    [side, side]
}

#[test]
fn elements_keep_the_function_of_random_chains() {
    for seed in 0..60 {
        let seed = Seed::new(seed);
        for activation in testing::ACTIVATIONS {
            for spec in [testing::random_mlp(seed, activation), testing::random_cnn(seed, activation)] {
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
                let _ = Activation::Relu;
            }
        }
    }
}
