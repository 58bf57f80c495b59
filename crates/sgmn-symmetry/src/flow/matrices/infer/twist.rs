//! How the matrix of one place follows from the matrix of another: dual or not, and between gains.

use std::sync::Arc;

use sgmn_graph::flow::ValueId;

/// A factor g^power of a diagonal matrix D; coordinate i takes the number of `value` at `places[i]`, row-major.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Factor {
    pub(super) value: ValueId,
    pub(super) places: Arc<[u32]>,
    pub(super) power: i32,
}

/// The map `A ↦ D B D⁻¹` with `B = A`, or `B = A⁻ᵀ` if `dual`; D is the product of the gains' factors.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Twist {
    pub(super) dual: bool,
    /// Sorted, each value and places once, no power of 0.
    pub(super) gains: Vec<Factor>,
}

impl Twist {
    /// The map to the contragredient `A⁻ᵀ`.
    pub(super) fn dual() -> Self {
        Self { dual: true, gains: Vec::new() }
    }

    /// Conjugation by a diagonal matrix.
    pub(super) fn by(gains: Vec<Factor>) -> Self {
        Self { dual: false, gains }
    }

    pub(super) fn is_identity(&self) -> bool {
        !self.dual && self.gains.is_empty()
    }

    /// First `inner`, then `self`. A dual map turns a gain into its inverse: `(D A D⁻¹)⁻ᵀ = D⁻¹ A⁻ᵀ D`.
    #[must_use]
    pub(super) fn after(&self, inner: &Self) -> Self {
        if inner.is_identity() {
            return self.clone();
        }
        let sign = if self.dual { -1 } else { 1 };
        Self { dual: self.dual != inner.dual, gains: product(&self.gains, &inner.gains, sign) }
    }

    /// The map back.
    #[must_use]
    pub(super) fn inverse(&self) -> Self {
        let sign = if self.dual { 1 } else { -1 };
        Self { dual: self.dual, gains: product(&[], &self.gains, sign) }
    }

    /// The same map for coordinates in another order, or for some of them: new coordinate i is old `order[i]`.
    #[must_use]
    pub(super) fn pulled(&self, order: &[u32]) -> Self {
        let pull = |factor: &Factor| Factor {
            value: factor.value,
            places: order.iter().map(|i| factor.places[*i as usize]).collect(),
            power: factor.power,
        };
        let mut gains: Vec<Factor> = self.gains.iter().map(pull).collect();
        gains.sort();
        Self { dual: self.dual, gains }
    }
}

/// The product of two diagonal matrices, the second to the power of `sign`.
pub(super) fn product(left: &[Factor], right: &[Factor], sign: i32) -> Vec<Factor> {
    let mut gains = left.to_vec();
    for factor in right {
        let power = sign * factor.power;
        match gains.iter_mut().find(|known| known.value == factor.value && known.places == factor.places) {
            Some(known) => known.power += power,
            None => gains.push(Factor { power, ..factor.clone() }),
        }
    }
    gains.retain(|factor| factor.power != 0);
    gains.sort();
    gains
}
