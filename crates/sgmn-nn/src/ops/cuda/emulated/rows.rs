//! Operations on rows.

use super::*;

#[test]
fn rows_are_computed_as_their_plain_forms_compute_them() {
    let Some(host) = Host::compile() else { return };
    // One, several and many turns of a warp along a row; fewer rows than a block takes, and more.
    for (n_rows, width) in [(1, 1), (3, 31), (67, 7), (19, 128), (5, 300)] {
        of_rows(&host, Rows { n_rows, width });
    }
    more_rows_than_blocks(&host);
    sums_in_parts(&host);
    special_rows(&host);
    masks(&host);
}

#[test]
fn the_widest_rows_fit_into_the_memory_of_a_block() {
    let shared = |width| Rows { n_rows: 9, width }.norm_silu_grad(Symmetrize::No).shared;
    assert!(shared(launch::MOST_WIDTH) <= 48 << 10);
    assert!(shared(launch::MOST_WIDTH + 1) > 48 << 10);
}

fn of_rows(host: &Host, rows: Rows) {
    let Rows { n_rows, width } = rows;
    let shape: &[usize] = &[n_rows, width];
    let (x, g) = (numbers(n_rows * width, 1), numbers(n_rows * width, 2));
    let params = numbers(3 * width, 3);
    let [b, gamma, beta] = [0, 1, 2].map(|i| &params[i * width..(i + 1) * width]);
    for signs in [Symmetrize::No, Symmetrize::Signs] {
        let what = |name: &str| format!("{name} {shape:?} {signs:?}");
        let expected = plain(&[shape, &[width], &[width], &[width]], &[&x, b, gamma, beta], &g, |x| {
            reference::norm_silu(&x[0], &x[1], &x[2], &x[3], signs)
        });
        same(&what("norm_silu"), &host.one(rows.norm_silu(signs), &[&x, &params]), &expected[0]);
        let out = host.one(rows.norm_silu_grad(signs), &[&x, &params, &g]);
        let (dx, parts) = out.split_at(n_rows * width);
        // A width of one normalizes to zero: rounding is all that is left of its gradient.
        if width > 1 {
            same(&what("dx of norm_silu"), dx, &expected[1]);
        }
        let parts_of = Rows { n_rows: rows.parts(), width: 3 * width };
        let sums = host.one(parts_of.sum(1), &[parts]);
        if width > 1 {
            same(&what("parameters of norm_silu"), &sums, &expected[2..].concat());
        }

        let expected = plain(&[shape, &[width]], &[&x, b], &g, |x| reference::bias_silu(&x[0], &x[1], signs));
        same(&what("bias_silu"), &host.one(rows.bias_silu(signs), &[&x, b]), &expected[0]);
        let out = host.one(rows.bias_silu_grad(signs), &[&x, b, &g]);
        let (dx, parts) = out.split_at(n_rows * width);
        same(&what("dx of bias_silu"), dx, &expected[1]);
        let sums = host.one(Rows { n_rows: rows.parts(), width }.sum(1), &[parts]);
        same(&what("bias of bias_silu"), &sums, &expected[2]);
    }
    let expected = plain(&[shape, &[width]], &[&x, b], &g, |x| reference::add_bias(&x[0], &x[1]));
    same("add_bias", &host.one(rows.add_bias(), &[&x, b]), &expected[0]);
    for guard in [None, Some(0.3)] {
        let expected = plain(&[shape], &[&x], &g, |x| reference::unit_norm(&x[0], guard));
        same("unit_norm", &host.one(rows.unit_norm(guard), &[&x]), &expected[0]);
        same("dx of unit_norm", &host.one(rows.unit_norm_grad(guard), &[&x, &g]), &expected[1]);
    }
    let expected = plain(&[shape], &[&x], &g, |x| reference::abs(&x[0]));
    same("abs", &host.one(launch::absolute(x.len()), &[&x]), &expected[0]);
    same("dx of abs", &host.one(launch::absolute_grad(x.len()), &[&x, &g]), &expected[1]);
}

/// A description for so few blocks that each has to take several turns.
fn in_turns(launch: Launch, n_sums: usize) -> Launch {
    let blocks = launch.grid[0] as usize;
    Launch { n_out: launch.n_out - (blocks - 2) * n_sums, grid: [2, 1], ..launch }
}

fn more_rows_than_blocks(host: &Host) {
    let rows = Rows { n_rows: 300, width: 5 };
    let (x, g, params) = (numbers(1500, 1), numbers(1500, 2), numbers(15, 3));
    let signs = Symmetrize::Signs;
    let grad = rows.norm_silu_grad(signs);
    assert!(grad.grid[0] > 2);
    let (many, few) =
        (host.one(grad.clone(), &[&x, &params, &g]), host.one(in_turns(grad, 15), &[&x, &params, &g]));
    assert_eq!(many[..1500], few[..1500]);
    let sum =
        |out: &[f32]| host.one(Rows { n_rows: (out.len() - 1500) / 15, width: 15 }.sum(1), &[&out[1500..]]);
    same("parameters of norm_silu", &sum(&few), &sum(&many));
    for (launch, inputs) in [
        (rows.norm_silu(signs), vec![&x[..], &params]),
        (rows.unit_norm(None), vec![&x]),
        (rows.unit_norm_grad(None), vec![&x, &g]),
        (rows.add_bias(), vec![&x, &params[..5]]),
        (rows.bias_silu(signs), vec![&x, &params[..5]]),
        (launch::absolute(1500), vec![&x]),
        (launch::dropout(1500, 0.5, 3), vec![&x]),
    ] {
        assert_eq!(host.one(in_turns(launch.clone(), 0), &inputs), host.one(launch, &inputs));
    }
}

fn sums_in_parts(host: &Host) {
    let best = Rows::of(&[4, 200, 33]).sum_parts();
    assert_eq!(best, 3);
    for (n_rows, width, parts) in [(1, 1, 1), (800, 33, best), (5, 3, 4), (3000, 1, 11)] {
        let x = numbers(n_rows * width, 6);
        let rows = Rows::of(&[n_rows, width]);
        let sums = host.one(rows.sum(parts), &[&x]);
        let sums = host.one(Rows { n_rows: parts, width }.sum(1), &[&sums]);
        let mut expected = vec![0.0f64; width];
        x.iter().enumerate().for_each(|(i, value)| expected[i % width] += f64::from(*value));
        let expected: Vec<f32> = expected.iter().map(|sum| *sum as f32).collect();
        same(&format!("sum of {rows:?} in {parts} parts"), &sums, &expected);
    }
}

fn special_rows(host: &Host) {
    let x = [0.0, 0.0, 3.0, -4.0, 3e-30, 4e-30, 3e30, 4e30, f32::NAN, f32::NAN, 3e-36, -4e-36];
    let rows = Rows { n_rows: 6, width: 2 };
    let y = host.one(rows.unit_norm(None), &[&x]);
    assert_eq!(y[..2], [0.0, 0.0], "a zero row stays zero");
    same("rows of every size have length one", &y[2..8], &[0.6, -0.8, 0.6, 0.8, 0.6, 0.8]);
    assert!(y[8].is_nan() && y[9].is_nan(), "NaN is not lost");
    let dx = host.one(rows.unit_norm_grad(None), &[&x, &[1.0; 12]]);
    assert_eq!(dx[..2], [0.0, 0.0], "a zero row has no gradient");
    assert_eq!(dx[10..], [0.0, 0.0], "nor has one whose gradient would overflow");
    assert!(dx[4..6].iter().all(|slope| slope.is_finite() && slope.abs() > 1e27), "{dx:?}");
    let dx = host.one(launch::absolute_grad(12), &[&x, &[1.0; 12]]);
    assert_eq!(dx[..4], [0.0, 0.0, 1.0, -1.0]);
}

fn masks(host: &Host) {
    let (n, p, key) = (5000, 0.3, 0x0123_4567_89ab_cdef);
    let x = numbers(n, 7);
    let mask: Vec<f32> = launch::mask(n, p, key).collect();
    let expected: Vec<f32> = x.iter().zip(&mask).map(|(x, mask)| x * mask).collect();
    assert_eq!(host.one(launch::dropout(n, p, key), &[&x]), expected);
    let share = mask.iter().filter(|mask| **mask == 0.0).count() as f64 / n as f64;
    assert!((share - p).abs() < 0.02, "{share}");
    let others = launch::mask(n, p, key + 1).zip(&mask).filter(|(a, b)| a != *b).count();
    assert!(others > n / 4, "masks of two keys differ: {others}");
}
