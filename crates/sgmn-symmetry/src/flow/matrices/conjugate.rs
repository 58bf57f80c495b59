//! Matrices seen from the other side of an element of orders and scalars.
//!
//! Mixing units and then moving and scaling them is moving and scaling them first and then mixing by other matrices:
//! `e ∘ A = A′ ∘ e` with `A′ = S P A Pᵀ S⁻¹`, where P moves the units of a block and S scales them.

use sgmn_graph::flow::Flow;

use super::{super::FlowElement, Block, Holder, Kind, Matrix, MatrixElement, Side};

/// Matrices closer than this to a plainer form are taken for it: compositions round.
const CLOSE: f64 = 1e-9;
/// Entries closer than this to those of the identity are the identity's.
const ROUNDING: f64 = 1e-12;

impl MatrixElement {
    /// The element A′ of the same spaces with `e ∘ A = A′ ∘ e`. Absent if e does not carry blocks to blocks, or scales
    /// their units so that A′ is none of the group.
    pub(in crate::flow) fn conjugated(
        &self,
        e: &FlowElement,
        flow: &Flow,
        matrices: &[Matrix],
    ) -> Option<Self> {
        let mut element = Self::identity(matrices);
        for (at, space) in matrices.iter().enumerate() {
            if self.blocks()[at].iter().all(Block::is_identity) {
                continue;
            }
            let blocks = (0..space.blocks).map(|block| {
                let of_block = space.of_block(block).filter(|holder| holder.gains.is_empty());
                let (from, moved) = of_block.into_iter().find_map(|holder| moved(e, flow, space, holder))?;
                self.blocks()[at][from].moved(&moved).snapped(&space.kind)
            });
            element.set(at, blocks.collect::<Option<_>>()?);
        }
        element.check_fits(matrices).is_ok().then_some(element)
    }

    /// The same element without what rounding adds to the plain form of its matrices.
    pub(in crate::flow) fn snapped(&self, matrices: &[Matrix]) -> Option<Self> {
        let mut element = Self::identity(matrices);
        for (at, (space, blocks)) in matrices.iter().zip(self.blocks()).enumerate() {
            element.set(at, blocks.iter().map(|block| block.snapped(&space.kind)).collect::<Option<_>>()?);
        }
        Some(element)
    }
}

/// For each unit of the holder's block the unit of another block that comes to its place, and its scalar there as A sees
/// it; the other block first.
fn moved(
    e: &FlowElement,
    flow: &Flow,
    space: &Matrix,
    holder: &Holder,
) -> Option<(usize, Vec<(usize, f64)>)> {
    let of_param = &e.params()[holder.param];
    let parts = || of_param.parts().iter().filter(|part| part.axes().contains(&holder.axis));
    let own = of_param.shape() == flow.param_shape(holder.param);
    if !own || parts().any(|part| part.axes() != [holder.axis]) {
        return None;
    }
    let Some(part) = parts().next() else {
        return Some((holder.block, (0..space.n).map(|unit| (unit, 1.0)).collect()));
    };
    let like = |other: &&Holder| {
        (other.param, other.axis, other.side) == (holder.param, holder.axis, holder.side)
            && other.gains.is_empty()
    };
    let old = |place: usize| {
        space.holders.iter().filter(like).find_map(|other| {
            let unit = other.places.iter().position(|of| *of == place)?;
            Some((other.block, unit))
        })
    };
    let (block, _) = old(*part.from().get(*holder.places.first()?)? as usize)?;
    let units = holder.places.iter().map(|place| {
        let (from, unit) = old(part.from()[*place] as usize)?;
        let scale = part.scales()[*place];
        (from == block).then_some((unit, if holder.side == Side::Plain { scale } else { scale.recip() }))
    });
    Some((block, units.collect::<Option<_>>()?))
}

impl Block {
    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        let n = self.n();
        self.matrix().iter().enumerate().all(|(at, value)| *value == f64::from(u8::from(at / n == at % n)))
    }

    /// `S P A Pᵀ S⁻¹`: for each new unit its old one and its scalar.
    fn moved(&self, units: &[(usize, f64)]) -> Self {
        let n = self.n();
        let of = |matrix: &[f64]| {
            let row = |(i, by): &(usize, f64)| {
                let (i, by) = (*i, *by);
                units.iter().map(move |(k, other)| by * matrix[i * n + k] / other).collect::<Vec<f64>>()
            };
            units.iter().flat_map(row).collect()
        };
        Self::pair(n, of(self.matrix()), of(self.inverse()))
    }

    /// The matrix in the plain form of its kind. Absent if it is far from it.
    fn snapped(&self, kind: &Kind) -> Option<Self> {
        let n = self.n();
        let one = Self::identity(n);
        let apart = |other: &Self| {
            self.matrix().iter().zip(other.matrix()).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()))
        };
        if apart(&one) <= ROUNDING {
            return Some(one);
        }
        let (Kind::Pairs(pairs) | Kind::UnitPairs(pairs)) = kind else { return Some(self.clone()) };
        let entry = |row: usize, column: usize| self.matrix()[row * n + column];
        let numbers: Vec<(f64, f64)> = pairs.iter().map(|(i, j)| (entry(*i, *i), entry(*j, *i))).collect();
        let plain = Self::complex(n, pairs, &numbers);
        let size = self.matrix().iter().fold(1.0_f64, |most, value| most.max(value.abs()));
        (apart(&plain) <= CLOSE * size).then_some(plain)
    }
}
