//! Facts about a flow that every rule asks for: who reads a value, what depends on inputs, which fixed values are equal.

use std::collections::{BTreeMap, BTreeSet};

use sgmn_graph::flow::{
    Array, Combination, Combine, Flow, Numbers, Op, Operation, Origin, Permute, Reduce, Reduction, ValueId,
};

/// One reading of a value: operand `operand` of step `step`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) step: usize,
    pub(crate) operand: usize,
}

/// A flow with what the rules ask about it.
#[derive(Debug)]
pub(crate) struct View<'a> {
    pub(crate) flow: &'a Flow,
    uses: Vec<Vec<Use>>,
    is_output: Vec<bool>,
    depends: Vec<bool>,
    sure: Vec<bool>,
    alike: Vec<u32>,
}

impl<'a> View<'a> {
    pub(crate) fn new(flow: &'a Flow) -> Self {
        let n = flow.values().len();
        let mut uses = vec![Vec::new(); n];
        for (at, step) in flow.steps().iter().enumerate() {
            for (operand, from) in step.from.iter().enumerate() {
                uses[from.index()].push(Use { step: at, operand });
            }
        }
        let mut is_output = vec![false; n];
        for output in flow.outputs() {
            is_output[output.value.index()] = true;
        }
        let (mut depends, mut sure) = (vec![false; n], vec![true; n]);
        for input in flow.inputs() {
            depends[input.value.index()] = true;
        }
        for step in flow.steps() {
            let of = |facts: &[bool], all: bool| match all {
                true => step.from.iter().all(|id| facts[id.index()]),
                false => step.from.iter().any(|id| facts[id.index()]),
            };
            depends[step.to.index()] = of(&depends, false);
            // A place that is computed may lie outside of a table; everything else can always be computed.
            let computable = !matches!(step.op, Op::Lookup(_) | Op::Pick(_));
            sure[step.to.index()] = computable && of(&sure, true);
        }
        let alike = alike(flow, &depends);
        Self { flow, uses, is_output, depends, sure, alike }
    }

    /// Who reads a value.
    pub(crate) fn uses(&self, id: ValueId) -> &[Use] {
        &self.uses[id.index()]
    }

    /// Whether a value is an output.
    pub(crate) fn is_output(&self, id: ValueId) -> bool {
        self.is_output[id.index()]
    }

    /// Whether a value depends on an input.
    pub(crate) fn depends(&self, id: ValueId) -> bool {
        self.depends[id.index()]
    }

    /// Whether a value depends on parameters and constants only, and can always be computed from them.
    pub(crate) fn fixed(&self, id: ValueId) -> bool {
        !self.depends[id.index()] && self.sure[id.index()]
    }

    /// Fixed values with the same number are equal.
    pub(crate) fn alike(&self, id: ValueId) -> u32 {
        self.alike[id.index()]
    }

    /// The number of a constant that is the same everywhere.
    pub(crate) fn uniform(&self, id: ValueId) -> Option<f64> {
        self.flow.constant(id).and_then(Array::uniform)
    }

    /// `x − m(x)` with `m(x + c) = m(x) + c`: what a step subtracts from a value, if it is the value's mean, maximum,
    /// minimum or log-sum-exp over some axes. The step that reduces.
    pub(crate) fn centring(&self, step: usize) -> Option<(usize, &Reduce)> {
        let step = &self.flow.steps()[step];
        let Op::Combine(Combine { by: Combination::Subtract }) = step.op else { return None };
        let Origin::Step(at) = self.flow.origin(step.from[1]) else { return None };
        let reduce = &self.flow.steps()[at];
        match &reduce.op {
            Op::Reduce(op) if op.keep && reduce.from[0] == step.from[0] && follows(op.by) => Some((at, op)),
            _ => None,
        }
    }

    /// The parameter that a value is, up to the order of its axes, if nobody else reads it: the parameter, and for each
    /// axis of the value the axis of the parameter.
    pub(crate) fn lone_param(&self, mut id: ValueId) -> Option<(usize, Vec<usize>)> {
        let mut axes: Vec<usize> = (0..self.flow.shape(id).len()).collect();
        loop {
            if self.uses(id).len() != 1 || self.is_output(id) {
                return None;
            }
            match self.flow.origin(id) {
                Origin::Param(param) => return Some((param, axes)),
                Origin::Step(step) => {
                    let step = &self.flow.steps()[step];
                    let Op::Permute(Permute { order }) = &step.op else { return None };
                    axes.iter_mut().for_each(|axis| *axis = order[*axis]);
                    id = step.from[0];
                }
                _ => return None,
            }
        }
    }
}

/// Numbers for values, equal where the values are computed in the same way from the same parameters.
fn alike(flow: &Flow, depends: &[bool]) -> Vec<u32> {
    let mut numbers: Vec<u32> = (0..flow.values().len() as u32).collect();
    let mut scalars: BTreeMap<(u64, Vec<usize>), u32> = BTreeMap::new();
    for (at, value) in flow.values().iter().enumerate() {
        if let Origin::Const(i) = value.origin
            && let Some(number) = flow.consts()[i].uniform()
        {
            numbers[at] = *scalars.entry((number.to_bits(), value.shape.clone())).or_insert(at as u32);
        }
    }
    let mut made: BTreeMap<Vec<u32>, Vec<usize>> = BTreeMap::new();
    for (at, step) in flow.steps().iter().enumerate().filter(|(_, step)| !depends[step.to.index()]) {
        let from: Vec<u32> = step.from.iter().map(|id| numbers[id.index()]).collect();
        let same = made.entry(from).or_default();
        match same.iter().find(|other| flow.steps()[**other].op == step.op) {
            Some(other) => numbers[step.to.index()] = numbers[flow.steps()[*other].to.index()],
            None => same.push(at),
        }
    }
    numbers
}

/// The numbers of a fixed value of a net.
pub(crate) fn fixed_value(flow: &Flow, net: &dyn Numbers, id: ValueId) -> Array {
    let mut needed = vec![id];
    let mut steps = BTreeSet::new();
    while let Some(id) = needed.pop() {
        if let Origin::Step(at) = flow.origin(id)
            && steps.insert(at)
        {
            needed.extend(&flow.steps()[at].from);
        }
    }
    let mut made: BTreeMap<ValueId, Array> = BTreeMap::new();
    for at in steps {
        let step = &flow.steps()[at];
        let from: Vec<Array> = step.from.iter().map(|id| leaf(flow, net, &made, *id)).collect();
        let result = step.op.run(&from.iter().collect::<Vec<_>>());
        made.insert(step.to, result.expect("operations on parameters without computed places have results"));
    }
    leaf(flow, net, &made, id)
}

fn leaf(flow: &Flow, net: &dyn Numbers, made: &BTreeMap<ValueId, Array>, id: ValueId) -> Array {
    match flow.origin(id) {
        Origin::Const(i) => flow.consts()[i].clone(),
        Origin::Param(i) => Array::new(flow.shape(id).to_vec(), net.numbers(i).into_owned())
            .expect("a net has as many numbers as its shapes say"),
        _ => made.get(&id).cloned().expect("a fixed value depends on no input"),
    }
}

/// Whether what is added to all numbers alike is added to the one that stands for them.
pub(crate) fn follows(by: Reduction) -> bool {
    matches!(by, Reduction::Mean | Reduction::Maximum | Reduction::Minimum | Reduction::LogSumExp)
}

/// Whether a step is a sum or a difference.
pub(crate) fn is_sum(op: &Op) -> bool {
    matches!(op, Op::Combine(Combine { by: Combination::Add | Combination::Subtract }))
}
