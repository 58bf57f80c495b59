//! STUB until ops::metered is merged.
use candle_core::Device;
use std::collections::BTreeMap;
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Product,
}
impl Kind {
    pub(super) fn name(self) -> &'static str {
        "product"
    }
}
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub launches: u64,
    pub bytes: u64,
    pub flop: u64,
    pub seconds: f64,
}
pub(super) fn metered<R>(
    _: &Device,
    _timed: bool,
    f: impl FnOnce() -> R,
) -> candle_core::Result<(R, BTreeMap<Kind, Tally>)> {
    Ok((f(), BTreeMap::from([(Kind::Product, Tally { launches: 1, bytes: 1, flop: 1, seconds: 0.0 })])))
}
