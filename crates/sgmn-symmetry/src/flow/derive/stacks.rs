//! Parameters that are stacks: read one place of an axis at a time, each place is a parameter of its own.
//!
//! ONNX stores both directions of a recurrent layer in one tensor. While the flow is walked, each place of such an axis
//! is born by itself; afterwards the parts are put together: along the other axes each place has its own units, so a
//! group stands on the stack's axis and on theirs.

use sgmn_graph::flow::{Flow, Op, Slice};

use super::{
    Chart, Deriver,
    birth::{Holding, MOST_JOINT},
    motion::{Group, Motion, transposed},
    scales::ONE,
};

/// A parameter whose places along an axis are parameters of their own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stack {
    pub(super) param: usize,
    axis: usize,
    /// The number of its first part, behind those of all parameters of the flow.
    first: usize,
    pub(super) n: usize,
}

/// All stacks of a flow.
pub(super) fn stacks(flow: &Flow) -> Vec<Stack> {
    let readers = flow.readers();
    let mut stacks: Vec<Stack> = Vec::new();
    for (param, of) in flow.params().iter().enumerate() {
        let reader = |step: &usize| match &flow.steps()[*step].op {
            Op::Slice(Slice { axis, len: 1, .. }) => Some(*axis),
            _ => None,
        };
        let axes: Option<Vec<usize>> = readers[of.value.index()].iter().map(reader).collect();
        let Some([axis, others @ ..]) = axes.as_deref() else { continue };
        let (axis, shape) = (*axis, flow.param_shape(param));
        let is_output = flow.outputs().iter().any(|output| output.value == of.value);
        let largest = shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, size)| *size).max();
        let fits = largest.unwrap_or(1).checked_mul(shape[axis]).is_some_and(|joint| joint <= MOST_JOINT);
        if others.iter().all(|other| *other == axis) && shape[axis] > 1 && fits && !is_output {
            let first = stacks.last().map_or(flow.params().len(), |last| last.first + last.n);
            stacks.push(Stack { param, axis, first, n: shape[axis] });
        }
    }
    stacks
}

impl Deriver<'_> {
    /// The number of the part that a slice of a parameter is, if the parameter is a stack.
    pub(super) fn part(&self, param: usize, place: usize) -> Option<usize> {
        self.stacks.iter().find(|stack| stack.param == param).map(|stack| stack.first + place)
    }

    /// The shape of a parameter, or of a part of a stack.
    pub(super) fn param_shape(&self, param: usize) -> Vec<usize> {
        if param < self.flow.params().len() {
            return self.flow.param_shape(param).to_vec();
        }
        let of = |stack: &&Stack| (stack.first..stack.first + stack.n).contains(&param);
        let stack = self.stacks.iter().find(of).expect("parts are numbered by their stacks");
        let mut shape = self.flow.param_shape(stack.param).to_vec();
        shape[stack.axis] = 1;
        shape
    }

    /// Puts the parts of each stack together again.
    pub(super) fn join_stacks(&mut self) {
        for stack in self.stacks.clone() {
            let shape = self.flow.param_shape(stack.param).to_vec();
            let of_stack = |holding: &Holding| (stack.first..stack.first + stack.n).contains(&holding.param);
            let (mut parts, others) = std::mem::take(&mut self.holdings).into_iter().partition(of_stack);
            self.holdings = others;
            let parts: &mut Vec<Holding> = &mut parts;
            parts.sort_by_key(|part| part.param);
            let motion = match self.joined(&stack, &shape, parts) {
                Some(motion) => motion,
                None => {
                    // What cannot be put together stands still.
                    let (units, scales) = (&mut self.units, &mut self.scales);
                    parts.iter_mut().for_each(|part| part.motion.stop(units, scales));
                    Motion::still()
                }
            };
            self.holdings.push(Holding { param: stack.param, shape, chart: Chart::PLAIN, motion });
        }
    }

    /// The motion of a stack whose parts move so. Absent if their units stand along axes in different ways.
    fn joined(&mut self, stack: &Stack, shape: &[usize], parts: &[Holding]) -> Option<Motion> {
        let mut sets: Vec<&[usize]> = Vec::new();
        for part in parts {
            let mut own = shape.to_vec();
            own[stack.axis] = 1;
            if part.shape != own || part.chart != Chart::PLAIN {
                return None;
            }
            for group in &part.motion.groups {
                if !sets.contains(&&group.axes[..]) {
                    sets.push(&group.axes);
                }
            }
        }
        let mut axes: Vec<usize> = sets.concat();
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let mut groups = Vec::new();
        if parts.iter().any(|part| part.motion.scalar != ONE) {
            let labels = self.frozen_labels(stack.n);
            let scales = parts.iter().map(|part| part.motion.scalar).collect();
            groups.push(Group::new(vec![stack.axis], vec![stack.n], labels, scales));
        }
        for set in sets {
            groups.push(self.side_by_side(stack, shape, parts, set)?);
        }
        Some(Motion { scalar: ONE, groups, copies: Vec::new() })
    }

    /// The units of all parts along some axes, each at a place of its own.
    fn side_by_side(
        &mut self,
        stack: &Stack,
        shape: &[usize],
        parts: &[Holding],
        set: &[usize],
    ) -> Option<Group> {
        let count: usize = set.iter().map(|axis| shape[*axis]).product();
        if count.checked_mul(stack.n)? > MOST_JOINT {
            return None;
        }
        let n = u32::try_from(stack.n).ok()?;
        let (mut labels, mut places, mut scales) = (Vec::new(), Vec::new(), Vec::new());
        for (part, at) in parts.iter().zip(0..) {
            match part.motion.groups.iter().find(|group| group.axes == set) {
                Some(group) => {
                    labels.extend(group.labels.iter());
                    scales.extend(group.scales.iter());
                    for place in group.places.iter() {
                        places.push(place.checked_mul(n)?.checked_add(at)?);
                    }
                }
                None => {
                    labels.extend(self.frozen_labels(count));
                    scales.extend(vec![ONE; count]);
                    places.extend(vec![at; count]);
                }
            }
        }
        // The stack's axis stands first so far.
        let named = [&[stack.axis], set].concat();
        let dims: Vec<usize> = named.iter().map(|axis| shape[*axis]).collect();
        let mut order: Vec<usize> = (0..named.len()).collect();
        order.sort_by_key(|at| named[*at]);
        let from = transposed(&dims, &order);
        Some(Group {
            axes: order.iter().map(|at| named[*at]).collect(),
            dims: order.iter().map(|at| dims[*at]).collect(),
            labels: from.iter().map(|at| labels[*at]).collect(),
            places: from.iter().map(|at| places[*at]).collect(),
            scales: from.iter().map(|at| scales[*at]).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sgmn_graph::{
        Seed,
        flow::{
            Combination, Combine, Concat, Contract, Flow, FlowBuilder, FlowNet, Function, Numbers, Pointwise,
            Reshape, Role, Slice, Stored, random_inputs, run,
        },
    };

    use crate::flow::{Draw, derive};

    const UNITS: usize = 4;

    /// Both directions of a recurrence of one step after the first state, their weights stacked on axis 0.
    fn both_directions() -> Flow {
        let mut flow = FlowBuilder::new();
        let x = flow.input("x", vec![1, 3], Default::default()).unwrap();
        let weight = flow.param("W", vec![2, UNITS, 3], Role::Trained).unwrap();
        let again = flow.param("R", vec![2, UNITS, UNITS], Role::Trained).unwrap();
        let bias = flow.param("B", vec![2, UNITS], Role::Trained).unwrap();
        let head = flow.param("head", vec![2, 2 * UNITS], Role::Trained).unwrap();
        let linear = || Contract { batch: vec![], sum: vec![(1, 1)] };
        let mut states = Vec::new();
        for start in 0..2 {
            let slice = Slice { axis: 0, start, step: 1, len: 1 };
            let own = |flow: &mut FlowBuilder, all, shape: &[usize]| {
                let one = flow.step(slice, &[all], "direction").unwrap();
                flow.step(Reshape { shape: shape.to_vec() }, &[one], "direction").unwrap()
            };
            let w = own(&mut flow, weight, &[UNITS, 3]);
            let r = own(&mut flow, again, &[UNITS, UNITS]);
            let b = own(&mut flow, bias, &[UNITS]);
            let z = flow.step(linear(), &[x, w], "read").unwrap();
            let z = flow.step(Combine { by: Combination::Add }, &[z, b], "bias").unwrap();
            let h = flow.step(Pointwise { function: Function::Tanh }, &[z], "tanh").unwrap();
            let back = flow.step(linear(), &[h, r], "again").unwrap();
            let sum = flow.step(Combine { by: Combination::Add }, &[back, z], "sum").unwrap();
            states.push(flow.step(Pointwise { function: Function::Tanh }, &[sum], "tanh").unwrap());
        }
        let both = flow.step(Concat { axis: 1 }, &states, "both").unwrap();
        let y = flow.step(linear(), &[both, head], "head").unwrap();
        flow.output("y", y);
        flow.build().unwrap()
    }

    #[test]
    fn directions_that_are_stacked_in_one_parameter_are_reordered_apart() {
        let flow = Arc::new(both_directions());
        let spaces = derive(&flow);
        let orders = spaces.orders();
        assert_eq!(orders.iter().map(|order| (order.n, order.sets)).collect::<Vec<_>>(), [(UNITS, 1); 2]);
        assert_eq!(spaces.scale_dims(), (0, 2 * UNITS));
        let numbers = |param: usize| {
            let n: usize = flow.param_shape(param).iter().product();
            Stored::from((0..n).map(|i| ((i * 7 + param * 3) as f64).sin()).collect::<Vec<_>>())
        };
        let net = FlowNet::new(flow.clone(), (0..flow.params().len()).map(numbers).collect()).unwrap();
        let inputs = random_inputs(&flow, Seed::new(1));
        let expected = run(&flow, &net, &inputs).unwrap();
        let mut apart = false;
        for seed in 0..8 {
            let element = spaces.sample(Seed::new(seed), &Draw::default());
            spaces.check_fits(&element).unwrap();
            let acted = element.act(&net);
            let found = run(&flow, &acted, &inputs).unwrap();
            for (a, b) in expected[0].data().iter().zip(found[0].data()) {
                assert!((a - b).abs() < 1e-12, "{seed}: {a} and {b}");
            }
            // One direction moves otherwise than the other.
            let [a, b] = [numbers_of(&net, 2), numbers_of(&acted, 2)];
            let from = |at: usize| a.iter().position(|x| x.abs() == b[at].abs()).unwrap() % UNITS;
            apart |= (0..UNITS).any(|unit| from(unit) != from(UNITS + unit));
        }
        assert!(apart);
    }

    fn numbers_of(net: &dyn Numbers, param: usize) -> Vec<f64> {
        net.numbers(param).into_owned()
    }
}
