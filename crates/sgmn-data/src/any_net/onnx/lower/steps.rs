//! Steps of a flow in few words, within a budget for what is computed while a file is read.

use sgmn_graph::flow::{
    Array, Combination, Combine, Concat, Contract, Expand, Function, Op, Operation, Permute, Pointwise,
    Reduce, Reduction, Reshape, Slice, Take, ValueId,
};

use super::{Fault, Kind, Lower, Operand, Outcome, Value, wrong};

/// What may still be spent on constants.
#[derive(Debug)]
pub(super) struct Budget {
    numbers: usize,
    work: usize,
}

impl Default for Budget {
    /// More than the masks and tables of any net, less than a machine's memory or a person's patience.
    fn default() -> Self {
        Self { numbers: 1 << 27, work: 1 << 31 }
    }
}

impl Budget {
    /// Takes a constant of this shape, each number of which costs some products.
    ///
    /// # Errors
    /// The budget is spent.
    pub(super) fn spend(&mut self, shape: &[usize], products: usize) -> Outcome<()> {
        let count = shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size));
        let numbers = count.and_then(|count| self.numbers.checked_sub(count));
        let work = count.and_then(|count| self.work.checked_sub(count.checked_mul(products.max(1))?));
        match (numbers, work) {
            (Some(numbers), Some(work)) => {
                *self = Self { numbers, work };
                Ok(())
            }
            _ => wrong(format!("expected smaller constants, found one of {shape:?} beside all others")),
        }
    }
}

impl Lower<'_, '_> {
    /// A step of the node at hand.
    pub(super) fn step(&mut self, op: impl Into<Op>, from: &[ValueId]) -> Outcome<ValueId> {
        let op = op.into();
        let flow = self.tensors.flow.flow();
        if from.iter().all(|id| flow.constant(*id).is_some()) {
            let shapes: Vec<&[usize]> = from.iter().map(|id| flow.shape(*id)).collect();
            if let Ok(shape) = op.shape(&shapes) {
                let count = |shape: &[usize]| shape.iter().product::<usize>();
                // Numbers that are read for each one that is made.
                let products = match &op {
                    Op::Contract(Contract { sum, .. }) => {
                        sum.iter().map(|(axis, _)| shapes[0][*axis]).product()
                    }
                    Op::Convolve(_) => count(shapes[1]),
                    Op::Reduce(_) => count(shapes[0]) / count(&shape).max(1),
                    _ => 1,
                };
                self.budget.spend(&shape, products)?;
            }
        }
        Ok(self.tensors.flow.step(op, from, &self.node)?)
    }

    /// A value's shape.
    pub(super) fn shape(&self, operand: Operand) -> Vec<usize> {
        self.tensors.flow.shape(operand.id).to_vec()
    }

    /// How many axes a value has.
    pub(super) fn rank(&self, operand: Operand) -> usize {
        self.tensors.flow.shape(operand.id).len()
    }

    /// A constant.
    pub(super) fn constant(&mut self, array: Array, kind: Kind) -> Outcome<Operand> {
        self.budget.spend(array.shape(), 1)?;
        Ok(Operand { id: self.tensors.flow.constant(array)?, kind })
    }

    /// A constant of one number.
    pub(super) fn scalar(&mut self, value: f64, kind: Kind) -> Outcome<Operand> {
        self.constant(Array::scalar(value), kind)
    }

    /// A constant list of whole numbers.
    #[allow(clippy::cast_precision_loss, reason = "sizes are far below 2^53")]
    pub(super) fn list(&mut self, values: &[usize]) -> Outcome<Operand> {
        let values: Vec<f64> = values.iter().map(|value| *value as f64).collect();
        self.constant(Array::new(vec![values.len()], values)?, Kind::Whole)
    }

    /// The numbers of an operand that the operator must know now, named `what`.
    pub(super) fn known(&mut self, operand: Operand, what: &str) -> Outcome<Array> {
        let why =
            format!("node {:?} takes it as {what}, which must be known when the net is read", self.node);
        self.tensors.constant(operand.id, &why).ok_or_else(|| {
            Fault::Unsupported(format!("{what} must be known when the net is read, and depends on an input"))
        })
    }

    /// The whole numbers of an operand that the operator must know now.
    #[allow(clippy::cast_possible_truncation, reason = "a float beyond the range of i64 becomes its end")]
    pub(super) fn known_ints(&mut self, operand: Operand, what: &str) -> Outcome<Vec<i64>> {
        Ok(self.known(operand, what)?.data().iter().map(|value| *value as i64).collect())
    }

    /// The one number of an operand that the operator must know now.
    pub(super) fn known_number(&mut self, operand: Operand, what: &str) -> Outcome<f64> {
        match self.known(operand, what)?.data() {
            [value] => Ok(*value),
            values => wrong(format!("expected one number as {what}, found {}", values.len())),
        }
    }

    /// The number that stands everywhere in a constant; `None` if the operand is no constant or has several.
    pub(super) fn uniform(&self, operand: Operand) -> Option<f64> {
        self.tensors.flow.flow().constant(operand.id)?.uniform()
    }

    /// A function of each number.
    pub(super) fn pointwise(&mut self, function: Function, x: Operand) -> Outcome<Operand> {
        let id = self.step(Pointwise { function }, &[x.id])?;
        Ok(Operand { id, kind: x.kind })
    }

    /// A function of each pair of numbers; the result is of the left operand's kind.
    pub(super) fn combine(&mut self, by: Combination, left: Operand, right: Operand) -> Outcome<Operand> {
        let id = self.step(Combine { by }, &[left.id, right.id])?;
        Ok(Operand { id, kind: left.kind })
    }

    /// `left + right`.
    pub(super) fn add(&mut self, left: Operand, right: Operand) -> Outcome<Operand> {
        self.combine(Combination::Add, left, right)
    }

    /// `left · right`.
    pub(super) fn multiply(&mut self, left: Operand, right: Operand) -> Outcome<Operand> {
        self.combine(Combination::Multiply, left, right)
    }

    /// A multiple by a number.
    pub(super) fn scale(&mut self, x: Operand, factor: f64) -> Outcome<Operand> {
        if factor == 1.0 {
            return Ok(x);
        }
        let factor = self.scalar(factor, x.kind)?;
        self.multiply(x, factor)
    }

    /// The same numbers with other axes.
    pub(super) fn reshape(&mut self, x: Operand, shape: Vec<usize>) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Reshape { shape }, &[x.id])?, kind: x.kind })
    }

    /// Axes in another order.
    pub(super) fn permute(&mut self, x: Operand, order: Vec<usize>) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Permute { order }, &[x.id])?, kind: x.kind })
    }

    /// Repeated to a larger shape.
    pub(super) fn expand(&mut self, x: Operand, shape: Vec<usize>) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Expand { shape }, &[x.id])?, kind: x.kind })
    }

    /// Places `start..start + len` of an axis.
    pub(super) fn slice(&mut self, x: Operand, axis: usize, start: usize, len: usize) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Slice { axis, start, step: 1, len }, &[x.id])?, kind: x.kind })
    }

    /// Places of an axis by a list.
    pub(super) fn take(&mut self, x: Operand, axis: usize, index: Vec<usize>) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Take { axis, index }, &[x.id])?, kind: x.kind })
    }

    /// One value after the other.
    pub(super) fn concat(&mut self, parts: &[Operand], axis: usize) -> Outcome<Operand> {
        let Some(first) = parts.first() else {
            return wrong("expected something to put together, found nothing");
        };
        let ids: Vec<ValueId> = parts.iter().map(|part| part.id).collect();
        Ok(Operand { id: self.step(Concat { axis }, &ids)?, kind: first.kind })
    }

    /// One number for all along some axes.
    pub(super) fn reduce(
        &mut self,
        by: Reduction,
        x: Operand,
        axes: Vec<usize>,
        keep: bool,
    ) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Reduce { by, axes, keep }, &[x.id])?, kind: x.kind })
    }

    /// A product summed over pairs of axes.
    pub(super) fn contract(
        &mut self,
        left: Operand,
        right: Operand,
        batch: Vec<(usize, usize)>,
        sum: Vec<(usize, usize)>,
    ) -> Outcome<Operand> {
        Ok(Operand { id: self.step(Contract { batch, sum }, &[left.id, right.id])?, kind: left.kind })
    }

    /// A vector of channels as `[C, 1, …]`, so that it meets axis 1 of values of `rank` axes.
    pub(super) fn channels(&mut self, vector: Operand, rank: usize) -> Outcome<Operand> {
        let shape = self.shape(vector);
        let [n] = shape[..] else { return wrong(format!("expected a vector of channels, found {shape:?}")) };
        if rank <= 2 {
            return Ok(vector);
        }
        let mut wide = vec![1; rank - 1];
        wide[0] = n;
        self.reshape(vector, wide)
    }
}

/// Several values as outputs.
pub(super) fn tensors(parts: impl IntoIterator<Item = Operand>) -> Vec<Value> {
    parts.into_iter().map(Value::Tensor).collect()
}
