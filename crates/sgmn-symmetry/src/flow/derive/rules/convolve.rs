//! Convolutions: a product with a sum over channels, in groups; the places of kernels and images stay where they are.

use sgmn_graph::flow::{Convolve, ValueId};

use super::super::{
    Deriver, State,
    chart::Chart,
    meet::{Guest, Is},
    motion::Motion,
};
use super::{
    contract::{multiply_and_sum, weight},
    places::without_places,
    reshape::reshaped,
};

// Axes of the common space; the kernel's follow.
const GROUP: usize = 1;
const READ: usize = 2;
const WRITTEN: usize = 3;
const KERNEL: usize = 4;

/// The rule.
pub(in super::super) fn apply(deriver: &mut Deriver<'_>, op: &Convolve, from: &[ValueId]) -> State {
    let (x, w) = (deriver.flow.shape(from[0]).to_vec(), deriver.flow.shape(from[1]).to_vec());
    let n_kernel = op.stride.len();
    let rank = KERNEL + n_kernel;
    let transposed = op.transposed.is_some();
    let groups = op.groups;
    // A weight as [groups, written, read, kernel…], or read before written if transposed.
    let mut split = vec![groups, w[0] / groups, w[1]];
    split.extend(&w[2..]);
    let (reads, writes) = if transposed { (split[1], split[2]) } else { (split[2], split[1]) };
    let mut name = if transposed { vec![GROUP, READ, WRITTEN] } else { vec![GROUP, WRITTEN, READ] };
    name.extend(KERNEL..rank);

    let image = deriver.motion(from[0]);
    let image = without_places(deriver, image, &(2..x.len()).collect::<Vec<_>>());
    let image = reshaped(deriver, &image, &x[..2], &[x[0], groups, reads]);
    let mut shape = vec![1; rank];
    (shape[0], shape[GROUP], shape[READ]) = (x[0], groups, reads);
    let image = Guest { shape, is: Is::Moving(image) };

    let kernel = kernel(deriver, from[1], &image, &split, &name, groups);
    let mut guests = [image, kernel];
    let sum: Vec<usize> = std::iter::once(READ).chain(KERNEL..rank).collect();
    let motion = multiply_and_sum(deriver, &mut guests, &sum);
    let motion = motion.renamed(|axis| Some(if axis == WRITTEN { 2 } else { axis }));
    let motion = reshaped(deriver, &motion, &[x[0], groups, writes], &[x[0], groups * writes]);
    State::Moving(Motion { copies: Vec::new(), ..motion })
}

/// The weight as a guest, born if nothing has met it yet.
fn kernel<'a>(
    deriver: &mut Deriver<'a>,
    id: ValueId,
    image: &Guest<'a>,
    split: &[usize],
    name: &[usize],
    groups: usize,
) -> Guest<'a> {
    let rank = image.shape.len();
    let own = deriver.flow.shape(id).to_vec();
    let mut shape = vec![1; rank];
    split.iter().zip(name).for_each(|(size, axis)| shape[*axis] = *size);
    let back = |axis: usize| name.iter().position(|named| *named == axis);
    if let Some(array) = deriver.flow.constant(id) {
        let array = array.clone().reshaped(split.to_vec()).expect("splitting an axis keeps the count");
        let array = super::super::in_order(&array, name).into_owned();
        return Guest { shape, is: Is::Constant(std::borrow::Cow::Owned(array)) };
    }
    if let Some(view) = deriver.unborn(id) {
        let motion = weight(deriver, image, &shape, &[GROUP], &[READ], &[WRITTEN]);
        match motion {
            Some(motion) if groups == 1 => {
                // The axis of groups has size 1; the weight's own axes follow it.
                deriver.bear(&view, &name[1..], motion);
            }
            Some(motion) if view.is_whole() && view.chart == Chart::PLAIN => {
                deriver.bear_split(&view, split.to_vec(), motion.renamed(back));
            }
            _ => deriver.bear_alone(&view),
        }
    }
    let known = match &deriver.states[id.index()] {
        super::super::State::View(view) => deriver.split.get(&view.param).filter(|(shape, _)| shape == split),
        _ => None,
    };
    let motion = match known {
        Some((_, motion)) => motion.clone(),
        None => {
            let motion = deriver.motion(id);
            let kernel: Vec<usize> = (2..own.len()).collect();
            let motion = without_places(deriver, motion, &kernel);
            reshaped(deriver, &motion, &own, split)
        }
    };
    Guest { shape, is: Is::Moving(motion.renamed(|axis| Some(name[axis]))) }
}
