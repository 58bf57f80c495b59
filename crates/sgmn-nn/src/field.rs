//! Features that know how they scale. A sum of unlike laws, or a nonlinear map of a feature that scales, is an error.

use candle_core::Tensor;
use sgmn_symmetry::{Law, Place, ScaleGroup};

use crate::{
    Error, Result,
    ops::{EdgeAxis, Rows},
};

/// Features of the nodes of one layer, or of the edges between two, with the law by which they scale.
///
/// # Shapes
/// `[B, n, H]` for nodes, `[B, R, S, H]` for edges. An edge field read against its direction keeps its memory; only its
/// receivers then lie on the axis of senders.
#[derive(Debug, Clone)]
pub struct Field {
    values: Rows,
    place: Place,
    law: Law,
    receivers: EdgeAxis,
}

impl Field {
    /// Features of nodes whose units have this scaling group; they scale like the nodes' values.
    ///
    /// # Errors
    /// If the tensor has not three axes.
    pub fn nodes(values: Tensor, group: ScaleGroup) -> Result<Self> {
        let place = Place::node(group);
        Ok(Self {
            values: Rows::nodes(values)?,
            place,
            law: Law::node(place),
            receivers: EdgeAxis::Receivers,
        })
    }

    /// Features of edges into units of one group from units of another; they scale like weights.
    ///
    /// # Errors
    /// If the tensor has not four axes.
    pub fn edges(values: Tensor, receiver: ScaleGroup, sender: ScaleGroup) -> Result<Self> {
        let place = Place::edge(receiver, sender);
        Ok(Self {
            values: Rows::edges(values)?,
            place,
            law: Law::weight(place),
            receivers: EdgeAxis::Receivers,
        })
    }

    /// The numbers, whatever their law.
    pub fn values(&self) -> &Rows {
        &self.values
    }

    /// The same feature, computed now, so that all that follows reads it from memory.
    ///
    /// # Errors
    /// If shapes of the operations that led here do not fit.
    pub fn computed(&self) -> Result<Self> {
        Ok(Self { values: self.values.computed()?, ..self.clone() })
    }

    /// The law by which the feature scales.
    pub fn law(&self) -> Law {
        self.law
    }

    /// The groups at the feature's nodes.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Number of channels, H.
    pub fn width(&self) -> usize {
        self.values.width()
    }

    /// The numbers of a feature that no scaling touches: the entrance to every nonlinear map.
    ///
    /// # Errors
    /// [`Error::Law`] if the feature scales.
    pub fn invariant(&self, operation: &'static str) -> Result<&Rows> {
        if !self.law.is_invariant() {
            return Err(Error::Law { operation, expected: "invariant".to_owned(), found: self.law });
        }
        Ok(&self.values)
    }

    /// A map of the numbers that commutes with every scaling, such as a linear map of the channels without bias.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn map_equivariant(&self, f: impl FnOnce(&Rows) -> Result<Rows>) -> Result<Self> {
        Ok(Self { values: f(&self.values)?, ..self.clone() })
    }

    /// An odd map of the numbers, `f(−x) = −f(x)`: it commutes with signs, the only scalings that it allows.
    ///
    /// # Errors
    /// [`Error::Law`] if the feature scales and an end of it has more than signs; those of `f`.
    pub fn map_odd(&self, operation: &'static str, f: impl FnOnce(&Rows) -> Result<Rows>) -> Result<Self> {
        let signs = |group| matches!(group, ScaleGroup::Trivial | ScaleGroup::Sign);
        if !(self.law.is_invariant() || signs(self.place.receiver) && signs(self.place.sender)) {
            let expected = "a feature that nothing but signs scales".to_owned();
            return Err(Error::Law { operation, expected, found: self.law });
        }
        self.map_equivariant(f)
    }

    /// The feature with values that no scaling touches, computed from it by a canonical form or an invariant map.
    pub fn map_invariant(&self, values: impl Into<Rows>) -> Self {
        Self { values: values.into(), law: Law::INVARIANT, ..self.clone() }
    }

    /// The same numbers under another law. Only the published model's defect needs this; the result is not equivariant
    /// unless the new law is true.
    pub fn relabel(&self, law: Law) -> Self {
        Self { law, ..self.clone() }
    }

    /// The same feature, its edges read against their direction: receivers become senders.
    pub fn reversed(&self) -> Self {
        let receivers = match self.receivers {
            EdgeAxis::Receivers => EdgeAxis::Senders,
            EdgeAxis::Senders => EdgeAxis::Receivers,
        };
        Self {
            values: self.values.clone(),
            place: self.place.reversed(),
            law: self.law.reversed(),
            receivers,
        }
    }

    /// Element-wise product of two features of one place: exponents add.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn mul(&self, other: &Self) -> Result<Self> {
        let values = self.values.mul(&other.values)?;
        Ok(Self { values, law: self.law.times(other.law, self.place), ..self.clone() })
    }

    /// Element-wise product of features of two sites of the same units, whose scalars multiply to those of a third, of this
    /// group, as a [`Tie`](sgmn_graph::Tie) says.
    ///
    /// # Errors
    /// [`Error::Law`] if one of them does not scale like its nodes; if shapes differ.
    pub fn joined(&self, other: &Self, group: ScaleGroup) -> Result<Self> {
        for field in [self, other] {
            if field.law != Law::node(field.place) {
                let expected = Law::node(field.place).to_string();
                return Err(Error::Law { operation: "product of sites", expected, found: field.law });
            }
        }
        let place = Place::node(group);
        let values = self.values.mul(&other.values)?;
        Ok(Self { values, place, law: Law::node(place), receivers: EdgeAxis::Receivers })
    }

    /// Element-wise sum of two features of one law.
    ///
    /// # Errors
    /// [`Error::Law`] if the laws differ; if shapes differ.
    pub fn add(&self, other: &Self) -> Result<Self> {
        self.same_law("sum", other)?;
        Ok(Self { values: self.values.add(&other.values)?, ..self.clone() })
    }

    /// Channels of several features of one law, side by side.
    ///
    /// # Errors
    /// [`Error::Law`] if laws differ.
    pub fn concat(fields: &[&Self]) -> Result<Self> {
        let first = fields[0];
        for field in fields {
            first.same_law("concatenation", field)?;
        }
        let values: Vec<&Rows> = fields.iter().map(|field| &field.values).collect();
        Ok(Self { values: Rows::concat(&values)?, ..first.clone() })
    }

    /// An edge feature times the feature of the node that each edge leaves.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn mul_sender(&self, nodes: &Self) -> Result<Self> {
        let values = self.values.mul(&self.spread(&nodes.values, self.sender_axis())?)?;
        let law = self.law.times(Law::new(self.place, 0, nodes.law.receiver()), self.place);
        Ok(Self { values, law, ..self.clone() })
    }

    /// An edge feature times the feature of the node that each edge enters.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn mul_receiver(&self, nodes: &Self) -> Result<Self> {
        let values = self.values.mul(&self.spread(&nodes.values, self.receivers)?)?;
        let law = self.law.times(Law::new(self.place, nodes.law.receiver(), 0), self.place);
        Ok(Self { values, law, ..self.clone() })
    }

    /// The features of the nodes that the edges of this block leave, repeated along the edges.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn spread_senders(&self, nodes: &Self) -> Result<Self> {
        let law = Law::new(self.place, 0, nodes.law.receiver());
        Ok(Self { values: self.spread(&nodes.values, self.sender_axis())?, law, ..self.clone() })
    }

    /// Invariant numbers of the nodes at one end of this block's edges, repeated along the edges.
    ///
    /// # Shapes
    /// nodes `[B, n, H]`, result `[B, R, S, H]`.
    ///
    /// # Errors
    /// If shapes differ.
    pub fn spread(&self, nodes: &Rows, axis: EdgeAxis) -> Result<Rows> {
        let n_others = self.values.dims()[if axis == EdgeAxis::Receivers { 2 } else { 1 }];
        Ok(Rows::spread(nodes, n_others, axis)?)
    }

    /// The sum over senders into each receiver: a node feature.
    ///
    /// # Errors
    /// [`Error::Law`] if the feature scales with its sender: then the sum would mix unlike things.
    pub fn sum_senders(&self) -> Result<Self> {
        if self.law.sender() != 0 {
            let expected = "free of its sender's scale".to_owned();
            return Err(Error::Law { operation: "sum over senders", expected, found: self.law });
        }
        let place = Place::node(self.place.receiver);
        let law = Law::new(place, self.law.receiver(), 0);
        let values = self.values.sum_edges(self.sender_axis())?;
        Ok(Self { values, place, law, receivers: EdgeAxis::Receivers })
    }

    /// A node feature, the same law, all zero: what a node without senders receives.
    ///
    /// # Errors
    /// If the device refuses.
    pub fn zeros_like(&self) -> Result<Self> {
        Ok(Self { values: self.values.zeros_like()?, ..self.clone() })
    }

    /// The axis of the edges' receivers in the block.
    pub fn receiver_axis(&self) -> EdgeAxis {
        self.receivers
    }

    /// The axis of the edges' senders in the block.
    pub fn sender_axis(&self) -> EdgeAxis {
        match self.receivers {
            EdgeAxis::Receivers => EdgeAxis::Senders,
            EdgeAxis::Senders => EdgeAxis::Receivers,
        }
    }

    fn same_law(&self, operation: &'static str, other: &Self) -> Result<()> {
        if self.law != other.law {
            return Err(Error::Law { operation, expected: self.law.to_string(), found: other.law });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use sgmn_symmetry::ScaleGroup::{Positive, Sign, Trivial};

    use super::*;

    fn edge_and_nodes(group: ScaleGroup) -> (Field, Field) {
        let edges = Tensor::ones((1, 2, 3, 4), DType::F64, &Device::Cpu).unwrap();
        let nodes = |n| Tensor::ones((1, n, 4), DType::F64, &Device::Cpu).unwrap();
        (Field::edges(edges, group, group).unwrap(), Field::nodes(nodes(3), group).unwrap())
    }

    #[test]
    fn a_message_may_be_summed_and_a_weight_may_not() {
        let (edges, senders) = edge_and_nodes(Positive);
        let sum = edges.mul_sender(&senders).unwrap().sum_senders().unwrap();
        assert_eq!(sum.values().dims(), [1, 2, 4]);
        assert_eq!(sum.law(), Law::node(sum.place()));
        let message = edges.sum_senders().unwrap_err().to_string();
        assert!(message.contains("sum over senders") && message.contains("sender -1"), "{message}");
    }

    #[test]
    fn the_published_reversed_message_is_refused_for_positive_scales_and_allowed_for_signs() {
        for (group, allowed) in [(Positive, false), (Sign, true), (Trivial, true)] {
            let (edges, _) = edge_and_nodes(group);
            let original_receivers =
                Field::nodes(Tensor::ones((1, 2, 4), DType::F64, &Device::Cpu).unwrap(), group).unwrap();
            let message = edges.reversed().mul_sender(&original_receivers).unwrap();
            assert_eq!(message.sum_senders().is_ok(), allowed, "{group:?}");
            if allowed {
                assert_eq!(message.sum_senders().unwrap().values().dims(), [1, 3, 4]);
            }
        }
    }

    #[test]
    fn an_odd_map_demands_signs_or_an_invariant() {
        let cube = |x: &Rows| Ok(x.mul(&x.mul(x)?)?);
        for (group, allowed) in [(Positive, false), (Sign, true), (Trivial, true)] {
            let (edges, nodes) = edge_and_nodes(group);
            assert_eq!(edges.map_odd("cube", cube).is_ok(), allowed, "{group:?}");
            assert_eq!(nodes.map_odd("cube", cube).is_ok(), allowed, "{group:?}");
        }
        let (edges, _) = edge_and_nodes(Positive);
        let one = edges.map_invariant(edges.values().clone());
        assert!(one.map_odd("cube", cube).is_ok(), "no scaling touches it");
    }

    #[test]
    fn a_nonlinear_map_demands_an_invariant() {
        let (edges, nodes) = edge_and_nodes(Sign);
        assert!(edges.invariant("mlp").is_err() && nodes.invariant("mlp").is_err());
        assert!(nodes.mul(&nodes).unwrap().invariant("mlp").is_ok(), "squares of signed values");
        let (edges, nodes) = edge_and_nodes(Trivial);
        assert!(edges.invariant("mlp").is_ok() && nodes.invariant("mlp").is_ok());
    }
}
