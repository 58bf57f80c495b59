//! Computes a flow, step by step, in f64: the judge of every symmetry.

use std::borrow::Cow;

use super::{Array, Flow, FlowError, FlowResult, Numbers, Operation, Origin, ValueId};

/// What a net answers to some inputs.
///
/// # Errors
/// [`FlowError::Shape`] if an input does not fit, [`FlowError::Step`] if a step cannot be computed (an index out of
/// range).
pub fn run(flow: &Flow, net: &dyn Numbers, inputs: &[Array]) -> FlowResult<Vec<Array>> {
    run_each(flow, net, inputs, &mut |_, _| {})
}

/// As [`run`], and shows each value that a step makes to `seen`.
///
/// # Errors
/// As [`run`].
pub fn run_each(
    flow: &Flow,
    net: &dyn Numbers,
    inputs: &[Array],
    seen: &mut dyn FnMut(ValueId, &Array),
) -> FlowResult<Vec<Array>> {
    if inputs.len() != flow.inputs().len() {
        return Err(FlowError::shape("inputs", flow.inputs().len(), inputs.len()));
    }
    for (input, given) in flow.inputs().iter().zip(inputs) {
        if given.shape() != flow.shape(input.value) {
            return Err(FlowError::array(format!("input {}", input.name), flow.shape(input.value), given));
        }
    }
    let mut left = vec![0usize; flow.values().len()];
    for step in flow.steps() {
        for from in &step.from {
            left[from.index()] += 1;
        }
    }
    for output in flow.outputs() {
        left[output.value.index()] += 1;
    }
    let mut made: Vec<Option<Array>> = vec![None; flow.values().len()];
    for step in flow.steps() {
        let operands: Vec<Cow<'_, Array>> =
            step.from.iter().map(|id| value(flow, net, inputs, &made, *id)).collect();
        let operands: Vec<&Array> = operands.iter().map(Cow::as_ref).collect();
        let result = step
            .op
            .run(&operands)
            .map_err(|why| FlowError::Step { step: format!("{} ({})", step.name, step.op.name()), why })?;
        debug_assert_eq!(result.shape(), flow.shape(step.to), "{} ({})", step.name, step.op.name());
        seen(step.to, &result);
        drop(operands);
        made[step.to.index()] = Some(result);
        for from in &step.from {
            left[from.index()] -= 1;
            if left[from.index()] == 0 {
                made[from.index()] = None;
            }
        }
    }
    Ok(flow
        .outputs()
        .iter()
        .map(|output| value(flow, net, inputs, &made, output.value).into_owned())
        .collect())
}

fn value<'a>(
    flow: &'a Flow,
    net: &dyn Numbers,
    inputs: &'a [Array],
    made: &'a [Option<Array>],
    id: ValueId,
) -> Cow<'a, Array> {
    match flow.origin(id) {
        Origin::Input(i) => Cow::Borrowed(&inputs[i]),
        Origin::Const(i) => Cow::Borrowed(&flow.consts()[i]),
        Origin::Step(_) => {
            Cow::Borrowed(made[id.index()].as_ref().expect("steps stand after what they read"))
        }
        Origin::Param(i) => {
            let shape = flow.shape(id).to_vec();
            let array = Array::new(shape, net.numbers(i).into_owned());
            Cow::Owned(array.expect("a net has as many numbers as its shapes say"))
        }
    }
}
