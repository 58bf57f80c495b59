//! Builds a flow step by step: infers and checks each shape, and computes at once what depends on constants only.

use std::collections::BTreeSet;

use super::{
    Array, Combination, Flow, FlowError, FlowResult, Input, InputKind, Op, Operation, Origin, Output, Param,
    Role, Slice, Step, Value, ValueId,
};

/// Builds a [`Flow`]. A step whose operands are all constants is computed at once and becomes a constant, so shape
/// arithmetic of a file disappears while it is read.
#[derive(Debug, Clone)]
pub struct FlowBuilder {
    flow: Flow,
    param_names: BTreeSet<String>,
    n_folded: usize,
}

/// Numbers in one value at most; beyond this a size is a mistake.
const MOST_NUMBERS: usize = 1 << 31;
/// Numbers of all constants that are computed here; a few nodes of a file could ask for any amount.
const MOST_FOLDED: usize = 1 << 28;
/// Steps at most, unrolled recurrences included.
const MOST_STEPS: usize = 1 << 20;

impl FlowBuilder {
    /// An empty flow.
    pub fn new() -> Self {
        let flow = Flow {
            values: Vec::new(),
            inputs: Vec::new(),
            params: Vec::new(),
            consts: Vec::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
        };
        Self { flow, param_names: BTreeSet::new(), n_folded: 0 }
    }

    /// An input of the net.
    ///
    /// # Errors
    /// [`FlowError::TooLarge`] for an absurd size.
    pub fn input(&mut self, name: &str, shape: Vec<usize>, kind: InputKind) -> FlowResult<ValueId> {
        let value = self.value(name, shape, Origin::Input(self.flow.inputs.len()))?;
        self.flow.inputs.push(Input { name: name.to_owned(), value, kind });
        Ok(value)
    }

    /// A parameter. What is read several times is one parameter.
    ///
    /// # Errors
    /// [`FlowError::Shape`] if there is one of this name already, [`FlowError::TooLarge`] for an absurd size.
    pub fn param(&mut self, name: &str, shape: Vec<usize>, role: Role) -> FlowResult<ValueId> {
        if self.param_names.contains(name) {
            let what = format!("parameter {name}");
            return Err(FlowError::shape(what, "a name of its own", "another parameter of this name"));
        }
        let value = self.value(name, shape, Origin::Param(self.flow.params.len()))?;
        self.param_names.insert(name.to_owned());
        self.flow.params.push(Param { name: name.to_owned(), value, role });
        Ok(value)
    }

    /// A constant.
    ///
    /// # Errors
    /// [`FlowError::TooLarge`] for an absurd size.
    pub fn constant(&mut self, array: Array) -> FlowResult<ValueId> {
        let value =
            self.value("a constant", array.shape().to_vec(), Origin::Const(self.flow.consts.len()))?;
        self.flow.consts.push(array);
        Ok(value)
    }

    /// One operation; `name` is the node's name in the file.
    ///
    /// # Errors
    /// [`FlowError::Step`] if the operation cannot take these operands, [`FlowError::TooLarge`] for absurd sizes.
    pub fn step(&mut self, op: impl Into<Op>, from: &[ValueId], name: &str) -> FlowResult<ValueId> {
        let op = op.into();
        let fault = |why| FlowError::Step { step: format!("{name} ({})", op.name()), why };
        let shapes: Vec<&[usize]> = from.iter().map(|id| self.flow.shape(*id)).collect();
        let shape = op.shape(&shapes).map_err(fault)?;
        if op.is_trivial(&shapes, &shape) {
            return Ok(from[0]);
        }
        let constants: Option<Vec<&Array>> = from.iter().map(|id| self.flow.constant(*id)).collect();
        if let Some(constants) = constants {
            check_size(name, &shape)?;
            self.n_folded += shape.iter().product::<usize>();
            if self.n_folded > MOST_FOLDED {
                let what = format!("numbers of constants computed up to {name}");
                return Err(FlowError::TooLarge { what, limit: MOST_FOLDED, found: self.n_folded });
            }
            let result = op.run(&constants).map_err(fault)?;
            return self.constant(result);
        }
        if let Some(same) = self.unchanged(&op, from, &shape) {
            return Ok(same);
        }
        if let Some((part, op)) = self.part_of_concat(&op, from) {
            return self.step(op, &[part], name);
        }
        if self.flow.steps.len() >= MOST_STEPS {
            return Err(FlowError::TooLarge {
                what: "steps".to_owned(),
                limit: MOST_STEPS,
                found: MOST_STEPS + 1,
            });
        }
        let to = self.value(name, shape, Origin::Step(self.flow.steps.len()))?;
        self.flow.steps.push(Step { op, from: from.to_vec(), to, name: name.to_owned() });
        Ok(to)
    }

    /// The operand that a sum with zeros or a product with ones leaves as it is.
    fn unchanged(&self, op: &Op, from: &[ValueId], shape: &[usize]) -> Option<ValueId> {
        let Op::Combine(combine) = op else { return None };
        let (neutral, either) = match combine.by {
            Combination::Add => (0.0, true),
            Combination::Subtract => (0.0, false),
            Combination::Multiply => (1.0, true),
            Combination::Divide => (1.0, false),
            _ => return None,
        };
        let is_neutral = |id: ValueId| self.flow.constant(id).and_then(Array::uniform) == Some(neutral);
        let pairs = [(from[0], from[1], true), (from[1], from[0], either)];
        pairs
            .into_iter()
            .find(|(kept, other, allowed)| *allowed && is_neutral(*other) && self.flow.shape(*kept) == shape)
            .map(|(kept, ..)| kept)
    }

    /// A slice of values side by side that lies within one of them, as a slice of that one: what stands beside it has no
    /// part in the result, and need not be like it.
    fn part_of_concat(&self, op: &Op, from: &[ValueId]) -> Option<(ValueId, Op)> {
        let Op::Slice(slice) = op else { return None };
        let Origin::Step(at) = self.flow.origin(from[0]) else { return None };
        let Step { op: Op::Concat(concat), from: parts, .. } = &self.flow.steps[at] else { return None };
        let (low, high) = (slice.places().min()?, slice.places().max()?);
        let mut start = 0;
        for part in parts {
            let size = self.flow.shape(*part)[concat.axis];
            if slice.axis == concat.axis && low >= start && high < start + size {
                return Some((*part, Slice { start: slice.start - start, ..*slice }.into()));
            }
            start += size;
        }
        None
    }

    /// Names a value as an output.
    pub fn output(&mut self, name: &str, value: ValueId) {
        self.flow.outputs.push(Output { name: name.to_owned(), value });
    }

    /// What was built so far.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// A value's shape.
    pub fn shape(&self, id: ValueId) -> &[usize] {
        self.flow.shape(id)
    }

    /// The flow, without steps, constants and parameters that no output needs.
    ///
    /// # Errors
    /// [`FlowError::Shape`] if there is no output.
    pub fn build(self) -> FlowResult<Flow> {
        if self.flow.outputs.is_empty() {
            return Err(FlowError::shape("outputs", "at least one", "none"));
        }
        Ok(super::prune::prune(&self.flow))
    }

    fn value(&mut self, what: &str, shape: Vec<usize>, origin: Origin) -> FlowResult<ValueId> {
        check_size(what, &shape)?;
        let id =
            ValueId(u32::try_from(self.flow.values.len()).expect("steps are limited, and values with them"));
        self.flow.values.push(Value { shape, origin });
        Ok(id)
    }
}

impl Default for FlowBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn check_size(what: &str, shape: &[usize]) -> FlowResult<()> {
    let count = shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).unwrap_or(usize::MAX);
    if count > MOST_NUMBERS {
        let what = format!("numbers of {what} {shape:?}");
        return Err(FlowError::TooLarge { what, limit: MOST_NUMBERS, found: count });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{Combination, Combine, Concat, Expand, Reduce, Reduction};

    #[test]
    fn two_parameters_of_one_name_are_an_error() {
        let mut flow = FlowBuilder::new();
        flow.param("w", vec![1], Role::Trained).unwrap();
        let message = flow.param("w", vec![2], Role::Trained).unwrap_err().to_string();
        assert_eq!(message, "parameter w: expected a name of its own, found another parameter of this name");
    }

    #[test]
    fn steps_on_constants_become_constants_and_empty_steps_vanish() {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![2], InputKind::Real).unwrap();
        let two = flow.constant(Array::scalar(2.0)).unwrap();
        let four = flow.step(Combine { by: Combination::Multiply }, &[two, two], "square").unwrap();
        assert_eq!(flow.flow().constant(four), Some(&Array::scalar(4.0)));
        assert_eq!(flow.step(Concat { axis: 0 }, &[x], "alone").unwrap(), x);
        let no_axes = Reduce { by: Reduction::Sum, axes: vec![], keep: false };
        assert_eq!(flow.step(no_axes, &[x], "over nothing").unwrap(), x);
        assert!(flow.step(Concat { axis: 0 }, &[], "of nothing").is_err());
        assert_eq!(flow.flow().steps().len(), 0);
    }

    #[test]
    fn constants_and_values_of_absurd_sizes_are_refused() {
        let mut flow = FlowBuilder::new();
        let one = flow.constant(Array::scalar(1.0)).unwrap();
        let message = flow.step(Expand { shape: vec![1 << 29] }, &[one], "large").unwrap_err().to_string();
        assert!(message.contains("computed up to large"), "{message}");
        assert!(flow.input("x", vec![1 << 40, 1 << 40], InputKind::Real).is_err());
    }
}
