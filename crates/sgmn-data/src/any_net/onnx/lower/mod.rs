//! A model as a flow: nodes in order, each by the operator's peer in the list below.

mod arithmetic;
mod attention;
mod call;
mod cells;
mod constants;
mod control;
mod convolution;
mod einsum;
mod gather;
mod inputs;
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
mod value;

use std::collections::BTreeMap;

use sgmn_graph::flow::{Array, FlowError};

use super::{
    Onnx,
    element::Element,
    model::{Attribute, Graph, Node},
};
use crate::{Error, Result, any_net::Tensors};
use call::Call;
use value::{Fault, Kind, Operand, Outcome, Value, unsupported, wrong};

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
