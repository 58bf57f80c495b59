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
}

#[test]
fn the_widest_rows_fit_into_the_memory_of_a_block() {
    let shared = |width| Rows { n_rows: 9, width }.bias_silu_grad(Symmetrize::No).shared;
    assert!(shared(launch::MOST_WIDTH) <= 48 << 10);
    assert!(shared(launch::MOST_WIDTH + 1) > 48 << 10);
}

fn of_rows(host: &Host, rows: Rows) {
    let Rows { n_rows, width } = rows;
    let shape: &[usize] = &[n_rows, width];
    let (x, g, b) = (numbers(n_rows * width, 1), numbers(n_rows * width, 2), numbers(width, 3));
    for signs in [Symmetrize::No, Symmetrize::Signs] {
        let what = |name: &str| format!("{name} {shape:?} {signs:?}");
        let expected =
            plain(&[shape, &[width]], &[&x, &b], &g, |x| reference::bias_silu(&x[0], &x[1], signs));
        same(&what("bias_silu"), &host.one(rows.bias_silu(signs), &[&x, &b]), &expected[0]);
        let out = host.one(rows.bias_silu_grad(signs), &[&x, &b, &g]);
        let (dx, parts) = out.split_at(n_rows * width);
        same(&what("dx of bias_silu"), dx, &expected[1]);
        let sums = host.one(Rows { n_rows: rows.parts(), width }.sum(1), &[parts]);
        same(&what("bias of bias_silu"), &sums, &expected[2]);
    }
    for guard in [None, Some(0.3)] {
        let expected = plain(&[shape], &[&x], &g, |x| reference::unit_norm(&x[0], guard));
        same("unit_norm", &host.one(rows.unit_norm(guard), &[&x]), &expected[0]);
        same("dx of unit_norm", &host.one(rows.unit_norm_grad(guard), &[&x, &g]), &expected[1]);
    }
}

fn more_rows_than_blocks(host: &Host) {
    let rows = Rows { n_rows: 300, width: 5 };
    let (x, g, b) = (numbers(1500, 1), numbers(1500, 2), numbers(5, 3));
    let signs = Symmetrize::Signs;
    in_turns_too(host, rows.bias_silu_grad(signs), &[&x, &b, &g], 1500, 5);
    for (launch, inputs) in [
        (rows.unit_norm(None), vec![&x[..]]),
        (rows.unit_norm_grad(None), vec![&x, &g]),
        (rows.bias_silu(signs), vec![&x, &b]),
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
}
