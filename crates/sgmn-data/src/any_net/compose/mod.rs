//! Layers as people know them, written in the few operations of a flow: what readers of files share.

mod attention;
mod norm;
mod product;
mod recurrent;
mod resize;
mod window;

use sgmn_graph::flow::{
    Array, Combination, Combine, Concat, Contract, Expand, FlowBuilder, FlowError, FlowResult, Function,
    Permute, Pointwise, Reduce, Reduction, Reshape, Select, Slice, Softmax, Take, ValueId,
};

pub(crate) use attention::Attention;
pub(crate) use norm::BatchNorm;
pub(crate) use recurrent::{Cell, Direction};
pub(crate) use resize::Interpolation;
pub(crate) use window::{Bounds, Windows};

/// A flow that is being built, and the name of the node or layer whose steps are written.
pub(crate) struct Draft<'a> {
    /// The flow.
    pub(crate) flow: &'a mut FlowBuilder,
    /// The name of the node in the file, for messages.
    pub(crate) name: &'a str,
}

impl Draft<'_> {
    /// One operation.
    pub(crate) fn step(
        &mut self,
        op: impl Into<sgmn_graph::flow::Op>,
        from: &[ValueId],
    ) -> FlowResult<ValueId> {
        self.flow.step(op, from, self.name)
    }

    /// A fault of this node.
    pub(crate) fn fault<T>(
        &self,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) -> FlowResult<T> {
        Err(FlowError::Step {
            step: self.name.to_owned(),
            why: format!("expected {expected}, found {found}"),
        })
    }

    /// A value's shape.
    pub(crate) fn shape(&self, x: ValueId) -> Vec<usize> {
        self.flow.shape(x).to_vec()
    }

    /// How many axes a value has.
    pub(crate) fn rank(&self, x: ValueId) -> usize {
        self.flow.shape(x).len()
    }

    /// The numbers of a value that is a constant.
    pub(crate) fn constant_of(&self, x: ValueId) -> Option<&Array> {
        self.flow.flow().constant(x)
    }

    /// One number as a constant.
    pub(crate) fn number(&mut self, value: f64) -> FlowResult<ValueId> {
        self.flow.constant(Array::scalar(value))
    }

    /// A constant of a shape.
    pub(crate) fn array(&mut self, shape: Vec<usize>, data: Vec<f64>) -> FlowResult<ValueId> {
        self.flow.constant(Array::new(shape, data)?)
    }

    /// Two values, number by number.
    pub(crate) fn combine(&mut self, by: Combination, a: ValueId, b: ValueId) -> FlowResult<ValueId> {
        self.step(Combine { by }, &[a, b])
    }

    /// `a + b`.
    pub(crate) fn add(&mut self, a: ValueId, b: ValueId) -> FlowResult<ValueId> {
        self.combine(Combination::Add, a, b)
    }

    /// `a · b`.
    pub(crate) fn multiply(&mut self, a: ValueId, b: ValueId) -> FlowResult<ValueId> {
        self.combine(Combination::Multiply, a, b)
    }

    /// `factor · x`.
    pub(crate) fn scale(&mut self, x: ValueId, factor: f64) -> FlowResult<ValueId> {
        if factor == 1.0 {
            return Ok(x);
        }
        let factor = self.number(factor)?;
        self.multiply(x, factor)
    }

    /// `function(x)`.
    pub(crate) fn apply(&mut self, function: Function, x: ValueId) -> FlowResult<ValueId> {
        self.step(Pointwise { function }, &[x])
    }

    /// Other axes, the same order of numbers.
    pub(crate) fn reshape(&mut self, x: ValueId, shape: Vec<usize>) -> FlowResult<ValueId> {
        self.step(Reshape { shape }, &[x])
    }

    /// A new axis of size 1.
    pub(crate) fn unsqueeze(&mut self, x: ValueId, axis: usize) -> FlowResult<ValueId> {
        let mut shape = self.shape(x);
        if axis > shape.len() {
            return self.fault(format!("an axis of at most {}", shape.len()), axis);
        }
        shape.insert(axis, 1);
        self.reshape(x, shape)
    }

    /// A vector as one that runs along an axis of values with `rank` axes: `[C]` to `[C, 1, 1]`.
    pub(crate) fn along(&mut self, vector: ValueId, axis: usize, rank: usize) -> FlowResult<ValueId> {
        let mut shape = self.shape(vector);
        shape.resize(shape.len() + rank - 1 - axis, 1);
        self.reshape(vector, shape)
    }

    /// Axes in another order.
    pub(crate) fn permute(&mut self, x: ValueId, order: Vec<usize>) -> FlowResult<ValueId> {
        self.step(Permute { order }, &[x])
    }

    /// Two axes exchanged.
    pub(crate) fn transpose(&mut self, x: ValueId, a: usize, b: usize) -> FlowResult<ValueId> {
        let mut order: Vec<usize> = (0..self.rank(x)).collect();
        if a >= order.len() || b >= order.len() {
            return self.fault(format!("axes below {}", order.len()), format!("{a} and {b}"));
        }
        order.swap(a, b);
        self.permute(x, order)
    }

    /// An axis moved to another place.
    pub(crate) fn move_axis(&mut self, x: ValueId, from: usize, to: usize) -> FlowResult<ValueId> {
        let mut order: Vec<usize> = (0..self.rank(x)).collect();
        if from >= order.len() || to >= order.len() {
            return self.fault(format!("axes below {}", order.len()), format!("{from} and {to}"));
        }
        let axis = order.remove(from);
        order.insert(to, axis);
        self.permute(x, order)
    }

    /// A part of an axis.
    pub(crate) fn slice(&mut self, x: ValueId, axis: usize, start: usize, len: usize) -> FlowResult<ValueId> {
        self.step(Slice { axis, start, step: 1, len }, &[x])
    }

    /// One place of an axis, without the axis.
    pub(crate) fn select(&mut self, x: ValueId, axis: usize, place: usize) -> FlowResult<ValueId> {
        let part = self.slice(x, axis, place, 1)?;
        let mut shape = self.shape(part);
        shape.remove(axis);
        self.reshape(part, shape)
    }

    /// Places of an axis by a list.
    pub(crate) fn take(&mut self, x: ValueId, axis: usize, index: Vec<usize>) -> FlowResult<ValueId> {
        self.step(Take { axis, index }, &[x])
    }

    /// Values side by side.
    pub(crate) fn concat(&mut self, parts: &[ValueId], axis: usize) -> FlowResult<ValueId> {
        self.step(Concat { axis }, parts)
    }

    /// A value in a larger shape.
    pub(crate) fn expand(&mut self, x: ValueId, shape: Vec<usize>) -> FlowResult<ValueId> {
        self.step(Expand { shape }, &[x])
    }

    /// A sum over pairs of axes, with other pairs running along.
    pub(crate) fn contract(
        &mut self,
        a: ValueId,
        b: ValueId,
        batch: Vec<(usize, usize)>,
        sum: Vec<(usize, usize)>,
    ) -> FlowResult<ValueId> {
        self.step(Contract { batch, sum }, &[a, b])
    }

    /// One number for all along some axes.
    pub(crate) fn reduce(
        &mut self,
        by: Reduction,
        x: ValueId,
        axes: Vec<usize>,
        keep: bool,
    ) -> FlowResult<ValueId> {
        self.step(Reduce { by, axes, keep }, &[x])
    }

    /// Shares of one along an axis.
    pub(crate) fn softmax(&mut self, x: ValueId, axis: usize) -> FlowResult<ValueId> {
        self.step(Softmax { axis, log: false }, &[x])
    }

    /// `a` where the condition differs from 0, `b` elsewhere.
    pub(crate) fn choose(&mut self, condition: ValueId, a: ValueId, b: ValueId) -> FlowResult<ValueId> {
        self.step(Select, &[condition, a, b])
    }

    /// A value repeated as a whole along an axis: `abab`.
    pub(crate) fn repeat(&mut self, x: ValueId, axis: usize, times: usize) -> FlowResult<ValueId> {
        self.copies(x, axis, times, axis)
    }

    /// Each place of an axis repeated: `aabb`.
    pub(crate) fn repeat_each(&mut self, x: ValueId, axis: usize, times: usize) -> FlowResult<ValueId> {
        self.copies(x, axis, times, axis + 1)
    }

    fn copies(&mut self, x: ValueId, axis: usize, times: usize, at: usize) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        if axis >= shape.len() {
            return self.fault(format!("an axis below {}", shape.len()), axis);
        }
        let mut out = shape.clone();
        let Some(size) = shape[axis].checked_mul(times) else {
            return self.fault("fewer copies", times);
        };
        out[axis] = size;
        if shape[axis] == 1 {
            return self.expand(x, out);
        }
        let mut split = shape;
        split.insert(at, 1);
        let split_value = self.reshape(x, split.clone())?;
        split[at] = times;
        let copied = self.expand(split_value, split)?;
        self.reshape(copied, out)
    }
}
