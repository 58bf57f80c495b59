//! Twins are brought back, planted orders are found under noise, and nothing ever moves away.

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{
    Activation, Net, NetSpec, Seed,
    flow::{FlowNet, Numbers, Stored, random_inputs, run, testing::random_flow},
    normal,
};

use super::*;
use crate::flow::{Draw, derive, freedoms::freedoms, twins::twin};

fn mlp(widths: &[usize], activation: Activation, seed: Seed) -> FlowNet {
    let spec = Arc::new(NetSpec::mlp(widths, activation, 0.0).unwrap());
    let mut rng = seed.rng();
    let params = (0..spec.n_params()).map(|_| normal(&mut rng)).collect();
    Net::new(spec, params).unwrap().into_flow([1, 1]).unwrap()
}

/// The net with noise on each number, relative to the root mean square of its parameter.
fn noisy(net: &FlowNet, size: f64, seed: Seed) -> FlowNet {
    let mut rng = seed.child("noise").rng();
    let stored = (0..net.flow().params().len()).map(|param| {
        let numbers = net.numbers(param);
        let rms = (numbers.iter().map(|x| x * x).sum::<f64>() / numbers.len() as f64).sqrt();
        Stored::from(numbers.iter().map(|x| x + size * rms * normal(&mut rng)).collect::<Vec<f64>>())
    });
    FlowNet::new(net.flow().clone(), stored.collect()).unwrap()
}

fn act(found: &Alignment, net: &FlowNet) -> FlowNet {
    let flow = net.flow();
    found.transport.act(net, &crate::flow::matrices::matrices(flow), &freedoms(flow)).unwrap()
}

/// The largest difference, relative to the largest number of its parameter in either net.
fn apart(a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |param: usize| {
        let (x, y) = (a.numbers(param), b.numbers(param));
        let most = x.iter().chain(y.iter()).fold(1e-300, |most, y| f64::max(most, y.abs()));
        x.iter().zip(y.iter()).fold(0.0, |worst, (x, y)| f64::max(worst, (x - y).abs() / most))
    };
    (0..a.flow().params().len()).map(of).fold(0.0, f64::max)
}

fn never_rises(found: &Alignment) -> bool {
    found.after <= found.before
        && found.starts.iter().all(|start| start.windows(2).all(|pair| pair[1] <= pair[0] + 1e-12))
}

#[test]
fn twins_of_random_nets_are_brought_back_wherever_their_forms_meet() {
    let (mut n_met, mut n_back) = (0, 0);
    for number in 0..40 {
        let seed = Seed::new(number);
        let net = random_flow(seed, 100);
        let twin = twin(&net, seed, &Draw::default());
        let Ok(found) = align(&net, &twin, Method::Weights, &AlignOptions::default()) else { continue };
        assert!(never_rises(&found), "net {number}: {found:?}");
        // Norms that are folded first may make forms meet that do not meet as they are.
        let here = crate::flow::transport::transport(&net, &twin, 1e-9).unwrap();
        if here.is_none_or(|found| found.folded) {
            continue;
        }
        n_met += 1;
        let back = act(&found, &twin);
        let scale = apart(&net, &twin).max(1.0);
        n_back += usize::from(apart(&back, &net) <= 1e-8 * scale);
        assert!(apart(&back, &net) <= 1e-6, "net {number}: {:e} {:?}", apart(&back, &net), found.starts);
    }
    assert!(n_met > 20 && n_back == n_met, "{n_met} met, {n_back} came back");
}

#[test]
fn acting_keeps_the_function_of_nets_that_are_no_twins() {
    for number in 0..25 {
        let seed = Seed::new(number);
        let a = random_flow(seed, 100);
        let b = noisy(&a, 1.0, seed);
        let Ok(found) =
            align(&a, &b, Method::Weights, &AlignOptions { starts: 4, ..AlignOptions::default() })
        else {
            continue;
        };
        assert!(never_rises(&found), "net {number}: {:?}", found.starts);
        let near = act(&found, &b);
        let inputs = random_inputs(a.flow(), seed);
        let [x, y] = [&b, &near].map(|net| run(net.flow(), net, &inputs).unwrap());
        for (x, y) in x.iter().zip(&y) {
            let size = x.data().iter().fold(1.0, |most, x| f64::max(most, x.abs()));
            let differ = x.data().iter().zip(y.data()).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max);
            assert!(differ <= 1e-6 * size, "net {number}: {differ:e} of {size}");
        }
    }
}

#[test]
fn planted_orders_are_found_under_noise_of_a_half() {
    // Noise with half the size of the numbers, relu and tanh, on 3 hidden layers of 24 units.
    for activation in [Activation::Relu, Activation::Tanh] {
        for number in 0..3 {
            let seed = Seed::new(number);
            let net = mlp(&[8, 24, 24, 24, 4], activation, seed.child("net"));
            let spaces = derive(net.flow());
            let plant = spaces.sample(seed.child("plant"), &Draw::default());
            let other = noisy(&net, 0.5, seed);
            let planted = net.with(&plant.act(&other)).unwrap();
            let found = align(&net, &planted, Method::Weights, &AlignOptions::default()).unwrap();
            let both = found.transport.element.compose(&plant).unwrap();
            let moved: usize = spaces.moves(&both).unwrap().iter().map(|space| space.reordered).sum();
            assert_eq!(moved, 0, "{activation:?} {number}: {:?}", found.starts);
            assert!(found.after < 0.6 * found.before);
        }
    }
}

fn questions(net: &FlowNet, n: u64, seed: Seed) -> Vec<Vec<Array>> {
    (0..n).map(|at| random_inputs(net.flow(), seed.child("questions").index(at))).collect()
}

#[test]
fn twins_of_random_nets_are_brought_back_by_what_they_compute() {
    let (mut n_met, mut n_back) = (0, 0);
    for number in 0..40 {
        let seed = Seed::new(number);
        let net = random_flow(seed, 100);
        let twin = twin(&net, seed, &Draw::default());
        let here = crate::flow::transport::transport(&net, &twin, 1e-9).unwrap();
        if here.is_none_or(|found| found.folded) {
            continue;
        }
        let inputs = questions(&net, 8, seed);
        let found = align(&net, &twin, Method::Activations(&inputs), &AlignOptions::default()).unwrap();
        n_met += 1;
        n_back += usize::from(apart(&act(&found, &twin), &net) <= 1e-6 * apart(&net, &twin).max(1.0));
    }
    // In two nets a norm leaves two units that are each other's negative, and whose sign is not their own.
    assert!(n_met > 20 && n_back + 2 >= n_met, "{n_met} met, {n_back} came back");
}

#[test]
fn planted_orders_are_found_under_noise_by_what_units_compute() {
    for activation in [Activation::Relu, Activation::Tanh] {
        for number in 0..3 {
            let seed = Seed::new(number);
            let net = mlp(&[8, 24, 24, 24, 4], activation, seed.child("net"));
            let spaces = derive(net.flow());
            let plant = spaces.sample(seed.child("plant"), &Draw::default());
            let planted = net.with(&plant.act(&noisy(&net, 0.2, seed))).unwrap();
            let inputs = questions(&net, 200, seed);
            let found =
                align(&net, &planted, Method::Activations(&inputs), &AlignOptions::default()).unwrap();
            let both = found.transport.element.compose(&plant).unwrap();
            let moves = spaces.moves(&both).unwrap();
            let moved: usize = moves.iter().map(|space| space.reordered + space.flipped).sum();
            assert_eq!(moved, 0, "{activation:?} {number}: {:?}", found.starts);
        }
    }
}

#[test]
fn inputs_of_another_shape_are_refused() {
    let net = mlp(&[3, 4, 2], Activation::Relu, Seed::new(0));
    let inputs = [vec![Array::new(vec![1, 2], vec![0.0; 2]).unwrap()]];
    let refused = align(&net, &net, Method::Activations(&inputs), &AlignOptions::default()).unwrap_err();
    assert!(refused.to_string().contains("expected [1, 3], found [1, 2]"), "{refused}");
}

/// The distance d, from its formula.
fn distance(a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |param: usize| {
        let (x, y) = (a.numbers(param), b.numbers(param));
        let squares: f64 = x.iter().chain(y.iter()).map(|x| x * x).sum();
        let mean = squares / (2.0 * x.len() as f64);
        x.iter().zip(y.iter()).map(|(x, y)| (x - y) * (x - y) / mean).sum::<f64>()
    };
    let sum: f64 = (0..a.flow().params().len()).map(of).sum();
    (sum / a.flow().n_numbers() as f64).sqrt()
}

#[test]
fn one_hidden_layer_is_ordered_as_well_as_any_order_and_signs_do_it() {
    for number in 0..8 {
        let seed = Seed::new(number);
        let [a, b] = ["a", "b"].map(|name| {
            let net = mlp(&[3, 3, 2], Activation::Tanh, seed.child(name));
            crate::flow::canonicalize_unfolded(&net).unwrap().net
        });
        let found = align(&a, &b, Method::Weights, &AlignOptions::default()).unwrap();
        assert!((found.before - distance(&a, &b)).abs() < 1e-12);
        let spaces = derive(a.flow());
        // Drawn often enough to see all 6 orders with all 8 choices of signs.
        let least = (0..600).map(|again| {
            let draw = Draw { spread: 0.0, ..Draw::default() };
            let element = spaces.sample(seed.child("try").index(again), &draw);
            distance(&a, &b.with(&element.act(&b)).unwrap())
        });
        let least = least.fold(f64::INFINITY, f64::min);
        assert!((found.after - least).abs() < 1e-9, "net {number}: {} but {least} by force", found.after);
        assert!((distance(&a, &act(&found, &b)) - least).abs() < 1e-9);
    }
}

#[test]
fn heads_are_found_in_any_order_and_basis_under_noise() {
    let mut rng = Seed::new(1).rng();
    let net = attention(3, 2, &mut rng);
    for number in 0..3 {
        let seed = Seed::new(number);
        let twin = twin(&noisy(&net, 0.02, seed), seed, &Draw::default());
        let found = align(&net, &twin, Method::Weights, &AlignOptions::default()).unwrap();
        assert!(never_rises(&found));
        assert!(found.after < 0.25, "{:?} from {}", found.starts, found.before);
    }
}

/// Attention with a perceptron behind it: tokens of 6 numbers, so many heads of width d.
fn attention(heads: usize, d: usize, rng: &mut impl rand::Rng) -> FlowNet {
    use sgmn_graph::flow::{Contract, FlowBuilder, Permute, Reshape, Role, Softmax};
    let mut flow = FlowBuilder::new();
    let (tokens, width) = (4, heads * d);
    let x = flow.input("x", vec![tokens, 6], Default::default()).unwrap();
    let mut stored: Vec<Stored> = Vec::new();
    let mut param = |flow: &mut FlowBuilder, name: &str, shape: Vec<usize>| {
        let n: usize = shape.iter().product();
        stored.push((0..n).map(|_| rng.random::<f64>() - 0.5).collect::<Vec<f64>>().into());
        flow.param(name, shape, Role::Trained).unwrap()
    };
    let linear = || Contract { batch: vec![], sum: vec![(1, 1)] };
    let mut split = |flow: &mut FlowBuilder, name: &str| {
        let w = param(flow, name, vec![width, 6]);
        let y = flow.step(linear(), &[x, w], name).unwrap();
        let y = flow.step(Reshape { shape: vec![tokens, heads, d] }, &[y], name).unwrap();
        flow.step(Permute { order: vec![1, 0, 2] }, &[y], name).unwrap()
    };
    let [q, k, v] = ["q", "k", "v"].map(|name| split(&mut flow, name));
    let scores = flow.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 2)] }, &[q, k], "scores").unwrap();
    let weights = flow.step(Softmax { axis: 2, log: false }, &[scores], "weights").unwrap();
    let mixed = flow.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 1)] }, &[weights, v], "mix").unwrap();
    let mixed = flow.step(Permute { order: vec![1, 0, 2] }, &[mixed], "turn").unwrap();
    let mixed = flow.step(Reshape { shape: vec![tokens, width] }, &[mixed], "join").unwrap();
    let w = param(&mut flow, "o", vec![5, width]);
    let y = flow.step(linear(), &[mixed, w], "o").unwrap();
    flow.output("y", y);
    FlowNet::new(Arc::new(flow.build().unwrap()), stored).unwrap()
}
