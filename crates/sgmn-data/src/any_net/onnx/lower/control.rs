//! Branches whose condition is known, and functions that the file itself defines.

use std::collections::BTreeMap;

use super::{
    Attribute, Entry, Family, Fault, Lower, MOST_SCOPES, Node, Outcome, Scope, Value, opset, unsupported,
    wrong,
};
use crate::any_net::onnx::model::Function;

pub(super) const OPERATORS: Family = &[("Loop", |_, _| refuse()), ("Scan", |_, _| refuse())];

fn refuse() -> Outcome<Vec<Value>> {
    unsupported("loops are not read")
}

impl<'a> Lower<'a, '_> {
    /// The branch that is taken, if that is known when the net is read.
    pub(super) fn branch(&mut self, node: &'a Node, inputs: &[Option<Value>]) -> Outcome<Vec<Value>> {
        let Some(Some(Value::Tensor(condition))) = inputs.first() else {
            return wrong("expected a condition, found none");
        };
        let why = format!("node {:?} branches by it, which must be known when the net is read", self.node);
        let Some(condition) = self.tensors.constant(condition.id, &why) else {
            return unsupported("its condition depends on an input; say what the input is (`values`)");
        };
        let [condition] = condition.data()[..] else {
            return wrong(format!("expected one truth value, found shape {:?}", condition.shape()));
        };
        let name = if condition == 0.0 { "else_branch" } else { "then_branch" };
        let Some((_, Attribute::Graph(graph))) = node.attributes.iter().find(|(known, _)| known == name)
        else {
            return wrong(format!("expected a graph as {name}, found none"));
        };
        let around = self.scope();
        let (opset, attributes) = (around.opset, around.attributes.clone());
        self.enter(Scope { names: BTreeMap::new(), closed: false, opset, attributes })?;
        let inner = self.graph(graph).map_err(Fault::Inner);
        let outputs = inner.and_then(|()| graph.outputs.iter().map(|name| self.named(name)).collect());
        self.scopes.pop();
        outputs
    }

    /// The function of the file that a node calls.
    pub(super) fn function(&self, node: &Node) -> Option<&'a Function> {
        self.onnx
            .model
            .functions
            .iter()
            .find(|function| function.name == node.op && function.domain == node.domain)
    }

    /// The nodes of a function with the operands and attributes of a call.
    pub(super) fn call(
        &mut self,
        node: &'a Node,
        function: &'a Function,
        inputs: Vec<Option<Value>>,
    ) -> Outcome<Vec<Value>> {
        let around = self.scope();
        let mut attributes: BTreeMap<&'a str, &'a Attribute> = BTreeMap::new();
        for (name, value) in function.defaults.iter().chain(&node.attributes) {
            let resolved = match value {
                Attribute::Reference(outer) => around.attributes.get(outer.as_str()).copied(),
                value => Some(value),
            };
            if let Some(value) = resolved {
                attributes.insert(name, value);
            }
        }
        let opset = opset(&function.opsets).unwrap_or(around.opset);
        self.enter(Scope { names: BTreeMap::new(), closed: true, opset, attributes })?;
        let mut defined = Ok(());
        let given = inputs.into_iter().map(|value| value.map_or(Entry::Absent, Entry::Made));
        for (name, entry) in function.inputs.iter().zip(given.chain(std::iter::repeat(Entry::Absent))) {
            defined = defined.and_then(|()| self.define(name, entry));
        }
        let inner = defined.and_then(|()| self.nodes(&function.nodes).map_err(Fault::Inner));
        let outputs = inner.and_then(|()| function.outputs.iter().map(|name| self.named(name)).collect());
        self.scopes.pop();
        outputs
    }

    fn enter(&mut self, scope: Scope<'a>) -> Outcome<()> {
        if self.scopes.len() >= MOST_SCOPES {
            return wrong(format!(
                "expected at most {MOST_SCOPES} functions inside of each other, found more"
            ));
        }
        self.scopes.push(scope);
        Ok(())
    }
}
