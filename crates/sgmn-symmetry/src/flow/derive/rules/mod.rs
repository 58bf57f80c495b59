//! The rules: what each operation demands, and how its result moves. One file for each kind of operation.

pub(super) mod combine;
pub(super) mod concat;
pub(super) mod contract;
pub(super) mod convolve;
pub(super) mod normalize;
pub(super) mod places;
pub(super) mod pointwise;
pub(super) mod reduce;
pub(super) mod reshape;
pub(super) mod shape;
pub(super) mod take;
