//! The assignment of units to units: which one-to-one choice gains most.
//!
//! # Source
//! Shortest augmenting paths: Jonker and Volgenant 1987, in the form of Crouse 2016, "On implementing 2D rectangular assignment
//! algorithms", section 2; square matrices only, and whole numbers, so that rounding decides nothing.

/// Gains are rounded to whole numbers, of which the largest is this: the sum of a million of them fits, and what is lost is
/// 10⁻¹² of the largest difference of gains.
const LARGEST: f64 = (1_u64 << 40) as f64;

/// For each row of a square matrix of gains the column it is given, so that the gains sum to the most; and their sum.
/// Where choices tie, rows keep their places.
pub(super) fn assign(gains: &[f64], n: usize) -> (Vec<usize>, f64) {
    let (least, most) =
        gains.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), gain| (a.min(*gain), b.max(*gain)));
    let chosen = if n < 2 || most <= least {
        (0..n).collect()
    } else {
        let by = LARGEST / (most - least);
        // None is negative, so the nearest whole number is the one below after half is added.
        let cost = |gain: &f64| 2 * ((most - gain) * by + 0.5) as i64 + 1;
        let mut costs: Vec<i64> = gains.iter().map(cost).collect();
        // What stays in its place costs a little less than what does not.
        costs.iter_mut().step_by(n + 1).for_each(|cost| *cost -= 1);
        cheapest(&costs, n)
    };
    let sum = chosen.iter().enumerate().map(|(row, column)| gains[row * n + column]).sum();
    (chosen, sum)
}

/// No row, or no column.
const NONE: usize = usize::MAX;

/// For each row its column, so that the costs sum to the least. One row after the other is given a column, along the shortest
/// path over rows that have one already; `of_rows` and `of_columns` are the prices by which costs are reduced.
fn cheapest(costs: &[i64], n: usize) -> Vec<usize> {
    let (mut of_rows, mut of_columns) = (vec![0; n], vec![0; n]);
    let (mut column_of, mut row_of) = (vec![NONE; n], vec![NONE; n]);
    let (mut shortest, mut before) = (vec![0; n], vec![NONE; n]);
    let mut open: Vec<usize> = Vec::with_capacity(n);
    for start in 0..n {
        shortest.fill(i64::MAX);
        open.clear();
        open.extend(0..n);
        let mut closed: Vec<usize> = Vec::new();
        let (mut row, mut length) = (start, 0);
        let end = loop {
            let costs = &costs[row * n..(row + 1) * n];
            let so_far = length - of_rows[row];
            let (mut least, mut nearest) = (i64::MAX, 0);
            for (at, &column) in open.iter().enumerate() {
                let found = so_far + costs[column] - of_columns[column];
                if found < shortest[column] {
                    (shortest[column], before[column]) = (found, row);
                }
                let reached = shortest[column];
                // Of columns that are equally near, one that is free ends the path.
                if reached < least || (reached == least && row_of[column] == NONE) {
                    (least, nearest) = (reached, at);
                }
            }
            let column = open.swap_remove(nearest);
            length = least;
            if row_of[column] == NONE {
                break column;
            }
            closed.push(column);
            row = row_of[column];
        };
        of_rows[start] += length;
        for column in closed {
            let rest = length - shortest[column];
            of_rows[row_of[column]] += rest;
            of_columns[column] -= rest;
        }
        let mut column = end;
        while column != NONE {
            let row = before[column];
            row_of[column] = row;
            column = std::mem::replace(&mut column_of[row], column);
        }
    }
    column_of
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    /// The largest sum over all choices.
    fn by_force(gains: &[f64], n: usize, row: usize, taken: u32) -> f64 {
        if row == n {
            return 0.0;
        }
        let open = (0..n).filter(|column| taken >> column & 1 == 0);
        open.map(|column| gains[row * n + column] + by_force(gains, n, row + 1, taken | 1 << column))
            .fold(f64::NEG_INFINITY, f64::max)
    }

    #[test]
    fn no_choice_gains_more_than_the_one_that_is_found() {
        let mut rng = Seed::new(3).rng();
        for n in (1..=7).flat_map(|n| [n; 20]) {
            // Few values, so that there are ties, and both signs.
            let gains: Vec<f64> = (0..n * n).map(|_| f64::from(rng.random_range(-4..5)) / 3.0).collect();
            let (chosen, sum) = assign(&gains, n);
            let mut columns = chosen.clone();
            columns.sort_unstable();
            assert_eq!(columns, (0..n).collect::<Vec<_>>(), "one to one");
            assert!((sum - by_force(&gains, n, 0, 0)).abs() < 1e-9, "{n}: {gains:?}");
        }
    }

    #[test]
    fn where_all_choices_tie_nothing_moves() {
        assert_eq!(assign(&[0.5; 16], 4), (vec![0, 1, 2, 3], 2.0));
        assert_eq!(assign(&[], 0), (vec![], 0.0));
    }
}
