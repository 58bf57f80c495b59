//! Builds a flow step by step: infers and checks each shape, and computes at once what depends on constants only.

use super::{
    Array, Flow, FlowError, FlowResult, Input, InputKind, Op, Operation, Origin, Output, Param, Role, Step,
    Value, ValueId,
};

/// Builds a [`Flow`]. A step whose operands are all constants is computed at once and becomes a constant, so shape
/// arithmetic of a file disappears while it is read.
#[derive(Debug, Clone)]
pub struct FlowBuilder {
    flow: Flow,
}

/// Numbers in one value at most; beyond this a size is a mistake.
const MOST_NUMBERS: usize = 1 << 31;
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
        Self { flow }
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

    /// A parameter.
    ///
    /// # Errors
    /// [`FlowError::TooLarge`] for an absurd size.
    pub fn param(&mut self, name: &str, shape: Vec<usize>, role: Role) -> FlowResult<ValueId> {
        let value = self.value(name, shape, Origin::Param(self.flow.params.len()))?;
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
            let result = op.run(&constants).map_err(fault)?;
            return self.constant(result);
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
