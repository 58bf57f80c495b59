//! How a shift of an operand comes out of a step: by an index map, by a linear step, or not at all.

use sgmn_graph::flow::{
    Array, Combination, Contract, Convolve, Flow, Function, Op, Origin, Pooling, Reduction, ValueId,
};

use super::{
    linear::{How, Paths, Term},
    view::{Use, View, follows},
};

/// Numbers that are so low that softmax gives 0 for them whatever is added.
const DROWNED: f64 = -1e30;

/// Whether a value is a constant in which every number drowns.
pub(crate) fn drowns(view: &View<'_>, id: ValueId) -> bool {
    view.flow.constant(id).is_some_and(|array| array.data().iter().all(|x| *x <= DROWNED))
}

/// For each value the axis along which it sums to 1, as what comes out of softmax does.
pub(crate) fn shares(view: &View<'_>) -> Vec<Option<usize>> {
    let flow = view.flow;
    let mut of = vec![None; flow.values().len()];
    for step in flow.steps() {
        let axis = || of[step.from.first()?.index()];
        of[step.to.index()] = match &step.op {
            Op::Softmax(op) if !op.log => Some(op.axis),
            Op::Permute(op) => axis().and_then(|axis: usize| op.order.iter().position(|from| *from == axis)),
            Op::Reshape(_) => {
                axis().and_then(|axis| same_axis(flow.shape(step.from[0]), flow.shape(step.to), axis))
            }
            Op::Slice(op) => axis().filter(|axis| *axis != op.axis),
            Op::Take(op) => axis().filter(|axis| *axis != op.axis),
            Op::Select(_) => guarded(flow, &step.from).and_then(|shares| of[shares.index()]),
            _ => None,
        };
    }
    of
}

/// The axis of a reshaped value that is this axis still.
pub(crate) fn same_axis(from: &[usize], to: &[usize], axis: usize) -> Option<usize> {
    let (inner, outer) =
        super::field::groups(from, to)?.into_iter().find(|(inner, _)| inner.contains(&axis))?;
    let alone = inner.into_iter().all(|other| other == axis || from[other] == 1);
    let place = outer.clone().find(|to_axis| to[*to_axis] == from[axis])?;
    (alone && outer.into_iter().all(|other| other == place || to[other] == 1)).then_some(place)
}

/// Shares behind a guard "0 where it is NaN": what is guarded, if no row can be NaN, for something in each is finite.
fn guarded(flow: &Flow, from: &[ValueId]) -> Option<ValueId> {
    let made_by = |id: ValueId| match flow.origin(id) {
        Origin::Step(at) => Some(&flow.steps()[at]),
        _ => None,
    };
    let mut asked = made_by(from[0])?;
    while matches!(asked.op, Op::Pointwise(op) if op.function == Function::IsNonZero) {
        asked = made_by(asked.from[0])?;
    }
    let is_nan = matches!(asked.op, Op::Pointwise(op) if op.function == Function::IsNan);
    if !is_nan
        || asked.from[0] != from[2]
        || flow.constant(from[1]).and_then(|zero| zero.uniform()) != Some(0.0)
    {
        return None;
    }
    let softmax = made_by(from[2]).filter(|step| matches!(step.op, Op::Softmax(_)))?;
    let Op::Softmax(op) = &softmax.op else { return None };
    // What softmax reads: a product of activations, a mask added or selected by a constant that leaves one in each row.
    let mut id = softmax.from[0];
    let rank = flow.shape(id).len();
    loop {
        let step = made_by(id)?;
        let mask: Option<(&Array, Keeps)> = match &step.op {
            Op::Contract(_) => return Some(from[2]),
            Op::Combine(op) => match op.by {
                Combination::Add if flow.constant(step.from[1]).is_some() => {
                    id = step.from[0];
                    Some((flow.constant(step.from[1])?, |x| x > DROWNED))
                }
                Combination::Multiply | Combination::Divide if flow.constant(step.from[1]).is_some() => {
                    id = step.from[0];
                    None
                }
                _ => return None,
            },
            Op::Select(_) => {
                let scores = if flow.constant(step.from[1]).is_some() { 2 } else { 1 };
                id = step.from[scores];
                let keep: Keeps = if scores == 1 { |x| x != 0.0 } else { |x| x == 0.0 };
                Some((flow.constant(step.from[0])?, keep))
            }
            _ => return None,
        };
        if let Some((mask, keeps)) = mask
            && !each_row_keeps(mask.shape(), mask.data(), op.axis + mask.shape().len(), rank, keeps)
        {
            return None;
        }
    }
}

/// Whether a number of a mask leaves a score as it is.
type Keeps = fn(f64) -> bool;

/// Whether each row of a mask along an axis keeps something; the axis is given plus the mask's own rank.
fn each_row_keeps(
    shape: &[usize],
    data: &[f64],
    axis: usize,
    rank: usize,
    keeps: impl Fn(f64) -> bool,
) -> bool {
    let Some(axis) = axis.checked_sub(rank) else { return data.iter().all(|x| keeps(*x)) };
    let stride: usize = shape[axis + 1..].iter().product();
    let size = shape[axis];
    let rows = data.len() / size.max(1);
    (0..rows).all(|row| {
        let first = row / stride * stride * size + row % stride;
        (0..size).any(|i| keeps(data[first + i * stride]))
    })
}

/// What a term in an operand is in the result; absent if the step is not linear in it, or does not keep constant what
/// the rest of the flow needs to be constant. All fixed values are taken as they are.
pub(crate) fn carry(
    view: &View<'_>,
    paths: &mut Paths,
    shares: &[Option<usize>],
    at: Use,
    term: &Term,
) -> Option<Term> {
    let flow = view.flow;
    let step = &flow.steps()[at.step];
    let (shape, out_shape) = (flow.shape(step.from[at.operand]), flow.shape(step.to));
    let field = &term.field;
    let kept = |field| Some(Term { field, ..term.clone() });
    match &step.op {
        Op::Combine(op) => {
            let field = field.lifted(out_shape.len());
            let times = |factor: f64| {
                Some(Term { coefficient: term.coefficient * factor, field: field.clone(), ..*term })
            };
            match (op.by, at.operand) {
                (Combination::Add, _) | (Combination::Subtract, 0) => times(1.0),
                (Combination::Subtract, _) => times(-1.0),
                (Combination::Multiply, _) | (Combination::Divide, 0) => {
                    let other = step.from[1 - at.operand];
                    let divided = op.by == Combination::Divide;
                    match view.uniform(other) {
                        Some(factor) if factor != 0.0 && factor.is_finite() => {
                            times(if divided { 1.0 / factor } else { factor })
                        }
                        _ => {
                            let how = if divided { How::Divided } else { How::Times };
                            let other_shape = flow.shape(other);
                            let rank = out_shape.len();
                            let size = |axis: usize| {
                                let of_other = (axis + other_shape.len())
                                    .checked_sub(rank)
                                    .map_or(1, |i| other_shape[i]);
                                field.shape[axis].max(of_other)
                            };
                            let shape = (0..rank).map(size).collect();
                            linear(
                                view,
                                paths,
                                how,
                                Some(other),
                                Term { field: field.clone(), ..*term },
                                shape,
                            )
                        }
                    }
                }
                _ => None,
            }
        }
        Op::Pointwise(op) if op.function == Function::Negate => {
            Some(Term { coefficient: -term.coefficient, ..term.clone() })
        }
        Op::Permute(op) => kept(field.permuted(&op.order)?),
        Op::Reshape(_) => kept(field.reshaped(shape, out_shape)?),
        Op::Expand(_) => kept(field.lifted(out_shape.len())),
        Op::Slice(op) => kept(field.taken(op.axis, &op.places().collect::<Vec<_>>())?),
        Op::Take(op) => kept(field.taken(op.axis, &op.index)?),
        Op::Concat(op) => {
            let size = |operand: usize| flow.shape(step.from[operand])[op.axis];
            let start = (0..at.operand).map(size).sum();
            kept(field.placed(op.axis, shape[op.axis], start, out_shape[op.axis])?)
        }
        Op::Pad(op) => {
            let mut field = field.clone();
            for (axis, (before, _)) in op.amounts.iter().enumerate() {
                if out_shape[axis] != shape[axis] {
                    field = field.placed(axis, shape[axis], *before, out_shape[axis])?;
                }
            }
            kept(field)
        }
        Op::Reduce(op) => {
            let ones = |field: &super::field::Field| {
                let axes = (0..shape.len()).filter(|axis| op.keep || !op.axes.contains(axis));
                field.with_ones(
                    axes.map(|axis| if op.axes.contains(&axis) { 1 } else { field.shape[axis] }).collect(),
                )
            };
            if op.axes.iter().all(|axis| field.shape[*axis] == 1) {
                let count: usize = op.axes.iter().map(|axis| shape[*axis]).product();
                let factor = match op.by {
                    by if follows(by) => 1.0,
                    Reduction::Sum => count as f64,
                    _ => return None,
                };
                return Some(Term { coefficient: term.coefficient * factor, field: ones(field), ..*term });
            }
            if !matches!(op.by, Reduction::Sum | Reduction::Mean) {
                return None;
            }
            let mut wide = field.shape.clone();
            op.axes.iter().for_each(|axis| wide[*axis] = shape[*axis]);
            let wide = field.expanded(&wide)?;
            let out = (0..shape.len()).filter(|axis| op.keep || !op.axes.contains(axis));
            let out = out.map(|axis| if op.axes.contains(&axis) { 1 } else { wide.shape[axis] }).collect();
            linear(view, paths, How::Reduced(op.clone()), None, Term { field: wide, ..*term }, out)
        }
        Op::Pool(op) => {
            let first = shape.len() - op.window.len();
            let zeros =
                op.by == Pooling::Mean { counts_padding: true } && op.padding.iter().any(|p| *p != (0, 0));
            (!zeros && field.shape[first..].iter().all(|size| *size == 1)).then(|| term.clone())
        }
        Op::Contract(op) => contracted(view, paths, shares, at, op, term),
        Op::Convolve(op) if at.operand == 0 => convolved(view, paths, step.from[1], op, shape, term),
        Op::Lookup(op) if at.operand == 0 => {
            let ids = step.from[1];
            let ids_shape = flow.shape(ids);
            if field.shape[op.axis] == 1 {
                let ones = vec![1; ids_shape.len()];
                return kept(
                    field.with_ones([&field.shape[..op.axis], &ones, &field.shape[op.axis + 1..]].concat()),
                );
            }
            let size = shape[op.axis] as f64;
            let list = flow.constant(ids)?.data().iter().map(|id| {
                let id = if *id < 0.0 { id + size } else { *id };
                (id >= 0.0 && id < size).then_some(id as usize)
            });
            let field = field.taken(op.axis, &list.collect::<Option<Vec<_>>>()?)?;
            let shape = [&field.shape[..op.axis], ids_shape, &field.shape[op.axis + 1..]].concat();
            kept(field.with_ones(shape))
        }
        Op::Select(_) if at.operand > 0 => {
            let other = step.from[3 - at.operand];
            let field = field.lifted(out_shape.len());
            if drowns(view, other) {
                return kept(field);
            }
            let condition = flow.constant(step.from[0])?;
            let rank = out_shape.len();
            let first = rank - condition.shape().len();
            let wide: Vec<usize> = (0..rank)
                .map(|axis| {
                    field.shape[axis].max(if axis < first { 1 } else { condition.shape()[axis - first] })
                })
                .collect();
            let strides = super::field::strides(condition.shape());
            let chosen = |place: &[usize]| {
                let at = |i: usize| if condition.shape()[i] == 1 { 0 } else { place[first + i] * strides[i] };
                condition.data()[(0..strides.len()).map(at).sum::<usize>()] != 0.0
            };
            let field = field.expanded(&wide)?;
            let own = super::field::strides(&wide);
            kept(field.gather(wide, |place| {
                let flat = place.iter().zip(&own).map(|(at, stride)| at * stride).sum();
                (chosen(place) == (at.operand == 1)).then_some(flat)
            })?)
        }
        _ => None,
    }
}

/// A term after a linear step.
fn linear(
    view: &View<'_>,
    paths: &mut Paths,
    how: How,
    fixed: Option<ValueId>,
    term: Term,
    shape: Vec<usize>,
) -> Option<Term> {
    if fixed.is_some_and(|id| !view.fixed(id)) {
        return None;
    }
    let fixed = fixed.map(|id| (id, view.alike(id)));
    let node = paths.linear(how, fixed, (term.node, term.field), shape.clone())?;
    Some(Term { coefficient: term.coefficient, node, field: super::field::Field::whole(shape) })
}

fn contracted(
    view: &View<'_>,
    paths: &mut Paths,
    shares: &[Option<usize>],
    at: Use,
    op: &Contract,
    term: &Term,
) -> Option<Term> {
    let step = &view.flow.steps()[at.step];
    let (own, other) = (step.from[at.operand], step.from[1 - at.operand]);
    let shape = view.flow.shape(own);
    let side = |pair: &(usize, usize)| if at.operand == 0 { *pair } else { (pair.1, pair.0) };
    let (left, right) = op.free(view.flow.shape(step.from[0]).len(), view.flow.shape(step.from[1]).len());
    let (free, of_other) = if at.operand == 0 { (&left, &right) } else { (&right, &left) };
    let other_shape = view.flow.shape(other);
    if view.fixed(other) {
        let mut wide = term.field.shape.clone();
        op.batch.iter().chain(&op.sum).map(side).for_each(|(axis, _)| wide[axis] = shape[axis]);
        let batch = op.batch.iter().map(|pair| shape[side(pair).0]);
        let own_free = free.iter().map(|axis| wide[*axis]);
        let other_free = of_other.iter().map(|axis| other_shape[*axis]);
        let (out, how): (Vec<usize>, _) = match at.operand {
            0 => (batch.chain(own_free).chain(other_free).collect(), How::Left(op.clone())),
            _ => (batch.chain(other_free).chain(own_free).collect(), How::Right(op.clone())),
        };
        let field = term.field.expanded(&wide)?;
        return linear(view, paths, how, Some(other), Term { field, ..*term }, out);
    }
    // Shares times what is constant along the axis of the shares: the same again.
    let [pair] = op.sum.as_slice() else { return None };
    let (axis, axis_of_shares) = side(pair);
    if own == other || shares[other.index()] != Some(axis_of_shares) || term.field.shape[axis] != 1 {
        return None;
    }
    let order: Vec<usize> =
        op.batch.iter().map(|pair| side(pair).0).chain(free.iter().copied()).chain([axis]).collect();
    let field = term.field.permuted(&order)?;
    let n_batch = op.batch.len();
    let ones = vec![1; of_other.len()];
    let (batch, own_free) = (&field.shape[..n_batch], &field.shape[n_batch..n_batch + free.len()]);
    let out =
        if at.operand == 0 { [batch, own_free, &ones].concat() } else { [batch, &ones, own_free].concat() };
    Some(Term { field: field.with_ones(out), ..*term })
}

fn convolved(
    view: &View<'_>,
    paths: &mut Paths,
    weight: ValueId,
    op: &Convolve,
    shape: &[usize],
    term: &Term,
) -> Option<Term> {
    let plain = op.transposed.is_none() && op.padding.iter().all(|padding| *padding == (0, 0));
    if !plain || term.field.shape[2..].iter().any(|size| *size != 1) {
        return None;
    }
    let kernel = view.flow.shape(weight);
    let mut wide = term.field.shape.clone();
    wide[1] = shape[1];
    let n = op.stride.len();
    let reach = (0..n).map(|i| (kernel[i + 2] - 1) * op.dilation[i] + 1).collect();
    let out = [vec![wide[0], kernel[0]], vec![1; n]].concat();
    let once = Convolve { stride: vec![1; n], ..op.clone() };
    let field = term.field.expanded(&wide)?;
    linear(view, paths, How::Convolved(once, reach), Some(weight), Term { field, ..*term }, out)
}
