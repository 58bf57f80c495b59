//! Every symmetry keeps the function of every net, as the interpreter sees it.

use std::{f64::consts::PI, sync::Arc};

use sgmn_graph::{
    Activation, Graph, LayerMap, LayerSpec, Net, NetSpec, Reading, Seed, Topology, eval,
    testing::{input_values, random_net},
};
use sgmn_symmetry::{Element, LayerElement, Ranges, Sites, Symmetry, check, sample, tolerance};

use crate::nets::{function_difference, graph_of, random_nets, relative_difference};

#[test]
fn every_symmetry_keeps_the_function_of_every_net() {
    let mut worst = 0.0_f64;
    for symmetry in Symmetry::ALL {
        let mut n_moving = 0;
        for (seed, net) in random_nets(12) {
            let graph = graph_of(&net);
            let element = sample(seed, &graph.topology, &[*symmetry], &Ranges::default()).unwrap();
            n_moving += usize::from(!element.is_identity());
            let moved = element.act(&graph).unwrap().raise().unwrap();
            let difference = function_difference(seed, &net, &moved);
            assert!(
                difference <= tolerance::FUNCTION,
                "{symmetry}: {difference:e} for {net:?} under {element:?}"
            );
            worst = worst.max(difference);
        }
        assert!(n_moving > 20, "{symmetry} moved only {n_moving} nets");
    }
    assert!(worst > 0.0, "scalings round, so an exact agreement means that nothing was compared");
}

#[test]
fn all_symmetries_together_keep_the_function_of_every_net() {
    for (seed, net) in random_nets(25) {
        let graph = graph_of(&net);
        let element = sample(seed, &graph.topology, Symmetry::ALL, &Ranges::default()).unwrap();
        let moved = element.act(&graph).unwrap();
        let difference = function_difference(seed, &net, &moved.raise().unwrap());
        assert!(difference <= tolerance::FUNCTION, "{difference:e} for {net:?} under {element:?}");
        assert_eq!(
            moved.edges.iter().filter(|v| **v == 0.0).count(),
            graph.edges.iter().filter(|v| **v == 0.0).count()
        );
    }
}

#[test]
fn the_checker_finds_every_function_kept() {
    let nets: Vec<Net> = random_nets(2).into_iter().map(|(_, net)| net).collect();
    let trials = check::Trials::new(Seed::new(3), Symmetry::ALL, 3);
    let report =
        check::function_error(&trials, &nets, |net| vec![input_values(Seed::new(5), net.spec())]).unwrap();
    assert!(report.within(tolerance::FUNCTION), "{report}");
}

/// A net of one hidden unit that is awake on the inputs tried, as a graph of nodes x, y, unit, output.
fn one_unit(activation: Activation) -> (Seed, Graph) {
    let omega = if let Activation::Sine { omega } = activation { omega } else { 1.0 };
    let spec = NetSpec::mlp(&[2, 1, 1], activation, 0.0).unwrap();
    let params = vec![0.4 / omega, -0.3 / omega, 1.2 / omega, 0.8, 0.05];
    (Seed::new(11), graph_of(&Net::new(spec.into(), params).unwrap()))
}

#[test]
fn a_forgotten_division_of_outgoing_weights_is_caught() {
    let (seed, graph) = one_unit(Activation::Relu);
    let right = Element::new(vec![LayerElement::scale(vec![3.0]).unwrap()]).act(&graph).unwrap();
    let mut wrong = right.clone();
    let outgoing = 2 * graph.topology.n_edge_values();
    wrong.edges[outgoing] = graph.edges[outgoing];
    let difference =
        |other: &Graph| function_difference(seed, &graph.raise().unwrap(), &other.raise().unwrap());
    assert!(difference(&right) <= tolerance::FUNCTION);
    assert!(difference(&wrong) > 0.1);
}

#[test]
fn a_phase_shift_needs_the_half_period_and_the_flip() {
    let omega = 30.0;
    let (seed, graph) = one_unit(Activation::Sine { omega });
    let slots = graph.topology.n_edge_values();
    let shifted = |by: f64, outgoing: f64| {
        let mut moved = graph.clone();
        moved.nodes[2] += by;
        moved.edges[2 * slots] *= outgoing;
        function_difference(seed, &graph.raise().unwrap(), &moved.raise().unwrap())
    };
    assert!(shifted(PI / omega, -1.0) <= tolerance::FUNCTION);
    assert!(shifted(2.0 * PI / omega, 1.0) <= tolerance::FUNCTION);
    assert!(shifted(PI / omega, 1.0) > 1e-3, "the flip is missing");
    assert!(shifted(0.9 * PI / omega, -1.0) > 1e-3, "not half a period");
    // The published script's π is an even number of half periods at ω = 30: with its flip the function changes.
    assert!(shifted(PI, -1.0) > 1e-3, "π is no odd multiple of π/ω");
}

#[test]
fn a_scalar_outside_of_the_group_changes_the_function() {
    for (activation, scalar) in [
        (Activation::Relu, -1.0),
        (Activation::Tanh, 2.0),
        (Activation::Sine { omega: 3.0 }, 2.0),
        (Activation::Silu, -1.0),
        (Activation::Gelu, 2.0),
        (Activation::Sigmoid, -1.0),
        (Activation::Softplus { beta: 1.0 }, 2.0),
        (Activation::Elu { alpha: 1.0 }, -1.0),
        (Activation::Selu, -1.0),
        (Activation::Mish, -1.0),
        (Activation::Hardswish, 2.0),
        (Activation::Relu6, 20.0),
        // Even, not odd: the outgoing weight must stay.
        (Activation::Gaussian, -1.0),
    ] {
        let (seed, graph) = one_unit(activation);
        let element = Element::new(vec![LayerElement::scale(vec![scalar]).unwrap()]);
        assert!(element.act(&graph).is_err(), "{activation:?} refuses {scalar}");
        // What the refusal is good for: done by way of a net that admits it, the numbers are another function.
        let (_, linear) = one_unit(Activation::Identity);
        let moved =
            element.act(&Graph { nodes: graph.nodes.clone(), edges: graph.edges.clone(), ..linear }).unwrap();
        let moved = Graph { topology: graph.topology.clone(), ..moved };
        let difference = function_difference(seed, &graph.raise().unwrap(), &moved.raise().unwrap());
        assert!(difference > 1e-3, "{activation:?}: {difference:e}");
    }
}

/// A convolution of two channels with pooling, and a layer that reads all nine places.
fn pooled(activation: Activation, pool: &str) -> Arc<NetSpec> {
    let map = LayerMap::Conv { n_in: 1, n_out: 2, kernel: [2, 2], stride: [1, 1], padding: [0, 0] };
    let first = LayerSpec::new(map, activation).with_pool(pool.parse().unwrap());
    let pool = first.pool.unwrap();
    let [height, width] = pool.size_after([5, 5]).unwrap();
    let reading = Reading::Flatten { positions: height * width };
    let last = LayerSpec::new(LayerMap::Linear { n_in: 2, n_out: 3, reading }, Activation::Identity);
    Arc::new(NetSpec::new(vec![first, last], 0.0).unwrap())
}

/// How far a net's function moves if its first channel is changed by an element of another net of the same shape.
fn moved_by(element: LayerElement, lawful: &Arc<NetSpec>, spec: &Arc<NetSpec>) -> f64 {
    let net = random_net(Seed::new(4), spec);
    let image: Vec<f64> = (0..36).map(|i| f64::from(i * i).sin()).collect();
    let as_lawful = Net::new(lawful.clone(), net.params().to_vec()).unwrap();
    let moved = Element::new(vec![element]).act_on_net(&as_lawful).unwrap();
    let moved = Net::new(spec.clone(), moved.params().to_vec()).unwrap();
    let outputs = [&net, &moved].map(|net| eval::run(net, &image).unwrap());
    relative_difference(&outputs[0], &outputs[1])
}

#[test]
fn pooling_lets_through_what_is_claimed_and_nothing_else() {
    let sine = Activation::Sine { omega: 2.0 };
    let flip = || LayerElement::scale(vec![-1.0, 1.0]).unwrap();
    let double = || LayerElement::scale(vec![2.0, 1.0]).unwrap();
    let shift = || LayerElement::shift(vec![1, 0]).unwrap();
    let mirror = || LayerElement::mirror(vec![true, false]);
    let plain = |activation| pooled(activation, "mean:2:after");
    for (activation, symmetry, element, words) in [
        (
            Activation::Tanh,
            Symmetry::Sign,
            flip(),
            [
                ("max:2:before", false),
                ("max:2:after", false),
                ("mean:2:before", true),
                ("mean:2:1:1:before", true),
            ],
        ),
        (
            Activation::Relu,
            Symmetry::Positive,
            double(),
            [
                ("max:2:before", true),
                ("max:2:1:1:after", true),
                ("mean:2:before", true),
                ("mean:2:1:1:after", true),
            ],
        ),
        (
            sine,
            Symmetry::Phase,
            shift(),
            // Zeros around are not shifted; a largest value does not change its sign.
            [
                ("max:2:1:1:before", true),
                ("max:2:after", false),
                ("mean:2:before", true),
                ("mean:2:1:1:before", false),
            ],
        ),
        (
            Activation::Gaussian,
            Symmetry::Mirror,
            mirror(),
            [
                ("max:2:before", false),
                ("max:2:after", true),
                ("mean:2:before", true),
                ("mean:2:1:1:before", true),
            ],
        ),
    ] {
        for (word, admitted) in words {
            let spec = pooled(activation, word);
            // The numbers are moved by way of a net that admits it: pooling by a mean, side by side.
            let parameters = NetSpec::new(
                spec.layers()
                    .iter()
                    .zip(plain(activation).layers())
                    .map(|(own, plain)| LayerSpec { pool: plain.pool, ..*own })
                    .collect(),
                0.0,
            );
            let difference = moved_by(element.clone(), &Arc::new(parameters.unwrap()), &spec);
            let case = format!("{symmetry} of {activation} with {word}: {difference:e}");
            assert_eq!(difference <= tolerance::FUNCTION, admitted, "{case}");
            assert!(admitted || difference > 1e-3, "{case}");
            let topology = Topology::new(spec.clone()).unwrap();
            let site = Sites::new(&topology, Symmetry::ALL).layers()[0].clone();
            assert_eq!(site.symmetries.contains(&symmetry), admitted, "{case}");
            assert_eq!(Element::new(vec![element.clone()]).check_fits(&topology).is_ok(), admitted, "{case}");
        }
    }
}
