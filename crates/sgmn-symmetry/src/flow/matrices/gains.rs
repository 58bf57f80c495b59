//! The numbers of gains: values of a flow that are made of parameters and constants alone.

use std::{borrow::Cow, collections::BTreeMap};

use sgmn_graph::flow::{Array, Flow, FlowError, Numbers, Operation, Origin, ValueId};

use crate::Result;

/// The numbers of each value asked for, which no input reaches.
pub(super) fn numbers(
    flow: &Flow,
    net: &dyn Numbers,
    wanted: impl Iterator<Item = ValueId>,
) -> Result<BTreeMap<ValueId, Vec<f64>>> {
    let wanted: Vec<ValueId> = wanted.collect();
    let mut needed = vec![false; flow.values().len()];
    wanted.iter().for_each(|id| needed[id.index()] = true);
    for step in flow.steps().iter().rev().filter(|_| !wanted.is_empty()) {
        if needed[step.to.index()] {
            step.from.iter().for_each(|from| needed[from.index()] = true);
        }
    }
    let mut made: BTreeMap<usize, Array> = BTreeMap::new();
    for step in flow.steps().iter().filter(|step| needed[step.to.index()]) {
        let operands: Vec<Cow<'_, Array>> =
            step.from.iter().map(|id| value(flow, net, &made, *id)).collect::<Result<_>>()?;
        let operands: Vec<&Array> = operands.iter().map(Cow::as_ref).collect();
        let fault = |why| FlowError::Step { step: format!("{} ({})", step.name, step.op.name()), why };
        made.insert(step.to.index(), step.op.run(&operands).map_err(fault)?);
    }
    wanted.iter().map(|id| Ok((*id, value(flow, net, &made, *id)?.into_owned().into_data()))).collect()
}

fn value<'a>(
    flow: &'a Flow,
    net: &dyn Numbers,
    made: &'a BTreeMap<usize, Array>,
    id: ValueId,
) -> Result<Cow<'a, Array>> {
    Ok(match flow.origin(id) {
        Origin::Const(i) => Cow::Borrowed(&flow.consts()[i]),
        Origin::Param(i) => Cow::Owned(Array::new(flow.shape(id).to_vec(), net.numbers(i).into_owned())?),
        Origin::Step(_) => Cow::Borrowed(&made[&id.index()]),
        Origin::Input(i) => {
            let input = &flow.inputs()[i].name;
            return Err(FlowError::shape(
                "a gain",
                "parameters and constants alone",
                format!("input {input}"),
            )
            .into());
        }
    })
}
