//! What is not seen: changes of a value that are constant along some axes, where all its readers ignore just that.
//!
//! A centred norm does not see what is added to all units alike, softmax not what is added along its axis. The rules
//! here carry this back through linear steps to the parameters that write there.

use sgmn_graph::flow::{Combination, Op, Pooling, Reduction, ValueId};

use super::{
    field::groups,
    view::{Use, View},
};

/// For each axis its factors, outermost first. A change is unseen if it is constant along every factor that is flat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flat(pub(crate) Vec<Vec<Factor>>);

/// A factor of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Factor {
    pub(crate) size: usize,
    pub(crate) flat: bool,
}

impl Flat {
    /// Changes that are constant along some axes.
    fn along(shape: &[usize], axes: &[usize]) -> Self {
        let factor = |(axis, size): (usize, &usize)| vec![Factor { size: *size, flat: axes.contains(&axis) }];
        Self(shape.iter().enumerate().map(factor).collect())
    }

    /// Whether some factor of an axis is flat.
    pub(crate) fn touches(&self, axis: usize) -> bool {
        self.0[axis].iter().any(|factor| factor.flat && factor.size > 1)
    }

    /// Whether some factor of any axis is flat.
    pub(crate) fn any(&self) -> bool {
        (0..self.0.len()).any(|axis| self.touches(axis))
    }

    /// Sizes and flatness of all factors in a row.
    pub(crate) fn factors(&self) -> impl Iterator<Item = Factor> + '_ {
        self.0.iter().flatten().copied()
    }

    /// How many numbers choose an unseen change.
    pub(crate) fn dims(&self) -> usize {
        self.factors().filter(|factor| !factor.flat).map(|factor| factor.size).product()
    }

    /// The same with an axis of size 1, of something that is constant along it.
    pub(crate) fn with_size_one(&self, axis: usize) -> Self {
        let mut flat = self.clone();
        flat.0[axis] = vec![Factor { size: 1, flat: false }];
        flat
    }

    /// Changes that both do not see.
    fn and(&self, other: &Self) -> Self {
        Self(self.0.iter().zip(&other.0).map(|(a, b)| both(a, b)).collect())
    }

    /// Axes by number, with one factor of any flatness for others.
    fn pick(&self, axes: impl IntoIterator<Item = Result<usize, usize>>) -> Self {
        let pick = |axis: Result<usize, usize>| match axis {
            Ok(axis) => self.0[axis].clone(),
            Err(size) => vec![Factor { size, flat: false }],
        };
        Self(axes.into_iter().map(pick).collect())
    }
}

/// One axis in factors that serve both; flat where one of them is.
fn both(a: &[Factor], b: &[Factor]) -> Vec<Factor> {
    let size = a.iter().map(|factor| factor.size).product();
    let (mut a, mut b) = (a.iter().rev().copied().peekable(), b.iter().rev().copied().peekable());
    let mut out = Vec::new();
    while let (Some(x), Some(y)) = (a.peek().copied(), b.peek().copied()) {
        let (small, large) = (x.size.min(y.size), x.size.max(y.size));
        if small == 0 || large % small != 0 {
            // The factors do not fit: what is constant along the whole axis is unseen in any case.
            return vec![Factor { size, flat: true }];
        }
        out.push(Factor { size: small, flat: x.flat || y.flat });
        for (side, factor) in [(&mut a, x), (&mut b, y)] {
            match factor.size / small {
                1 => drop(side.next()),
                rest => {
                    *side.peek_mut().expect("it was peeked at") = Factor { size: rest, flat: factor.flat }
                }
            }
        }
    }
    out.extend(a.chain(b));
    out.reverse();
    out
}

/// For each value the changes that none of its readers sees; absent where every change is seen.
pub(crate) fn unseen(view: &View<'_>) -> Vec<Option<Flat>> {
    let flow = view.flow;
    let mut of: Vec<Option<Flat>> = vec![None; flow.values().len()];
    let mut done = vec![false; flow.values().len()];
    let mut settle = |id: ValueId, of: &mut Vec<Option<Flat>>| {
        if view.is_output(id) || std::mem::replace(&mut done[id.index()], true) {
            return;
        }
        // What is centred is read twice, and what both see of it together is one.
        let mut seen = Vec::new();
        let mut readings = Vec::new();
        for at in view.uses(id) {
            if let Some((reduce, op)) = view.centring(at.step).filter(|_| at.operand == 0) {
                let mean = view.flow.steps()[reduce].to;
                if view.uses(mean).len() == 1 && !view.is_output(mean) {
                    readings.push(Some(Flat::along(view.flow.shape(id), &op.axes)));
                    seen.extend([at.step, reduce]);
                }
            }
        }
        let others = view.uses(id).iter().filter(|at| !seen.contains(&at.step));
        readings.extend(others.map(|at| unseen_by(view, *at, of)));
        let mut readings = readings.into_iter();
        let Some(first) = readings.next() else { return };
        of[id.index()] = readings.fold(first, |flat, other| Some(flat?.and(&other?)));
    };
    for step in flow.steps().iter().rev() {
        settle(step.to, &mut of);
    }
    for param in flow.params() {
        settle(param.value, &mut of);
    }
    of
}

/// The changes of an operand that its reader does not see.
pub(crate) fn unseen_by(view: &View<'_>, at: Use, of: &[Option<Flat>]) -> Option<Flat> {
    let step = &view.flow.steps()[at.step];
    let id = step.from[at.operand];
    if step.from.iter().filter(|other| **other == id).count() > 1 && !super::view::is_sum(&step.op) {
        return None;
    }
    let shape = view.flow.shape(id);
    match &step.op {
        Op::Normalize(op) if op.centre => return Some(Flat::along(shape, &op.axes)),
        Op::Softmax(op) => return Some(Flat::along(shape, &[op.axis])),
        Op::Reduce(op) if matches!(op.by, Reduction::ArgMaximum | Reduction::ArgMinimum) => {
            return Some(Flat::along(shape, &op.axes));
        }
        _ => {}
    }
    let out = of[step.to.index()].as_ref()?;
    let out_shape = view.flow.shape(step.to);
    let other = |operand: usize| view.flow.shape(step.from[operand]);
    match &step.op {
        Op::Combine(op) => match op.by {
            Combination::Add | Combination::Subtract => Some(repeated(out, shape)),
            Combination::Multiply => scaled(out, shape, other(1 - at.operand)),
            Combination::Divide if at.operand == 0 => scaled(out, shape, other(1)),
            _ => None,
        },
        Op::Pointwise(op) if op.function == sgmn_graph::flow::Function::Negate => Some(out.clone()),
        Op::Expand(_) => Some(repeated(out, shape)),
        Op::Permute(op) => {
            let mut back = vec![0; shape.len()];
            op.order.iter().enumerate().for_each(|(to, from)| back[*from] = to);
            Some(out.pick(back.into_iter().map(Ok)))
        }
        Op::Reshape(_) => reshaped_back(out, out_shape, shape),
        Op::Slice(op) => along_axis(out, op.axis, shape),
        Op::Take(op) => along_axis(out, op.axis, shape),
        Op::Concat(op) => (!out.touches(op.axis)).then(|| along_axis(out, op.axis, shape))?,
        Op::Pad(op) => {
            let padded = |axis: usize| op.amounts[axis] != (0, 0);
            if (0..shape.len()).any(|axis| padded(axis) && out.touches(axis)) {
                return None;
            }
            Some(
                out.pick((0..shape.len()).map(|axis| if padded(axis) { Err(shape[axis]) } else { Ok(axis) })),
            )
        }
        Op::Reduce(op) if matches!(op.by, Reduction::Sum | Reduction::Mean) => {
            let mut next = 0;
            let axes = (0..shape.len()).map(|axis| {
                let reduced = op.axes.contains(&axis);
                next += usize::from(!reduced || op.keep);
                if reduced { Err(shape[axis]) } else { Ok(next - 1) }
            });
            Some(out.pick(axes.collect::<Vec<_>>()))
        }
        Op::Pool(op) if matches!(op.by, Pooling::Mean { .. }) => {
            let first = shape.len() - op.window.len();
            let axes = (0..shape.len()).map(|axis| if axis >= first { Err(shape[axis]) } else { Ok(axis) });
            (first..shape.len()).all(|axis| !out.touches(axis)).then(|| out.pick(axes))
        }
        Op::Contract(op) => {
            let (left, right) = op.free(other(0).len(), other(1).len());
            let n_batch = op.batch.len();
            let (first, free) =
                if at.operand == 0 { (n_batch, &left) } else { (n_batch + left.len(), &right) };
            let own = first..first + free.len();
            if (0..out_shape.len()).any(|axis| out.touches(axis) && !own.contains(&axis)) {
                return None;
            }
            let place = |axis: usize| free.iter().position(|free| *free == axis).map(|i| first + i);
            Some(out.pick((0..shape.len()).map(|axis| place(axis).ok_or(shape[axis]))))
        }
        Op::Convolve(op) if at.operand == 1 => {
            // All channels that come out alike; places would make what is seen of x vary.
            let axis = usize::from(op.transposed.is_some());
            let fits = op.groups == 1 && (0..out_shape.len()).all(|i| i == 1 || !out.touches(i));
            let place = |i: usize| if i == axis { Ok(1) } else { Err(shape[i]) };
            fits.then(|| out.pick((0..shape.len()).map(place)))
        }
        Op::Convolve(op) => {
            if !out.any() {
                return Some(Flat::along(shape, &[]));
            }
            let plain = op.transposed.is_none() && op.padding.iter().all(|padding| *padding == (0, 0));
            let places: Vec<usize> = (2..shape.len()).collect();
            (plain && !out.touches(0) && !out.touches(1)).then(|| Flat::along(shape, &places))
        }
        Op::Lookup(op) if at.operand == 0 => {
            let n_ids = out_shape.len() + 1 - shape.len();
            let varies = (op.axis..op.axis + n_ids).any(|axis| out.touches(axis));
            Some(Flat(
                (0..shape.len())
                    .map(|axis| match axis {
                        _ if axis < op.axis => out.0[axis].clone(),
                        _ if axis == op.axis => vec![Factor { size: shape[axis], flat: varies }],
                        _ => out.0[axis + n_ids - 1].clone(),
                    })
                    .collect(),
            ))
        }
        Op::Select(_) if at.operand > 0 => {
            if super::carry::drowns(view, step.from[3 - at.operand]) {
                return Some(repeated(out, shape));
            }
            scaled(out, shape, other(0))
        }
        _ => None,
    }
}

/// Changes of an operand that is repeated to the shape of the result.
fn repeated(out: &Flat, shape: &[usize]) -> Flat {
    let first = out.0.len() - shape.len();
    out.pick((0..shape.len()).map(|axis| if shape[axis] == 1 { Err(1) } else { Ok(first + axis) }))
}

/// Changes of an operand that is multiplied by something of another shape, which must not vary where the result is flat.
fn scaled(out: &Flat, shape: &[usize], other: &[usize]) -> Option<Flat> {
    let first = out.0.len() - other.len();
    let varies = (0..other.len()).any(|axis| other[axis] > 1 && out.touches(first + axis));
    (!varies).then(|| repeated(out, shape))
}

/// Changes of an operand of which places of one axis are taken.
fn along_axis(out: &Flat, axis: usize, shape: &[usize]) -> Option<Flat> {
    let mut flat = out.clone();
    if flat.0[axis].len() != 1 && flat.touches(axis) {
        return None;
    }
    flat.0[axis] = vec![Factor { size: shape[axis], flat: out.touches(axis) }];
    Some(flat)
}

/// Changes of what is reshaped, from those of the result.
fn reshaped_back(out: &Flat, out_shape: &[usize], shape: &[usize]) -> Option<Flat> {
    let mut back: Vec<Vec<Factor>> = vec![Vec::new(); shape.len()];
    for (inner, outer) in groups(shape, out_shape)? {
        let mut left: Vec<Factor> =
            outer.flat_map(|axis| out.0[axis].clone()).filter(|factor| factor.size != 1).collect();
        // From the last axis on, each takes factors until it is full; a factor may be split.
        for axis in inner.rev() {
            let mut need = shape[axis];
            while need > 1 {
                let factor = left.pop()?;
                let taken = if factor.size <= need { factor.size } else { need };
                if !need.is_multiple_of(taken) || !factor.size.is_multiple_of(taken) {
                    return None;
                }
                if factor.size > taken {
                    left.push(Factor { size: factor.size / taken, flat: factor.flat });
                }
                back[axis].insert(0, Factor { size: taken, flat: factor.flat });
                need /= taken;
            }
            if back[axis].is_empty() {
                back[axis].push(Factor { size: 1, flat: false });
            }
        }
    }
    Some(Flat(back))
}
