//! The group law of elements of flows, on random nets and random elements.

use std::{borrow::Cow, sync::Arc};

use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers, testing::random_flow},
};
use sgmn_symmetry::flow::{Draw, FlowElement, Spaces, derive};

fn drawn(number: u64) -> (FlowNet, Spaces, [FlowElement; 3]) {
    let seed = Seed::new(number);
    let net = random_flow(seed, 150);
    let spaces = derive(net.flow());
    let elements = [0, 1, 2].map(|i| spaces.sample(seed.child("element").index(i), &Draw::default()));
    (net, spaces, elements)
}

/// The largest difference of two nets, relative to the largest number of each parameter.
fn distance(a: &dyn Numbers, b: &dyn Numbers, n_params: usize) -> f64 {
    let mut worst = 0.0_f64;
    for param in 0..n_params {
        let (a, b): (Cow<'_, [f64]>, Cow<'_, [f64]>) = (a.numbers(param), b.numbers(param));
        let largest = a.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
        worst = a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs() / largest).fold(worst, f64::max);
    }
    worst
}

#[test]
fn acting_twice_is_acting_by_the_product() {
    for number in 0..150 {
        let (net, _, [a, b, _]) = drawn(number);
        let product = a.compose(&b).unwrap();
        let after = b.act(&net);
        assert!(
            distance(&a.act(&after), &product.act(&net), net.flow().params().len()) < 1e-12,
            "net {number}"
        );
    }
}

#[test]
fn the_inverse_undoes_and_products_associate() {
    for number in 0..150 {
        let (net, spaces, [a, b, c]) = drawn(number);
        let n = net.flow().params().len();
        let moved = a.act(&net);
        assert!(distance(&a.inverse().act(&moved), &net, n) < 1e-12, "net {number}");
        let left = a.compose(&b).unwrap().compose(&c).unwrap();
        let right = a.compose(&b.compose(&c).unwrap()).unwrap();
        assert!(distance(&left.act(&net), &right.act(&net), n) < 1e-12, "net {number}");
        assert!(spaces.identity().is_identity());
        assert_eq!(a.compose(&spaces.identity()).unwrap(), a, "net {number}");
    }
}

#[test]
fn products_and_inverses_belong_to_the_group() {
    for number in 0..150 {
        let (_, spaces, [a, b, _]) = drawn(number);
        for element in [&a, &a.inverse(), &a.compose(&b).unwrap(), &spaces.identity()] {
            spaces.check_fits(element).unwrap_or_else(|error| panic!("net {number}: {error}"));
        }
    }
}

#[test]
fn elements_of_other_flows_are_refused_by_name() {
    let (_, spaces, [a, ..]) = drawn(1);
    let (_, other, [b, ..]) = drawn(2);
    assert!(a.compose(&b).unwrap_err().to_string().contains("expected"));
    assert!(spaces.check_fits(&b).is_err() && other.check_fits(&a).is_err());
}

#[test]
fn the_same_flow_gives_the_same_spaces() {
    for number in 0..20 {
        let net = random_flow(Seed::new(number), 150);
        let again = Arc::new((**net.flow()).clone());
        let (a, b) = (derive(net.flow()), derive(&again));
        assert_eq!(a.parts(), b.parts());
        assert_eq!(a.orders(), b.orders());
        let seed = Seed::new(7);
        assert_eq!(a.sample(seed, &Draw::default()), b.sample(seed, &Draw::default()));
    }
}
