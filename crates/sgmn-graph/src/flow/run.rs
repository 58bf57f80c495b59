//! Computes a flow, step by step, in f64: the judge of every symmetry.

use std::borrow::Cow;

use super::{
    Array, Flow, FlowError, FlowResult, Lookup, Numbers, Op, Operation, Origin, Step, ValueId,
    ops::{places_named, rows_shape},
    shorten::shortened,
};

/// What a net answers to some inputs.
///
/// Values are forgotten after their last reader, and parameters too, so the memory needed is that of the largest
/// neighbours. The answer does not depend on the number of threads.
///
/// # Errors
/// [`FlowError::Shape`] if an input does not fit, [`FlowError::Step`] if a step cannot be computed (an index out of
/// range).
pub fn run(flow: &Flow, net: &dyn Numbers, inputs: &[Array]) -> FlowResult<Vec<Array>> {
    run_steps(flow, &shortened(flow), net, inputs, &mut |_, _| {})
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
    let steps: Vec<Cow<'_, Step>> = flow.steps().iter().map(Cow::Borrowed).collect();
    run_steps(flow, &steps, net, inputs, seen)
}

fn run_steps(
    flow: &Flow,
    steps: &[Cow<'_, Step>],
    net: &dyn Numbers,
    inputs: &[Array],
    seen: &mut dyn FnMut(ValueId, &Array),
) -> FlowResult<Vec<Array>> {
    check_inputs(flow, inputs)?;
    let mut memory = Memory::new(flow, steps, net, inputs);
    for step in steps {
        let result = memory
            .result(step)
            .map_err(|why| FlowError::Step { step: format!("{} ({})", step.name, step.op.name()), why })?;
        debug_assert_eq!(result.shape(), flow.shape(step.to), "{} ({})", step.name, step.op.name());
        seen(step.to, &result);
        memory.made[step.to.index()] = Some(result);
        step.from.iter().for_each(|id| memory.release(*id));
    }
    let answers = flow.outputs().iter().map(|output| {
        memory.load(output.value);
        let answer = memory.owned(output.value).unwrap_or_else(|| memory.get(output.value).clone());
        memory.release(output.value);
        answer
    });
    Ok(answers.collect())
}

fn check_inputs(flow: &Flow, inputs: &[Array]) -> FlowResult<()> {
    if inputs.len() != flow.inputs().len() {
        return Err(FlowError::shape("inputs", flow.inputs().len(), inputs.len()));
    }
    for (input, given) in flow.inputs().iter().zip(inputs) {
        if given.shape() != flow.shape(input.value) {
            return Err(FlowError::array(format!("input {}", input.name), flow.shape(input.value), given));
        }
    }
    Ok(())
}

/// The values that someone will still read.
struct Memory<'a> {
    flow: &'a Flow,
    net: &'a dyn Numbers,
    inputs: &'a [Array],
    /// Results of steps, and parameters that were read.
    made: Vec<Option<Array>>,
    /// How often each value will still be read.
    left: Vec<usize>,
}

impl<'a> Memory<'a> {
    fn new(flow: &'a Flow, steps: &[Cow<'_, Step>], net: &'a dyn Numbers, inputs: &'a [Array]) -> Self {
        let mut left = vec![0usize; flow.values().len()];
        let read = steps.iter().flat_map(|step| step.from.iter().copied());
        read.chain(flow.outputs().iter().map(|output| output.value)).for_each(|id| left[id.index()] += 1);
        Self { flow, net, inputs, made: vec![None; left.len()], left }
    }

    fn result(&mut self, step: &Step) -> Result<Array, String> {
        if let (Op::Lookup(Lookup { axis: 0 }), [table, ids]) = (&step.op, step.from.as_slice())
            && let Origin::Param(param) = self.flow.origin(*table)
            && self.made[table.index()].is_none()
        {
            return self.rows(param, *table, *ids);
        }
        step.from.iter().for_each(|id| self.load(*id));
        let first = step.from.first().and_then(|id| self.owned(*id));
        let rest = step.from.iter().skip(usize::from(first.is_some()));
        let rest: Vec<&Array> = rest.map(|id| self.get(*id)).collect();
        match first {
            Some(first) => step.op.run_over(first, &rest),
            None => step.op.run(&rest),
        }
    }

    /// Rows of a parameter by ids, without asking for the whole table.
    fn rows(&mut self, param: usize, table: ValueId, ids: ValueId) -> Result<Array, String> {
        self.load(ids);
        let (table, ids) = (self.flow.shape(table), self.get(ids));
        let places = places_named(ids, table[0])?;
        let data = self.net.rows(param, &places, table[1..].iter().product());
        Ok(Array::new(rows_shape(table, 0, ids.shape()), data).expect("a row of a parameter for each id"))
    }

    /// Fetches a parameter; everything else is here.
    fn load(&mut self, id: ValueId) {
        if let Origin::Param(param) = self.flow.origin(id)
            && self.made[id.index()].is_none()
        {
            let array = Array::new(self.flow.shape(id).to_vec(), self.net.numbers(param).into_owned());
            self.made[id.index()] = Some(array.expect("a net has as many numbers as its shapes say"));
        }
    }

    fn get(&self, id: ValueId) -> &Array {
        match self.flow.origin(id) {
            Origin::Input(i) => &self.inputs[i],
            Origin::Const(i) => &self.flow.consts()[i],
            Origin::Step(_) | Origin::Param(_) => {
                self.made[id.index()].as_ref().expect("steps stand after what they read")
            }
        }
    }

    /// The value itself, if nobody reads it afterwards.
    fn owned(&mut self, id: ValueId) -> Option<Array> {
        if self.left[id.index()] == 1 { self.made[id.index()].take() } else { None }
    }

    fn release(&mut self, id: ValueId) {
        self.left[id.index()] -= 1;
        if self.left[id.index()] == 0 {
            self.made[id.index()] = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        Combination, Combine, Contract, FlowBuilder, FlowNet, Function, InputKind, Permute, Pointwise, Role,
    };

    #[test]
    fn values_that_are_read_again_are_not_overwritten() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![2], InputKind::Real).unwrap();
        let w = flow.param("w", vec![2], Role::Trained).unwrap();
        let sum = flow.step(Combine { by: Combination::Add }, &[w, x], "sum").unwrap();
        let relu = flow.step(Pointwise { function: Function::Relu }, &[sum], "relu").unwrap();
        let square = flow.step(Combine { by: Combination::Multiply }, &[sum, sum], "square").unwrap();
        let twice = flow.step(Combine { by: Combination::Add }, &[w, w], "twice").unwrap();
        for (name, value) in
            [("relu", relu), ("square", square), ("twice", twice), ("w", w), ("again", relu), ("x", x)]
        {
            flow.output(name, value);
        }
        let net = FlowNet::new(flow.build().unwrap().into(), vec![vec![1.0, -5.0].into()]).unwrap();
        let inputs = [Array::new(vec![2], vec![2.0, 3.0]).unwrap()];
        let found = run(net.flow(), &net, &inputs).unwrap();
        let found: Vec<&[f64]> = found.iter().map(Array::data).collect();
        let expected = [[3.0, 0.0], [9.0, 4.0], [2.0, -10.0], [1.0, -5.0], [3.0, 0.0], [2.0, 3.0]];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_tied_embedding_is_looked_up_and_multiplied() {
        let mut flow = FlowBuilder::new();
        let ids = flow.input("ids", vec![2], InputKind::Whole).unwrap();
        let table = flow.param("table", vec![3, 2], Role::Trained).unwrap();
        let rows = flow.step(Lookup { axis: 0 }, &[table, ids], "embed").unwrap();
        let turned = flow.step(Permute { order: vec![1, 0] }, &[table], "turn").unwrap();
        let logits =
            flow.step(Contract { batch: vec![], sum: vec![(1, 0)] }, &[rows, turned], "head").unwrap();
        flow.output("logits", logits);
        let numbers: Vec<f32> = vec![1.0, 0.0, 0.0, 1.0, 2.0, 3.0];
        let net = FlowNet::new(flow.build().unwrap().into(), vec![numbers.into()]).unwrap();
        let ask = |ids: &[f64]| run(net.flow(), &net, &[Array::new(vec![2], ids.to_vec()).unwrap()]);
        assert_eq!(ask(&[2.0, -3.0]).unwrap()[0].data(), [2.0, 3.0, 13.0, 1.0, 0.0, 2.0]);
        let mut n_seen = 0;
        let ids = [Array::new(vec![2], vec![2.0, 0.0]).unwrap()];
        let each = run_each(net.flow(), &net, &ids, &mut |_, _| n_seen += 1).unwrap();
        assert_eq!((each, n_seen), (ask(&[2.0, 0.0]).unwrap(), 3));
        let message = ask(&[3.0, 0.0]).unwrap_err().to_string();
        assert_eq!(message, "embed (lookup): expected a whole number from -3 to below 3, found 3");
    }

    #[test]
    fn inputs_that_do_not_fit_are_named() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![2], InputKind::Real).unwrap();
        flow.output("y", x);
        let net = FlowNet::new(flow.build().unwrap().into(), vec![]).unwrap();
        let message = run(net.flow(), &net, &[Array::scalar(1.0)]).unwrap_err().to_string();
        assert_eq!(message, "input x: expected [2], found []");
        assert!(run(net.flow(), &net, &[]).is_err());
    }
}
