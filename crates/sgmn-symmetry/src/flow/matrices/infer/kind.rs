//! Which matrices a space admits: a lattice that is only walked downwards.

use std::sync::Arc;

use super::twist::Factor;

/// A group of matrices, in the frame in which it has its plain form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) group: Group,
    /// The group is `E k E⁻¹` for k of the plain group and this diagonal matrix E.
    pub(super) frame: Vec<Factor>,
}

/// A plain group. All but the first hold the contragredient of each member.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    /// GL(n).
    General,
    /// O(n).
    Orthogonal,
    /// O(n) that keeps (1, …, 1).
    KeepsOnes,
    /// For each pair of coordinates a complex number: not 0, or of magnitude 1. Each coordinate's partner.
    Pairs { partner: Arc<[u32]>, unit: bool },
}

impl Kind {
    pub(super) fn general() -> Self {
        Self { group: Group::General, frame: Vec::new() }
    }

    /// What two kinds have in common, if it is more than matrices with one entry a row.
    pub(super) fn meet(self, other: Self) -> Option<Self> {
        use Group::{General, KeepsOnes, Orthogonal, Pairs};
        if self.group == General {
            return Some(other);
        }
        if other.group == General {
            return Some(self);
        }
        if self.frame != other.frame {
            return None;
        }
        let group = match (self.group, other.group) {
            (Orthogonal, Orthogonal) => Orthogonal,
            (Orthogonal | KeepsOnes, Orthogonal | KeepsOnes) => KeepsOnes,
            (Orthogonal, Pairs { partner, .. }) | (Pairs { partner, .. }, Orthogonal) => {
                Pairs { partner, unit: true }
            }
            (Pairs { partner, unit }, Pairs { partner: other, unit: too }) if partner == other => {
                Pairs { partner, unit: unit || too }
            }
            _ => return None,
        };
        Some(Self { group, frame: self.frame })
    }

    /// The kind for coordinates in another order, or for a part that nothing mixes with the rest any more: new
    /// coordinate i is old `order[i]`. None if the part cuts a pair.
    pub(super) fn pulled(&self, order: &[u32]) -> Option<Self> {
        let frame = super::twist::Twist::by(self.frame.clone()).pulled(order).gains;
        let group = match &self.group {
            Group::Pairs { partner, unit } => {
                let mut now = vec![u32::MAX; partner.len()];
                for (i, old) in order.iter().enumerate() {
                    now[*old as usize] = i as u32;
                }
                let pulled: Arc<[u32]> =
                    order.iter().map(|old| now[partner[*old as usize] as usize]).collect();
                if pulled.contains(&u32::MAX) {
                    return None;
                }
                Group::Pairs { partner: pulled, unit: *unit }
            }
            group => group.clone(),
        };
        Some(Self { group, frame })
    }
}
