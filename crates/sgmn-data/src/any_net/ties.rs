//! Tensors that are one: writers of files drop ties and store copies, some of them transposed.

use std::collections::BTreeMap;

use sgmn_graph::flow::Stored;

use super::{Record, numbers::Facts};

/// Another tensor that has the same numbers, to the bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tie {
    /// The first tensor with these numbers, by its place among the records.
    pub(super) to: usize,
    /// Whether the axes are exchanged.
    pub(super) transposed: bool,
}

/// Fewer numbers than this may agree by accident.
const LEAST_NUMBERS: usize = 9;

/// For each record the first one before it that holds the same numbers as they are or transposed. Uniform tensors are
/// never tied; neither are those for which `may` is false.
///
/// Candidates have equal [`Facts::sum`]; only these are compared.
pub(super) fn find(records: &[Record], facts: &[Facts], may: impl Fn(usize) -> bool) -> Vec<Option<Tie>> {
    let mut seen: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    let mut ties = vec![None; records.len()];
    for (i, record) in records.iter().enumerate() {
        if record.numbers.len() < LEAST_NUMBERS || facts[i].uniform || !may(i) {
            continue;
        }
        let firsts = seen.entry((record.numbers.len(), facts[i].sum)).or_default();
        ties[i] = firsts.iter().find_map(|first| tie(records, *first, i));
        if ties[i].is_none() {
            firsts.push(i);
        }
    }
    ties
}

/// The numbers of a matrix of `rows` rows, column by column.
pub(super) fn transposed(values: &[f64], rows: usize) -> Vec<f64> {
    let columns = values.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| values[row * columns + column])).collect()
}

fn tie(records: &[Record], first: usize, second: usize) -> Option<Tie> {
    let (a, b) = (&records[first], &records[second]);
    if a.shape == b.shape && equal_bits(&a.numbers, &b.numbers, |at| at) {
        return Some(Tie { to: first, transposed: false });
    }
    let [rows, columns] = a.shape[..] else { return None };
    let turned = b.shape == [columns, rows]
        && equal_bits(&a.numbers, &b.numbers, |at| (at % rows) * columns + at / rows);
    turned.then_some(Tie { to: first, transposed: true })
}

/// Whether number `at` of b is number `place(at)` of a, for all.
fn equal_bits(a: &Stored, b: &Stored, place: impl Fn(usize) -> usize) -> bool {
    match (a, b) {
        (Stored::F32(a), Stored::F32(b)) => {
            b.iter().enumerate().all(|(at, b)| b.to_bits() == a[place(at)].to_bits())
        }
        (Stored::F64(a), Stored::F64(b)) => {
            b.iter().enumerate().all(|(at, b)| b.to_bits() == a[place(at)].to_bits())
        }
        _ => false,
    }
}
