//! A flow that is being made up: shorthands for steps, and parameters with numbers of the right size.

use std::collections::BTreeMap;

use rand::{RngExt, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

use super::blocks::ANALYTIC;
use crate::{
    Seed,
    flow::{Array, FlowBuilder, FlowNet, Function, InputKind, Role, Stored, ValueId},
    normal,
};

/// How the axes of a value in the middle of a net are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `[batch, units]`.
    Row,
    /// `[1, places, units]`.
    Tokens,
    /// `[1, units, places]`.
    Signal,
    /// `[1, units, height, width]`.
    Image,
}

/// A value in the middle of a net.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    /// The value.
    pub value: ValueId,
    /// What its axes mean.
    pub form: Form,
}

impl Form {
    /// The axis of units.
    pub fn units(self) -> usize {
        match self {
            Self::Row | Self::Signal | Self::Image => 1,
            Self::Tokens => 2,
        }
    }

    /// The axes of places.
    pub fn places(self) -> Vec<usize> {
        match self {
            Self::Row => vec![],
            Self::Tokens => vec![1],
            Self::Signal => vec![2],
            Self::Image => vec![2, 3],
        }
    }
}

/// A flow in the making. Steps that do not fit are mistakes of the generator and panic.
pub struct Draft {
    /// The flow so far.
    pub flow: FlowBuilder,
    /// The stream of chance.
    pub rng: ChaCha8Rng,
    /// Units of one axis at most.
    pub most_units: usize,
    /// Whether every width is the largest one, and nothing is lost on the way.
    pub wide: bool,
    /// How deep blocks stand in blocks.
    pub depth: usize,
    /// The block that is built, for the names of steps.
    pub block: &'static str,
    /// Values that might be outputs beside the last one.
    pub others: Vec<ValueId>,
    /// The embedding table and its width, for heads that are tied to it.
    pub table: Option<ValueId>,
    numbers: BTreeMap<String, Vec<f64>>,
    pub(super) n_steps: usize,
}

impl Draft {
    pub(super) fn new(seed: Seed, most_units: usize, wide: bool) -> Self {
        Self {
            flow: FlowBuilder::new(),
            rng: seed.rng(),
            most_units,
            wide,
            depth: 0,
            block: "start",
            others: Vec::new(),
            table: None,
            numbers: BTreeMap::new(),
            n_steps: 0,
        }
    }

    /// The net, without what no output needs.
    pub(super) fn build(self) -> FlowNet {
        let Self { flow, mut numbers, .. } = self;
        let flow = flow.build().expect("a draft has outputs");
        let of = |name: &str| Stored::F64(numbers.remove(name).expect("every parameter was drawn").into());
        let params = flow.params().iter().map(|param| param.name.as_str()).map(of).collect();
        FlowNet::new(flow.into(), params).expect("as many finite numbers as the shapes say")
    }

    /// How many numbers the parameters have.
    pub fn n_numbers(&self) -> usize {
        self.numbers.values().map(Vec::len).sum()
    }

    /// A whole number of a range.
    pub fn number(&mut self, low: usize, high: usize) -> usize {
        self.rng.random_range(low..=high)
    }

    /// A width.
    pub fn width(&mut self) -> usize {
        self.width_of(2, self.most_units)
    }

    /// A width that is usually this one.
    pub fn width_or(&self, usual: usize) -> usize {
        if self.wide { self.most_units } else { usual }
    }

    /// A width of a range.
    pub fn width_of(&mut self, low: usize, high: usize) -> usize {
        if self.wide { self.most_units } else { self.number(low, high) }
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.rng.random_bool(probability)
    }

    /// One of several functions; of those without kinks and jumps in wide nets, where there are any.
    pub fn function_of(&mut self, list: &[Function]) -> Function {
        let kept: Vec<Function> =
            list.iter().copied().filter(|f| !self.wide || ANALYTIC.contains(f)).collect();
        self.one_of(if kept.is_empty() { list } else { &kept })
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        *list.choose(&mut self.rng).expect("a list of alternatives is not empty")
    }

    /// A parameter, each number drawn by `draw`.
    pub fn drawn(
        &mut self,
        what: &str,
        shape: &[usize],
        role: Role,
        draw: impl Fn(&mut ChaCha8Rng) -> f64,
    ) -> ValueId {
        let name = format!("{}.{}.{what}", self.numbers.len(), self.block);
        let value = self.flow.param(&name, shape.to_vec(), role).unwrap_or_else(|e| panic!("{name}: {e}"));
        let numbers = (0..shape.iter().product()).map(|_| draw(&mut self.rng)).collect();
        self.numbers.insert(name, numbers);
        value
    }

    /// Normal numbers of a size that keeps a sum over `fan_in` products as large as its terms.
    pub fn weight(&mut self, shape: &[usize], fan_in: usize) -> ValueId {
        let scale = (fan_in.max(1) as f64).sqrt().recip();
        self.drawn("weight", shape, Role::Trained, |rng| scale * normal(rng))
    }

    /// Normal numbers below 1.
    pub fn bias(&mut self, shape: &[usize]) -> ValueId {
        self.drawn("bias", shape, Role::Trained, |rng| 0.5 * normal(rng))
    }

    /// Numbers about 1 or −1.
    pub fn gain(&mut self, shape: &[usize]) -> ValueId {
        let draw = |rng: &mut ChaCha8Rng| {
            let size = rng.random_range(0.6..1.6);
            if rng.random_bool(0.3) { -size } else { size }
        };
        self.drawn("gain", shape, Role::Trained, draw)
    }

    /// Positive numbers.
    pub fn positive(&mut self, what: &str, shape: &[usize], role: Role) -> ValueId {
        self.drawn(what, shape, role, |rng| rng.random_range(0.4..1.8))
    }

    /// An input.
    pub fn input(&mut self, shape: &[usize], kind: InputKind) -> ValueId {
        let name = format!("x{}", self.flow.flow().inputs().len());
        self.flow.input(&name, shape.to_vec(), kind).expect("sizes of a generated input are small")
    }

    /// A constant whose numbers are made of their place.
    pub fn constant(&mut self, shape: &[usize], number: impl Fn(usize) -> f64) -> ValueId {
        let numbers = (0..shape.iter().product()).map(number).collect();
        let array = Array::new(shape.to_vec(), numbers).expect("as many numbers as the shape says");
        self.flow.constant(array).expect("constants are small")
    }

    /// One fixed number.
    pub fn scalar(&mut self, value: f64) -> ValueId {
        self.constant(&[], |_| value)
    }
}
