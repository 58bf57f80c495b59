//! One call of a graph while it is lowered: its arguments by name, and the draft that takes its steps.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use sgmn_graph::flow::{Array, FlowResult, ValueId};

use super::{
    program::{Argument, Named, Node, Number, OptionalTensor, Size, Symbolic, TensorMeta},
    seen::Seen,
};
use crate::any_net::compose::Draft;

/// What a name of the graph stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Item {
    /// A tensor.
    Tensor(ValueId),
    /// A number that is known now: a size, or arithmetic with sizes.
    Number(f64),
    /// A result that no net needs (a mask of a pooling, statistics of a norm); reading it is an error.
    Absent,
}

/// Kinds of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Floating point.
    Real,
    /// Whole numbers.
    Whole,
    /// Truth values.
    Truth,
}

/// The kind of a type of the schema.
pub(super) fn kind(dtype: i64) -> Option<Kind> {
    match dtype {
        1..=5 | 28 => Some(Kind::Whole),
        6..=8 | 13 => Some(Kind::Real),
        12 => Some(Kind::Truth),
        _ => None,
    }
}

/// One call.
pub(super) struct Call<'a> {
    /// Where its steps go.
    pub(super) draft: Draft<'a>,
    /// The call.
    pub(super) node: &'a Node,
    /// The function's name without overload and without the underscore of calls that change their operand.
    pub(super) function: &'a str,
    /// Values of the graph so far.
    pub(super) values: &'a BTreeMap<String, Item>,
    /// Types of the graph's tensors.
    pub(super) metas: &'a BTreeMap<String, TensorMeta>,
    /// How the results look at the operand, for functions that copy nothing.
    pub(super) seen: Vec<Seen>,
}

impl<'a> Deref for Call<'a> {
    type Target = Draft<'a>;

    fn deref(&self) -> &Draft<'a> {
        &self.draft
    }
}

impl<'a> DerefMut for Call<'a> {
    fn deref_mut(&mut self) -> &mut Draft<'a> {
        &mut self.draft
    }
}

impl<'a> Call<'a> {
    /// The overload of the function: what stands behind its name.
    pub(super) fn overload(&self) -> &'a str {
        self.node.target.rsplit('.').next().unwrap_or("")
    }

    /// An argument, if it is given and not `None`.
    pub(super) fn argument(&self, name: &str) -> Option<&'a Argument> {
        let input = self.node.inputs.iter().find(|input| input.name == name)?;
        match &input.arg {
            Argument::AsNone(_) | Argument::AsOptionalTensor(OptionalTensor::AsNone(_)) => None,
            given => Some(given),
        }
    }

    /// Whether an argument is given and not `None`.
    pub(super) fn has(&self, name: &str) -> bool {
        self.argument(name).is_some()
    }

    /// A tensor, or a number as a constant.
    pub(super) fn tensor(&mut self, name: &str) -> FlowResult<ValueId> {
        match self.tensor_or_none(name)? {
            Some(tensor) => Ok(tensor),
            None => self.fault(format!("an argument {name}"), "none"),
        }
    }

    /// A tensor or a number, if given.
    pub(super) fn tensor_or_none(&mut self, name: &str) -> FlowResult<Option<ValueId>> {
        let Some(argument) = self.argument(name) else { return Ok(None) };
        match argument {
            Argument::AsTensor(named) | Argument::AsOptionalTensor(OptionalTensor::AsTensor(named)) => {
                self.named(named).map(Some)
            }
            _ => {
                let number = self.number(name)?;
                self.draft.number(number).map(Some)
            }
        }
    }

    /// The value of a tensor's name.
    fn named(&mut self, named: &Named) -> FlowResult<ValueId> {
        match self.values.get(&named.name) {
            Some(Item::Tensor(value)) => Ok(*value),
            Some(Item::Number(number)) => self.draft.number(*number),
            Some(Item::Absent) => {
                self.fault("a tensor that is read", format!("{:?}, which is not", named.name))
            }
            None => self.fault("a tensor of an earlier call", format!("{:?}", named.name)),
        }
    }

    /// A list of tensors.
    pub(super) fn tensors(&mut self, name: &str) -> FlowResult<Vec<ValueId>> {
        match self.argument(name) {
            Some(Argument::AsTensors(list)) => list.iter().map(|named| self.named(named)).collect(),
            _ => self.fault(format!("a list of tensors {name}"), "none"),
        }
    }

    /// A list of tensors, some of which may be missing.
    pub(super) fn optional_tensors(&mut self, name: &str) -> FlowResult<Vec<Option<ValueId>>> {
        match self.argument(name) {
            Some(Argument::AsTensors(list)) => list.iter().map(|named| self.named(named).map(Some)).collect(),
            Some(Argument::AsOptionalTensors(list)) => list
                .iter()
                .map(|given| match given {
                    OptionalTensor::AsTensor(named) => self.named(named).map(Some),
                    OptionalTensor::AsNone(_) => Ok(None),
                })
                .collect(),
            _ => self.fault(format!("a list of tensors {name}"), "none"),
        }
    }

    /// A number that is known now.
    pub(super) fn number(&self, name: &str) -> FlowResult<f64> {
        match self.argument(name) {
            Some(argument) => self.value(argument),
            None => self.fault(format!("a number {name}"), "none"),
        }
    }

    /// The number that an argument is.
    pub(super) fn value(&self, argument: &Argument) -> FlowResult<f64> {
        match argument {
            Argument::AsInt(value) => Ok(*value as f64),
            Argument::AsFloat(Number(value)) => Ok(*value),
            Argument::AsBool(value) => Ok(f64::from(*value)),
            Argument::AsSymInt(value) | Argument::AsSymFloat(value) | Argument::AsSymBool(value) => {
                self.symbolic(value)
            }
            Argument::AsTensor(Named { name: of }) => match self.values.get(of) {
                Some(Item::Number(value)) => Ok(*value),
                Some(Item::Tensor(value)) => match self.constant_of(*value).map(Array::data) {
                    Some([value]) => Ok(*value),
                    _ => self.fault("a number that does not depend on the input", format!("{of:?}")),
                },
                _ => self.fault("a number of an earlier call", format!("{of:?}")),
            },
            _ => self.fault("a number", "an argument of another kind"),
        }
    }

    /// A number with a value where it is not given.
    pub(super) fn number_or(&self, name: &str, default: f64) -> FlowResult<f64> {
        if self.has(name) { self.number(name) } else { Ok(default) }
    }

    /// A truth value with a value where it is not given.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> FlowResult<bool> {
        Ok(self.number_or(name, f64::from(default))? != 0.0)
    }

    /// A whole number.
    pub(super) fn int(&self, name: &str) -> FlowResult<i64> {
        let value = self.number(name)?;
        self.whole(name, value)
    }

    /// A whole number with a value where it is not given.
    pub(super) fn int_or(&self, name: &str, default: i64) -> FlowResult<i64> {
        if self.has(name) { self.int(name) } else { Ok(default) }
    }

    /// A size: a whole number of at least 0.
    pub(super) fn size(&self, name: &str) -> FlowResult<usize> {
        let value = self.int(name)?;
        self.at_least_0(name, value)
    }

    /// A text, empty where it is not given.
    pub(super) fn text(&self, name: &str) -> &'a str {
        match self.argument(name) {
            Some(Argument::AsString(text)) => text,
            _ => "",
        }
    }

    /// A list of whole numbers; one number is a list of one.
    pub(super) fn ints(&self, name: &str) -> FlowResult<Vec<i64>> {
        match self.argument(name) {
            Some(Argument::AsInts(values)) => Ok(values.clone()),
            Some(Argument::AsSymInts(values)) => {
                let value = |value: &Symbolic| self.whole(name, self.symbolic(value)?);
                values.iter().map(value).collect()
            }
            Some(Argument::AsTensors(list)) if list.is_empty() => Ok(Vec::new()),
            Some(Argument::AsInt(_) | Argument::AsSymInt(_)) => Ok(vec![self.int(name)?]),
            _ => self
                .fault(format!("whole numbers {name}"), if self.has(name) { "another kind" } else { "none" }),
        }
    }

    /// A list of real numbers.
    pub(super) fn floats(&self, name: &str) -> FlowResult<Vec<f64>> {
        match self.argument(name) {
            Some(Argument::AsFloats(values)) => Ok(values.iter().map(|value| value.0).collect()),
            Some(Argument::AsSymFloats(values)) => values.iter().map(|value| self.symbolic(value)).collect(),
            _ => self.fault(format!("numbers {name}"), if self.has(name) { "another kind" } else { "none" }),
        }
    }

    /// A list of sizes.
    pub(super) fn sizes(&self, name: &str) -> FlowResult<Vec<usize>> {
        self.ints(name)?.into_iter().map(|value| self.at_least_0(name, value)).collect()
    }

    /// A list of sizes, one for each of n axes: a list of one counts for all, nothing gives the default.
    pub(super) fn sizes_for(&self, name: &str, n: usize, default: usize) -> FlowResult<Vec<usize>> {
        if !self.has(name) {
            return Ok(vec![default; n]);
        }
        let sizes = self.sizes(name)?;
        match sizes[..] {
            [] => Ok(vec![default; n]),
            [size] => Ok(vec![size; n]),
            _ if sizes.len() == n => Ok(sizes),
            _ => self.fault(format!("{n} sizes {name}"), format!("{sizes:?}")),
        }
    }

    /// An axis of a value with `rank` axes; negative ones count from the end.
    pub(super) fn axis(&self, name: &str, rank: usize) -> FlowResult<usize> {
        let axis = self.int(name)?;
        self.axis_of(axis, rank)
    }

    /// An axis with a value where it is not given.
    pub(super) fn axis_or(&self, name: &str, default: i64, rank: usize) -> FlowResult<usize> {
        let axis = self.int_or(name, default)?;
        self.axis_of(axis, rank)
    }

    /// Axes, ascending; all of them where none is given.
    pub(super) fn axes(&self, name: &str, rank: usize) -> FlowResult<Vec<usize>> {
        let given = if self.has(name) { self.ints(name)? } else { Vec::new() };
        if given.is_empty() {
            return Ok((0..rank).collect());
        }
        let mut axes =
            given.into_iter().map(|axis| self.axis_of(axis, rank)).collect::<FlowResult<Vec<_>>>()?;
        axes.sort_unstable();
        axes.dedup();
        Ok(axes)
    }

    /// An axis, counted from the end if it is negative.
    pub(super) fn axis_of(&self, axis: i64, rank: usize) -> FlowResult<usize> {
        let found = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        match found.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank) {
            Some(axis) => Ok(axis),
            // A number has one axis to name, as PyTorch has it.
            None if rank == 0 && (axis == 0 || axis == -1) => Ok(0),
            None => self.fault(format!("an axis of {rank}"), axis),
        }
    }

    /// The kind of numbers of a tensor argument.
    pub(super) fn kind(&self, name: &str) -> Kind {
        match self.argument(name) {
            Some(Argument::AsTensor(named) | Argument::AsOptionalTensor(OptionalTensor::AsTensor(named))) => {
                self.kind_of(named)
            }
            Some(Argument::AsTensors(list)) => list.first().map_or(Kind::Real, |named| self.kind_of(named)),
            Some(Argument::AsInt(_) | Argument::AsSymInt(_)) => Kind::Whole,
            Some(Argument::AsBool(_)) => Kind::Truth,
            _ => Kind::Real,
        }
    }

    /// The kind of numbers of the first result.
    pub(super) fn result_kind(&self) -> Kind {
        match self.node.outputs.first() {
            Some(Argument::AsTensor(named)) => self.kind_of(named),
            Some(Argument::AsTensors(list)) => list.first().map_or(Kind::Real, |named| self.kind_of(named)),
            _ => Kind::Real,
        }
    }

    /// The kinds of numbers of a list of tensors.
    pub(super) fn kinds(&self, name: &str) -> Vec<Kind> {
        match self.argument(name) {
            Some(Argument::AsTensors(list)) => list.iter().map(|named| self.kind_of(named)).collect(),
            Some(Argument::AsOptionalTensors(list)) => list
                .iter()
                .filter_map(|given| match given {
                    OptionalTensor::AsTensor(named) => Some(self.kind_of(named)),
                    OptionalTensor::AsNone(_) => None,
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Whether the file says that a tensor stands row-major in memory.
    pub(super) fn is_contiguous(&self, name: &str) -> bool {
        let Some(Argument::AsTensor(named)) = self.argument(name) else { return false };
        let Some(meta) = self.metas.get(&named.name) else { return false };
        let known = |size: &Size| match size {
            Size::AsInt(size) => Some(*size),
            Size::AsExpr(_) => None,
        };
        let mut step = Some(1i64);
        for (size, stride) in meta.sizes.iter().zip(&meta.strides).rev() {
            // An axis of one place has no step; sizes that are left open say nothing.
            let fits = known(size) == Some(1) || (step.is_some() && known(stride) == step);
            if !fits {
                return false;
            }
            step = step.zip(known(size)).and_then(|(step, size)| step.checked_mul(size));
        }
        true
    }

    fn kind_of(&self, named: &Named) -> Kind {
        self.metas.get(&named.name).and_then(|meta| kind(meta.dtype)).unwrap_or(Kind::Real)
    }

    /// Says that the one result is the operand, seen in another way.
    pub(super) fn sees(&mut self, how: Seen) {
        self.seen = vec![how];
    }

    fn symbolic(&self, value: &Symbolic) -> FlowResult<f64> {
        match value {
            Symbolic::AsInt(value) => Ok(*value as f64),
            Symbolic::AsFloat(Number(value)) => Ok(*value),
            Symbolic::AsBool(value) => Ok(f64::from(*value)),
            Symbolic::AsName(name) => match self.values.get(name) {
                Some(Item::Number(value)) => Ok(*value),
                _ => self.fault("a number of an earlier call", format!("{name:?}")),
            },
        }
    }

    fn whole(&self, name: &str, value: f64) -> FlowResult<i64> {
        // Larger numbers stand for "to the end"; what is cut off would not be whole.
        if value.fract() == 0.0 {
            Ok(value as i64)
        } else {
            self.fault(format!("a whole number {name}"), value)
        }
    }

    fn at_least_0(&self, name: &str, value: i64) -> FlowResult<usize> {
        usize::try_from(value).or_else(|_| self.fault(format!("{name} of at least 0"), value))
    }
}
