//! Runs of steps that multiply and add a fixed number for each unit, and what becomes of each run.

use sgmn_graph::flow::{Combination, Flow, Numbers, Op, Origin, Role, ValueId};

use crate::flow::freedoms::{
    field::ZERO,
    signs::{self, Factors, Signed},
    solve::Wanted,
    solved::{Solved, Unknown},
    view::{View, fixed_value},
};

/// `y = G x + S` with a gain and a shift for each unit along an axis, step by step.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// x.
    pub(super) from: ValueId,
    /// y.
    pub(super) to: ValueId,
    /// The axis of units.
    pub(super) axis: usize,
    /// How many units.
    pub(super) n: usize,
    /// The steps of the flow.
    pub(super) steps: Vec<usize>,
    by: Vec<(By, ValueId)>,
    pub(super) fate: Fate,
}

/// One step of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Times,
    Divided,
    Plus,
    Minus,
}

/// What becomes of a chain.
#[derive(Debug, Clone)]
pub(super) enum Fate {
    /// It stays.
    Stays,
    /// These take the gain, and one shift remains.
    Writers(Vec<Signed>),
    /// These take the gain, and later biases the shift.
    Readers(Vec<Signed>),
    /// One gain and one shift remain.
    Short,
}

impl Chain {
    /// Whether there is a gain.
    pub(super) fn gains(&self) -> bool {
        self.by.iter().any(|(by, _)| matches!(by, By::Times | By::Divided))
    }

    /// Whether there is a shift.
    pub(super) fn shifts(&self) -> bool {
        self.by.iter().any(|(by, _)| matches!(by, By::Plus | By::Minus))
    }

    /// Whom the shift would have to go to, if readers take the gain.
    pub(super) fn wanted(&self, view: &View<'_>) -> Option<Wanted> {
        let shape = view.flow.shape(self.to);
        let ones = (0..shape.len()).map(|axis| if axis == self.axis { shape[axis] } else { 1 });
        (self.gains() && self.shifts()).then(|| (self.to, ones.collect()))
    }

    /// Decides what becomes of the chain; `others` are the parameters of other chains with gains.
    pub(super) fn decide(&mut self, view: &View<'_>, solved: &Solved, others: &[usize]) {
        if !self.gains() {
            return;
        }
        if let Some(writers) = signs::writers(view, self.from, self.axis, 0)
            && writers.iter().all(|signed| !others.contains(&signed.param))
        {
            self.fate = Fate::Writers(writers);
            return;
        }
        let absorbed = || {
            let node = solved.variable(&Unknown::Value(self.to))?;
            let free = solved.free(node)?;
            // Taken back by others than the chain's own parameters.
            let own = self.params(view.flow);
            let others = solved.moves(node).iter().all(|(param, _)| !own.contains(param));
            Some(others && free.indices().all(|at| at != ZERO))
        };
        if (!self.shifts() || absorbed() == Some(true))
            && let Some(readers) = signs::readers(view, self.to, self.axis, Factors::Any)
        {
            self.fate = Fate::Readers(readers);
            return;
        }
        let params = self.params(view.flow);
        if params.iter().any(|param| view.flow.params()[*param].role == Role::Statistic) {
            self.fate = Fate::Short;
        }
    }

    /// G and S of a net.
    pub(super) fn values(&self, flow: &Flow, net: &dyn Numbers) -> (Vec<f64>, Vec<f64>) {
        let (mut gain, mut shift) = (vec![1.0; self.n], vec![0.0; self.n]);
        for (by, id) in &self.by {
            let fixed = fixed_value(flow, net, *id).into_data();
            for i in 0..self.n {
                match by {
                    By::Times => (gain[i], shift[i]) = (gain[i] * fixed[i], shift[i] * fixed[i]),
                    By::Divided => (gain[i], shift[i]) = (gain[i] / fixed[i], shift[i] / fixed[i]),
                    By::Plus => shift[i] += fixed[i],
                    By::Minus => shift[i] -= fixed[i],
                }
            }
        }
        (gain, shift)
    }

    /// The parameters of the chain.
    pub(super) fn params(&self, flow: &Flow) -> Vec<usize> {
        self.by.iter().flat_map(|(_, id)| params_of(flow, *id)).collect()
    }

    /// The trained parameter after which the gain is named.
    pub(super) fn gain_name(&self, flow: &Flow) -> Option<String> {
        self.name(flow, |by| matches!(by, By::Times | By::Divided))
    }

    /// The trained parameter after which the shift is named: the last one.
    pub(super) fn shift_name(&self, flow: &Flow) -> Option<String> {
        self.name(flow, |by| matches!(by, By::Plus | By::Minus))
    }

    fn name(&self, flow: &Flow, fits: impl Fn(By) -> bool) -> Option<String> {
        let of = self.by.iter().rev().filter(|(by, _)| fits(*by)).flat_map(|(_, id)| params_of(flow, *id));
        let all: Vec<usize> = of.collect();
        let trained = all.iter().find(|param| flow.params()[**param].role == Role::Trained).or(all.first());
        trained.map(|param| flow.params()[*param].name.clone())
    }
}

/// The parameters that a fixed value is made of, in the order of the flow.
fn params_of(flow: &Flow, id: ValueId) -> Vec<usize> {
    let (mut todo, mut params, mut seen) = (vec![id], Vec::new(), std::collections::BTreeSet::new());
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        match flow.origin(id) {
            Origin::Param(param) => params.push(param),
            Origin::Step(at) => todo.extend(&flow.steps()[at].from),
            _ => {}
        }
    }
    params.sort_unstable();
    params
}

/// All chains of a flow, in its order.
pub(super) fn chains(view: &View<'_>) -> Vec<Chain> {
    let flow = view.flow;
    let mut chains: Vec<Chain> = Vec::new();
    let mut ends: Vec<Option<usize>> = vec![None; flow.values().len()];
    for (at, step) in flow.steps().iter().enumerate() {
        let Some((from, by, fixed, axis)) = affine(view, at) else { continue };
        let lone = view.uses(from).len() == 1 && !view.is_output(from);
        let chain = match ends[from.index()].filter(|chain| lone && chains[*chain].axis == axis) {
            Some(chain) => chain,
            None => {
                let n = flow.shape(step.to)[axis];
                chains.push(Chain {
                    from,
                    to: from,
                    axis,
                    n,
                    steps: Vec::new(),
                    by: Vec::new(),
                    fate: Fate::Stays,
                });
                chains.len() - 1
            }
        };
        chains[chain].steps.push(at);
        chains[chain].by.push((by, fixed));
        chains[chain].to = step.to;
        ends[step.to.index()] = Some(chain);
    }
    chains
}

/// A step that multiplies or adds numbers of parameters, one for each unit along an axis: what it is done to, how, the
/// numbers, the axis.
fn affine(view: &View<'_>, at: usize) -> Option<(ValueId, By, ValueId, usize)> {
    let flow = view.flow;
    let step = &flow.steps()[at];
    let Op::Combine(op) = &step.op else { return None };
    let (by, operands): (By, &[usize]) = match op.by {
        Combination::Add => (By::Plus, &[0, 1]),
        Combination::Multiply => (By::Times, &[0, 1]),
        Combination::Subtract => (By::Minus, &[0]),
        Combination::Divide => (By::Divided, &[0]),
        _ => return None,
    };
    let shape = flow.shape(step.to);
    operands.iter().find_map(|operand| {
        let (from, fixed) = (step.from[*operand], step.from[1 - operand]);
        let of_fixed = flow.shape(fixed);
        let first = shape.len().checked_sub(of_fixed.len())?;
        let mut real = (0..of_fixed.len()).filter(|axis| of_fixed[*axis] != 1);
        let (axis, None) = (real.next()?, real.next()) else { return None };
        let is_param = !matches!(flow.origin(fixed), Origin::Const(_));
        let fits = view.fixed(fixed) && is_param && view.depends(from) && flow.shape(from) == shape;
        fits.then_some((from, by, fixed, first + axis))
    })
}
