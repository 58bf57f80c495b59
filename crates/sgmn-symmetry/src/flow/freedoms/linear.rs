//! Shifts of a value as formal sums: each term a source carried through linear steps, and what it is in numbers.

use std::collections::BTreeMap;

use sgmn_graph::flow::{
    Array, Combination, Combine, Contract, Convolve, Expand, Flow, Numbers, Op, Operation, Reduce, ValueId,
};

use super::{field::Field, field::ZERO, view};

/// A linear step between a field and what comes out, with one fixed value or none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum How {
    /// Times the fixed value.
    Times,
    /// Divided by the fixed value.
    Divided,
    /// The left operand of a product.
    Left(Contract),
    /// The right operand of a product.
    Right(Contract),
    /// What is convolved; first repeated to as many places as the kernel sees.
    Convolved(Convolve, Vec<usize>),
    /// A sum or mean over axes.
    Reduced(Reduce),
}

impl How {
    fn run(&self, x: Array, fixed: Option<&Array>) -> Array {
        let combine = |by| Op::from(Combine { by });
        let (op, from): (Op, Vec<&Array>) = match (self, fixed) {
            (Self::Times, Some(fixed)) => (combine(Combination::Multiply), vec![&x, fixed]),
            (Self::Divided, Some(fixed)) => (combine(Combination::Divide), vec![&x, fixed]),
            (Self::Left(op), Some(fixed)) => (op.clone().into(), vec![&x, fixed]),
            (Self::Right(op), Some(fixed)) => (op.clone().into(), vec![fixed, &x]),
            (Self::Convolved(op, reach), Some(fixed)) => {
                let shape = [&x.shape()[..2], reach].concat();
                let x = run(&Expand { shape }.into(), &[&x]);
                return run(&op.clone().into(), &[&x, fixed]);
            }
            (Self::Reduced(op), _) => (op.clone().into(), vec![&x]),
            _ => unreachable!("{self:?} has a fixed value"),
        };
        run(&op, &from)
    }
}

fn run(op: &Op, from: &[&Array]) -> Array {
    op.run(from).expect("linear steps whose shapes were checked have results")
}

/// A node of [`Paths`].
pub(crate) type NodeId = usize;

/// What a node is.
#[derive(Debug, Clone)]
enum Node {
    Source,
    Linear { how: How, fixed: Option<ValueId>, from: (NodeId, Field) },
}

#[derive(Debug, Clone)]
struct Entry {
    node: Node,
    shape: Vec<usize>,
    source: usize,
    depth: usize,
}

/// All ways from sources through linear steps, each once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Paths {
    nodes: Vec<Entry>,
    /// Nodes by what they come from and the number of their fixed value.
    known: BTreeMap<(NodeId, Option<u32>), Vec<NodeId>>,
}

/// Linear steps on one path at most; longer ways are not followed.
const DEEPEST: usize = 48;

/// `coefficient` times a field of a node.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub(crate) coefficient: f64,
    pub(crate) node: NodeId,
    pub(crate) field: Field,
}

impl Paths {
    /// A source; sources are nodes in the order in which they are made.
    pub(crate) fn source(&mut self, shape: Vec<usize>) -> NodeId {
        let source = self.nodes.len();
        self.nodes.push(Entry { node: Node::Source, shape, source, depth: 0 });
        source
    }

    /// A linear step after a field of a node, with the shape of what comes out; absent if the way is too long.
    /// Fixed values with the same number are equal.
    pub(crate) fn linear(
        &mut self,
        how: How,
        fixed: Option<(ValueId, u32)>,
        from: (NodeId, Field),
        shape: Vec<usize>,
    ) -> Option<NodeId> {
        let depth = self.nodes[from.0].depth + 1;
        let same = self.known.entry((from.0, fixed.map(|(_, alike)| alike))).or_default();
        for id in same.iter() {
            if let Node::Linear { how: other, from: place, .. } = &self.nodes[*id].node
                && (other, place) == (&how, &from)
            {
                return Some(*id);
            }
        }
        if depth > DEEPEST {
            return None;
        }
        let id = self.nodes.len();
        same.push(id);
        let source = self.nodes[from.0].source;
        self.nodes.push(Entry {
            node: Node::Linear { how, fixed: fixed.map(|(id, _)| id), from },
            shape,
            source,
            depth,
        });
        Some(id)
    }

    /// The source at the beginning of a way.
    pub(crate) fn source_of(&self, node: NodeId) -> NodeId {
        self.nodes[node].source
    }

    /// The shape of a node.
    pub(crate) fn shape(&self, node: NodeId) -> &[usize] {
        &self.nodes[node].shape
    }

    /// Whether a node is a source.
    pub(crate) fn is_source(&self, node: NodeId) -> bool {
        matches!(self.nodes[node].node, Node::Source)
    }

    /// The last linear step of a node that is none.
    pub(crate) fn step(&self, node: NodeId) -> Option<(&How, Option<ValueId>, &(NodeId, Field))> {
        match &self.nodes[node].node {
            Node::Source => None,
            Node::Linear { how, fixed, from } => Some((how, *fixed, from)),
        }
    }

    /// The elements of the source that a term can see.
    pub(crate) fn support<'a>(&'a self, term: &'a Term) -> &'a Field {
        let (mut node, mut field) = (term.node, &term.field);
        while let Some((_, _, from)) = self.step(node) {
            (node, field) = (from.0, &from.1);
        }
        field
    }

    /// A term in numbers, where its source has these.
    pub(crate) fn evaluate(&self, term: &Term, flow: &Flow, net: &dyn Numbers, source: &Array) -> Array {
        let mut below = Vec::new();
        let mut node = term.node;
        while let Some((how, fixed, from)) = self.step(node) {
            below.push((how, fixed, &from.1));
            node = from.0;
        }
        let mut x = source.clone();
        for (how, fixed, field) in below.into_iter().rev() {
            let fixed = fixed.map(|id| view::fixed_value(flow, net, id));
            x = how.run(seen(field, &x), fixed.as_ref());
        }
        let mut x = seen(&term.field, &x);
        x.data_mut().iter_mut().for_each(|x| *x *= term.coefficient);
        x
    }
}

/// The elements of a field, taken from x.
fn seen(field: &Field, x: &Array) -> Array {
    let data = field.indices().map(|at| if at == ZERO { 0.0 } else { x.data()[at as usize] }).collect();
    Array::new(field.shape.clone(), data).expect("a field has as many elements as its shape says")
}

/// A sum of terms; all have the rank of the value that they are a shift of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sum(pub(crate) Vec<Term>);

impl Sum {
    /// Adds a term, and drops what cancels.
    pub(crate) fn add(&mut self, mut term: Term) {
        let mut at = 0;
        while at < self.0.len() {
            let other = &mut self.0[at];
            if other.node != term.node {
                at += 1;
                continue;
            }
            if other.field == term.field {
                other.coefficient += term.coefficient;
                if other.coefficient == 0.0 {
                    self.0.remove(at);
                }
                return;
            }
            // Parts that a value was cut into and that stand side by side again.
            if other.coefficient == term.coefficient
                && let Some(field) = other.field.joined(&term.field)
            {
                term.field = field;
                self.0.remove(at);
                at = 0;
                continue;
            }
            if other.coefficient == -term.coefficient
                && let Some((a, b)) = cancelled(&other.field, &term.field)
            {
                (other.field, term.field) = (a, b);
                if other.field.is_zero() {
                    self.0.remove(at);
                } else {
                    at += 1;
                }
                continue;
            }
            at += 1;
        }
        if !term.field.is_zero() {
            self.0.push(term);
        }
    }

    /// With size 1 along axes along which terms do not change: parts that stand side by side again are alike again.
    pub(crate) fn narrowed(self) -> Self {
        let narrowed = |term: Term| Term { field: term.field.narrowed(), ..term };
        Self(self.0.into_iter().map(narrowed).collect())
    }
}

/// Two fields without the elements that both have alike, if there are any.
fn cancelled(a: &Field, b: &Field) -> Option<(Field, Field)> {
    let shape: Vec<usize> = a.shape.iter().zip(&b.shape).map(|(a, b)| *a.max(b)).collect();
    let (a, b) = (a.expanded(&shape)?, b.expanded(&shape)?);
    let alike: Vec<bool> = a.indices().zip(b.indices()).map(|(a, b)| a == b && a != ZERO).collect();
    alike
        .contains(&true)
        .then(|| (a.without(|at| alike[at]).narrowed(), b.without(|at| alike[at]).narrowed()))
}
