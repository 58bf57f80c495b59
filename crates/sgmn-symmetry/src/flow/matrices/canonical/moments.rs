//! What a canonical point is found from: the numbers that a block's matrix acts on, and their squares.

use sgmn_graph::flow::{Flow, Numbers};

use super::super::{
    Holder, Matrix, Side,
    act::{diagonal, numbers_of_gains},
    dense,
};
use crate::Result;

/// What is read of a block's numbers.
pub(super) struct Moments {
    pub(super) n: usize,
    /// `P Pᵀ`, if there are writers.
    pub(super) plain: Option<Vec<f64>>,
    /// `R Rᵀ`, if there are readers.
    pub(super) dual: Option<Vec<f64>>,
    /// Columns of P, or of R if there are no writers: n rows.
    pub(super) columns: Vec<f64>,
}

/// What may be read of a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::flow) enum Read {
    /// Nothing: its other axes have no canonical point yet.
    Nothing,
    /// All columns or none, since their order means nothing yet.
    Whole,
    /// As many columns as are worth it: each stands at its place in every net of the orbit.
    Enough,
}

/// Parameters are read in their order until P or R has so many columns, as a multiple of n: enough to tell directions
/// apart, and few enough for wide streams.
const READ: usize = 16;
/// Columns that are looked at for signs and pivots, likewise.
const LOOK_AT: usize = 4;

/// What can be used of the holders of each block of a space. What is chosen is the same in all nets of an orbit: all places
/// where one parameter holds a block are read, or none of them, and columns are left out only where they stand still.
pub(super) fn moments(
    flow: &Flow,
    net: &dyn Numbers,
    matrices: &[Matrix],
    space: usize,
    read: impl Fn(&Holder) -> Read,
) -> Result<Vec<Moments>> {
    let Matrix { n, blocks, holders, .. } = &matrices[space];
    let gains = numbers_of_gains(flow, &matrices[space..=space], net)?;
    let mut all: Vec<(Moments, Vec<Vec<f64>>)> = (0..*blocks)
        .map(|_| (Moments { n: *n, plain: None, dual: None, columns: Vec::new() }, Vec::new()))
        .collect();
    let mut holders: Vec<&Holder> = holders.iter().filter(|holder| read(holder) != Read::Nothing).collect();
    holders.sort_by_key(|holder| holder.param);
    let has_plain: Vec<bool> =
        (0..*blocks).map(|block| holders.iter().any(|h| h.block == block && h.side == Side::Plain)).collect();
    let mut n_read = vec![[0usize; 2]; *blocks];
    for of_param in holders.chunk_by(|a, b| a.param == b.param) {
        let param = of_param[0].param;
        let before = n_read.clone();
        let is_read = |holder: &Holder| before[holder.block][side(holder)] < READ * n;
        if !of_param.iter().any(|holder| is_read(holder)) {
            continue;
        }
        let values = net.numbers(param);
        for holder in of_param.iter().filter(|holder| is_read(holder)) {
            let mut part = unfolded(&values, flow.param_shape(param), holder);
            let width = part.len() / n;
            for (row, by) in part.chunks_mut(width.max(1)).zip(diagonal(holder, &gains)) {
                row.iter_mut().for_each(|value| *value /= by);
            }
            let gram = dense::gram(&part, *n);
            let (moments, parts) = &mut all[holder.block];
            let sum = if holder.side == Side::Plain { &mut moments.plain } else { &mut moments.dual };
            match sum {
                Some(sum) => sum.iter_mut().zip(&gram).for_each(|(sum, value)| *sum += value),
                None => *sum = Some(gram),
            }
            n_read[holder.block][side(holder)] += width;
            if (holder.side == Side::Plain) != has_plain[holder.block] {
                continue;
            }
            // Places of one block in one parameter, as heads that share their values, may be exchanged.
            let like = |other: &&&Holder| (other.block, other.side) == (holder.block, holder.side);
            let is_alone = of_param.iter().filter(like).count() == 1;
            let room = (LOOK_AT * n).saturating_sub(before[holder.block][side(holder)]);
            let room = if is_alone && read(holder) == Read::Enough { room.min(width) } else { width };
            if before[holder.block][side(holder)] < LOOK_AT * n && room > 0 {
                parts.push(part.chunks(width).flat_map(|row| row[..room].iter().copied()).collect());
            }
        }
    }
    let joined = all.into_iter().map(|(moments, parts)| {
        let columns = (0..*n).flat_map(|row| {
            let of_row = |part: &Vec<f64>| {
                let width = part.len() / n;
                part[row * width..(row + 1) * width].to_vec()
            };
            parts.iter().flat_map(of_row).collect::<Vec<_>>()
        });
        Moments { columns: columns.collect(), ..moments }
    });
    Ok(joined.collect())
}

fn side(holder: &Holder) -> usize {
    usize::from(holder.side == Side::Dual)
}

/// The numbers that a holder's matrix acts on: n rows.
pub(in crate::flow) fn unfolded(numbers: &[f64], shape: &[usize], holder: &Holder) -> Vec<f64> {
    let size = shape[holder.axis];
    let inner: usize = shape[holder.axis + 1..].iter().product();
    let mut rows = Vec::with_capacity(numbers.len() / size.max(1) * holder.places.len());
    for place in &holder.places {
        for part in numbers.chunks(size * inner) {
            rows.extend_from_slice(&part[place * inner..][..inner]);
        }
    }
    rows
}
