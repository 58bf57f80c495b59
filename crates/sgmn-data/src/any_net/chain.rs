//! A chain of layers, from a file of tensors, as a net of any architecture.

use sgmn_graph::{LayerMap, Net, Reading, flow::FlowNet};

use super::ReadOptions;
use crate::{Error, Result};

/// Images of so many pixels a side are tried one after the other where nobody says what a chain reads: the first is that
/// of common datasets, and small ones show less than there is.
const SIDES: [usize; 8] = [28, 32, 64, 48, 24, 16, 12, 8];

/// A chain as a flow, at the size that `x` of [`ReadOptions::inputs`] says, or at one that fits.
///
/// # Errors
/// [`Error::Config`] for a shape that is none of its inputs; [`Error::Flow`] if no image fits.
pub fn of_chain(net: &Net, options: &ReadOptions) -> Result<FlowNet> {
    let fault = |size: [usize; 2]| net.into_flow(size).map_err(Error::flow("a chain of layers"));
    let direct = matches!(net.spec().layers()[0].map, LayerMap::Linear { reading: Reading::Direct, .. });
    let n = net.spec().widths()[0];
    match (options.inputs.get("x").map(Vec::as_slice), direct) {
        (None, true) => fault([1, 1]),
        (None, false) => {
            let mut fits = SIDES.iter().map(|side| net.into_flow([*side; 2]));
            fits.find_map(std::result::Result::ok).map_or_else(|| fault([SIDES[0]; 2]), Ok)
        }
        (Some([1, channels, height, width]), false) if *channels == n => fault([*height, *width]),
        (Some([1, inputs]), true) if *inputs == n => fault([1, 1]),
        (Some(found), direct) => {
            let expected = if direct { format!("nothing, or [1, {n}]") } else { format!("[1, {n}, H, W]") };
            Err(Error::Config { field: "inputs.x".to_owned(), expected, found: format!("{found:?}") })
        }
    }
}
