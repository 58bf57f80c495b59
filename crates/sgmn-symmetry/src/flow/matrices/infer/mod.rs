//! Infers which matrices a flow admits, as types are inferred: every parameter axis is a candidate, every step a
//! constraint.
//!
//! Soundness: a value with a [`Tag`] is moved by the tag's matrices, a value without one is not moved at all, whatever
//! element acts on the parameters. Each rule keeps that true for its step, by uniting, cutting, lowering or fixing
//! nodes; an operation without a rule fixes all that reaches it, and so does an output.

mod collect;
mod kind;
mod lines;
mod marks;
mod nodes;
mod rotary;
mod rules;
mod tag;
mod twist;

use std::{collections::BTreeMap, sync::Arc};

use sgmn_graph::flow::{Flow, Origin, ValueId};

use self::{
    marks::{Marks, ONE},
    nodes::{NodeId, Nodes},
    tag::{Form, MOST_FORMS, Tag, Term},
    twist::Twist,
};
use super::Matrix;

/// All matrices that a flow admits. Deterministic; no numbers of a net are known to it.
pub(super) fn infer(flow: &Flow) -> Vec<Matrix> {
    let mut inference = Inference::new(flow);
    for at in 0..flow.steps().len() {
        let tags = rules::apply(&mut inference, at);
        inference.tags[flow.steps()[at].to.index()] = tags;
        inference.forget(at);
    }
    for output in flow.outputs() {
        for tag in inference.of(output.value) {
            inference.fix(&tag);
        }
    }
    collect::collect(&mut inference)
}

/// What is known while the steps are walked.
struct Inference<'a> {
    flow: &'a Flow,
    nodes: Nodes,
    marks: Marks,
    /// Twists by the numbers that terms hold; 0 is the identity.
    twists: Vec<Arc<Twist>>,
    twist_numbers: BTreeMap<Arc<Twist>, u32>,
    /// For each parameter the node of each axis that has two numbers or more, and not too many.
    param_nodes: Vec<Vec<Option<NodeId>>>,
    /// For each value its tags.
    tags: Vec<Vec<Tag>>,
    /// For each value whether no input reaches it.
    is_own: Vec<bool>,
    /// For each value its last reader.
    last_reader: Vec<usize>,
    /// For each value the steps that read it.
    readers: Vec<Vec<usize>>,
}

impl<'a> Inference<'a> {
    fn new(flow: &'a Flow) -> Self {
        let n_values = flow.values().len();
        let mut nodes = Nodes::default();
        let mut node = |size: &usize| (2..=MOST_FORMS).contains(size).then(|| nodes.fresh(*size));
        let param_nodes =
            (0..flow.params().len()).map(|i| flow.param_shape(i).iter().map(&mut node).collect()).collect();
        let mut is_own: Vec<bool> = flow
            .values()
            .iter()
            .map(|value| matches!(value.origin, Origin::Param(_) | Origin::Const(_)))
            .collect();
        let mut last_reader = vec![0; n_values];
        for (at, step) in flow.steps().iter().enumerate() {
            is_own[step.to.index()] = step.from.iter().all(|from| is_own[from.index()]);
            for from in &step.from {
                last_reader[from.index()] = at;
            }
        }
        for output in flow.outputs() {
            last_reader[output.value.index()] = usize::MAX;
        }
        let identity: Arc<Twist> = Arc::default();
        Self {
            flow,
            nodes,
            marks: Marks::default(),
            twists: vec![identity.clone()],
            twist_numbers: [(identity, 0)].into(),
            param_nodes,
            tags: vec![Vec::new(); n_values],
            is_own,
            last_reader,
            readers: flow.readers(),
        }
    }

    /// The tags of a value. A parameter has one for each axis.
    fn of(&mut self, value: ValueId) -> Vec<Tag> {
        let Origin::Param(param) = self.flow.origin(value) else { return self.tags[value.index()].clone() };
        let shape = self.flow.shape(value);
        let mut tags = Vec::new();
        for (axis, node) in self.param_nodes[param].iter().enumerate() {
            let Some(node) = *node else { continue };
            let vector = self.marks.value(value.index(), axis, shape);
            let term = |at| Term { node, at, twist: 0, vector, table: ONE, scale: 1.0 };
            let forms = (0..shape[axis] as u32).map(|at| Form::One(term(at))).collect();
            tags.push(Tag { axes: vec![axis], unit: axis, forms });
        }
        tags
    }

    fn twist(&self, number: u32) -> &Arc<Twist> {
        &self.twists[number as usize]
    }

    fn twist_number(&mut self, twist: &Twist) -> u32 {
        if twist.is_identity() {
            return 0;
        }
        if let Some(number) = self.twist_numbers.get(twist) {
            return *number;
        }
        let number = self.twists.len() as u32;
        let twist = Arc::new(twist.clone());
        self.twists.push(twist.clone());
        self.twist_numbers.insert(twist, number);
        number
    }

    /// Lets go of the tags of values that no later step reads.
    fn forget(&mut self, at: usize) {
        for from in &self.flow.steps()[at].from {
            if self.last_reader[from.index()] == at {
                self.tags[from.index()] = Vec::new();
            }
        }
    }
}
