//! Random inputs that make sense to a net.

use super::{Array, Combination, Flow, Function, Input, InputKind, Op, Pointwise, Step, ValueId};
use crate::{Seed, normal};

/// An input for each input of the flow, from a seed: normal numbers where real ones are asked for, else whole numbers
/// that every table in which they are looked up has rows for; ones where they are looked up nowhere, as in masks.
///
/// Numbers depend on the seed and the input's name only.
pub fn random_inputs(flow: &Flow, seed: Seed) -> Vec<Array> {
    flow.inputs().iter().map(|input| random_input(flow, input, seed)).collect()
}

fn random_input(flow: &Flow, input: &Input, seed: Seed) -> Array {
    use rand::RngExt;
    let mut rng = seed.child("input").child(&input.name).rng();
    let mut array = Array::full(flow.shape(input.value).to_vec(), 1.0);
    match (input.kind, rows_for(flow, input.value)) {
        (InputKind::Real, _) => array.data_mut().iter_mut().for_each(|x| *x = normal(&mut rng)),
        (InputKind::Whole, Some(rows)) => {
            array.data_mut().iter_mut().for_each(|x| *x = rng.random_range(0..rows) as f64);
        }
        (InputKind::Whole, None) => {}
    }
    array
}

/// Below which number an input must stay for every lookup that it reaches, if it reaches one; at least 1.
fn rows_for(flow: &Flow, input: ValueId) -> Option<usize> {
    // For each value that is `factor · input + shift`, numbers perhaps moved to other places, factor and shift.
    let mut follows: Vec<Option<(f64, f64)>> = vec![None; flow.values().len()];
    follows[input.index()] = Some((1.0, 0.0));
    let mut rows: Option<usize> = None;
    for step in flow.steps() {
        if let (Op::Lookup(_) | Op::Pick(_), [table, ids]) = (&step.op, step.from.as_slice())
            && let Some((factor, shift)) = follows[ids.index()]
        {
            let axis = match step.op {
                Op::Lookup(lookup) => lookup.axis,
                Op::Pick(pick) => pick.axis,
                _ => unreachable!("matched above"),
            };
            let last = (flow.shape(*table)[axis] as f64 - 1.0 - shift) / factor;
            let here = last.max(0.0) as usize + 1;
            rows = Some(rows.map_or(here, |rows| rows.min(here)));
        }
        follows[step.to.index()] = followed(flow, step, &follows);
    }
    rows
}

fn followed(flow: &Flow, step: &Step, follows: &[Option<(f64, f64)>]) -> Option<(f64, f64)> {
    let of = |i: usize| step.from.get(i).and_then(|id: &ValueId| follows[id.index()]);
    match &step.op {
        Op::Reshape(_) | Op::Permute(_) | Op::Expand(_) | Op::Slice(_) | Op::Take(_) | Op::Pad(_) => of(0),
        Op::Pointwise(Pointwise { function: Function::Truncate | Function::Floor | Function::Round }) => {
            of(0)
        }
        Op::Concat(_) => (0..step.from.len()).find_map(of),
        Op::Select(_) => of(1).or_else(|| of(2)),
        Op::Combine(combine) => {
            let (side, other) = if of(0).is_some() { (0, 1) } else { (1, 0) };
            let (factor, shift) = of(side)?;
            // Of a table of shifts the largest.
            let constant = flow.constant(step.from[other])?.data().iter().copied().reduce(f64::max)?;
            match (combine.by, side) {
                (Combination::Add, _) => Some((factor, shift + constant)),
                (Combination::Subtract, 0) => Some((factor, shift - constant)),
                (Combination::Multiply, _) if constant > 0.0 => Some((factor * constant, shift * constant)),
                _ => None,
            }
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Combine, FlowBuilder, Lookup, Reshape, Role};

    #[test]
    fn ids_stay_inside_the_smallest_table_and_masks_are_ones() {
        let mut flow = FlowBuilder::new();
        let ids = flow.input("ids", vec![1, 200], InputKind::Whole).unwrap();
        let mask = flow.input("mask", vec![3], InputKind::Whole).unwrap();
        let x = flow.input("x", vec![50], InputKind::Real).unwrap();
        let words = flow.param("words", vec![9, 2], Role::Trained).unwrap();
        let kinds = flow.param("kinds", vec![7, 2], Role::Trained).unwrap();
        let two = flow.constant(Array::scalar(2.0)).unwrap();
        let flat = flow.step(Reshape { shape: vec![200] }, &[ids], "flat").unwrap();
        let shifted = flow.step(Combine { by: Combination::Add }, &[flat, two], "shifted").unwrap();
        for (name, table, ids) in [("words", words, flat), ("kinds", kinds, shifted)] {
            let rows = flow.step(Lookup { axis: 0 }, &[table, ids], name).unwrap();
            flow.output(name, rows);
        }
        flow.output("mask", mask);
        flow.output("x", x);
        let flow = flow.build().unwrap();
        let inputs = random_inputs(&flow, Seed::new(5));
        assert!(
            inputs[0].data().iter().all(|id| (0..5).any(|row| f64::from(row) == *id)),
            "seven rows, two passed over"
        );
        assert!(inputs[0].data().contains(&4.0));
        assert_eq!(inputs[1].data(), [1.0; 3]);
        assert!(inputs[2].data().iter().any(|x| *x < 0.0) && inputs[2].data().iter().all(|x| x.abs() < 6.0));
        assert_eq!(inputs, random_inputs(&flow, Seed::new(5)));
        assert_ne!(inputs, random_inputs(&flow, Seed::new(6)));
    }
}
