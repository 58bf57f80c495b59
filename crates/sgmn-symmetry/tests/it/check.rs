//! The examiners pass what respects the symmetries and catch what does not.

use sgmn_graph::{
    Activation, Net, NetSpec, Seed, Topology, lower,
    testing::{random_mlp, random_net},
};
use sgmn_symmetry::{
    Element, Error, LayerElement, ScaleGroup, Symmetry,
    check::{Trials, equivariance_error, invariance_error},
    tolerance,
};

type Outputs = Result<Vec<Vec<f64>>, sgmn_graph::Error>;

fn nets(activation: Activation) -> Vec<Net> {
    (0..6).map(|i| random_net(Seed::new(i), &random_mlp(Seed::new(i), activation))).collect()
}

/// Applies `f` to each net's output-layer-to-input products, which no scaling of hidden units touches.
fn each(nets: &[Net], f: impl Fn(&Net) -> Vec<f64>) -> Outputs {
    Ok(nets.iter().map(f).collect())
}

/// Path sums: the product of all weight matrices and the biases carried to the output, as if all units were linear.
fn linear_response(net: &Net) -> Vec<f64> {
    let layers = net
        .spec()
        .layers()
        .iter()
        .map(|layer| sgmn_graph::LayerSpec { activation: Activation::Identity, ..*layer });
    let linear = NetSpec::new(layers.collect(), 0.0).unwrap();
    let linear = Net::new(linear.into(), net.params().to_vec()).unwrap();
    sgmn_graph::eval::run(&linear, &vec![0.3; net.spec().widths()[0]]).unwrap()
}

#[test]
fn an_invariant_closure_passes_and_another_is_caught() {
    for activation in [Activation::Relu, Activation::Tanh, Activation::Identity] {
        let nets = nets(activation);
        let trials = Trials::new(Seed::new(9), &Symmetry::of_group(ScaleGroup::of(activation)), 5);
        let report = invariance_error(&trials, &nets, |nets| each(nets, linear_response)).unwrap();
        assert!(report.within(tolerance::MODEL_F64), "{report}");
        assert_eq!(report.n_elements, 30);
        let first_bias = |net: &Net| vec![linear_response(net)[0], net.bias(0)[0]];
        let report = invariance_error(&trials, &nets, |nets| each(nets, first_bias)).unwrap();
        assert!(!report.within(tolerance::MODEL_F32), "{report}");
        assert_eq!(report.position, "output 1");
        assert!(report.to_string().contains("at output 1 of net"), "{report}");
    }
}

#[test]
fn an_equivariant_closure_passes_and_another_is_caught() {
    for activation in [Activation::Relu, Activation::Sine { omega: 30.0 }, Activation::Identity] {
        let nets = nets(activation);
        let group = Symmetry::of_group(ScaleGroup::of(activation));
        let trials = Trials::new(Seed::new(2), &group, 5);
        // Without phase shifts, the parameters move as their differences do.
        let itself = |net: &Net| net.params().iter().map(|value| 0.1 * value).collect::<Vec<_>>();
        let report = equivariance_error(&trials, &nets, |nets| each(nets, itself)).unwrap();
        assert!(report.within(tolerance::MODEL_F64), "{report}");
        let squares = |net: &Net| net.params().iter().map(|value| value * value).collect::<Vec<_>>();
        let report = equivariance_error(&trials, &nets, |nets| each(nets, squares)).unwrap();
        assert!(!report.within(tolerance::MODEL_F32), "{report}");
        assert!(report.position.starts_with("layer "), "{report}");
        // One wrong exponent in one small place: the bias of the output moves with a hidden unit.
        let leaky = |net: &Net| {
            let mut delta = net.params().to_vec();
            *delta.last_mut().unwrap() += 0.01 * net.weight(0)[0];
            delta
        };
        let report = equivariance_error(&trials, &nets, |nets| each(nets, leaky)).unwrap();
        assert!(!report.within(tolerance::MODEL_F32), "{report}");
    }
}

#[test]
fn differences_do_not_move_with_a_shift_of_the_phase() {
    let nets = nets(Activation::Sine { omega: 30.0 });
    let trials = Trials::new(Seed::new(2), &[Symmetry::Phase], 4);
    // Zero changes are equivariant; the parameters themselves are not, their biases being shifted.
    let zeros = |net: &Net| vec![0.0; net.params().len()];
    assert!(equivariance_error(&trials, &nets, |nets| each(nets, zeros)).unwrap().within(0.0));
    let itself = |net: &Net| net.params().to_vec();
    assert!(!equivariance_error(&trials, &nets, |nets| each(nets, itself)).unwrap().within(0.1));
}

#[test]
fn an_examination_that_moves_nothing_proves_nothing() {
    let trials = Trials::new(Seed::new(2), &[Symmetry::Sign], 4);
    let report =
        invariance_error(&trials, &nets(Activation::Relu), |nets| each(nets, |_| vec![1.0])).unwrap();
    assert_eq!((report.worst, report.n_moving), (0.0, 0));
    assert!(!report.within(1.0));
}

#[test]
fn a_nan_is_the_worst_error_of_all() {
    let trials = Trials::new(Seed::new(2), &[Symmetry::Positive], 1);
    let nets = nets(Activation::Relu);
    let report = invariance_error(&trials, &nets, |nets| each(nets, |_| vec![1.0, f64::NAN])).unwrap();
    assert_eq!(report.worst, f64::INFINITY);
}

#[test]
fn a_closure_that_fails_or_miscounts_is_reported() {
    let trials = Trials::new(Seed::new(2), &[Symmetry::Positive], 1);
    let nets = nets(Activation::Relu);
    let error = invariance_error(&trials, &nets, |_| Err::<Vec<Vec<f64>>, _>("out of paper")).unwrap_err();
    assert_eq!(error.to_string(), "the closure under examination: out of paper");
    let error = equivariance_error(&trials, &nets, |nets| each(nets, |_| vec![0.0])).unwrap_err();
    assert!(matches!(error, Error::Shape { found: 1, .. }), "{error}");
    let error = invariance_error(&trials, &nets, |nets| each(&nets[1..], |_| vec![0.0])).unwrap_err();
    assert!(matches!(error, Error::Shape { found: 5, expected: 6, .. }), "{error}");
}

#[test]
fn a_wrong_element_is_caught_by_the_examiner() {
    // The examined closure undoes its own scaling wrongly: it forgets to divide the outgoing weights.
    let nets = nets(Activation::Relu);
    let trials = Trials::new(Seed::new(4), &[Symmetry::Permutation], 3);
    let respond = |forget: bool| {
        invariance_error(&trials, &nets, |nets| {
            each(nets, |net| {
                let topology = Topology::new(net.spec().clone()).unwrap().into();
                let graph = lower(net, &topology).unwrap();
                // A scaling that depends on the order of units; harmless if done right.
                let widths = topology.widths()[topology.hidden_layers()].to_vec();
                let scales =
                    |n: usize| LayerElement::scale((0..n).map(|i| 1.0 + i as f64).collect()).unwrap();
                let element = Element::new(widths.into_iter().map(scales).collect());
                let mut moved = element.act(&graph).unwrap();
                if forget {
                    let last = topology.edge_range(topology.n_layers() - 1);
                    moved.edges[last.clone()].copy_from_slice(&graph.edges[last]);
                }
                linear_response(&moved.raise().unwrap())
            })
        })
        .unwrap()
    };
    assert!(respond(false).within(tolerance::MODEL_F64));
    assert!(!respond(true).within(tolerance::MODEL_F32));
}
