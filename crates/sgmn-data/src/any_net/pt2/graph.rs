//! From the calls of a program to the steps of a flow.

use std::collections::BTreeMap;

use sgmn_graph::flow::{FlowError, FlowResult, InputKind, Permute, ValueId};

use super::{
    Exported,
    alias::Aliases,
    aten,
    call::{Call, Item, Kind, kind},
    program::{Argued, Argument, Graph, InputSpec, Node, Number, OutputSpec, Symbolic},
    seen::Seen,
};
use crate::{
    Error, Result,
    any_net::{Tensors, compose::Draft},
};

/// Deepest nesting of graphs in calls.
const MAX_DEPTH: usize = 8;
/// Results of one call at most.
const MOST_RESULTS: usize = 1 << 16;

/// Adds the inputs, steps and outputs of a program to a flow.
///
/// # Errors
/// [`Error::Unsupported`] for a call that is not known, [`Error::Flow`] for one whose operands do not fit, by name.
pub(super) fn lower(exported: &Exported, tensors: &mut Tensors<'_>) -> Result<()> {
    let module = &exported.program.graph_module;
    let path = &exported.path;
    let mut values = BTreeMap::new();
    for spec in &module.signature.input_specs {
        let (name, item) = input(exported, tensors, spec)?;
        values.insert(name.to_owned(), item);
    }
    let mut walk =
        Walk { exported, tensors, graph: &module.graph, values, aliases: Aliases::default(), depth: 0 };
    walk.calls()?;
    let outputs = module.signature.output_specs.iter().filter_map(|spec| match spec {
        OutputSpec::UserOutput(Argued { arg: Argument::AsTensor(named) })
        | OutputSpec::LossOutput { arg: named } => Some(named),
        _ => None,
    });
    for named in outputs {
        match walk.values.get(&named.name) {
            Some(Item::Tensor(value)) => {
                let value = *value;
                walk.tensors.flow.output(&named.name, value);
            }
            _ => {
                return Err(Error::format(path, format!("a tensor for the output {:?}", named.name), "none"));
            }
        }
    }
    Ok(())
}

/// The name of an input of the graph, and what it is.
fn input<'a>(exported: &Exported, tensors: &mut Tensors<'_>, spec: &'a InputSpec) -> Result<(&'a str, Item)> {
    let path = &exported.path;
    Ok(match spec {
        InputSpec::UserInput(Argued { arg: Argument::AsTensor(named) }) => {
            let Some(meta) = exported.program.graph_module.graph.tensor_values.get(&named.name) else {
                return Err(Error::format(path, format!("a shape of the input {:?}", named.name), "none"));
            };
            let known =
                |why| Error::format(path, format!("sizes of input {:?} that are known", named.name), why);
            let shape = exported.symbols.sizes(&meta.sizes).map_err(known)?;
            let of = match kind(meta.dtype) {
                Some(Kind::Real) => InputKind::Real,
                Some(Kind::Whole | Kind::Truth) => InputKind::Whole,
                None => {
                    let what = format!("the input {:?} has numbers of type {}", named.name, meta.dtype);
                    return Err(Error::Unsupported { path: path.clone(), what });
                }
            };
            let value = tensors.flow.input(&named.name, shape, of).map_err(Error::flow(path))?;
            (&named.name, Item::Tensor(value))
        }
        InputSpec::UserInput(Argued { arg: Argument::AsSymInt(Symbolic::AsName(name)) })
        | InputSpec::UserInput(Argued { arg: Argument::AsSymFloat(Symbolic::AsName(name)) }) => {
            let what = format!("the input {name:?} is a number, not a tensor");
            return Err(Error::Unsupported { path: path.clone(), what });
        }
        InputSpec::UserInput(_) => ("", Item::Absent),
        InputSpec::ConstantInput { name, value } => (
            name,
            match value {
                Argument::AsInt(value) => Item::Number(*value as f64),
                Argument::AsFloat(Number(value)) => Item::Number(*value),
                Argument::AsBool(value) => Item::Number(f64::from(*value)),
                _ => Item::Absent,
            },
        ),
        InputSpec::Parameter { arg, parameter_name: name }
        | InputSpec::Buffer { arg, buffer_name: name }
        | InputSpec::TensorConstant { arg, tensor_constant_name: name } => {
            let value = tensor(exported, tensors, name).map_err(Error::flow(path))?;
            let meta = exported.program.graph_module.graph.tensor_values.get(&arg.name);
            let expected = meta.and_then(|meta| exported.symbols.sizes(&meta.sizes).ok());
            let found = tensors.flow.shape(value);
            if let Some(expected) = expected.filter(|expected| expected != found) {
                let expected = format!("numbers of {name:?} of shape {expected:?}");
                return Err(Error::format(path, expected, format!("{found:?}")));
            }
            (&arg.name, Item::Tensor(value))
        }
        InputSpec::Other(kinds) => {
            let what = format!("inputs of the kind {:?}", kinds.keys().next());
            return Err(Error::Unsupported { path: path.clone(), what });
        }
    })
}

/// A tensor of the file as a value.
fn tensor(exported: &Exported, tensors: &mut Tensors<'_>, name: &str) -> FlowResult<ValueId> {
    if let Some(array) = exported.wholes.get(name) {
        return tensors.flow.constant(array.clone());
    }
    let Some(share) = exported.reals.get(name) else {
        return Err(FlowError::shape("tensors", format!("one named {name:?}"), "none"));
    };
    let value = tensors.value(share.record)?;
    if share.order.is_empty() {
        return Ok(value);
    }
    tensors.flow.step(Permute { order: share.order.clone() }, &[value], name)
}

/// A graph that is being lowered.
struct Walk<'a, 'b, 't> {
    exported: &'a Exported,
    tensors: &'b mut Tensors<'t>,
    graph: &'a Graph,
    values: BTreeMap<String, Item>,
    aliases: Aliases,
    depth: usize,
}

impl<'a> Walk<'a, '_, '_> {
    fn calls(&mut self) -> Result<()> {
        let last = last_reads(self.graph);
        for (at, node) in self.graph.nodes.iter().enumerate() {
            let results = self.call(at, node, &last)?;
            let names = results_of(node);
            if results.len() < names.len() {
                return Err(self.contradiction(node, format!("{} results", names.len()), results.len()));
            }
            for (name, item) in names.into_iter().zip(results) {
                self.check(node, name, item)?;
                self.values.insert(name.to_owned(), item);
            }
        }
        Ok(())
    }

    /// The results of a call.
    fn call(&mut self, at: usize, node: &'a Node, last: &BTreeMap<&str, usize>) -> Result<Vec<Item>> {
        if let Some(results) = self.nested(node)? {
            return Ok(results);
        }
        let path = &self.exported.path;
        let Some((function, rule)) = aten::find(&node.target) else {
            let name = node.name.as_deref().or(results_of(node).first().copied()).unwrap_or("");
            let what = format!("the call {} of node {name:?} is not read", node.target);
            return Err(Error::Unsupported { path: path.clone(), what });
        };
        let name = node.name.as_deref().or(results_of(node).first().copied()).unwrap_or(&node.target);
        let name = format!("{name} ({})", node.target);
        let mut call = Call {
            draft: Draft { flow: &mut self.tensors.flow, name: &name },
            node,
            function: function.name,
            values: &self.values,
            metas: &self.graph.tensor_values,
            seen: Vec::new(),
        };
        let mut results = rule(&mut call).map_err(Error::flow(path))?;
        let seen = std::mem::take(&mut call.seen);
        let operand = node.inputs.iter().find_map(|input| match &input.arg {
            Argument::AsTensor(named) => Some(named.name.as_str()),
            _ => None,
        });
        let Some(operand) = operand else { return Ok(results) };
        let mut draft = Draft { flow: &mut self.tensors.flow, name: &name };
        if function.in_place {
            if let (Some(Item::Tensor(result)), Some(Item::Tensor(before))) =
                (results.first().copied(), self.values.get(operand).copied())
            {
                let shape = draft.shape(before);
                let result = draft.expand(result, shape.clone()).map_err(Error::flow(path))?;
                results[0] = Item::Tensor(result);
                let later = |name: &str| last.get(name).is_some_and(|read| *read > at);
                self.aliases
                    .changed(operand, result, &mut self.values, &mut draft, &later)
                    .map_err(Error::flow(path))?;
                if let Some(name) = results_of(node).first() {
                    self.aliases.note(name, operand, Seen::Same, shape);
                }
            }
        } else {
            for ((name, item), how) in results_of(node).into_iter().zip(&results).zip(seen) {
                if let Item::Tensor(value) = item {
                    self.aliases.note(name, operand, how, draft.shape(*value));
                }
            }
        }
        Ok(results)
    }

    /// The results of a graph inside of a call that only sets how PyTorch computes (without gradients, in another
    /// precision).
    fn nested(&mut self, node: &'a Node) -> Result<Option<Vec<Item>>> {
        const WRAPPERS: [&str; 2] = ["wrap_with_set_grad_enabled", "wrap_with_autocast"];
        let Some(name) = node.target.strip_prefix("torch.ops.higher_order.") else { return Ok(None) };
        if !WRAPPERS.contains(&name) {
            return Ok(None);
        }
        let graph = node.inputs.iter().position(|input| matches!(input.arg, Argument::AsGraph(_)));
        let Some((graph, operands)) = graph.map(|at| (&node.inputs[at].arg, &node.inputs[at + 1..])) else {
            return Err(self.contradiction(node, "a graph".to_owned(), "none"));
        };
        let Argument::AsGraph(inner) = graph else { return Ok(None) };
        if self.depth >= MAX_DEPTH {
            return Err(self.contradiction(node, format!("graphs nested at most {MAX_DEPTH} deep"), "more"));
        }
        let inner = &inner.graph;
        let mut values = BTreeMap::new();
        for (name, operand) in inner.inputs.iter().zip(operands) {
            if let (Some(name), Some(operand)) = (named(name), named(&operand.arg)) {
                let item = self.values.get(operand).copied().unwrap_or(Item::Absent);
                values.insert(name.to_owned(), item);
            }
        }
        let mut walk = Walk {
            exported: self.exported,
            tensors: &mut *self.tensors,
            graph: inner,
            values,
            aliases: Aliases::default(),
            depth: self.depth + 1,
        };
        walk.calls()?;
        let results = inner.outputs.iter().flat_map(names_in);
        Ok(Some(results.map(|name| walk.values.get(name).copied().unwrap_or(Item::Absent)).collect()))
    }

    /// Holds a result against what the file says about its shape.
    fn check(&self, node: &Node, name: &str, item: Item) -> Result<()> {
        let (Item::Tensor(value), Some(meta)) = (item, self.graph.tensor_values.get(name)) else {
            return Ok(());
        };
        // Sizes that depend on symbols inside of the graph are not checked.
        let Ok(expected) = self.exported.symbols.sizes(&meta.sizes) else { return Ok(()) };
        let found = self.tensors.flow.shape(value);
        if expected == found {
            return Ok(());
        }
        Err(self.contradiction(node, format!("{name:?} of shape {expected:?}"), format!("{found:?}")))
    }

    fn contradiction(&self, node: &Node, expected: String, found: impl ToString) -> Error {
        let name = node.name.as_deref().unwrap_or("");
        let found = format!("{} in node {name:?} ({})", found.to_string(), node.target);
        Error::format(&self.exported.path, expected, found)
    }
}

/// The last call that reads each name; outputs of the graph are read at the end.
fn last_reads(graph: &Graph) -> BTreeMap<&str, usize> {
    let mut last = BTreeMap::new();
    for (at, node) in graph.nodes.iter().enumerate() {
        for name in node.inputs.iter().flat_map(|input| names_in(&input.arg)) {
            last.insert(name, at);
        }
    }
    for name in graph.outputs.iter().flat_map(names_in) {
        last.insert(name, usize::MAX);
    }
    last
}

/// Names of the results of a call.
fn results_of(node: &Node) -> Vec<&str> {
    let names: Vec<&str> = node.outputs.iter().flat_map(names_in).collect();
    if names.len() > MOST_RESULTS { Vec::new() } else { names }
}

/// The one name in an argument.
fn named(argument: &Argument) -> Option<&str> {
    names_in(argument).first().copied()
}

/// Names in an argument.
fn names_in(argument: &Argument) -> Vec<&str> {
    use super::program::OptionalTensor;
    fn symbol(value: &Symbolic) -> Option<&str> {
        match value {
            Symbolic::AsName(name) => Some(name),
            _ => None,
        }
    }
    match argument {
        Argument::AsTensor(named) | Argument::AsOptionalTensor(OptionalTensor::AsTensor(named)) => {
            vec![&named.name]
        }
        Argument::AsTensors(list) => list.iter().map(|named| named.name.as_str()).collect(),
        Argument::AsOptionalTensors(list) => list
            .iter()
            .filter_map(|given| match given {
                OptionalTensor::AsTensor(named) => Some(named.name.as_str()),
                OptionalTensor::AsNone(_) => None,
            })
            .collect(),
        Argument::AsSymInt(value) | Argument::AsSymFloat(value) | Argument::AsSymBool(value) => {
            symbol(value).into_iter().collect()
        }
        Argument::AsSymInts(list) | Argument::AsSymFloats(list) => list.iter().filter_map(symbol).collect(),
        _ => Vec::new(),
    }
}
