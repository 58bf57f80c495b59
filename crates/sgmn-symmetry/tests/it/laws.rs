//! The group laws, as elements and as actions.

use sgmn_graph::{Graph, Seed, Topology};
use sgmn_symmetry::{Element, Ranges, Symmetry, sample, tolerance};

use crate::nets::{distance, graph_of, random_nets};

fn three_elements(seed: Seed, topology: &Topology, symmetries: &[Symmetry]) -> [Element; 3] {
    [0, 1, 2].map(|i| sample(seed.index(i), topology, symmetries, &Ranges::default()).unwrap())
}

/// The largest difference of scalars; orders and shifts must agree exactly.
fn element_distance(a: &Element, b: &Element) -> f64 {
    assert_eq!(a.layers().len(), b.layers().len());
    let mut worst = 0.0_f64;
    for (a, b) in a.layers().iter().zip(b.layers()) {
        assert_eq!((a.order(), a.shifts(), a.mirrors()), (b.order(), b.shifts(), b.mirrors()));
        for (p, q) in a.scales().iter().zip(b.scales()) {
            worst = worst.max((p / q - 1.0).abs());
        }
    }
    worst
}

/// Each symmetry alone, then all together.
fn symmetry_lists() -> Vec<Vec<Symmetry>> {
    Symmetry::ALL.iter().map(|one| vec![*one]).chain([Symmetry::ALL.to_vec()]).collect()
}

#[test]
fn elements_form_a_group() {
    for symmetries in symmetry_lists() {
        for (seed, net) in random_nets(6) {
            let topology = graph_of(&net).topology;
            let [a, b, c] = three_elements(seed, &topology, &symmetries);
            let identity = Element::identity(&topology);
            let compose = |x: &Element, y: &Element| x.compose(y).unwrap();
            let associative =
                element_distance(&compose(&compose(&a, &b), &c), &compose(&a, &compose(&b, &c)));
            let inverse = element_distance(&compose(&a, &a.inverse()), &identity)
                .max(element_distance(&compose(&a.inverse(), &a), &identity));
            assert!(associative.max(inverse) < 1e-15 * 8.0, "{seed:?} {symmetries:?}");
            assert_eq!(compose(&a, &identity), a);
            assert_eq!(compose(&identity, &a), a);
            let reversed = element_distance(&compose(&a, &b).inverse(), &compose(&b.inverse(), &a.inverse()));
            assert!(reversed < 1e-15 * 8.0, "{seed:?} {symmetries:?}");
        }
    }
}

#[test]
fn acting_by_a_product_is_acting_twice() {
    type Action = fn(&Element, &Graph) -> sgmn_symmetry::Result<Graph>;
    let actions: [Action; 2] = [Element::act, Element::act_on_delta];
    for symmetries in symmetry_lists() {
        for (seed, net) in random_nets(6) {
            let graph = graph_of(&net);
            let [a, b, _] = three_elements(seed, &graph.topology, &symmetries);
            for act in actions {
                let at_once = act(&a.compose(&b).unwrap(), &graph).unwrap();
                let twice = act(&a, &act(&b, &graph).unwrap()).unwrap();
                assert!(distance(&at_once, &twice) <= tolerance::FUNCTION, "{seed:?} {symmetries:?}");
                let back = act(&a.inverse(), &act(&a, &graph).unwrap()).unwrap();
                assert!(distance(&graph, &back) <= tolerance::FUNCTION, "{seed:?} {symmetries:?}");
                assert_eq!(act(&Element::identity(&graph.topology), &graph).unwrap(), graph);
            }
        }
    }
}

#[test]
fn the_action_on_differences_is_the_difference_of_actions() {
    let minus = |a: &Graph, b: &Graph| {
        let edges = a.edges.iter().zip(&b.edges).map(|(a, b)| a - b).collect();
        Graph { nodes: a.nodes.iter().zip(&b.nodes).map(|(a, b)| a - b).collect(), edges, ..a.clone() }
    };
    for (seed, net) in random_nets(10) {
        let x = graph_of(&net);
        let y = graph_of(&sgmn_graph::testing::random_net(seed.child("other"), net.spec()));
        let element = sample(seed, &x.topology, Symmetry::ALL, &Ranges::default()).unwrap();
        let moved = element.act_on_delta(&minus(&x, &y)).unwrap();
        let difference = minus(&element.act(&x).unwrap(), &element.act(&y).unwrap());
        assert!(distance(&moved, &difference) <= tolerance::FUNCTION, "{seed:?}");
    }
}

#[test]
fn an_element_of_another_net_is_refused() {
    let nets = random_nets(3);
    let graphs: Vec<Graph> = nets.iter().map(|(_, net)| graph_of(net)).collect();
    for pair in graphs.windows(2) {
        if pair[0].topology.widths() != pair[1].topology.widths() {
            let inner = |graph: &Graph| graph.topology.widths()[graph.topology.hidden_layers()].to_vec();
            let result = Element::identity(&pair[0].topology).act(&pair[1]);
            assert_eq!(result.is_ok(), inner(&pair[0]) == inner(&pair[1]));
        }
    }
    let mut broken = graphs[0].clone();
    broken.nodes.pop();
    let message = Element::identity(&broken.topology).act(&broken).unwrap_err().to_string();
    assert!(message.starts_with("node values of a graph: expected"), "{message}");
}
