//! Steps of the optimizer.

use candle_core::DType;

use super::*;
use crate::ops::{AdamWStep, Clip, Update};

/// One number, none, several chunks, exactly one, a matrix's worth.
const LENGTHS: [usize; 7] = [1, 0, 1000, 64, 0, 65, 5000];

/// Gradient, mean, square and variable of each.
type Vars = Vec<[Vec<f32>; 4]>;

fn vars(scale: f32) -> Vars {
    let of = |(i, n): (u64, &usize)| {
        let [mut g, m, mut v, w] = [0, 1, 2, 3].map(|array| numbers(*n, 4 * i + array));
        g.iter_mut().for_each(|g| *g *= scale);
        v.iter_mut().for_each(|v| *v *= *v);
        [g, m, v, w]
    };
    (0..).zip(&LENGTHS).map(of).collect()
}

fn tensor(values: &[f32]) -> Tensor {
    Tensor::from_slice(values, values.len(), &Device::Cpu).unwrap()
}

fn plain_squares(vars: &Vars) -> Tensor {
    let grads: Vec<Tensor> = vars.iter().map(|[grad, ..]| tensor(grad)).collect();
    reference::total_squares(&grads.iter().collect::<Vec<_>>()).unwrap()
}

/// What the plain form makes of them.
fn plain_step(vars: &Vars, clip: Option<&Clip>) -> Vars {
    let mut own: Vec<_> = vars
        .iter()
        .map(|[g, m, v, w]| (tensor(g), tensor(m), tensor(v), Var::from_tensor(&tensor(w)).unwrap()))
        .collect();
    let mut updates: Vec<Update<'_>> =
        own.iter_mut().map(|(grad, mean, square, var)| Update { var, grad, mean, square }).collect();
    reference::adamw(&mut updates, clip, &AdamWStep::EARLY).unwrap();
    own.iter().map(|(g, m, v, w)| [g, m, v, w.as_tensor()].map(flat)).collect()
}

fn table() -> Table {
    Table::new(LENGTHS.to_vec())
}

/// So few blocks that each has to take several turns.
fn in_turns(launch: Launch) -> Launch {
    Launch { n_out: launch.n_out.min(2), grid: [2, 1], ..launch }
}

#[test]
fn the_squares_of_all_arrays_are_added_to_the_plain_sum() {
    let Some(host) = Host::compile() else { return };
    let vars = vars(1.0);
    let mut rows: Vec<[Vec<f32>; 1]> = vars.iter().map(|[g, ..]| [g.clone()]).collect();
    let expected = flat(&plain_squares(&vars));
    for table in [table(), table().in_chunks_of(64), table().in_chunks_of(1 << 20)] {
        let launch = table.sum_squares();
        for launch in [in_turns(launch.clone()), launch] {
            let parts = host.tabled(launch.clone(), &table, &[], &mut rows);
            assert_eq!(parts.len(), launch.n_out);
            let total = host.one(launch::add_parts(parts.len()), &[&parts]);
            same("sum_squares", &total, &expected);
        }
    }
    assert!(rows.iter().zip(&vars).all(|(row, var)| row[0] == var[0]), "arrays that are read are left alone");
    let many = numbers(3000, 5);
    let expected: f32 = many.iter().sum();
    same("add_parts", &host.one(launch::add_parts(3000), &[&many]), &[expected]);
    rows[3][0][7] = f32::NAN;
    let parts = host.tabled(table().sum_squares(), &table(), &[], &mut rows);
    assert!(host.one(launch::add_parts(parts.len()), &[&parts])[0].is_nan(), "NaN is not lost");
}

#[test]
fn a_step_over_all_variables_is_that_of_the_plain_form() {
    let Some(host) = Host::compile() else { return };
    // Gradients as they come, far longer than allowed, and hardly long enough to matter.
    for (scale, max_norm) in [(1.0, None), (50.0, Some(2.0)), (0.01, Some(2.0))] {
        let before = vars(scale);
        let clip = max_norm.map(|max_norm| Clip { squares: plain_squares(&before), max_norm });
        if let Some(clip) = &clip {
            let factor = clip.factor().unwrap().to_scalar::<f32>().unwrap();
            assert_eq!(factor < 1.0, scale > 1.0, "{factor}");
        }
        let squares = clip.as_ref().map_or(Vec::new(), |clip| flat(&clip.squares));
        let expected = plain_step(&before, clip.as_ref());
        for table in [table(), table().in_chunks_of(64)] {
            let launch = table.adamw(max_norm.unwrap_or(0.0), &AdamWStep::EARLY);
            for launch in [in_turns(launch.clone()), launch] {
                let mut found = before.clone();
                assert!(host.tabled(launch, &table, &[&squares], &mut found).is_empty());
                for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    for (array, (found, expected)) in found.iter().zip(expected).enumerate() {
                        same(&format!("variable {i}, array {array}, scale {scale}"), found, expected);
                    }
                    assert_eq!(found[0], before[i][0], "gradients are left alone");
                }
            }
        }
    }
}

#[test]
fn gradients_whose_length_is_not_finite_leave_nothing_finite_behind() {
    let Some(host) = Host::compile() else { return };
    for (broken, what) in [(f32::NAN, "NaN"), (3e30, "overflow")] {
        let mut before = vars(1.0);
        before[2][0][999] = broken;
        let squares = plain_squares(&before);
        assert!(!squares.to_dtype(DType::F64).unwrap().to_scalar::<f64>().unwrap().is_finite());
        let plain = plain_step(&before, Some(&Clip { squares: squares.clone(), max_norm: 1.0 }));
        let mut found = before.clone();
        host.tabled(table().adamw(1.0, &AdamWStep::EARLY), &table(), &[&flat(&squares)], &mut found);
        for after in [&plain, &found] {
            let changed = after.iter().flat_map(|var| var[1..].iter().flatten());
            assert!(changed.clone().all(|number| number.is_nan()), "{what}");
        }
    }
}

#[test]
fn a_table_names_addresses_lengths_and_chunks() {
    let address = |var, array| Word::Address { var, array };
    let words = Table::new(vec![3, 0, 9]).in_chunks_of(4).words(2);
    let row = |var, n, end| [address(var, 0), address(var, 1), Word::Number(n), Word::Number(end)];
    assert_eq!(words, [row(0, 3, 1), row(1, 0, 1), row(2, 9, 4)].concat());
}
