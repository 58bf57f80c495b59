//! Leaves out turns of parameters that only products read: a product reads a parameter in any order of axes.

use std::borrow::Cow;

use super::{Contract, Flow, Op, Origin, Permute, Step, ValueId};

/// The steps that [`run`](super::run) computes: those of the flow, but a product that reads a permuted parameter reads
/// the parameter itself, and permutations that nobody reads any more are gone. A large weight or a tied embedding that
/// a file turns around is then never copied.
pub(super) fn shortened(flow: &Flow) -> Vec<Cow<'_, Step>> {
    let mut steps: Vec<Cow<'_, Step>> = flow.steps().iter().map(|step| straight(flow, step)).collect();
    let mut read = vec![false; flow.values().len()];
    let outputs = flow.outputs().iter().map(|output| output.value);
    steps
        .iter()
        .flat_map(|step| step.from.iter().copied())
        .chain(outputs)
        .for_each(|id| read[id.index()] = true);
    steps.retain(|step| read[step.to.index()] || turn_of_param(flow, step.to).is_none());
    steps
}

/// The step, reading parameters instead of their turns if it can.
fn straight<'a>(flow: &Flow, step: &'a Step) -> Cow<'a, Step> {
    let (Op::Contract(contract), [left, right]) = (&step.op, step.from.as_slice()) else {
        return Cow::Borrowed(step);
    };
    let (of_left, of_right) = contract.free(flow.shape(*left).len(), flow.shape(*right).len());
    // With two axes that stay, another order of axes would be another order of the result.
    let turn = |id: ValueId, stay: &[usize]| turn_of_param(flow, id).filter(|_| stay.len() <= 1);
    let turns = [turn(*left, &of_left), turn(*right, &of_right)];
    if turns == [None, None] {
        return Cow::Borrowed(step);
    }
    let axis = |side: usize, axis: usize| turns[side].map_or(axis, |(_, turn)| turn.order[axis]);
    let pairs = |pairs: &[(usize, usize)]| pairs.iter().map(|(a, b)| (axis(0, *a), axis(1, *b))).collect();
    let op = Contract { batch: pairs(&contract.batch), sum: pairs(&contract.sum) }.into();
    let param = |side: usize, id: ValueId| turns[side].map_or(id, |(param, _)| param);
    let from = vec![param(0, *left), param(1, *right)];
    Cow::Owned(Step { op, from, to: step.to, name: step.name.clone() })
}

/// The parameter and the permutation, if a value is a permuted parameter.
fn turn_of_param(flow: &Flow, id: ValueId) -> Option<(ValueId, &Permute)> {
    let Origin::Step(at) = flow.origin(id) else { return None };
    let step = &flow.steps()[at];
    match (&step.op, step.from.as_slice()) {
        (Op::Permute(turn), [param]) if matches!(flow.origin(*param), Origin::Param(_)) => {
            Some((*param, turn))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Array, FlowBuilder, FlowNet, InputKind, Role, run, run_each};

    #[test]
    fn turned_parameters_are_read_where_they_lie() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![2, 3], InputKind::Real).unwrap();
        let w = flow.param("w", vec![4, 3], Role::Trained).unwrap();
        let v = flow.param("v", vec![2, 4, 3], Role::Trained).unwrap();
        let turned = flow.step(Permute { order: vec![1, 0] }, &[w], "turn").unwrap();
        let y = flow.step(Contract { batch: vec![], sum: vec![(1, 0)] }, &[x, turned], "product").unwrap();
        // Two axes stay here: this turn is needed.
        let turned = flow.step(Permute { order: vec![2, 1, 0] }, &[v], "turn of v").unwrap();
        let z = flow.step(Contract { batch: vec![], sum: vec![(1, 0)] }, &[x, turned], "two axes").unwrap();
        flow.output("y", y);
        flow.output("z", z);
        let flow = flow.build().unwrap();
        let names: Vec<String> = shortened(&flow).iter().map(|step| step.name.clone()).collect();
        assert_eq!(names, ["product", "turn of v", "two axes"]);

        let numbers = |n: usize| (0..n).map(|i| ((i * 5 + 1) % 7) as f64).collect::<Vec<_>>();
        let net = FlowNet::new(flow.into(), vec![numbers(12).into(), numbers(24).into()]).unwrap();
        let x = [Array::new(vec![2, 3], numbers(6)).unwrap()];
        let each = run_each(net.flow(), &net, &x, &mut |_, _| {}).unwrap();
        assert_eq!(run(net.flow(), &net, &x).unwrap(), each);
    }
}
