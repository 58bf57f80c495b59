//! Which axes of a parameter are read and which are written, and what it is: by the first step that makes something of it.

use sgmn_graph::flow::{Combination, Flow, Op, Step, ValueId};

use super::super::derive::Holding;

/// What a step does along an axis of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It sums over it, or picks a place of it.
    Read,
    /// The axis is one of the result.
    Written,
    /// Both: each index reads and writes its own.
    Along,
}

/// What a parameter is to the step that uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A factor of a sum of products: of a linear layer, of a convolution, a table.
    Weight,
    /// A summand.
    Bias,
    /// Anything else: a gain, a slope, an exponent.
    Factor,
}

/// How a parameter is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) kind: Kind,
    /// Of each axis of the shape that its holding speaks of.
    pub(super) sides: Vec<Side>,
    /// Whether what it writes reaches an output of the net through no other weight.
    pub(super) writes_output: bool,
}

/// The uses of the parameters of a flow.
#[derive(Debug)]
pub(super) struct Usages<'a> {
    flow: &'a Flow,
    readers: Vec<Vec<usize>>,
    /// Whether a value depends on an input.
    depends: Vec<bool>,
    /// Whether a value reaches an output through no weight.
    is_end: Vec<bool>,
}

impl<'a> Usages<'a> {
    pub(super) fn new(flow: &'a Flow) -> Self {
        let n = flow.values().len();
        let mut depends = vec![false; n];
        for input in flow.inputs() {
            depends[input.value.index()] = true;
        }
        for step in flow.steps() {
            depends[step.to.index()] = step.from.iter().any(|from| depends[from.index()]);
        }
        let mut is_end = vec![false; n];
        for output in flow.outputs() {
            is_end[output.value.index()] = true;
        }
        for step in flow.steps().iter().rev().filter(|step| !is_weighing(step, &depends)) {
            if is_end[step.to.index()] {
                step.from.iter().for_each(|from| is_end[from.index()] = true);
            }
        }
        Self { flow, readers: flow.readers(), depends, is_end }
    }

    /// How the parameter of a holding is used; along axes of which nothing is known, `Written`.
    pub(super) fn of(&self, holding: &Holding) -> Usage {
        let id = self.flow.params()[holding.param].value;
        let axes: Vec<Option<usize>> = (0..self.flow.shape(id).len()).map(Some).collect();
        let found = self.trace(id, &axes, holding, 0);
        let nothing = || Usage {
            kind: Kind::Factor,
            sides: vec![Side::Written; holding.shape.len()],
            writes_output: false,
        };
        found.unwrap_or_else(nothing)
    }

    /// Follows a value, each axis of which is an axis of the parameter or none, to the step that joins it with what
    /// depends on inputs. A table that is looked up and multiplied is taken by the product.
    fn trace(
        &self,
        id: ValueId,
        axes: &[Option<usize>],
        holding: &Holding,
        depth: usize,
    ) -> Option<Usage> {
        const MOST_STEPS: usize = 64;
        if depth > MOST_STEPS {
            return None;
        }
        let steps = &self.readers[id.index()];
        let is_lookup = |step: &&usize| matches!(self.flow.steps()[**step].op, Op::Lookup(_));
        let ordered = steps.iter().filter(|step| !is_lookup(step)).chain(steps.iter().filter(is_lookup));
        ordered.copied().find_map(|step| self.at(step, id, axes, holding, depth))
    }

    fn at(
        &self,
        step: usize,
        id: ValueId,
        axes: &[Option<usize>],
        holding: &Holding,
        depth: usize,
    ) -> Option<Usage> {
        let step = &self.flow.steps()[step];
        let operand = step.from.iter().position(|from| *from == id)?;
        let goes_on = |axes: &[Option<usize>]| self.trace(step.to, axes, holding, depth + 1);
        let mut sides = vec![Side::Written; holding.shape.len()];
        let mut set = |axis: usize, side: Side| {
            if let Some(Some(of)) = axes.get(axis) {
                sides[*of] = side;
            }
        };
        let kind = match &step.op {
            Op::Permute(op) => {
                let moved: Vec<_> = op.order.iter().map(|axis| axes[*axis]).collect();
                return goes_on(&moved);
            }
            Op::Reshape(_) => return goes_on(&reshaped(axes, self.flow.shape(id), self.flow.shape(step.to))?),
            Op::Slice(_) | Op::Pointwise(_) => return goes_on(axes),
            Op::Contract(op) => {
                let own = |pair: &(usize, usize)| if operand == 0 { pair.0 } else { pair.1 };
                op.sum.iter().for_each(|pair| set(own(pair), Side::Read));
                op.batch.iter().for_each(|pair| set(own(pair), Side::Along));
                Kind::Weight
            }
            Op::Convolve(op) if operand == 1 => {
                let [written, read] = if op.transposed.is_some() { [1, 0] } else { [0, 1] };
                if holding.shape.len() > axes.len() {
                    // Split into groups: those, then the two axes in the order of the weight.
                    sides[0] = Side::Along;
                    sides[1 + read] = Side::Read;
                } else {
                    set(written, Side::Written);
                    set(read, Side::Read);
                }
                Kind::Weight
            }
            Op::Lookup(op) if operand == 0 => {
                set(op.axis, Side::Read);
                Kind::Weight
            }
            Op::Combine(op) => {
                if !self.depends[step.to.index()] {
                    let rank = self.flow.shape(step.to).len();
                    let mut moved = vec![None; rank - axes.len()];
                    moved.extend(axes);
                    return goes_on(&moved);
                }
                if matches!(op.by, Combination::Add | Combination::Subtract) { Kind::Bias } else { Kind::Factor }
            }
            _ => Kind::Factor,
        };
        Some(Usage { kind, sides, writes_output: self.is_end[step.to.index()] })
    }
}

/// Whether a step multiplies with a parameter, or looks up in one.
fn is_weighing(step: &Step, depends: &[bool]) -> bool {
    let is_fixed = |at: usize| step.from.get(at).is_some_and(|from| !depends[from.index()]);
    match step.op {
        Op::Contract(_) => is_fixed(0) || is_fixed(1),
        Op::Convolve(_) => is_fixed(1),
        Op::Lookup(_) => is_fixed(0),
        _ => false,
    }
}

/// The axes after a reshape that only adds and drops axes of size 1.
fn reshaped(axes: &[Option<usize>], from: &[usize], to: &[usize]) -> Option<Vec<Option<usize>>> {
    let mut left = from.iter().zip(axes).filter(|(size, _)| **size != 1);
    let mut moved = Vec::with_capacity(to.len());
    for size in to {
        if *size == 1 {
            moved.push(None);
            continue;
        }
        let (own, axis) = left.next()?;
        if own != size {
            return None;
        }
        moved.push(*axis);
    }
    left.next().is_none().then_some(moved)
}
