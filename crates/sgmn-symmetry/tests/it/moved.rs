//! Nets of moved inputs and outputs, judged by the interpreter.

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{Activation, LayerMap, LayerSpec, Net, NetSpec, Reading, Seed, eval, testing};
use sgmn_symmetry::{Levels, Motion, OutputMap, Symmetry, canonicalize_net};

const MOTION: Motion =
    Motion { degrees: 40.0, shift: 0.5, scale: 0.3, stretch: 0.2, shear: 0.2, mirror: true };

#[test]
fn a_moved_net_computes_what_the_net_computes_on_moved_inputs() {
    for (i, activation) in testing::ACTIVATIONS.into_iter().enumerate() {
        for n in [2, 3, 4] {
            let seed = Seed::new(i as u64).index(n as u64);
            let spec = Arc::new(NetSpec::mlp(&[n, 5, 4, 2], activation, 0.25).unwrap());
            let net = testing::random_net(seed.child("net"), &spec);
            let map = MOTION.sample(seed.child("map"), n).unwrap();
            let other = map.act_on_net(&net).unwrap();
            let mut rng = seed.child("inputs").rng();
            for _ in 0..5 {
                let x: Vec<f64> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
                let (said, expected) =
                    (eval::run(&other, &x).unwrap(), eval::run(&net, &map.apply(&x).unwrap()).unwrap());
                for (a, b) in said.iter().zip(&expected) {
                    assert!((a - b).abs() < 1e-9 * (1.0 + b.abs()), "{activation}: {a} for {b}");
                }
            }
        }
    }
}

#[test]
fn maps_compose_as_the_nets_they_act_on() {
    let seed = Seed::new(5);
    let spec = Arc::new(NetSpec::mlp(&[3, 4, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let net = testing::random_net(seed.child("net"), &spec);
    let [a, b] = ["a", "b"].map(|name| MOTION.sample(seed.child(name), 3).unwrap());
    let x = [0.3, -0.2, 0.7];
    let (at_once, in_turn) =
        (a.after(&b).unwrap().apply(&x).unwrap(), a.apply(&b.apply(&x).unwrap()).unwrap());
    assert!(at_once.iter().zip(&in_turn).all(|(a, b)| (a - b).abs() < 1e-12), "{at_once:?} {in_turn:?}");
    // f∘(a∘b) is (f∘a)∘b.
    let (one, two) = (a.after(&b).unwrap().act_on_net(&net).unwrap(), {
        let once = a.act_on_net(&net).unwrap();
        b.act_on_net(&once).unwrap()
    });
    for (x, y) in one.params().iter().zip(two.params()) {
        assert!((x - y).abs() < 1e-12 * (1.0 + x.abs()));
    }
}

#[test]
fn levels_change_what_a_net_answers_and_its_offset_is_part_of_that() {
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 3], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let net = testing::random_net(Seed::new(3), &spec);
    let levels = Levels { contrast: 0.5, brightness: 0.25 };
    let map = levels.sample(Seed::new(4)).unwrap();
    let other = map.act_on_net(&net).unwrap();
    for x in [[0.1, 0.9], [-0.5, 0.3]] {
        let (before, after) = (eval::run(&net, &x).unwrap(), eval::run(&other, &x).unwrap());
        for (y, moved) in before.iter().zip(after) {
            assert!((moved - (map.factor * y + map.shift)).abs() < 1e-12);
        }
    }
}

#[test]
fn what_is_done_to_the_function_does_not_ask_which_of_its_nets_it_is_done_to() {
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 5, 1], Activation::Tanh, 0.0).unwrap());
    let net = testing::random_net(Seed::new(8), &spec);
    let twin = sgmn_symmetry::augment_net(Seed::new(9), &net, Symmetry::ALL, &Default::default()).unwrap();
    let map = MOTION.sample(Seed::new(10), 2).unwrap();
    let [a, b] =
        [&net, &twin].map(|net| canonicalize_net(&map.act_on_net(net).unwrap(), Symmetry::ALL).unwrap().0);
    for (x, y) in a.params().iter().zip(b.params()) {
        assert!((x - y).abs() < 1e-9);
    }
}

#[test]
fn nets_that_cannot_take_a_map_say_why() {
    let refuse = |spec: NetSpec, act: &dyn Fn(&Net) -> sgmn_symmetry::Result<Net>| {
        let spec = Arc::new(spec);
        let net = testing::random_net(Seed::new(1), &spec);
        act(&net).unwrap_err().to_string()
    };
    let map = MOTION.sample(Seed::new(2), 2).unwrap();
    let linear = |n_in, n_out| LayerMap::Linear { n_in, n_out, reading: Reading::Direct };
    let conv = LayerMap::Conv { n_in: 1, n_out: 2, kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
    let cnn = NetSpec::new(vec![LayerSpec::new(conv, Activation::Identity)], 0.0).unwrap();
    let message = refuse(cnn, &|net| map.act_on_net(net));
    assert!(message.contains("expected a first layer that is linear"), "{message}");
    let three = NetSpec::mlp(&[3, 2, 1], Activation::Tanh, 0.0).unwrap();
    let message = refuse(three, &|net| map.act_on_net(net));
    assert!(message.contains("expected 2, found 3"), "{message}");
    let unbiased = |activation| {
        NetSpec::new(vec![LayerSpec::new(linear(2, 2), activation).without_bias()], 0.0).unwrap()
    };
    let message = refuse(unbiased(Activation::Tanh), &|net| map.act_on_net(net));
    assert!(message.contains("with biases"), "{message}");
    let levels = OutputMap { factor: 1.0, shift: 0.5 };
    let message = refuse(unbiased(Activation::Tanh), &|net| levels.act_on_net(net));
    assert!(message.contains("outputs that are sums"), "{message}");
    let message = refuse(unbiased(Activation::Identity), &|net| levels.act_on_net(net));
    assert!(message.contains("with biases"), "{message}");
}
