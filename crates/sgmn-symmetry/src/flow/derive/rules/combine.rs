//! Two values index by index: sums demand equal scalars, products multiply them.

use sgmn_graph::flow::{Behaviour, Combination, Combine, Parity, ValueId};

use super::{
    super::{
        Deriver, State,
        birth::View,
        chart::Chart,
        meet::{self, Cluster, Guest, Is},
        motion::{Group, Motion},
        scales::{ONE, Side},
        solve::Ratio,
    },
    pointwise::through,
};

/// The rule for all functions of two numbers.
pub(in super::super) fn apply(
    deriver: &mut Deriver<'_>,
    op: &Combine,
    from: &[ValueId],
    shape: &[usize],
) -> State {
    if let Some(state) = shifted(deriver, op, from) {
        return state;
    }
    let is_product = matches!(op.by, Combination::Multiply | Combination::Divide);
    let mut guests = guests(deriver, from, shape.len(), is_product);
    let clusters = meet::meet(&mut guests, &mut deriver.units, &mut deriver.scales);
    let copies = meet::copies(&guests, shape);
    let motion = match op.by {
        Combination::Add | Combination::Subtract => sum(deriver, &guests, &clusters, None),
        Combination::Maximum | Combination::Minimum => sum(deriver, &guests, &clusters, Some(Side::Sign)),
        Combination::Multiply => product(deriver, &guests, &clusters, 1),
        Combination::Divide => product(deriver, &guests, &clusters, -1),
        _ => {
            guests.iter().for_each(|guest| demand_one(deriver, guest));
            product(deriver, &guests, &clusters, 1).blank()
        }
    };
    // PReLU with a slope that does not move is a leaky ReLU.
    let motion = if op.by == Combination::Slope { slope(deriver, &guests, &clusters) } else { motion };
    State::Moving(Motion { copies, ..motion })
}

/// One of two values: both must move alike, and the condition not at all but in its order.
pub(in super::super) fn select(deriver: &mut Deriver<'_>, from: &[ValueId], shape: &[usize]) -> State {
    let mut guests = guests(deriver, from, shape.len(), false);
    let clusters = meet::meet(&mut guests, &mut deriver.units, &mut deriver.scales);
    let copies = meet::copies(&guests, shape);
    demand_one(deriver, &guests[0]);
    let rest: Vec<Cluster> =
        clusters.iter().map(|cluster| Cluster { of: cluster.of[1..].to_vec(), ..cluster.clone() }).collect();
    let motion = sum(deriver, &guests[1..], &rest, None);
    State::Moving(Motion { copies, ..motion })
}

/// The values as guests; parameters that nothing has met yet are born beside the others, as factors of them or not.
pub(super) fn guests<'a>(
    deriver: &mut Deriver<'a>,
    from: &[ValueId],
    rank: usize,
    are_factors: bool,
) -> Vec<Guest<'a>> {
    let names = |deriver: &Deriver<'_>, id: ValueId| -> Vec<usize> {
        (rank - deriver.flow.shape(id).len()..rank).collect()
    };
    let all_unborn =
        from.iter().all(|id| deriver.unborn(*id).is_some() || deriver.flow.constant(*id).is_some());
    if all_unborn && let Some(view) = from.iter().find_map(|id| deriver.unborn(*id)) {
        deriver.bear_alone(&view);
    }
    for id in from {
        let Some(view) = deriver.unborn(*id) else { continue };
        let ready = |deriver: &Deriver<'_>, other: &ValueId| other != id && deriver.unborn(*other).is_none();
        let others: Vec<ValueId> = from.iter().copied().filter(|other| ready(deriver, other)).collect();
        let others: Vec<Guest<'_>> = others
            .into_iter()
            .map(|other| {
                let name = names(deriver, other);
                deriver.guest(other, &name, rank)
            })
            .collect();
        let name = names(deriver, *id);
        deriver.bear_beside(&view, &name, rank, &others, are_factors);
    }
    from.iter()
        .map(|id| {
            let name = names(deriver, *id);
            deriver.guest(*id, &name, rank)
        })
        .collect()
}

/// `parameter + constant`, where nothing else reads the parameter: the action is on the sum. This is the ε beside a
/// running variance, and the 1 beside a gain.
fn shifted(deriver: &mut Deriver<'_>, op: &Combine, from: &[ValueId]) -> Option<State> {
    let (param, constant) = match (op.by, deriver.flow.constant(from[0]), deriver.flow.constant(from[1])) {
        (Combination::Add, None, Some(constant)) => (from[0], constant),
        (Combination::Add, Some(constant), None) => (from[1], constant),
        _ => return None,
    };
    let view = deriver.unborn(param)?;
    let plus = constant.uniform()?;
    let keeps_shape = constant.data().len() == 1 && constant.shape().len() <= deriver.flow.shape(param).len();
    let usable = view.lone && view.chart == Chart::PLAIN && plus.is_finite() && keeps_shape;
    usable.then_some(State::View(View { chart: Chart::Plus(plus), ..view }))
}

/// A sum: scalars are equal at each index. Beside a constant other than 0 they are 1.
pub(super) fn sum(
    deriver: &mut Deriver<'_>,
    guests: &[Guest<'_>],
    clusters: &[Cluster],
    also: Option<Side>,
) -> Motion {
    let moving: Vec<usize> = (0..guests.len()).filter(|at| matches!(guests[*at].is, Is::Moving(_))).collect();
    let Some(first) = moving.first().copied() else { return Motion::still() };
    for other in &moving[1..] {
        meet::demand_equal(clusters, guests, (first, *other), Side::Both, &mut deriver.scales);
    }
    let total = total(guests, clusters, first);
    if let Some(side) = also {
        total.demand_one(&mut deriver.scales, side);
    }
    for guest in guests {
        if let Is::Constant(array) = &guest.is {
            if array.data().iter().any(|value| *value != 0.0 && value.is_finite()) {
                total.demand_one(&mut deriver.scales, Side::Both);
            } else if array.data().iter().any(|value| *value != 0.0) {
                total.demand_one(&mut deriver.scales, Side::Sign);
            }
        }
    }
    total
}

/// How one guest moves, spread over all clusters.
fn total(guests: &[Guest<'_>], clusters: &[Cluster], at: usize) -> Motion {
    let scalar = match &guests[at].is {
        Is::Moving(motion) => motion.scalar,
        Is::Constant(_) => ONE,
    };
    let groups = clusters.iter().map(|cluster| {
        let scales = cluster.of[at].clone().unwrap_or_else(|| vec![ONE; cluster.group.len()]);
        Group { scales: scales.into(), ..cluster.group.clone() }
    });
    Motion { scalar, groups: groups.collect(), copies: Vec::new() }
}

/// A product: scalars multiply; those of the second value to a power.
pub(super) fn product(
    deriver: &mut Deriver<'_>,
    guests: &[Guest<'_>],
    clusters: &[Cluster],
    exponent: i32,
) -> Motion {
    let scales = &mut deriver.scales;
    let mut scalar = ONE;
    for (at, guest) in guests.iter().enumerate() {
        if let Is::Moving(motion) = &guest.is {
            let factor = if at == 0 {
                motion.scalar
            } else {
                scales.power(motion.scalar, Ratio::whole(exponent), true)
            };
            scalar = scales.product(scalar, factor);
        }
    }
    let mut groups = Vec::new();
    for cluster in clusters {
        let mut all = vec![ONE; cluster.group.len()];
        for (at, of) in cluster.of.iter().enumerate() {
            for (sum, scale) in all.iter_mut().zip(of.iter().flatten()) {
                let factor =
                    if at == 0 { *scale } else { scales.power(*scale, Ratio::whole(exponent), true) };
                *sum = scales.product(*sum, factor);
            }
        }
        groups.push(Group { scales: all.into(), ..cluster.group.clone() });
    }
    Motion { scalar, groups, copies: Vec::new() }
}

fn slope(deriver: &mut Deriver<'_>, guests: &[Guest<'_>], clusters: &[Cluster]) -> Motion {
    demand_one(deriver, &guests[1]);
    let motion = total(guests, clusters, 0);
    through(deriver, &motion, Behaviour { degree: Some(1.0), parity: Parity::Neither })
}

fn demand_one(deriver: &mut Deriver<'_>, guest: &Guest<'_>) {
    if let Is::Moving(motion) = &guest.is {
        motion.demand_one(&mut deriver.scales, Side::Both);
    }
}
