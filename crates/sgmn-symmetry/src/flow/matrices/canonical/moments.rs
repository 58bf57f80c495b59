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

/// Parameters are read in their order until P or R has so many columns, as a multiple of n: enough to tell directions
/// apart, and few enough for wide streams.
const READ: usize = 16;
/// Columns that are looked at for signs and pivots, likewise.
const LOOK_AT: usize = 4;

/// What can be used of the holders of each block of a space.
pub(super) fn moments(
    flow: &Flow,
    net: &dyn Numbers,
    matrices: &[Matrix],
    space: usize,
    usable: impl Fn(&Holder) -> bool,
) -> Result<Vec<Moments>> {
    let Matrix { n, blocks, holders, .. } = &matrices[space];
    let gains = numbers_of_gains(flow, &matrices[space..=space], net)?;
    let mut all: Vec<(Moments, Vec<Vec<f64>>)> = (0..*blocks)
        .map(|_| (Moments { n: *n, plain: None, dual: None, columns: Vec::new() }, Vec::new()))
        .collect();
    let mut holders: Vec<&Holder> = holders.iter().filter(|holder| usable(holder)).collect();
    holders.sort_by_key(|holder| holder.param);
    let has_plain: Vec<bool> =
        (0..*blocks).map(|block| holders.iter().any(|h| h.block == block && h.side == Side::Plain)).collect();
    let mut numbers = None;
    let mut read = vec![[0usize; 2]; *blocks];
    for holder in holders {
        let read = &mut read[holder.block][usize::from(holder.side == Side::Dual)];
        if *read >= READ * n {
            continue;
        }
        if numbers.as_ref().is_none_or(|(param, _)| *param != holder.param) {
            numbers = Some((holder.param, net.numbers(holder.param)));
        }
        let Some((_, values)) = &numbers else { continue };
        let mut part = unfolded(values, flow.param_shape(holder.param), holder);
        let width = part.len() / n;
        *read += width;
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
        let seen: usize = parts.iter().map(|part| part.len() / n).sum();
        let room = (LOOK_AT * n).saturating_sub(seen).min(width);
        if (holder.side == Side::Plain) == has_plain[holder.block] && room > 0 {
            parts.push(part.chunks(width).flat_map(|row| row[..room].iter().copied()).collect());
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
