//! A model as a flow: nodes in order, each by the operator's peer in the list below.

mod arithmetic;
mod attention;
mod call;
mod constants;
mod control;
mod convolution;
mod einsum;
mod gather;
mod linear;
mod normalization;
mod parts;
mod pointwise;
mod pooling;
mod recurrent;
mod reduction;
mod resize;
mod sequence;
mod shape;
mod steps;

use std::collections::BTreeMap;

use sgmn_graph::flow::{Array, FlowError, InputKind, ValueId};

use super::{
    Onnx,
    model::{Attribute, Graph, Node, Size, ValueInfo},
    tensor::Element,
};
use crate::{Error, Result, any_net::Tensors};
use call::Call;

/// How an operator becomes steps: from its call to the values of its outputs.
type Lowering = fn(&mut Lower<'_, '_>, &Call<'_>) -> Outcome<Vec<Value>>;
/// Operators of a family, by name.
type Family = &'static [(&'static str, Lowering)];

/// All operators that are read, by family.
const FAMILIES: [Family; 17] = [
    arithmetic::OPERATORS,
    attention::OPERATORS,
    constants::OPERATORS,
    control::OPERATORS,
    convolution::OPERATORS,
    einsum::OPERATORS,
    gather::OPERATORS,
    linear::OPERATORS,
    normalization::OPERATORS,
    parts::OPERATORS,
    pointwise::OPERATORS,
    pooling::OPERATORS,
    recurrent::OPERATORS,
    reduction::OPERATORS,
    resize::OPERATORS,
    sequence::OPERATORS,
    shape::OPERATORS,
];

/// What a name stands for.
#[derive(Debug, Clone)]
enum Value {
    Tensor(Operand),
    Sequence(Vec<Operand>),
}

/// A value of the flow, and what its numbers are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Operand {
    id: ValueId,
    kind: Kind,
}

/// What numbers are in the file; all are f64 in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Real,
    Whole,
    Truth,
}

/// Why a node cannot be lowered.
#[derive(Debug)]
enum Fault {
    /// It contradicts itself or its operands: what was expected, what was found.
    Wrong(String),
    /// It is in order, but not read here: why.
    Unsupported(String),
    /// The flow refuses a step.
    Flow(FlowError),
    /// A node inside of this one failed, with its name.
    Inner(Error),
}

type Outcome<T> = std::result::Result<T, Fault>;

/// The state of lowering.
struct Lower<'a, 't> {
    onnx: &'a Onnx,
    tensors: &'a mut Tensors<'t>,
    operators: BTreeMap<&'static str, Lowering>,
    scopes: Vec<Scope<'a>>,
    /// For each tensor of the model its record, if it is one.
    records: Vec<Option<usize>>,
    /// Tensors that have been made constants.
    known: Vec<Option<Operand>>,
    /// The name of the node at hand, for steps.
    node: String,
    n_nodes: usize,
    budget: steps::Budget,
}

/// Names and what they stand for.
struct Scope<'a> {
    names: BTreeMap<&'a str, Entry>,
    /// Whether names outside are not seen: the body of a function.
    closed: bool,
    /// The version of ONNX's operators.
    opset: i64,
    /// Attributes of the call of the function around.
    attributes: BTreeMap<&'a str, &'a Attribute>,
}

/// What is known of a name.
#[derive(Clone)]
enum Entry {
    Made(Value),
    /// A tensor that nobody has asked for yet.
    Tensor(usize),
    /// An operand of a function that its call leaves out.
    Absent,
}

/// Nodes that are lowered at most; functions that call functions repeat theirs.
const MOST_NODES: usize = 1 << 20;
/// Functions and branches inside of each other.
const MOST_SCOPES: usize = 40;
/// Versions of ONNX's operators that are read; before, operators broadcast by attributes.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=28;

/// Lowers a model.
///
/// # Errors
/// As [`Container::lower`](crate::any_net::Container::lower).
pub(super) fn lower(onnx: &Onnx, tensors: &mut Tensors<'_>) -> Result<()> {
    let mut records = vec![None; onnx.model.tensors.len()];
    for (record, tensor) in onnx.tensors.iter().enumerate() {
        records[*tensor] = Some(record);
    }
    let opset = opset(&onnx.model.opsets).unwrap_or(1);
    if !OPSETS.contains(&opset) {
        let expected = format!("operators of ONNX in version {} to {}", OPSETS.start(), OPSETS.end());
        return Err(Error::format(&onnx.path, expected, format!("version {opset}")));
    }
    let mut lower = Lower {
        onnx,
        tensors,
        operators: FAMILIES.iter().flat_map(|family| family.iter().copied()).collect(),
        scopes: Vec::new(),
        known: vec![None; records.len()],
        records,
        node: String::new(),
        n_nodes: 0,
        budget: steps::Budget::default(),
    };
    let graph = &onnx.model.graph;
    let scope = Scope { names: BTreeMap::new(), closed: true, opset, attributes: BTreeMap::new() };
    lower.scopes.push(scope);
    lower.inputs(graph)?;
    lower.graph(graph)?;
    for name in &graph.outputs {
        match lower.named(name) {
            Ok(Value::Tensor(operand)) => lower.tensors.flow.output(name, operand.id),
            Ok(Value::Sequence(_)) => {
                return Err(Error::format(&onnx.path, format!("a tensor as output {name:?}"), "a sequence"));
            }
            Err(fault) => return Err(lower.error(&format!("output {name:?}"), fault)),
        }
    }
    Ok(())
}

/// The version of ONNX's own operators.
fn opset(opsets: &[(String, i64)]) -> Option<i64> {
    opsets.iter().find(|(domain, _)| domain.is_empty()).map(|(_, version)| *version)
}

impl<'a> Lower<'a, '_> {
    /// Inputs of the net, with the sizes that the user gives to open ones.
    fn inputs(&mut self, graph: &'a Graph) -> Result<()> {
        let initial =
            |name: &str| graph.initializers.iter().any(|i| self.onnx.model.tensors[*i].name == name);
        let asked: Vec<&ValueInfo> = graph.inputs.iter().filter(|input| !initial(&input.name)).collect();
        let options = &self.onnx.options;
        let mut sizes: Vec<&str> = Vec::new();
        for size in asked.iter().filter_map(|input| input.shape.as_ref()).flatten() {
            if let Size::Named(name) = size {
                sizes.push(name);
            }
        }
        sizes.sort_unstable();
        sizes.dedup();
        let names: Vec<&str> = asked.iter().map(|input| input.name.as_str()).collect();
        options.check_inputs(&sizes, &names)?;
        for input in asked {
            let shape = self.input_shape(input)?;
            let fault = Error::flow(&self.onnx.path);
            let kind = Element::of(input.element).kind();
            let id = match options.values.get(&input.name) {
                Some(value) => {
                    let fits = self.budget.spend(&shape, 1).map_err(|why| self.error(&input.name, why));
                    fits?;
                    self.tensors.flow.constant(Array::full(shape, *value)).map_err(fault)?
                }
                None => {
                    let real = if kind == Kind::Real { InputKind::Real } else { InputKind::Whole };
                    self.tensors.flow.input(&input.name, shape, real).map_err(fault)?
                }
            };
            let value = Value::Tensor(Operand { id, kind });
            self.define(&input.name, Entry::Made(value)).map_err(|fault| self.error("inputs", fault))?;
        }
        Ok(())
    }

    fn input_shape(&self, input: &ValueInfo) -> Result<Vec<usize>> {
        let options = &self.onnx.options;
        if input.element == 0 {
            let expected = format!("a tensor as input {:?}", input.name);
            return Err(Error::format(&self.onnx.path, expected, "something else"));
        }
        let found = |size: &Size| match size {
            Size::Known(size) => *size,
            Size::Named(name) => options.sizes.get(name).copied().unwrap_or(1),
            Size::Open => 1,
        };
        match (options.inputs.get(&input.name), &input.shape) {
            (None, Some(shape)) => Ok(shape.iter().map(found).collect()),
            (Some(given), None) => Ok(given.clone()),
            (Some(given), Some(shape)) => {
                let open =
                    |(size, given): (&Size, &usize)| !matches!(size, Size::Known(known) if known != given);
                if shape.len() == given.len() && shape.iter().zip(given).all(open) {
                    return Ok(given.clone());
                }
                let expected = shape.iter().map(|size| match size {
                    Size::Known(size) => size.to_string(),
                    Size::Named(name) => name.clone(),
                    Size::Open => "?".to_owned(),
                });
                let expected = format!("[{}]", expected.collect::<Vec<_>>().join(", "));
                Err(Error::Config {
                    field: format!("inputs.{}", input.name),
                    expected,
                    found: format!("{given:?}"),
                })
            }
            (None, None) => Err(Error::Config {
                field: format!("inputs.{}", input.name),
                expected: "a shape, for the file gives none".to_owned(),
                found: "nothing".to_owned(),
            }),
        }
    }

    /// The nodes of a graph, in the scope at hand.
    fn graph(&mut self, graph: &'a Graph) -> Result<()> {
        for i in &graph.initializers {
            let name = &self.onnx.model.tensors[*i].name;
            self.define(name, Entry::Tensor(*i)).map_err(|fault| self.error("tensors", fault))?;
        }
        self.nodes(&graph.nodes)
    }

    fn nodes(&mut self, nodes: &'a [Node]) -> Result<()> {
        for node in nodes {
            self.n_nodes += 1;
            let place = node.outputs.iter().find(|name| !name.is_empty());
            let name = if node.name.is_empty() { place.unwrap_or(&node.op) } else { &node.name };
            let label = if node.domain.is_empty() {
                format!("{} (node {name:?})", node.op)
            } else {
                format!("{}::{} (node {name:?})", node.domain, node.op)
            };
            self.node.clone_from(name);
            let lowered = self.one(node);
            lowered.map_err(|fault| self.error(&label, fault))?;
        }
        Ok(())
    }

    fn one(&mut self, node: &'a Node) -> Outcome<()> {
        if self.n_nodes > MOST_NODES {
            return Err(Fault::Wrong(format!("expected at most {MOST_NODES} nodes, found more")));
        }
        let inputs: Outcome<Vec<Option<Value>>> = node
            .inputs
            .iter()
            .map(|name| if name.is_empty() { Ok(None) } else { self.maybe(name) })
            .collect();
        let inputs = inputs?;
        let outputs = match self.function(node) {
            Some(function) => self.call(node, function, inputs)?,
            None if node.op == "If" && node.domain.is_empty() => self.branch(node, &inputs)?,
            None => {
                let known = self.operators.get(node.op.as_str()).filter(|_| node.domain.is_empty());
                let Some(operator) = known.copied() else {
                    let why = if node.domain.is_empty() {
                        "not an operation that sgmn reads"
                    } else {
                        "not an operation of the ONNX standard that sgmn reads"
                    };
                    return Err(Fault::Unsupported(why.to_owned()));
                };
                let scope = self.scope();
                let (opset, attributes) = (scope.opset, scope.attributes.clone());
                let call = Call::new(node, opset, inputs, attributes);
                let outputs = operator(self, &call)?;
                call.check_attributes()?;
                outputs
            }
        };
        for (name, value) in node.outputs.iter().zip(outputs) {
            if !name.is_empty() {
                self.define(name, Entry::Made(value))?;
            }
        }
        Ok(())
    }

    fn scope(&self) -> &Scope<'a> {
        self.scopes.last().expect("the net's own scope is never left")
    }

    /// What a name stands for, here or in the scopes around.
    fn named(&mut self, name: &str) -> Outcome<Value> {
        let found = self.maybe(name)?;
        found.ok_or_else(|| {
            Fault::Wrong(format!("expected a value, found {name:?}, which the call leaves out"))
        })
    }

    /// As [`Lower::named`]; `None` for an operand of a function that its call leaves out.
    fn maybe(&mut self, name: &str) -> Outcome<Option<Value>> {
        for at in (0..self.scopes.len()).rev() {
            match self.scopes[at].names.get(name).cloned() {
                Some(Entry::Made(value)) => return Ok(Some(value)),
                Some(Entry::Tensor(tensor)) => return Ok(Some(Value::Tensor(self.tensor(tensor)?))),
                Some(Entry::Absent) => return Ok(None),
                None if self.scopes[at].closed => break,
                None => {}
            }
        }
        Err(Fault::Wrong(format!("expected a value that was made before, found {name:?}")))
    }

    fn define(&mut self, name: &'a str, entry: Entry) -> Outcome<()> {
        let scope = self.scopes.last_mut().expect("the net's own scope is never left");
        match scope.names.insert(name, entry) {
            None => Ok(()),
            Some(_) => Err(Fault::Wrong(format!("expected each name to be made once, found {name:?} again"))),
        }
    }

    /// A tensor of the model as a value.
    fn tensor(&mut self, i: usize) -> Outcome<Operand> {
        if let Some(known) = self.known[i] {
            return Ok(known);
        }
        let tensor = &self.onnx.model.tensors[i];
        let kind = tensor.element.kind();
        let operand = match self.records[i] {
            Some(record) => Operand { id: self.tensors.value(record)?, kind },
            None => {
                let numbers = self.numbers(i)?;
                self.constant(numbers, kind)?
            }
        };
        self.known[i] = Some(operand);
        Ok(operand)
    }

    /// The numbers of a tensor of the model.
    fn numbers(&mut self, i: usize) -> Outcome<Array> {
        let tensor = &self.onnx.model.tensors[i];
        let wrong = |why| Fault::Wrong(format!("tensor {:?}: {why}", tensor.name));
        let numbers = tensor.numbers(self.onnx.files.of(tensor)).map_err(wrong)?;
        Ok(Array::new(tensor.shape.clone(), numbers)?)
    }

    fn error(&self, what: &str, fault: Fault) -> Error {
        let path = self.onnx.path.clone();
        match fault {
            Fault::Wrong(why) => Error::Flow { path, source: FlowError::Step { step: what.to_owned(), why } },
            Fault::Unsupported(why) => Error::Unsupported { path, what: format!("{what}: {why}") },
            Fault::Flow(source) => Error::Flow { path, source },
            Fault::Inner(error) => error,
        }
    }
}

impl Element {
    /// What its numbers are.
    fn kind(self) -> Kind {
        match self {
            Self::Bool => Kind::Truth,
            real if real.is_float() => Kind::Real,
            _ => Kind::Whole,
        }
    }
}

impl From<FlowError> for Fault {
    fn from(error: FlowError) -> Self {
        Self::Flow(error)
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self::Wrong(why)
    }
}

impl From<Operand> for Vec<Value> {
    fn from(operand: Operand) -> Self {
        vec![Value::Tensor(operand)]
    }
}

/// Shorthand for a fault of contradiction.
fn wrong<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Fault::Wrong(why.into()))
}

/// Shorthand for a fault of what is not read here.
fn unsupported<T>(why: impl Into<String>) -> Outcome<T> {
    Err(Fault::Unsupported(why.into()))
}
