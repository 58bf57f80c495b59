//! Random twins of random nets, for tests.

use sgmn_graph::{Seed, flow::FlowNet};

use super::{
    Draw, derive,
    freedoms::freedoms,
    matrices::{MatrixElement, matrices, passable},
};

/// The net moved by all that is free: orders and scalars, matrices, additions.
pub(super) fn twin(net: &FlowNet, seed: Seed, draw: &Draw) -> FlowNet {
    let mut twin = net.with(&derive(net.flow()).sample(seed.child("element"), draw).act(net)).unwrap();
    let spaces = passable(net.flow(), matrices(net.flow()), &twin).unwrap();
    let element = MatrixElement::sample(&spaces, seed.child("matrices"));
    twin = twin.with(&element.act(net.flow(), &spaces, &twin).unwrap()).unwrap();
    for (i, freedom) in freedoms(net.flow()).iter().enumerate() {
        let change = freedom.draw(seed.child("additions").index(i as u64), &twin);
        twin = twin.with(&freedom.act(&twin, change)).unwrap();
    }
    twin
}
