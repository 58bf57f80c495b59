//! Shorthands of a draft for steps, and for the maps and activations that nearly every block needs.

use super::{
    WIDE_EPSILON,
    blocks::{ANALYTIC, SMOOTH},
    draft::{Draft, Form, Stream},
};
use crate::flow::{
    Combination, Combine, Concat, Contract, Convolve, Expand, Function, Normalize, Op, Permute, Pointwise,
    Reduce, Reduction, Reshape, Select, Slice, Softmax, Take, ValueId,
};

impl Draft {
    /// Any step.
    pub fn step(&mut self, op: impl Into<Op>, from: &[ValueId]) -> ValueId {
        let name = format!("{}.{}", self.block, self.n_steps);
        self.n_steps += 1;
        self.flow
            .step(op, from, &name)
            .unwrap_or_else(|e| panic!("a block made a step that does not fit: {e}"))
    }

    /// A value's shape.
    pub fn shape(&self, value: ValueId) -> Vec<usize> {
        self.flow.shape(value).to_vec()
    }

    /// The number of units of a stream.
    pub fn n_units(&self, x: Stream) -> usize {
        self.flow.shape(x.value)[x.form.units()]
    }

    /// Two values, number by number.
    pub fn combine(&mut self, by: Combination, a: ValueId, b: ValueId) -> ValueId {
        self.step(Combine { by }, &[a, b])
    }

    /// `a + b`.
    pub fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Add, a, b)
    }

    /// `a · b`.
    pub fn multiply(&mut self, a: ValueId, b: ValueId) -> ValueId {
        self.combine(Combination::Multiply, a, b)
    }

    /// A function of each number.
    pub fn point(&mut self, function: Function, x: ValueId) -> ValueId {
        self.step(Pointwise { function }, &[x])
    }

    /// A product.
    pub fn contract(
        &mut self,
        a: ValueId,
        b: ValueId,
        batch: &[(usize, usize)],
        sum: &[(usize, usize)],
    ) -> ValueId {
        self.step(Contract { batch: batch.to_vec(), sum: sum.to_vec() }, &[a, b])
    }

    /// Other axes.
    pub fn reshape(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.step(Reshape { shape: shape.to_vec() }, &[x])
    }

    /// Axes in another order.
    pub fn permute(&mut self, x: ValueId, order: &[usize]) -> ValueId {
        self.step(Permute { order: order.to_vec() }, &[x])
    }

    /// Copies.
    pub fn expand(&mut self, x: ValueId, shape: &[usize]) -> ValueId {
        self.step(Expand { shape: shape.to_vec() }, &[x])
    }

    /// Neighbouring places of an axis.
    pub fn slice(&mut self, x: ValueId, axis: usize, start: usize, len: usize) -> ValueId {
        self.step(Slice { axis, start, step: 1, len }, &[x])
    }

    /// Places of an axis.
    pub fn take(&mut self, x: ValueId, axis: usize, index: Vec<usize>) -> ValueId {
        self.step(Take { axis, index }, &[x])
    }

    /// Side by side.
    pub fn concat(&mut self, axis: usize, parts: &[ValueId]) -> ValueId {
        self.step(Concat { axis }, parts)
    }

    /// One number for many.
    pub fn reduce(&mut self, by: Reduction, x: ValueId, axes: &[usize], keep: bool) -> ValueId {
        self.step(Reduce { by, axes: axes.to_vec(), keep }, &[x])
    }

    /// The core of a norm.
    pub fn normalize(&mut self, x: ValueId, axes: &[usize], centre: bool) -> ValueId {
        let epsilon = if self.wide { WIDE_EPSILON } else { self.one_of(&[1e-5, 1e-6, 1e-3]) };
        self.step(Normalize { axes: axes.to_vec(), centre, epsilon }, &[x])
    }

    /// Shares.
    pub fn softmax(&mut self, x: ValueId, axis: usize) -> ValueId {
        self.step(Softmax { axis, log: false }, &[x])
    }

    /// One of two values by a mask.
    pub fn select(&mut self, mask: ValueId, a: ValueId, b: ValueId) -> ValueId {
        self.step(Select, &[mask, a, b])
    }

    /// A convolution of n axes with the same numbers along each.
    pub fn convolve(
        &mut self,
        x: ValueId,
        weight: ValueId,
        stride: usize,
        padding: (usize, usize),
        groups: usize,
    ) -> ValueId {
        let n = self.flow.shape(x).len() - 2;
        let (stride, padding, dilation) = (vec![stride; n], vec![padding; n], vec![1; n]);
        self.step(Convolve { stride, padding, dilation, groups, transposed: None }, &[x, weight])
    }

    /// Reads a vector of one number a unit in the shape in which it meets a stream.
    pub fn along_units(&mut self, vector: ValueId, form: Form) -> ValueId {
        if matches!(form, Form::Row | Form::Tokens) {
            return vector;
        }
        let mut shape = [self.shape(vector), vec![1; form.places().len()]].concat();
        if self.chance(0.5) {
            shape.insert(0, 1);
        }
        self.reshape(vector, &shape)
    }

    /// A linear map of the units of a stream, with a bias or without.
    pub fn mix(&mut self, x: Stream, n_out: usize) -> Stream {
        let value = match x.form {
            Form::Row | Form::Tokens => self.linear(x.value, n_out),
            Form::Signal | Form::Image => {
                let n_in = self.n_units(x);
                let shape = [vec![n_out, n_in], vec![1; x.form.places().len()]].concat();
                let weight = self.weight(&shape, n_in);
                let y = self.convolve(x.value, weight, 1, (0, 0), 1);
                self.maybe_bias(y, x.form, 0.6)
            }
        };
        Stream { value, form: x.form }
    }

    /// Adds a bias for each unit with a probability.
    pub fn maybe_bias(&mut self, y: ValueId, form: Form, probability: f64) -> ValueId {
        if !self.wide && !self.chance(probability) {
            return y;
        }
        let bias = self.bias(&[self.flow.shape(y)[form.units()]]);
        let bias = self.along_units(bias, form);
        self.add(y, bias)
    }

    /// A linear layer over the last axis, in one of the ways in which files write it.
    pub fn linear(&mut self, x: ValueId, n_out: usize) -> ValueId {
        let (last, n_in) = (self.shape(x).len() - 1, *self.shape(x).last().expect("at least one axis"));
        let way = self.number(0, 2);
        let y = if way == 0 {
            let weight = self.weight(&[n_in, n_out], n_in);
            self.contract(x, weight, &[], &[(last, 0)])
        } else {
            let weight = self.weight(&[n_out, n_in], n_in);
            if way == 1 {
                self.contract(x, weight, &[], &[(last, 1)])
            } else {
                let turned = self.permute(weight, &[1, 0]);
                self.contract(x, turned, &[], &[(last, 0)])
            }
        };
        if self.wide || self.chance(0.6) {
            let bias = self.bias(&[n_out]);
            return self.add(y, bias);
        }
        y
    }

    /// An activation, one of the common ones in two of three cases.
    pub fn activate(&mut self, x: Stream) -> Stream {
        use Function::{Gelu, LeakyRelu, Relu, Sigmoid, Silu, Sine, Tanh};
        let list: &[Function] = if self.wide {
            &ANALYTIC
        } else if self.chance(0.33) {
            &SMOOTH
        } else {
            &[Relu, LeakyRelu { slope: 0.1 }, Tanh, Sine, Silu, Gelu, Sigmoid]
        };
        let function = self.one_of(list);
        Stream { value: self.point(function, x.value), ..x }
    }
}
