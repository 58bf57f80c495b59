//! Kendall's rank correlation: does a model put things into the right order?

use std::cmp::Ordering;

/// Kendall's τ-b of pairs `[x, y]`, in [-1, 1]: `(C − D) / √((n₀ − n₁)(n₀ − n₂))`.
///
/// Of the `n₀ = n(n−1)/2` pairs of pairs C are in the same order by x as by y and D in opposite ones; `n₁` are tied in
/// x, `n₂` in y. Nothing if a number is NaN, or if all x or all y are equal (a single pair, too): there is no order.
///
/// D is the number of swaps that merging takes when the y, put into the order of x, are sorted: O(n log n).
///
/// # Source
/// W. R. Knight, "A computer method for calculating Kendall's tau with ungrouped data", 1966; ties count as in variant
/// `b` of `scipy.stats.kendalltau`.
pub fn kendall_tau(pairs: &[[f64; 2]]) -> Option<f64> {
    if pairs.iter().flatten().any(|value| value.is_nan()) {
        return None;
    }
    let mut pairs = pairs.to_vec();
    pairs.sort_unstable_by(|a, b| order(a[0], b[0]).then(order(a[1], b[1])));
    let n_all = n_pairs(pairs.len());
    let n_tied_both = n_tied(&pairs, |a, b| a == b);
    let n_tied_x = n_tied(&pairs, |a, b| a[0] == b[0]);
    let mut ys: Vec<f64> = pairs.iter().map(|pair| pair[1]).collect();
    // Pairs tied in x stand in the order of y, so they take no swap.
    let n_swaps = merge_sort(&mut ys, &mut vec![0.0; pairs.len()]);
    let n_tied_y = n_tied(&ys, |a, b| a == b);
    if n_tied_x == n_all || n_tied_y == n_all {
        return None;
    }
    // C + D are the pairs that are tied in neither.
    let difference = (n_all + n_tied_both) as f64 - (n_tied_x + n_tied_y) as f64 - 2.0 * n_swaps as f64;
    // The root of the product, not the product of roots: the root of a square is exact, so perfect order is 1.
    Some(difference / ((n_all - n_tied_x) as f64 * (n_all - n_tied_y) as f64).sqrt())
}

/// The order of two numbers, in which −0 equals 0.
fn order(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).expect("NaN was turned away")
}

/// Pairs among n things.
fn n_pairs(n: usize) -> u64 {
    let n = n as u64;
    n * n.saturating_sub(1) / 2
}

/// Pairs of equal things, which stand next to each other.
fn n_tied<T>(sorted: &[T], is_tied: impl Fn(&T, &T) -> bool) -> u64 {
    sorted.chunk_by(is_tied).map(|run| n_pairs(run.len())).sum()
}

/// Sorts and counts the pairs that stood in strictly falling order; `room` is as long as `values`.
fn merge_sort(values: &mut [f64], room: &mut [f64]) -> u64 {
    let middle = values.len() / 2;
    if middle == 0 {
        return 0;
    }
    let n_inside = merge_sort(&mut values[..middle], &mut room[..middle])
        + merge_sort(&mut values[middle..], &mut room[middle..]);
    room.copy_from_slice(values);
    let (left, right) = room.split_at(middle);
    let (mut l, mut r, mut n_across) = (0, 0, 0);
    for value in values {
        // Of equal numbers the left one goes first: a tie is no swap.
        if l < left.len() && (r == right.len() || left[l] <= right[r]) {
            *value = left[l];
            l += 1;
        } else {
            *value = right[r];
            r += 1;
            n_across += (left.len() - l) as u64;
        }
    }
    n_inside + n_across
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use sgmn_graph::Seed;

    use super::*;

    /// The definition, pair by pair.
    fn by_definition(pairs: &[[f64; 2]]) -> Option<f64> {
        let sign = |a: f64, b: f64| i64::from(a > b) - i64::from(a < b);
        let (mut difference, mut n_x, mut n_y) = (0, 0, 0);
        for (i, a) in pairs.iter().enumerate() {
            for b in &pairs[..i] {
                let (x, y) = (sign(a[0], b[0]), sign(a[1], b[1]));
                difference += x * y;
                n_x += x.abs();
                n_y += y.abs();
            }
        }
        (n_x > 0 && n_y > 0).then(|| difference as f64 / ((n_x * n_y) as f64).sqrt())
    }

    #[test]
    fn tau_is_its_definition_on_random_pairs_with_many_ties() {
        for case in 0..400 {
            let mut rng = Seed::new(3).index(case).rng();
            let n = rng.random_range(0..60);
            // From hardly any value that comes once to hardly any that comes twice.
            let n_values = [2, 3, 10, 100_000][case as usize % 4];
            let mut value = || f64::from(rng.random_range(0..n_values)) - 1.0;
            let pairs: Vec<[f64; 2]> = (0..n).map(|_| [value(), value()]).collect();
            let (found, expected) = (kendall_tau(&pairs), by_definition(&pairs));
            match (found, expected) {
                (Some(found), Some(expected)) => {
                    assert!((found - expected).abs() < 1e-14, "{found} {expected}")
                }
                _ => assert_eq!(found, expected, "case {case}: {pairs:?}"),
            }
        }
    }

    #[test]
    fn tau_is_that_of_scipy() {
        // Computed by SciPy 1.17.1, for each n of the list:
        //   x = [(7*i*i + 3*i) % 11 for i in range(n)]; y = [(5*i*i + i*x[i]) % 7 + i // 40 for i in range(n)]
        //   print(n, repr(float(scipy.stats.kendalltau(x, y).statistic)))
        for (n, expected) in [
            (2, 1.0),
            (5, 0.25819888974716115),
            (12, -0.018598415854403413),
            (100, -0.19423172756155097),
            (1000, -0.04821132967423808),
        ] {
            let pair = |i: u32| {
                let x = (7 * i * i + 3 * i) % 11;
                [f64::from(x), f64::from((5 * i * i + i * x) % 7 + i / 40)]
            };
            let tau = kendall_tau(&(0..n).map(pair).collect::<Vec<_>>()).unwrap();
            assert!((tau - expected).abs() < 1e-15, "{n} pairs: {tau}, not {expected}");
        }
    }

    #[test]
    fn tau_counts_order_alone_and_tells_its_direction() {
        let pairs: Vec<[f64; 2]> = (0..50).map(|i| [f64::from(i), f64::from(i).exp()]).collect();
        assert_eq!(kendall_tau(&pairs), Some(1.0));
        let swapped: Vec<[f64; 2]> = pairs.iter().map(|[x, y]| [*y, -x]).collect();
        assert_eq!(kendall_tau(&swapped), Some(-1.0));
        assert_eq!(kendall_tau(&[[f64::NEG_INFINITY, 0.0], [f64::INFINITY, 1.0]]), Some(1.0));
    }

    #[test]
    fn without_an_order_there_is_no_tau() {
        assert_eq!(kendall_tau(&[]), None);
        assert_eq!(kendall_tau(&[[1.0, 2.0]]), None);
        assert_eq!(kendall_tau(&[[1.0, 2.0], [1.0, 3.0]]), None);
        assert_eq!(kendall_tau(&[[1.0, 0.0], [2.0, -0.0]]), None);
        assert_eq!(kendall_tau(&[[1.0, 2.0], [2.0, f64::NAN], [3.0, 4.0]]), None);
    }

    #[test]
    fn many_pairs_do_not_overflow() {
        let n = 200_000;
        let pairs: Vec<[f64; 2]> = (0..n).map(|i| [f64::from(i), f64::from(n - i)]).collect();
        assert_eq!(kendall_tau(&pairs), Some(-1.0));
    }
}
