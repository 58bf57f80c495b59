//! Sums, means and maxima over axes.

use sgmn_graph::flow::{Behaviour, Parity, Reduce, Reduction, ValueId};

use super::{
    super::{Deriver, State, motion::Motion, scales::Side},
    pointwise::through,
};

/// Units that are summed over need equal scalars and become one; what is not summed over stays.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, op: &Reduce, from: &[ValueId]) -> State {
    let motion = deriver.motion(from[0]);
    let motion = match op.by {
        Reduction::Sum | Reduction::Mean => sum_over(deriver, &motion, &op.axes),
        Reduction::Maximum | Reduction::Minimum => {
            motion.demand_one(&mut deriver.scales, Side::Sign);
            sum_over(deriver, &motion, &op.axes)
        }
        // Functions of one number, then a sum.
        Reduction::SquareSum => even(deriver, &motion, 2.0, &op.axes),
        Reduction::AbsoluteSum | Reduction::Norm => even(deriver, &motion, 1.0, &op.axes),
        Reduction::LogSumExp => {
            motion.demand_one(&mut deriver.scales, Side::Both);
            sum_over(deriver, &motion.blank(), &op.axes)
        }
        Reduction::Product | Reduction::ArgMaximum | Reduction::ArgMinimum => return deriver.opaque(from),
    };
    let gone = |axis: usize| op.axes.iter().filter(|cut| **cut < axis).count();
    State::Moving(if op.keep { motion } else { motion.renamed(|axis| Some(axis - gone(axis))) })
}

fn even(deriver: &mut Deriver<'_>, motion: &Motion, degree: f64, axes: &[usize]) -> Motion {
    let motion = through(deriver, motion, Behaviour { degree: Some(degree), parity: Parity::Even });
    sum_over(deriver, &motion, axes)
}

/// The motion of a sum over axes; the axes that are left keep their numbers.
pub(super) fn sum_over(deriver: &mut Deriver<'_>, motion: &Motion, axes: &[usize]) -> Motion {
    let mut sum = Motion { groups: Vec::new(), ..motion.clone() };
    sum.copies.retain(|axis| !axes.contains(axis));
    for group in &motion.groups {
        let keep: Vec<usize> = group.axes.iter().copied().filter(|axis| !axes.contains(axis)).collect();
        let group = if keep.len() == group.axes.len() {
            group.clone()
        } else {
            group.level(&keep, &mut deriver.scales, Side::Both);
            group.quotient(&keep, &mut deriver.units)
        };
        sum.insert(sum.groups.len(), group, &mut deriver.units, &mut deriver.scales);
    }
    sum.tidy(&mut deriver.units, &mut deriver.scales);
    sum
}
