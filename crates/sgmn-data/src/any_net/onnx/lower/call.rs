//! A call of an operator: its operands and attributes, asked for by name and checked.

use std::{cell::RefCell, collections::BTreeMap};

use super::{Attribute, Fault, Node, Operand, Outcome, Value, wrong};

/// A call.
pub(super) struct Call<'a> {
    pub(super) node: &'a Node,
    /// The version of ONNX's operators.
    pub(super) opset: i64,
    pub(super) inputs: Vec<Option<Value>>,
    /// Attributes that attributes of the node may refer to.
    pub(super) attributes: BTreeMap<&'a str, &'a Attribute>,
    /// Names of attributes that were asked for.
    asked: RefCell<Vec<&'static str>>,
}

/// Attributes that change nothing here: hints, what shapes say too, and what only training or rounding would see.
const IDLE: [&str; 13] = [
    "consumed_inputs",
    "extrapolation_value",
    "is_test",
    "kernel_shape",
    "momentum",
    "qk_matmul_output_mode",
    "ratio",
    "round_mode",
    "saturate",
    "seed",
    "softmax_precision",
    "stash_type",
    "storage_order",
];

impl<'a> Call<'a> {
    pub(super) fn new(
        node: &'a Node,
        opset: i64,
        inputs: Vec<Option<Value>>,
        attributes: BTreeMap<&'a str, &'a Attribute>,
    ) -> Self {
        Self { node, opset, inputs, attributes, asked: RefCell::default() }
    }

    /// Refuses attributes that the operator has not asked for: what they say would be lost.
    pub(super) fn check_attributes(&self) -> Outcome<()> {
        let asked = self.asked.borrow();
        let lost = |name: &&str| !asked.contains(name) && !IDLE.contains(name);
        match self.node.attributes.iter().map(|(name, _)| name.as_str()).find(lost) {
            None => Ok(()),
            Some(name) => Err(Fault::Unsupported(format!("attribute {name:?} is not read here"))),
        }
    }
    /// Operand i.
    pub(super) fn input(&self, i: usize) -> Outcome<Operand> {
        self.optional(i)?.ok_or_else(|| {
            Fault::Wrong(format!(
                "expected operand {i}, found {} operands",
                self.inputs.iter().flatten().count()
            ))
        })
    }

    /// Operand i, if it is there.
    pub(super) fn optional(&self, i: usize) -> Outcome<Option<Operand>> {
        match self.inputs.get(i).and_then(Option::as_ref) {
            None => Ok(None),
            Some(Value::Tensor(operand)) => Ok(Some(*operand)),
            Some(Value::Sequence(_)) => wrong(format!("expected a tensor as operand {i}, found a sequence")),
        }
    }

    /// All operands.
    pub(super) fn all(&self) -> Outcome<Vec<Operand>> {
        (0..self.inputs.len()).map(|i| self.input(i)).collect()
    }

    /// Operand i, a sequence.
    pub(super) fn sequence(&self, i: usize) -> Outcome<&[Operand]> {
        match self.inputs.get(i) {
            Some(Some(Value::Sequence(parts))) => Ok(parts),
            _ => wrong(format!("expected a sequence as operand {i}, found something else")),
        }
    }

    /// Whether output i has a name.
    pub(super) fn has_output(&self, i: usize) -> bool {
        self.node.outputs.get(i).is_some_and(|name| !name.is_empty())
    }

    /// An attribute by its name.
    pub(super) fn attribute(&self, name: &'static str) -> Option<&Attribute> {
        self.asked.borrow_mut().push(name);
        match self.node.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value) {
            Some(Attribute::Reference(outer)) => self.attributes.get(outer.as_str()).copied(),
            found => found,
        }
    }

    /// A whole number, if it is there.
    pub(super) fn int(&self, name: &'static str) -> Outcome<Option<i64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Int(value)) => Ok(Some(*value)),
            Some(_) => wrong(format!("expected a whole number as {name}, found something else")),
        }
    }

    /// A whole number, or what stands for it where it is absent.
    pub(super) fn int_or(&self, name: &'static str, default: i64) -> Outcome<i64> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// Whether a whole number, or what stands for it, differs from 0.
    pub(super) fn flag(&self, name: &'static str, default: bool) -> Outcome<bool> {
        Ok(self.int(name)?.map_or(default, |value| value != 0))
    }

    /// A number, or what stands for it where it is absent. A number of f32 is rounded to the decimal number that its
    /// writer had in mind: 1e-5, not its neighbour in f32.
    pub(super) fn float_or(&self, name: &'static str, default: f64) -> Outcome<f64> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(decimal(*value)),
            Some(_) => wrong(format!("expected a number as {name}, found something else")),
        }
    }

    /// Numbers, if they are there.
    pub(super) fn floats(&self, name: &'static str) -> Outcome<Option<&[f32]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(_) => wrong(format!("expected numbers as {name}, found something else")),
        }
    }

    /// Whole numbers, if they are there.
    pub(super) fn ints(&self, name: &'static str) -> Outcome<Option<&[i64]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => wrong(format!("expected whole numbers as {name}, found something else")),
        }
    }

    /// A text, or what stands for it where it is absent.
    pub(super) fn text_or<'b>(&'b self, name: &'static str, default: &'b str) -> Outcome<&'b str> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Text(value)) => Ok(value),
            Some(_) => wrong(format!("expected a text as {name}, found something else")),
        }
    }

    /// Texts, if they are there.
    pub(super) fn texts(&self, name: &'static str) -> Outcome<Option<&[String]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Texts(values)) => Ok(Some(values)),
            Some(_) => wrong(format!("expected texts as {name}, found something else")),
        }
    }
}

/// The number of the shortest decimal that is this f32.
fn decimal(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// An axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Outcome<usize> {
    let from_end =
        |axis: i64| usize::try_from(axis.unsigned_abs()).ok().and_then(|back| rank.checked_sub(back));
    let found =
        if axis < 0 { from_end(axis) } else { usize::try_from(axis).ok().filter(|axis| *axis < rank) };
    found.ok_or_else(|| Fault::Wrong(format!("expected an axis of {rank} axes, found {axis}")))
}

/// Axes that may be counted from the end, each once, ascending.
pub(super) fn axes(given: &[i64], rank: usize) -> Outcome<Vec<usize>> {
    let found: Outcome<Vec<usize>> = given.iter().map(|given| axis(*given, rank)).collect();
    let mut found = found?;
    found.sort_unstable();
    match found.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(found),
        Some(pair) => wrong(format!("expected each axis once, found axis {} again", pair[0])),
    }
}

/// A size: a whole number of at least 0.
pub(super) fn size(value: i64) -> Outcome<usize> {
    usize::try_from(value).map_err(|_| Fault::Wrong(format!("expected a size, found {value}")))
}
