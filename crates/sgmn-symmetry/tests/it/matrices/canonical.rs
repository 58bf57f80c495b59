//! Canonical points under matrices: twins meet, what is canonical stays, ties are counted.

use sgmn_graph::{
    Seed,
    flow::{Flow, FlowNet, Numbers},
};
use sgmn_symmetry::{
    flow::matrices::{MatrixElement, canonical, matrices},
    tolerance,
};

use super::nets::{self, Net, numbers};

fn act(flow: &Flow, element: &MatrixElement, net: &FlowNet) -> FlowNet {
    let spaces = matrices(flow);
    net.with(&element.act(flow, &spaces, net).unwrap()).unwrap()
}

fn apart(flow: &Flow, a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |i: usize| {
        let (a, b) = (a.numbers(i), b.numbers(i));
        let most = a.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        a.iter().zip(b.iter()).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / most
    };
    (0..flow.params().len()).map(of).fold(0.0, f64::max)
}

#[test]
fn twins_meet_at_the_canonical_point() {
    for (name, flow) in nets::all() {
        let spaces = matrices(&flow);
        let net = numbers(flow.clone(), 7);
        let found = canonical(&net, &spaces).unwrap();
        assert_eq!(found.repairs, 0, "{name}");
        let base = act(&flow, &found.element, &net);
        for seed in 0..3 {
            let twin = act(&flow, &MatrixElement::sample(&spaces, Seed::new(seed)), &net);
            let found = canonical(&twin, &spaces).unwrap();
            let twin = act(&flow, &found.element, &twin);
            let apart = apart(&flow, &base, &twin);
            assert!(apart <= tolerance::ORBIT, "{name}, {seed}: {apart:e}");
        }
        let again = act(&flow, &canonical(&base, &spaces).unwrap().element, &base);
        let apart = apart(&flow, &base, &again);
        assert!(apart <= tolerance::ORBIT, "{name} once more: {apart:e}");
    }
}

#[test]
fn a_chain_of_linear_layers_is_settled_from_its_ends() {
    let mut net = Net::new();
    let x = net.input(&[2, 6]);
    let x = net.map(x, "a", 5);
    let x = net.map(x, "b", 4);
    let y = net.map(x, "c", 6);
    let flow = net.done(y);
    let spaces = matrices(&flow);
    assert_eq!(spaces.len(), 2);
    let net = numbers(flow.clone(), 9);
    let base = act(&flow, &canonical(&net, &spaces).unwrap().element, &net);
    let twin = act(&flow, &MatrixElement::sample(&spaces, Seed::new(1)), &net);
    let twin = act(&flow, &canonical(&twin, &spaces).unwrap().element, &twin);
    let apart = apart(&flow, &base, &twin);
    assert!(apart <= tolerance::ORBIT, "{apart:e}");
}

#[test]
fn ties_and_missing_ranks_are_counted() {
    let flow = nets::attention();
    let spaces = matrices(&flow);
    let zero = FlowNet::new(
        flow.clone().into(),
        (0..flow.params().len()).map(|i| vec![0.0; flow.param_shape(i).iter().product()].into()).collect(),
    )
    .unwrap();
    let found = canonical(&zero, &spaces).unwrap();
    assert_eq!(found.repairs, 12, "three directions of two heads of two spaces");
    assert_eq!(found.element, MatrixElement::identity(&spaces));

    // Writers with orthonormal rows: all directions of the stream are alike.
    let mut net = Net::new();
    let x = net.input(&[2, 3]);
    let x = net.map(x, "write", 3);
    let x = net.norm(x, false);
    let weight = net.map(x, "read", 1);
    let flow = net.done(weight);
    let spaces = matrices(&flow);
    let one: Vec<f64> = vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    let net = FlowNet::new(flow.into(), vec![one.into(), vec![0.0; 3].into()]).unwrap();
    assert_eq!(canonical(&net, &spaces).unwrap().repairs, 2);
}
