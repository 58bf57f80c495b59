//! Who takes up a factor in front of the units of a value: readers of what comes out, writers of what goes in.

use sgmn_graph::flow::{Combination, Flow, Numbers, Op, Origin, Parity, Pooling, Reduction, ValueId};

use super::{
    carry::{carry, same_axis},
    field::{Field, ZERO, strides},
    linear::{Paths, Term},
    view::{Use, View},
};

/// A parameter whose elements take up the factors of units.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) param: usize,
    /// For each element the unit, or [`ZERO`].
    pub(crate) unit: Vec<u32>,
}

impl Signed {
    /// The numbers times factors of units.
    pub(crate) fn scale(&self, numbers: &mut [f64], factors: &[f64]) {
        for (number, unit) in numbers.iter_mut().zip(&self.unit).filter(|(_, unit)| **unit != ZERO) {
            *number *= factors[*unit as usize];
        }
    }

    /// The numbers with signs.
    pub(crate) fn apply(&self, numbers: &mut [f64], negative: impl Fn(usize) -> bool) {
        for (number, unit) in numbers.iter_mut().zip(&self.unit) {
            if *unit != ZERO && negative(*unit as usize) {
                *number = -*number;
            }
        }
    }
}

/// Numbers after some units changed their signs.
pub(crate) fn signed<'a>(
    net: &'a dyn Numbers,
    all: &[&Signed],
    param: usize,
    negative: &dyn Fn(usize) -> bool,
) -> std::borrow::Cow<'a, [f64]> {
    let mut numbers = net.numbers(param);
    for signed in all.iter().filter(|signed| signed.param == param) {
        signed.apply(numbers.to_mut(), negative);
    }
    numbers
}

/// Values followed at most from one value on.
const MOST: usize = 64;

/// What stands in front of units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Factors {
    /// Signs, which odd functions let through.
    Signs,
    /// Any numbers, which linear steps let through.
    Any,
}

/// The parameters that take up factors of the units along an axis of a value, in all its readers.
pub(crate) fn readers(view: &View<'_>, value: ValueId, axis: usize, factors: Factors) -> Option<Vec<Signed>> {
    let mut shape = vec![1; view.flow.shape(value).len()];
    shape[axis] = view.flow.shape(value)[axis];
    let mut paths = Paths::default();
    let node = paths.source(vec![shape[axis]]);
    let own = Field::whole(vec![shape[axis]]).with_ones(shape);
    let mut todo = vec![(value, Term { coefficient: 1.0, node, field: own })];
    let (mut out, mut seen) = (Vec::new(), Vec::new());
    while let Some((value, term)) = todo.pop() {
        if view.is_output(value) || seen.len() >= MOST {
            return None;
        }
        for at in view.uses(value) {
            // A step that meets the signs twice would see their product.
            if seen.contains(&at.step) {
                return None;
            }
            seen.push(at.step);
            match read(view, &mut paths, *at, &term, factors)? {
                Reading::Taken(signed) => out.push(signed),
                Reading::Goes(field) => {
                    todo.push((view.flow.steps()[at.step].to, Term { field, ..term.clone() }));
                }
            }
        }
    }
    Some(out)
}

enum Reading {
    Taken(Signed),
    Goes(Field),
}

fn read(view: &View<'_>, paths: &mut Paths, at: Use, term: &Term, factors: Factors) -> Option<Reading> {
    let flow = view.flow;
    let step = &flow.steps()[at.step];
    let shape = flow.shape(step.to);
    let field = &term.field;
    match &step.op {
        Op::Pointwise(op) => {
            let behaviour = op.function.behaviour();
            let linear = factors == Factors::Signs || behaviour.degree == Some(1.0);
            (linear && behaviour.parity == Parity::Odd).then(|| Reading::Goes(field.clone()))
        }
        Op::Combine(op) => {
            let factor = op.by == Combination::Multiply || (op.by == Combination::Divide && at.operand == 0);
            factor.then(|| Reading::Goes(field.lifted(shape.len())))
        }
        Op::Permute(_) | Op::Reshape(_) | Op::Expand(_) | Op::Slice(_) | Op::Take(_) | Op::Concat(_) => {
            Some(Reading::Goes(carry(view, paths, &[], at, term)?.field))
        }
        Op::Reduce(op) if matches!(op.by, Reduction::Sum | Reduction::Mean) => {
            let along = op.axes.iter().all(|axis| field.shape[*axis] == 1);
            along.then(|| carry(view, paths, &[], at, term))?.map(|term| Reading::Goes(term.field))
        }
        Op::Pool(op) if matches!(op.by, Pooling::Mean { .. }) => {
            let first = field.shape.len() - op.window.len();
            field.shape[first..].iter().all(|size| *size == 1).then(|| Reading::Goes(field.clone()))
        }
        Op::Contract(op) => {
            let side = |pair: &(usize, usize)| if at.operand == 0 { *pair } else { (pair.1, pair.0) };
            let summed: Vec<(usize, usize)> = op.sum.iter().map(side).collect();
            if (0..field.shape.len())
                .any(|axis| field.shape[axis] != 1 && !summed.iter().any(|(own, _)| *own == axis))
            {
                return None;
            }
            let (param, axes) = view.lone_param(step.from[1 - at.operand])?;
            let own = strides(&field.shape);
            let steps: Vec<(usize, usize)> = summed
                .iter()
                .filter(|(axis, _)| field.shape[*axis] != 1)
                .map(|(axis, other)| (axes[*other], own[*axis]))
                .collect();
            Some(Reading::Taken(Signed {
                param,
                unit: units(flow, param, |place| {
                    field.at(steps.iter().map(|(axis, stride)| place[*axis] * stride).sum())
                }),
            }))
        }
        Op::Convolve(op) if at.operand == 0 => {
            if (0..field.shape.len()).any(|axis| axis != 1 && field.shape[axis] != 1) {
                return None;
            }
            let (param, axes) = view.lone_param(step.from[1])?;
            let kernel = flow.shape(step.from[1]);
            let (a, b) = (axes[0], axes[1]);
            let channel = |place: &[usize]| match op.transposed {
                Some(_) => place[a],
                None => place[a] / (kernel[0] / op.groups) * kernel[1] + place[b],
            };
            Some(Reading::Taken(Signed { param, unit: units(flow, param, |place| field.at(channel(place))) }))
        }
        _ => None,
    }
}

/// The unit of each element of a parameter.
fn units(flow: &Flow, param: usize, unit: impl Fn(&[usize]) -> u32) -> Vec<u32> {
    let shape = flow.param_shape(param);
    let own = strides(shape);
    let mut place = vec![0; shape.len()];
    (0..shape.iter().product::<usize>())
        .map(|at| {
            (0..shape.len()).for_each(|axis| place[axis] = at / own[axis] % shape[axis]);
            unit(&place)
        })
        .collect()
}

/// The parameters that give factors to the units along an axis of a value; nobody else reads what they write.
pub(crate) fn writers(view: &View<'_>, value: ValueId, axis: usize, depth: usize) -> Option<Vec<Signed>> {
    let flow = view.flow;
    if depth > 16 || view.uses(value).len() != 1 || view.is_output(value) {
        return None;
    }
    let shape = flow.shape(value);
    let step = match flow.origin(value) {
        Origin::Param(param) => {
            return Some(vec![Signed { param, unit: units(flow, param, |place| place[axis] as u32) }]);
        }
        Origin::Step(at) => &flow.steps()[at],
        _ => return None,
    };
    // The axis of an operand that is repeated to the result's shape; absent if the operand has none.
    let repeated = |id: ValueId| {
        let at = (axis + flow.shape(id).len()).checked_sub(shape.len())?;
        (flow.shape(id)[at] == shape[axis]).then_some(at)
    };
    match &step.op {
        Op::Combine(op) => match op.by {
            Combination::Add | Combination::Subtract => {
                let mut out = writers(view, step.from[0], repeated(step.from[0])?, depth + 1)?;
                out.extend(writers(view, step.from[1], repeated(step.from[1])?, depth + 1)?);
                Some(out)
            }
            // One factor takes up the sign: a fixed one, for others may have readers.
            Combination::Multiply => {
                let fixed = |id: &&ValueId| view.fixed(**id) && repeated(**id).is_some();
                let by_fixed = step.from.iter().filter(fixed);
                let by_fixed = by_fixed.filter_map(|id| writers(view, *id, repeated(*id)?, depth + 1)).next();
                by_fixed.or_else(|| {
                    let id = *step.from.iter().find(|id| view.depends(**id))?;
                    writers(view, id, repeated(id)?, depth + 1)
                })
            }
            Combination::Divide => writers(view, step.from[0], repeated(step.from[0])?, depth + 1),
            _ => None,
        },
        Op::Permute(op) => writers(view, step.from[0], op.order[axis], depth + 1),
        Op::Reshape(_) => {
            let before = same_axis(shape, flow.shape(step.from[0]), axis)?;
            writers(view, step.from[0], before, depth + 1)
        }
        Op::Contract(op) => {
            let (left, right) = op.free(flow.shape(step.from[0]).len(), flow.shape(step.from[1]).len());
            let at = axis.checked_sub(op.batch.len())?;
            let (operand, own) = if at < left.len() { (0, left[at]) } else { (1, right[at - left.len()]) };
            let (param, axes) = view.lone_param(step.from[operand])?;
            Some(vec![Signed { param, unit: units(flow, param, |place| place[axes[own]] as u32) }])
        }
        Op::Convolve(op) if axis == 1 => {
            let (param, axes) = view.lone_param(step.from[1])?;
            let own = usize::from(op.transposed.is_some());
            let plain = op.transposed.is_none() || op.groups == 1;
            plain.then(|| vec![Signed { param, unit: units(flow, param, |place| place[axes[own]] as u32) }])
        }
        _ => None,
    }
}
