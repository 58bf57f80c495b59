//! Facts about the numbers of a tensor, found in one pass.

use sgmn_graph::flow::Stored;

/// What a tensor's numbers look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Facts {
    /// None is infinite or NaN.
    pub(super) finite: bool,
    /// Some are infinite, none is NaN.
    pub(super) infinite: bool,
    /// Some are so large that only a mask has them.
    pub(super) huge: bool,
    /// All are the same; true for one number and for none.
    pub(super) uniform: bool,
    /// All are whole numbers.
    pub(super) whole: bool,
    /// A sum over scrambled bits, blind to order: equal for tensors that are equal up to the order of their numbers.
    pub(super) sum: u64,
}

/// Larger than any number that is learned.
const HUGE: f64 = 1e30;

impl Facts {
    /// Looks at every number once.
    pub(super) fn of(numbers: &Stored) -> Self {
        match numbers {
            Stored::F32(values) => {
                let bits = |value: &f32| u64::from(value.to_bits());
                Self::gather(values.iter().map(|value| (f64::from(*value), bits(value))))
            }
            Stored::F64(values) => Self::gather(values.iter().map(|value| (*value, value.to_bits()))),
        }
    }

    fn gather(mut values: impl Iterator<Item = (f64, u64)> + Clone) -> Self {
        let first = values.clone().next().map_or(0.0, |(value, _)| value);
        let (mut nan, mut infinite) = (false, false);
        let mut facts =
            Self { finite: true, infinite: false, huge: false, uniform: true, whole: true, sum: 0 };
        values.by_ref().for_each(|(value, bits)| {
            nan |= value.is_nan();
            infinite |= value.is_infinite();
            facts.huge |= value.abs() >= HUGE;
            facts.uniform &= value == first;
            facts.whole &= value == value.trunc();
            facts.sum = facts.sum.wrapping_add(scramble(bits));
        });
        Self { finite: !nan && !infinite, infinite: infinite && !nan, ..facts }
    }
}

/// Mixes the bits of a number, so that sums of many differ where their parts do.
fn scramble(bits: u64) -> u64 {
    let mixed = (bits ^ (bits >> 31)).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
    (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93)
}
