//! Laws: how a feature scales, as exponents. Equivariance as units of measure.

use std::fmt;

use crate::ScaleGroup;

/// The groups at the ends of an edge, or at a node: where a feature lives.
///
/// A node's feature has a receiver only; its sender is [`ScaleGroup::Trivial`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Scalings of the unit that the row belongs to, or that an edge enters.
    pub receiver: ScaleGroup,
    /// Scalings of the unit that an edge leaves.
    pub sender: ScaleGroup,
}

impl Place {
    /// The place of a node's feature.
    pub fn node(group: ScaleGroup) -> Self {
        Self { receiver: group, sender: ScaleGroup::Trivial }
    }

    /// The place of a feature of the edge from `sender` to `receiver`.
    pub fn edge(receiver: ScaleGroup, sender: ScaleGroup) -> Self {
        Self { receiver, sender }
    }

    /// The same edge, read against its direction.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { receiver: self.sender, sender: self.receiver }
    }
}

/// The exponents of a feature: scaling the units by q multiplies it by `q_receiver^a · q_sender^b`.
///
/// Exponents are kept reduced for the groups of their [`Place`] (modulo 2 for signs, 0 for the trivial group), so two
/// laws at one place are equal exactly when they act alike.
///
/// | feature | law |
/// | --- | --- |
/// | hidden value, bias | receiver 1 |
/// | weight of an edge | receiver 1, sender −1 |
/// | the same weight, read against its direction | receiver −1, sender 1 |
/// | anything read out, positional code | invariant |
///
/// ```
/// use sgmn_symmetry::{Law, Place, ScaleGroup::{Positive, Sign}};
/// // A message is a weight times the sender's value: the sender's scale cancels, so messages may be summed.
/// let place = Place::edge(Positive, Positive);
/// let message = Law::weight(place).times(Law::new(place, 0, 1), place);
/// assert_eq!(message, Law::new(place, 1, 0));
/// // Against the direction the weight would have to be inverted; for signs it need not.
/// let reversed = |place: Place| Law::weight(place.reversed()).reversed().times(Law::new(place, 0, 1), place);
/// assert_eq!(reversed(place), Law::new(place, -1, 2));
/// let signs = Place::edge(Sign, Sign);
/// assert_eq!(reversed(signs), Law::new(signs, 1, 0));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Law {
    receiver: i32,
    sender: i32,
}

impl Law {
    /// The law of a feature that no scaling touches.
    pub const INVARIANT: Self = Self { receiver: 0, sender: 0 };

    /// The law with these exponents, reduced for the groups at `place`.
    pub fn new(place: Place, receiver: i32, sender: i32) -> Self {
        Self { receiver: place.receiver.reduce(receiver), sender: place.sender.reduce(sender) }
    }

    /// The law of a node's value and bias.
    pub fn node(place: Place) -> Self {
        Self::new(place, 1, 0)
    }

    /// The law of a weight on the edge at `place`.
    pub fn weight(place: Place) -> Self {
        Self::new(place, 1, -1)
    }

    /// Exponent at the receiver.
    pub fn receiver(self) -> i32 {
        self.receiver
    }

    /// Exponent at the sender.
    pub fn sender(self) -> i32 {
        self.sender
    }

    /// The law of a product of two features at one place: exponents add.
    #[must_use]
    pub fn times(self, other: Self, place: Place) -> Self {
        Self::new(place, self.receiver + other.receiver, self.sender + other.sender)
    }

    /// The law of one divided by a feature: exponents change sign.
    #[must_use]
    pub fn inverse(self, place: Place) -> Self {
        Self::new(place, -self.receiver, -self.sender)
    }

    /// The law of the same feature when the edge is read against its direction: the ends trade names.
    #[must_use]
    pub fn reversed(self) -> Self {
        Self { receiver: self.sender, sender: self.receiver }
    }

    /// Whether no scaling touches the feature.
    pub fn is_invariant(self) -> bool {
        self == Self::INVARIANT
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.receiver, self.sender) {
            (0, 0) => write!(f, "invariant"),
            (a, 0) => write!(f, "receiver {a}"),
            (a, b) => write!(f, "receiver {a}, sender {b}"),
        }
    }
}
