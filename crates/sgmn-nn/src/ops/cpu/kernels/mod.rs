//! Arithmetic on rows that lie one after the other, compiled for the instruction sets found at run time.
//!
//! A kernel that gives to a gradient takes `first`: the first gift replaces what the memory held, later ones are added.

mod dropout;
mod elementwise;
mod nodes;
mod norm;
pub(in crate::ops) mod pointwise;
mod unit;

pub(in crate::ops) use dropout::{Mask, put_kept};
pub(in crate::ops) use elementwise::{
    fill_rows, mul, mul_row, put, put_product, put_scaled, put_signed, sum_products, sum_rows,
};
pub(in crate::ops) use nodes::{
    add_nodes, add_product_to_nodes, add_to_nodes, copy_nodes, mul_nodes, outer, outer_dot, put_node_products,
};
pub(in crate::ops) use norm::{NORM_EPS, bias_silu, bias_silu_grad, norm_silu, norm_silu_grad};
pub(in crate::ops) use unit::{unit_norm, unit_norm_grad};

use super::element::Element;

/// Numbers that one step of a loop over a row treats together: the width of the widest vectors in f32.
const LANES: usize = 16;

/// Runs a body for every position of a row: in steps of [`LANES`] whose slices have that length for certain, so that
/// the compiler uses vectors, then for the rest.
///
/// The names in brackets are slices of the row's width, read and written; inside the body they are cut to the step.
/// Rows are short, and left to itself the compiler would unroll further and leave a row of 32 to scalar code.
macro_rules! for_each_lane {
    ($width:expr, [$($read:ident),*], [$($written:ident),*], |$lane:ident| $body:block) => {{
        const FITS: &str = "the range has this length";
        // Taken first: the names in it are cut below.
        let width: usize = $width;
        let whole = width / LANES * LANES;
        for start in (0..whole).step_by(LANES) {
            $(let $read: &[T; LANES] = $read[start..start + LANES].try_into().expect(FITS);)*
            $(let $written: &mut [T; LANES] = (&mut $written[start..start + LANES]).try_into().expect(FITS);)*
            for $lane in 0..LANES $body
        }
        $(let $read = &$read[whole..width];)*
        $(let $written = &mut $written[whole..width];)*
        for $lane in 0..width - whole $body
    }};
}
use for_each_lane;

/// The sum of partial sums, pairwise; arrays of their own for each round keep it in vector registers.
#[inline(always)]
fn sum<T: Element>(lanes: [T; LANES]) -> T {
    let eight: [T; LANES / 2] = std::array::from_fn(|i| lanes[i] + lanes[i + LANES / 2]);
    let four: [T; LANES / 4] = std::array::from_fn(|i| eight[i] + eight[i + LANES / 4]);
    let two = [four[0] + four[2], four[1] + four[3]];
    two[0] + two[1]
}

/// What memory holds after a gift.
#[inline(always)]
fn given<T: Element>(held: T, value: T, first: bool) -> T {
    if first { value } else { held + value }
}
