//! Leaves out of a flow what no output needs.

use super::{Flow, Origin, Output, Step, Value, ValueId};

/// The same flow without steps and constants that no output needs, and without parameters that no step reads.
/// Inputs stay, for a net is asked by all of them.
pub(super) fn prune(flow: &Flow) -> Flow {
    let mut needed = vec![false; flow.values.len()];
    for output in &flow.outputs {
        needed[output.value.index()] = true;
    }
    for step in flow.steps.iter().rev() {
        if needed[step.to.index()] {
            for from in &step.from {
                needed[from.index()] = true;
            }
        }
    }
    for input in &flow.inputs {
        needed[input.value.index()] = true;
    }
    let mut kept = Flow {
        values: Vec::new(),
        inputs: Vec::new(),
        params: Vec::new(),
        consts: Vec::new(),
        steps: Vec::new(),
        outputs: Vec::new(),
    };
    let mut renamed = vec![ValueId(0); flow.values.len()];
    for (at, value) in flow.values.iter().enumerate().filter(|(at, _)| needed[*at]) {
        let id = ValueId(u32::try_from(kept.values.len()).expect("no more than before"));
        renamed[at] = id;
        let origin = match value.origin {
            Origin::Input(i) => {
                let mut input = flow.inputs[i].clone();
                input.value = id;
                kept.inputs.push(input);
                Origin::Input(kept.inputs.len() - 1)
            }
            Origin::Param(i) => {
                let mut param = flow.params[i].clone();
                param.value = id;
                kept.params.push(param);
                Origin::Param(kept.params.len() - 1)
            }
            Origin::Const(i) => {
                kept.consts.push(flow.consts[i].clone());
                Origin::Const(kept.consts.len() - 1)
            }
            Origin::Step(i) => {
                let step = &flow.steps[i];
                let from = step.from.iter().map(|from| renamed[from.index()]).collect();
                kept.steps.push(Step { op: step.op.clone(), from, to: id, name: step.name.clone() });
                Origin::Step(kept.steps.len() - 1)
            }
        };
        kept.values.push(Value { shape: value.shape.clone(), origin });
    }
    kept.outputs = flow
        .outputs
        .iter()
        .map(|output| Output { name: output.name.clone(), value: renamed[output.value.index()] })
        .collect();
    kept
}
