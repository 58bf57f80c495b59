//! Whether a parameter writes the units of an axis or reads them.

use sgmn_graph::flow::{Combination, Flow, Lookup, Op, Origin};

/// On which side of the units along an axis a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Their values are made by it: it is multiplied by their scalars.
    Writes,
    /// It is applied to their values: it is divided by them.
    Reads,
}

/// For each parameter and each axis the side; `None` where it is not one of the two, or not seen at once.
pub(crate) fn sides(flow: &Flow) -> Vec<Vec<Option<Side>>> {
    let mut sides: Vec<Vec<Option<Side>>> =
        (0..flow.params().len()).map(|param| vec![None; flow.param_shape(param).len()]).collect();
    // For values that are a parameter with its axes in another order: the parameter, and for each axis its own.
    let mut views: Vec<Option<(usize, Vec<Option<usize>>)>> = vec![None; flow.values().len()];
    for (at, value) in flow.values().iter().enumerate() {
        match value.origin {
            Origin::Param(param) => views[at] = Some((param, (0..value.shape.len()).map(Some).collect())),
            Origin::Step(step) => {
                let step = &flow.steps()[step];
                views[at] = step.from.first().and_then(|from| {
                    let (param, axes) = views[from.index()].as_ref()?;
                    Some((*param, viewed(&step.op, axes, flow.shape(*from), &value.shape)?))
                });
                if views[at].is_some() {
                    continue;
                }
                for (operand, from) in step.from.iter().enumerate() {
                    let Some((param, axes)) = &views[from.index()] else { continue };
                    for (place, axis) in axes.iter().enumerate() {
                        if let (Some(axis), Some(side)) =
                            (axis, side_at(&step.op, operand, place, axes.len()))
                        {
                            sides[*param][*axis].get_or_insert(side);
                        }
                    }
                }
            }
            Origin::Input(_) | Origin::Const(_) => {}
        }
    }
    sides
}

/// The axes of a view of a view.
fn viewed(op: &Op, axes: &[Option<usize>], from: &[usize], shape: &[usize]) -> Option<Vec<Option<usize>>> {
    match op {
        Op::Permute(permute) => permute.order.iter().map(|axis| axes.get(*axis).copied()).collect(),
        // Only axes of size 1 may come and go.
        Op::Reshape(_) => {
            let mut rest = axes.iter().zip(from).filter(|(_, size)| **size != 1);
            let mut named = Vec::new();
            for size in shape {
                named.push(if *size == 1 { None } else { *rest.next().filter(|(_, n)| *n == size)?.0 });
            }
            rest.next().is_none().then_some(named)
        }
        _ => None,
    }
}

/// The side on which an operand of an operation stands along one of its axes.
fn side_at(op: &Op, operand: usize, axis: usize, rank: usize) -> Option<Side> {
    match op {
        Op::Contract(contract) => {
            let own = |pair: &(usize, usize)| (if operand == 0 { pair.0 } else { pair.1 }) == axis;
            if contract.batch.iter().any(own) {
                return None;
            }
            Some(if contract.sum.iter().any(own) { Side::Reads } else { Side::Writes })
        }
        // Weights of groups read and write along one axis.
        Op::Convolve(convolve) if operand == 1 && convolve.groups == 1 => {
            let writer = usize::from(convolve.transposed.is_some());
            (axis < 2).then_some(if axis == writer { Side::Writes } else { Side::Reads })
        }
        Op::Combine(combine) if matches!(combine.by, Combination::Add | Combination::Subtract) => {
            (axis < rank).then_some(Side::Writes)
        }
        Op::Lookup(Lookup { axis: rows }) if operand == 0 => (axis != *rows).then_some(Side::Writes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use sgmn_graph::flow::{Combine, Contract, FlowBuilder, Permute, Role};

    use super::*;

    #[test]
    fn weights_write_their_rows_and_read_their_columns_however_they_are_turned() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![1, 2], Default::default()).unwrap();
        let a = flow.param("a", vec![3, 2], Role::Trained).unwrap();
        let bias = flow.param("bias", vec![3], Role::Trained).unwrap();
        let b = flow.param("b", vec![4, 3], Role::Trained).unwrap();
        let turned = flow.step(Permute { order: vec![1, 0] }, &[a], "turn").unwrap();
        let z = flow.step(Contract { batch: vec![], sum: vec![(1, 0)] }, &[x, turned], "a").unwrap();
        let z = flow.step(Combine { by: Combination::Add }, &[z, bias], "bias").unwrap();
        let y = flow.step(Contract { batch: vec![], sum: vec![(1, 1)] }, &[z, b], "b").unwrap();
        flow.output("y", y);
        let sides = sides(&flow.build().unwrap());
        let [reads, writes] = [Some(Side::Reads), Some(Side::Writes)];
        assert_eq!(sides, [vec![writes, reads], vec![writes], vec![writes, reads]]);
    }
}
