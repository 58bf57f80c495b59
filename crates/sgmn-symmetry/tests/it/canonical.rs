//! Canonical forms: reached by an element, idempotent, constant on orbits; and their counted exceptions.

use std::{f64::consts::PI, sync::Arc};

use sgmn_graph::{Activation, Graph, Net, NetSpec, Seed, testing::random_net};
use sgmn_symmetry::{Ranges, Repairs, Symmetry, augment, canonicalize, canonicalize_net, tolerance};

use crate::nets::{activations, distance, function_difference, graph_of, random_nets, relative_difference};

/// Each symmetry alone, all together, and the pairs that touch one another.
fn symmetry_lists() -> Vec<Vec<Symmetry>> {
    use Symmetry::{Permutation, Phase, Positive, Sign};
    let alone = Symmetry::ALL.iter().map(|one| vec![*one]);
    let some = [vec![Sign, Phase], vec![Positive, Sign], vec![Permutation, Sign], vec![Permutation, Phase]];
    alone.chain(some).chain([Symmetry::ALL.to_vec()]).collect()
}

#[test]
fn a_canonical_form_is_reached_by_its_element_and_is_its_own() {
    for symmetries in symmetry_lists() {
        for (seed, net) in random_nets(6) {
            let graph = graph_of(&net);
            let canonical = canonicalize(&graph, &symmetries).unwrap();
            let reached = canonical.element.act(&graph).unwrap();
            assert!(distance(&canonical.graph, &reached) <= tolerance::ORBIT, "{seed:?} {symmetries:?}");
            let again = canonicalize(&canonical.graph, &symmetries).unwrap();
            assert_eq!(again.graph, canonical.graph, "{seed:?} {symmetries:?}");
            assert!(again.element.is_identity(), "{seed:?} {symmetries:?} {:?}", again.element);
        }
    }
}

#[test]
fn a_canonical_form_is_constant_on_orbits() {
    let mut n_tied = 0;
    for symmetries in symmetry_lists() {
        for (seed, net) in random_nets(8) {
            let graph = graph_of(&net);
            let canonical = canonicalize(&graph, &symmetries).unwrap();
            let is_tied = canonical.repairs.tied_units > 0;
            n_tied += usize::from(is_tied);
            // Units that read one number and have no bias are all alike once they are scaled; others are not.
            assert!(
                !is_tied || net.spec().layers().iter().any(|layer| !layer.bias),
                "{seed:?} {symmetries:?}"
            );
            for i in 0..3 {
                let moved = augment(seed.index(i), &graph, &symmetries, &Ranges::default()).unwrap();
                let again = canonicalize(&moved, &symmetries).unwrap();
                if is_tied {
                    assert_eq!(
                        again.repairs.tied_units, canonical.repairs.tied_units,
                        "{seed:?} {symmetries:?}"
                    );
                    assert_alike_up_to_ties(seed, &canonical.graph, &again.graph);
                } else {
                    let error = distance(&canonical.graph, &again.graph);
                    assert!(error <= tolerance::ORBIT, "{error:e} {seed:?} {symmetries:?} {net:?}");
                }
            }
        }
    }
    assert!(n_tied > 0);
}

/// Where units are tied, their order is left as found: canonical forms are one function, and equal up to the first layer
/// with tied units. What reads these may stand in any of their orders.
fn assert_alike_up_to_ties(seed: Seed, a: &Graph, b: &Graph) {
    let error = function_difference(seed, &a.raise().unwrap(), &b.raise().unwrap());
    assert!(error <= tolerance::FUNCTION, "{error:e} {seed:?}");
    let topology = &a.topology;
    for layer in topology.hidden_layers() {
        let units = |graph: &Graph| -> Vec<Vec<f64>> {
            let slots = topology.n_edge_values();
            let (nodes, edges) = (topology.node_range(layer), topology.edge_range(layer - 1));
            let rows =
                graph.edges[edges.start * slots..edges.end * slots].chunks(edges.len() * slots / nodes.len());
            graph.nodes[nodes].iter().zip(rows).map(|(bias, row)| [&[*bias], row].concat()).collect()
        };
        let (of_a, of_b) = (units(a), units(b));
        let error = relative_difference(&of_a.concat(), &of_b.concat());
        assert!(error <= tolerance::ORBIT, "{error:e} in layer {layer} of {seed:?}");
        if of_a.windows(2).any(|pair| relative_difference(&pair[0], &pair[1]) <= tolerance::ORBIT) {
            return;
        }
    }
    panic!("{seed:?}: no layer has tied units");
}

#[test]
fn copies_of_a_unit_change_neither_the_function_nor_what_stands_before_their_readers() {
    for activation in activations() {
        let spec = Arc::new(NetSpec::mlp(&[2, 4, 3, 2], activation, 0.0).unwrap());
        for seed in (0..4).map(Seed::new) {
            let mut params = random_net(seed, &spec).params().to_vec();
            // The second unit of the first layer is a copy of the first: its row, and its bias behind all rows.
            params.copy_within(0..2, 2);
            params.copy_within(8..9, 9);
            let graph = graph_of(&Net::new(spec.clone(), params).unwrap());
            let canonical = canonicalize(&graph, Symmetry::ALL).unwrap();
            assert_eq!(canonical.repairs.tied_units, 2, "{activation} {seed:?}");
            for i in 0..8 {
                let moved = augment(seed.index(i), &graph, Symmetry::ALL, &Ranges::default()).unwrap();
                let again = canonicalize(&moved, Symmetry::ALL).unwrap();
                assert_eq!(again.repairs.tied_units, 2, "{activation} {seed:?}");
                assert_alike_up_to_ties(seed, &canonical.graph, &again.graph);
            }
        }
    }
}

#[test]
fn different_functions_have_different_canonical_forms() {
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let form =
        |seed| canonicalize(&graph_of(&random_net(Seed::new(seed), &spec)), Symmetry::ALL).unwrap().graph;
    assert!(distance(&form(1), &form(2)) > 1e-3);
}

#[test]
fn canonical_units_look_as_promised() {
    for (seed, net) in random_nets(10) {
        let (canonical, _) = canonicalize_net(&net, Symmetry::ALL).unwrap();
        let layers = net.spec().layers();
        for (l, layer) in layers.iter().enumerate().take(layers.len() - 1) {
            let (n_units, biases) = (layer.map.n_out(), canonical.bias(l));
            assert!(biases.windows(2).all(|pair| pair[0] <= pair[1]), "{seed:?}");
            assert_eq!(biases.len(), if layer.bias { n_units } else { 0 });
            for (i, row) in canonical.weight(l).chunks(canonical.weight(l).len() / n_units).enumerate() {
                let bias = biases.get(i).copied().unwrap_or(0.0);
                let largest = row.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
                let norm = row.iter().chain([&bias]).map(|value| value * value).sum::<f64>().sqrt();
                if Symmetry::Positive.applies(layer.nonlinearity()) {
                    assert!((norm - 1.0).abs() < 1e-12, "{seed:?}");
                }
                if [Symmetry::Sign, Symmetry::Mirror].iter().any(|one| one.applies(layer.nonlinearity())) {
                    assert!(largest > 0.0, "{seed:?}");
                }
                if let Activation::Sine { omega } = layer.activation
                    && Symmetry::Phase.applies(layer.nonlinearity())
                {
                    assert!(bias.abs() <= PI / (2.0 * omega.abs()) * (1.0 + 1e-9), "{seed:?}");
                }
            }
        }
    }
}

/// One hidden layer from one input: each unit is (weight, bias, outgoing weight).
fn shallow(activation: Activation, units: &[(f64, f64, f64)]) -> Net {
    let spec = NetSpec::mlp(&[1, units.len(), 1], activation, 0.0).unwrap();
    let column = |pick: fn(&(f64, f64, f64)) -> f64| units.iter().map(pick).collect::<Vec<f64>>();
    let params = [column(|u| u.0), column(|u| u.1), column(|u| u.2), vec![0.0]].concat();
    Net::new(spec.into(), params).unwrap()
}

/// Canonicalizes a net and many members of its orbit, and returns the repairs of the first.
fn assert_constant_on_orbit(net: &Net) -> Repairs {
    let graph = graph_of(net);
    let canonical = canonicalize(&graph, Symmetry::ALL).unwrap();
    for i in 0..50 {
        let moved = augment(Seed::new(i), &graph, Symmetry::ALL, &Ranges::default()).unwrap();
        let error = distance(&canonical.graph, &canonicalize(&moved, Symmetry::ALL).unwrap().graph);
        assert!(error <= tolerance::ORBIT, "{error:e} for element {i} of {net:?}");
    }
    canonical.repairs
}

#[test]
fn equal_biases_and_equal_weights_do_not_confuse_the_order() {
    for activation in
        [Activation::Sine { omega: 30.0 }, Activation::Tanh, Activation::Relu, Activation::Identity]
    {
        let zero_biases = shallow(activation, &[(0.5, 0.0, 1.0), (-0.2, 0.0, 2.0), (0.3, 0.0, 3.0)]);
        let equal_biases = shallow(activation, &[(0.5, 0.03, 1.0), (0.4, 0.03, 2.0), (0.3, 0.03, 3.0)]);
        let equal_weights = shallow(activation, &[(0.5, 0.01, 1.0), (0.5, 0.02, 2.0), (0.5, -0.03, 3.0)]);
        let duplicates = shallow(activation, &[(0.5, 0.01, 1.0), (0.5, 0.01, 2.0), (0.3, 0.02, 3.0)]);
        for net in [zero_biases, equal_biases, equal_weights, duplicates] {
            // Scaled to norm 1, weights of units without bias become equal: such units are duplicates.
            let repairs = assert_constant_on_duplicates(&net);
            assert_eq!(repairs.dead_units, 0);
        }
    }
}

/// As [`assert_constant_on_orbit`], but that tied units, which have one row and one bias, may stand in any order.
fn assert_constant_on_duplicates(net: &Net) -> Repairs {
    let (canonical, repairs) = canonicalize_net(net, Symmetry::ALL).unwrap();
    if repairs.tied_units == 0 {
        return assert_constant_on_orbit(net);
    }
    for i in 0..50 {
        let moved = augment(Seed::new(i), &graph_of(net), Symmetry::ALL, &Ranges::default()).unwrap();
        let again = canonicalize(&moved, Symmetry::ALL).unwrap();
        assert_eq!(again.repairs.tied_units, repairs.tied_units, "element {i} of {net:?}");
        let (a, b) = (sorted_units(&canonical), sorted_units(&again.graph.raise().unwrap()));
        let error = relative_difference(&a, &b);
        assert!(error <= tolerance::ORBIT, "{error:e} for element {i} of {net:?}");
    }
    repairs
}

/// Weight, bias and outgoing weight of each unit of a [`shallow`] net, in an order that depends on nothing else.
fn sorted_units(net: &Net) -> Vec<f64> {
    let units = net.weight(0).iter().zip(net.bias(0)).zip(net.weight(1));
    let mut units: Vec<[f64; 3]> = units.map(|((weight, bias), out)| [*weight, *bias, *out]).collect();
    // Outgoing weights differ by far more than rounding.
    units.sort_by(|a, b| a[2].total_cmp(&b[2]));
    units.concat()
}

#[test]
fn equal_magnitudes_do_not_confuse_the_sign() {
    // Rows of the second layer hold ±0.7; where units may be scaled, rounding alone tells their magnitudes apart.
    let params = vec![0.3, 0.1, 0.1, 0.3, 0.2, -0.2, 0.7, -0.7, 0.7, 0.7, 0.5, -0.4, 1.0, 2.0, 0.0];
    for activation in [Activation::Tanh, Activation::Sine { omega: 30.0 }, Activation::Identity] {
        let spec = NetSpec::mlp(&[2, 2, 2, 1], activation, 0.0).unwrap();
        let repairs = assert_constant_on_orbit(&Net::new(spec.into(), params.clone()).unwrap());
        assert_eq!((repairs.dead_units, repairs.tied_units), (0, 0));
    }
}

#[test]
fn phases_at_the_ends_of_the_interval_are_one_phase() {
    let omega = 30.0;
    let end = PI / (2.0 * omega);
    let sine = Activation::Sine { omega };
    assert_constant_on_orbit(&shallow(sine, &[(0.4, end, 1.0), (-0.2, -end, 2.0), (0.1, 3.0 * end, -1.0)]));
    // Units without input are constants; their phase and sign settle each other.
    assert_constant_on_orbit(&shallow(
        sine,
        &[(0.0, end, 1.0), (0.0, 0.7 * end, 2.0), (0.0, 1.6 * end, -1.0)],
    ));
    let negative = Activation::Sine { omega: -omega };
    assert_constant_on_orbit(&shallow(
        negative,
        &[(0.0, end, 1.0), (0.0, 0.7 * end, 2.0), (0.3, -end, -1.0)],
    ));
}

#[test]
fn what_cannot_be_settled_is_counted() {
    let relu = shallow(Activation::Relu, &[(0.0, 0.0, 1.0), (1.0, 2.0, 1.0), (0.5, 1.0, 3.0)]);
    let (canonical, repairs) = canonicalize_net(&relu, Symmetry::ALL).unwrap();
    assert_eq!(repairs, Repairs { dead_units: 1, tied_units: 2, ..Repairs::default() });
    assert_eq!(canonical.weight(1)[0], 1.0, "the dead unit is left alone");
    let sine =
        shallow(Activation::Sine { omega: 30.0 }, &[(0.1, 1e300, 1.0), (0.2, 1.0, 1.0), (0.3, 0.0, 1.0)]);
    let (canonical, mut repairs) = canonicalize_net(&sine, Symmetry::ALL).unwrap();
    assert_eq!(repairs, Repairs { lost_phases: 1, shifted_phases: 1, ..Repairs::default() });
    assert_eq!(canonical.bias(0)[2], 1e300);
    repairs += repairs;
    assert_eq!(repairs.lost_phases, 2);
}
