//! Nets for tests in few words.

use sgmn_graph::flow::{
    Array, Combination, Combine, Concat, Contract, Convolve, Flow, FlowBuilder, Function, InputKind,
    Normalize, Op, Permute, Pointwise, Reduce, Reduction, Reshape, Role, Slice, Softmax, ValueId,
};

/// A flow under construction.
pub(crate) struct Sketch {
    flow: FlowBuilder,
}

impl Sketch {
    pub(crate) fn new() -> Self {
        Self { flow: FlowBuilder::new() }
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> ValueId {
        self.flow.input("x", shape.to_vec(), InputKind::Real).unwrap()
    }

    pub(crate) fn tokens(&mut self, shape: &[usize]) -> ValueId {
        self.flow.input("ids", shape.to_vec(), InputKind::Whole).unwrap()
    }

    pub(crate) fn param(&mut self, name: &str, shape: &[usize]) -> ValueId {
        self.flow.param(name, shape.to_vec(), Role::Trained).unwrap()
    }

    /// A running statistic for each channel.
    fn statistic(&mut self, name: &str, n: usize) -> ValueId {
        self.flow.param(name, vec![n], Role::Statistic).unwrap()
    }

    pub(crate) fn constant(&mut self, shape: &[usize], data: &[f64]) -> ValueId {
        self.flow.constant(Array::new(shape.to_vec(), data.to_vec()).unwrap()).unwrap()
    }

    pub(crate) fn step(&mut self, op: impl Into<Op>, from: &[ValueId]) -> ValueId {
        let op = op.into();
        self.flow.step(op, from, "step").unwrap()
    }

    fn combine(&mut self, by: Combination, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by }, &[a, b])
    }

    pub(crate) fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Add, a, b)
    }

    pub(crate) fn subtract(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Subtract, a, b)
    }

    pub(crate) fn multiply(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Multiply, a, b)
    }

    pub(crate) fn apply(&mut self, function: Function, x: ValueId) -> ValueId {
        self.step(Pointwise { function }, &[x])
    }

    pub(crate) fn relu(&mut self, x: ValueId) -> ValueId {
        self.apply(Function::Relu, x)
    }

    /// `x Wᵀ` over the last axis.
    pub(crate) fn matrix(&mut self, x: ValueId, name: &str, out: usize) -> ValueId {
        let rank = self.flow.shape(x).len();
        let w = self.param(name, &[out, self.flow.shape(x)[rank - 1]]);
        self.step(Contract { batch: vec![], sum: vec![(rank - 1, 1)] }, &[x, w])
    }

    /// `x Wᵀ + b`.
    pub(crate) fn linear(&mut self, x: ValueId, name: &str, out: usize) -> ValueId {
        let y = self.matrix(x, &format!("{name}.weight"), out);
        let b = self.param(&format!("{name}.bias"), &[out]);
        self.add(y, b)
    }

    /// A convolution of 3 by 3 without bias.
    pub(crate) fn filter(&mut self, x: ValueId, name: &str, out: usize, padding: usize) -> ValueId {
        let w = self.param(&format!("{name}.weight"), &[out, self.flow.shape(x)[1], 3, 3]);
        let op = Convolve {
            stride: vec![1, 1],
            padding: vec![(padding, padding); 2],
            dilation: vec![1, 1],
            groups: 1,
            transposed: None,
        };
        self.step(op, &[x, w])
    }

    /// A parameter for each channel.
    pub(crate) fn channels(&mut self, name: &str, n: usize) -> ValueId {
        let b = self.param(name, &[n]);
        self.reshape(b, &[n, 1, 1])
    }

    pub(crate) fn conv(&mut self, x: ValueId, name: &str, out: usize, padding: usize) -> ValueId {
        let y = self.filter(x, name, out, padding);
        let b = self.channels(&format!("{name}.bias"), out);
        self.add(y, b)
    }

    /// Batch normalization by running statistics, written out.
    pub(crate) fn batch_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let n = self.flow.shape(x)[1];
        let mean = self.statistic(&format!("{name}.mean"), n);
        let mean = self.reshape(mean, &[n, 1, 1]);
        let x = self.subtract(x, mean);
        let var = self.statistic(&format!("{name}.var"), n);
        let epsilon = self.constant(&[], &[1e-5]);
        let var = self.add(var, epsilon);
        let root = self.apply(Function::Power { exponent: -0.5 }, var);
        let gain = self.param(&format!("{name}.weight"), &[n]);
        let gain = self.multiply(gain, root);
        let gain = self.reshape(gain, &[n, 1, 1]);
        let x = self.multiply(x, gain);
        let shift = self.channels(&format!("{name}.bias"), n);
        self.add(x, shift)
    }

    pub(crate) fn normalize(&mut self, x: ValueId, axes: &[usize]) -> ValueId {
        self.step(Normalize { axes: axes.to_vec(), centre: true, epsilon: 1e-5 }, &[x])
    }

    /// Layer normalization of the last axis, with gains and shifts.
    pub(crate) fn layer_norm(&mut self, x: ValueId, name: &str) -> ValueId {
        let rank = self.flow.shape(x).len();
        let n = self.flow.shape(x)[rank - 1];
        let y = self.normalize(x, &[rank - 1]);
        let gain = self.param(&format!("{name}.weight"), &[n]);
        let y = self.multiply(y, gain);
        let shift = self.param(&format!("{name}.bias"), &[n]);
        self.add(y, shift)
    }

    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.step(Reshape { shape: shape.to_vec() }, &[x])
    }

    pub(crate) fn permute(&mut self, x: ValueId, order: &[usize]) -> ValueId {
        self.step(Permute { order: order.to_vec() }, &[x])
    }

    pub(crate) fn slice(&mut self, x: ValueId, axis: usize, start: usize, len: usize) -> ValueId {
        self.step(Slice { axis, start, step: 1, len }, &[x])
    }

    pub(crate) fn concat(&mut self, from: &[ValueId], axis: usize) -> ValueId {
        self.step(Concat { axis }, from)
    }

    pub(crate) fn mean(&mut self, x: ValueId, axes: &[usize]) -> ValueId {
        self.step(Reduce { by: Reduction::Mean, axes: axes.to_vec(), keep: false }, &[x])
    }

    pub(crate) fn softmax(&mut self, x: ValueId) -> ValueId {
        let axis = self.flow.shape(x).len() - 1;
        self.step(Softmax { axis, log: false }, &[x])
    }

    pub(crate) fn output(mut self, y: ValueId) -> Self {
        self.flow.output("y", y);
        self
    }

    pub(crate) fn build(self) -> Flow {
        self.flow.build().unwrap()
    }
}
