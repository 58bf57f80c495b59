//! Matrices keep the function of every net, form a group, and are seen to fail where they should.

use sgmn_graph::{
    Seed,
    flow::{Array, Flow, FlowNet, Numbers, random_inputs, run, testing::random_flow},
};
use sgmn_symmetry::{
    flow::matrices::{Block, Kind, MatrixElement, matrices},
    tolerance,
};

use super::nets::{self, numbers};

/// The largest difference of outputs, relative to the largest output.
fn change(flow: &Flow, a: &dyn Numbers, b: &dyn Numbers, seed: Seed) -> f64 {
    let inputs = random_inputs(flow, seed);
    let [a, b] = [a, b].map(|net| run(flow, net, &inputs).unwrap());
    let most = |of: &[Array]| of.iter().flat_map(|y| y.data()).fold(0.0, |most: f64, y| most.max(y.abs()));
    let pairs = a.iter().zip(&b).flat_map(|(a, b)| a.data().iter().zip(b.data()));
    pairs.fold(0.0, |most: f64, (a, b)| most.max((a - b).abs())) / most(&a).max(1e-300)
}

#[test]
fn matrices_keep_the_function_of_every_net() {
    for (name, flow) in nets::all() {
        let spaces = matrices(&flow);
        assert!(!spaces.is_empty(), "{name}");
        let net = numbers(flow.clone(), 3);
        for seed in 0..5 {
            let element = MatrixElement::sample(&spaces, Seed::new(seed));
            let mixed = element.act(&flow, &spaces, &net).unwrap();
            let changed = change(&flow, &net, &mixed, Seed::new(seed));
            assert!(changed <= tolerance::FUNCTION, "{name}: {changed:e}");
            let still = (0..flow.params().len()).filter(|i| net.numbers(*i) == mixed.numbers(*i)).count();
            assert!(still < flow.params().len(), "{name}: nothing moved");
        }
    }
}

#[test]
fn matrices_keep_the_function_of_random_flows() {
    for seed in 0..300 {
        let net = random_flow(Seed::new(seed).child("matrices"), 200);
        let flow = net.flow();
        let spaces = matrices(flow);
        let element = MatrixElement::sample(&spaces, Seed::new(seed));
        let mixed = element.act(flow, &spaces, &net).unwrap();
        let changed = change(flow, &net, &mixed, Seed::new(seed));
        assert!(changed <= 1e-9, "seed {seed}: {changed:e}, {spaces:?}");
    }
}

#[test]
fn a_matrix_on_one_side_only_is_seen() {
    for (name, flow) in nets::all() {
        let spaces = matrices(&flow);
        let net = numbers(flow.clone(), 4);
        let element = MatrixElement::sample(&spaces, Seed::new(1));
        for space in 0..spaces.len() {
            let mut half = spaces.clone();
            for (at, other) in half.iter_mut().enumerate() {
                let first = other.holders[0].param;
                other.holders.retain(|holder| at == space && holder.param == first);
            }
            let mixed = element.act(&flow, &half, &net).unwrap();
            let changed = change(&flow, &net, &mixed, Seed::new(2));
            // A key's bias without a rotary code is seen by nobody.
            assert!(
                changed > 1e-3 || first_is_bias(&flow, &half[space].holders),
                "{name}, {space}: {changed:e}"
            );
        }
    }
}

fn first_is_bias(flow: &Flow, holders: &[sgmn_symmetry::flow::matrices::Holder]) -> bool {
    flow.params()[holders[0].param].name.ends_with("bias")
}

#[test]
fn a_general_matrix_does_not_pass_a_rotary_code_or_a_norm() {
    for (name, flow) in nets::all() {
        let mut spaces = matrices(&flow);
        let net = numbers(flow.clone(), 5);
        for at in 0..spaces.len() {
            if spaces[at].kind == Kind::General {
                continue;
            }
            let kind = std::mem::replace(&mut spaces[at].kind, Kind::General);
            let mut blocks = MatrixElement::identity(&spaces).blocks().to_vec();
            blocks[at] = MatrixElement::sample(&spaces, Seed::new(8)).blocks()[at].clone();
            let element = MatrixElement::new(&spaces, blocks).unwrap();
            let mixed = element.act(&flow, &spaces, &net).unwrap();
            assert!(change(&flow, &net, &mixed, Seed::new(3)) > 1e-3, "{name}");
            spaces[at].kind = kind;
            assert!(element.act(&flow, &spaces, &net).is_err(), "{name}: it is no element");
        }
    }
}

#[test]
fn elements_form_a_group_that_acts() {
    for (name, flow) in nets::all() {
        let spaces = matrices(&flow);
        let net = numbers(flow.clone(), 6);
        let [a, b, c] = [1, 2, 3].map(|seed| MatrixElement::sample(&spaces, Seed::new(seed)));
        let act = |element: &MatrixElement, net: &FlowNet| {
            net.with(&element.act(&flow, &spaces, net).unwrap()).unwrap()
        };
        let near = |a: &FlowNet, b: &FlowNet, what: &str| {
            for i in 0..flow.params().len() {
                let (a, b) = (a.numbers(i), b.numbers(i));
                let most = a.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
                let apart = a.iter().zip(b.iter()).fold(0.0, |most: f64, (a, b)| most.max((a - b).abs()));
                assert!(apart <= 1e-10 * most, "{name}, {what}, {}: {apart:e}", flow.params()[i].name);
            }
        };
        near(&act(&a, &act(&b, &net)), &act(&a.compose(&b).unwrap(), &net), "composition acts");
        let left = a.compose(&b).unwrap().compose(&c).unwrap();
        let right = a.compose(&b.compose(&c).unwrap()).unwrap();
        near(&act(&left, &net), &act(&right, &net), "associativity");
        near(&act(&a.inverse(), &act(&a, &net)), &net, "inverse");
        let one = MatrixElement::identity(&spaces);
        near(&act(&one, &net), &net, "identity");
        left.check_fits(&spaces).unwrap();
        a.inverse().check_fits(&spaces).unwrap();
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let flow = nets::rms_stream(false);
    let spaces = matrices(&flow);
    let none = MatrixElement::new(&spaces, vec![]).unwrap_err();
    assert_eq!(none.to_string(), "element of a flow: spaces of matrices: expected 1, found 0");
    let stretch = Block::new(6, (0..36).map(|i| f64::from(u8::from(i % 7 == 0)) * 2.0).collect()).unwrap();
    let wrong = MatrixElement::new(&spaces, vec![vec![stretch]]).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "element of a flow: a matrix: expected an orthogonal one, found another one"
    );
    assert!(Block::new(2, vec![1.0, 2.0, 2.0, 4.0]).is_err());
    assert!(Block::new(2, vec![f64::NAN; 4]).is_err());

    // A gain of 0 hides a unit; no matrix acts through it.
    let net = numbers(flow.clone(), 1);
    let mut params: Vec<_> = net.stored().to_vec();
    let at = flow.params().iter().position(|param| param.name == "a.norm.weight").unwrap();
    params[at] = vec![1.0, 0.0, 1.0, 1.0, 1.0, 1.0].into();
    let net = FlowNet::new(flow.clone().into(), params).unwrap();
    let element = MatrixElement::sample(&spaces, Seed::new(1));
    assert!(
        element.act(&flow, &spaces, &net).is_err_and(|error| error.to_string().contains("gain at place 1"))
    );
}
