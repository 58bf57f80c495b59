//! What an element does to a net: the action on graphs, nets, and changes of nets.

use std::{f64::consts::PI, sync::Arc};

use sgmn_graph::{Activation, Graph, Net, Nonlinearity, PoolAt, PoolKind, Topology, flow::Parity, lower};

use crate::{
    Element, Error, LayerElement, Result, ScaleGroup,
    element::{Fault, fault},
};

impl Element {
    /// The graph of the changed net; its function is that of `graph`.
    ///
    /// Whole edges move and scale, so kernels and flattened positions stay together and padding stays 0.
    ///
    /// # Errors
    /// [`Error::Element`] if the element does not fit the net's widths and activations, [`Error::Shape`] if the graph
    /// does not fit its own topology.
    pub fn act(&self, graph: &Graph) -> Result<Graph> {
        self.act_by(graph, Action::Affine)
    }

    /// As [`act`](Self::act), but without shifts of the bias: how a difference of two nets, a gradient's step or the
    /// output of a weight-editing model changes when the net does. Input nodes are left alone.
    ///
    /// # Errors
    /// As [`act`](Self::act).
    pub fn act_on_delta(&self, delta: &Graph) -> Result<Graph> {
        self.act_by(delta, Action::Linear)
    }

    /// The changed net: lower, [`act`](Self::act), raise.
    ///
    /// # Errors
    /// As [`act`](Self::act), and if a parameter overflows.
    pub fn act_on_net(&self, net: &Net) -> Result<Net> {
        let topology = Arc::new(Topology::new(net.spec().clone())?);
        Ok(self.act(&lower(net, &topology)?)?.raise()?)
    }

    /// Whether the element's parts fit the units of a net, in number and in kind.
    ///
    /// # Errors
    /// [`Error::Element`] names the first layer at fault.
    pub fn check_fits(&self, topology: &Topology) -> Result<()> {
        let hidden = topology.hidden_layers();
        if self.layers().len() != hidden.len() {
            return Err(fault("hidden layers", hidden.len(), self.layers().len()).at(0));
        }
        for (l, part) in hidden.zip(self.layers()) {
            check_part(topology, l, part).map_err(|fault| fault.at(l))?;
        }
        Ok(())
    }

    fn act_by(&self, graph: &Graph, what: Action) -> Result<Graph> {
        self.check_fits(&graph.topology)?;
        check_lengths(graph)?;
        let mut moved = graph.clone();
        for (l, part) in graph.topology.hidden_layers().zip(self.layers()) {
            act_on_layer(&mut moved, l, part, what);
        }
        Ok(moved)
    }
}

/// Which action is meant.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Action {
    /// The whole one.
    Affine,
    /// Without the shifts of the bias.
    Linear,
}

/// Changes the units of node layer `l` in place: the rows that enter them, their biases, the columns that leave them.
pub(crate) fn act_on_layer(graph: &mut Graph, l: usize, part: &LayerElement, what: Action) {
    let topology = graph.topology.clone();
    let slots = topology.n_edge_values();
    let [n_senders, n_units] = [topology.widths()[l - 1], topology.widths()[l]];

    let incoming = topology.edge_range(l - 1);
    let incoming = &mut graph.edges[incoming.start * slots..incoming.end * slots];
    pick(incoming, n_senders * slots, part.order());
    for (i, row) in incoming.chunks_mut(n_senders * slots).enumerate() {
        let factor = part.incoming_factor(i);
        // Most elements are of one kind: a reordering scales nothing.
        if factor != 1.0 {
            row.iter_mut().for_each(|value| *value *= factor);
        }
    }

    let biases = &mut graph.nodes[topology.node_range(l)];
    pick(biases, 1, part.order());
    let half_period = topology.nonlinearity(l).and_then(half_period);
    for (i, (bias, shift)) in biases.iter_mut().zip(part.shifts()).enumerate() {
        *bias *= part.incoming_factor(i);
        if let (Action::Affine, Some(half_period)) = (what, half_period) {
            *bias += *shift as f64 * half_period;
        }
    }

    let outgoing = topology.edge_range(l);
    let outgoing = &mut graph.edges[outgoing.start * slots..outgoing.end * slots];
    pick(outgoing, slots, part.order());
    let divisors: Vec<f64> =
        (0..n_units).flat_map(|i| std::iter::repeat_n(part.outgoing_divisor(i), slots)).collect();
    if divisors.iter().any(|divisor| *divisor != 1.0) {
        for receiver in outgoing.chunks_mut(n_units * slots) {
            receiver.iter_mut().zip(&divisors).for_each(|(value, divisor)| *value /= divisor);
        }
    }
}

/// The shift of a bias that turns what a unit writes into its negative, π/ω: half the period of a sine; none for others.
///
/// Pooling before the sine must pass the shift on, pooling after it the sign. (A maximum after it passes whole periods;
/// no symmetry claims these.)
pub(crate) fn half_period(units: Nonlinearity) -> Option<f64> {
    let Activation::Sine { omega } = units.activation else { return None };
    let passes = units.pool.is_none_or(|pool| match pool.at {
        PoolAt::BeforeActivation => pool.passes_constants(),
        PoolAt::AfterActivation => pool.kind == PoolKind::Mean,
    });
    passes.then_some(PI / omega)
}

/// Whether a graph, whose fields are open, has as many numbers as its topology says.
pub(crate) fn check_lengths(graph: &Graph) -> Result<()> {
    let topology = &graph.topology;
    let n_edge_numbers = topology.n_edges() * topology.n_edge_values();
    for (what, expected, found) in [
        ("node values of a graph", topology.n_nodes(), graph.nodes.len()),
        ("edge values of a graph", n_edge_numbers, graph.edges.len()),
    ] {
        if expected != found {
            return Err(Error::Shape { what: what.to_owned(), expected, found });
        }
    }
    Ok(())
}

/// Reorders the items of every group of as many as there are in the order, each of `size` numbers: item `i` of a group
/// becomes what item `order[i]` was.
fn pick(groups: &mut [f64], size: usize, order: &[usize]) {
    if order.iter().enumerate().all(|(i, old)| i == *old) {
        return;
    }
    let mut before = vec![0.0; order.len() * size];
    for group in groups.chunks_mut(order.len() * size) {
        before.copy_from_slice(group);
        for (item, old) in group.chunks_mut(size).zip(order) {
            item.copy_from_slice(&before[old * size..(old + 1) * size]);
        }
    }
}

fn check_part(topology: &Topology, l: usize, part: &LayerElement) -> Result<(), Fault> {
    let units = topology.nonlinearity(l).expect("hidden layers follow a map");
    if part.n_units() != topology.widths()[l] {
        return Err(fault("units", topology.widths()[l], part.n_units()));
    }
    let group = ScaleGroup::of(units);
    if let Some(scale) = part.scales().iter().find(|scale| !group.admits(**scale)) {
        return Err(fault("scale of a unit", format!("an element of {group:?}"), scale));
    }
    if part.mirrors().contains(&true) && units.behaviour().parity != Parity::Even {
        return Err(fault("mirror of a unit", "an even activation", units));
    }
    let shifted = part.shifts().iter().find(|shift| **shift != 0);
    if let (None, Some(shift)) = (half_period(units), shifted) {
        return Err(fault("shift of a unit that is no sine", 0, shift));
    }
    if let (false, Some(shift)) = (topology.has_bias(l), shifted) {
        return Err(fault("shift of a unit without a bias", 0, shift));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sgmn_graph::NetSpec;

    use super::*;

    #[test]
    fn an_element_must_fit_the_activations() {
        let topology =
            |activation| Topology::new(NetSpec::mlp(&[1, 1, 1], activation, 0.0).unwrap().into()).unwrap();
        let scale = |q| Element::new(vec![LayerElement::scale(vec![q]).unwrap()]);
        let shift = Element::new(vec![LayerElement::shift(vec![2]).unwrap()]);
        let mirror = Element::new(vec![LayerElement::mirror(vec![true])]);
        let sine = Activation::Sine { omega: 30.0 };
        for (element, activation, fits) in [
            (scale(2.0), Activation::Relu, true),
            (scale(-2.0), Activation::Relu, false),
            (scale(-2.0), Activation::Identity, true),
            (scale(-1.0), Activation::Tanh, true),
            (scale(2.0), Activation::Tanh, false),
            (scale(-1.0), Activation::Gelu, false),
            (shift.clone(), sine, true),
            (shift.clone(), Activation::Tanh, false),
            (mirror.clone(), Activation::Gaussian, true),
            (mirror, Activation::Tanh, false),
            (scale(-1.0), Activation::Gaussian, false),
        ] {
            assert_eq!(
                element.check_fits(&topology(activation)).is_ok(),
                fits,
                "{element:?} at {activation:?}"
            );
        }
        let message = scale(2.0).check_fits(&topology(sine)).unwrap_err().to_string();
        assert_eq!(message, "element, node layer 1: scale of a unit: expected an element of Sign, found 2");
        let without = NetSpec::mlp(&[1, 1, 1], sine, 0.0).unwrap().without_biases();
        let message = shift.check_fits(&Topology::new(without.into()).unwrap()).unwrap_err().to_string();
        assert_eq!(message, "element, node layer 1: shift of a unit without a bias: expected 0, found 2");
    }
}
