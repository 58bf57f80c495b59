//! Functions of one number: what they let through follows from their degree and parity.

use sgmn_graph::flow::{Behaviour, Function, Parity, Pointwise, ValueId};

use super::super::{
    Deriver, State, birth::View, chart::Chart, motion::Motion, ranges::behaviour, scales::Side, solve::Ratio,
};

/// `f(q x) = q^p f(x)` lets magnitudes through to the power p; an odd function lets signs through, an even one swallows
/// them; all other scalars must be 1. Behind what is never negative a function does what its half does.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, op: &Pointwise, from: &[ValueId]) -> State {
    // The exponential of a parameter that nothing else reads moves as a parameter does.
    let lone = |view: &View| view.lone && view.chart == Chart::PLAIN;
    if op.function == Function::Exponential
        && let Some(view) = deriver.unborn(from[0]).filter(lone)
    {
        return State::View(View { chart: Chart::Exponential, ..view });
    }
    let motion = deriver.motion(from[0]);
    let behaviour = behaviour(op.function, deriver.ranges[from[0].index()]);
    State::Moving(through(deriver, &motion, behaviour))
}

/// What a function of this behaviour lets through.
pub(super) fn through(deriver: &mut Deriver<'_>, motion: &Motion, behaviour: Behaviour) -> Motion {
    let degree = behaviour.degree.and_then(Ratio::from_f64);
    let scales = &mut deriver.scales;
    if degree.is_none() {
        motion.demand_one(scales, Side::Log);
    }
    if behaviour.parity == Parity::Neither {
        motion.demand_one(scales, Side::Sign);
    }
    match (degree, behaviour.parity) {
        (None, Parity::Even | Parity::Neither) => motion.blank(),
        // What was demanded makes the rest of a scalar 1 where it must be; the forms need not say so themselves.
        (None, Parity::Odd) => motion.clone(),
        (Some(degree), parity) => {
            motion.map_scales(|scale| scales.power(scale, degree, parity == Parity::Odd))
        }
    }
}
