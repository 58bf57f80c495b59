//! One net of each orbit, for nets of any flow.
//!
//! In this order: norms are folded into the layers beside them; additive freedoms are settled; scalars and matrices are
//! fixed from the inputs inwards, each where everything else that touches its numbers is fixed already; units are put in
//! order, again from the inputs inwards. Nets that the derived symmetries carry into one another meet to
//! [`tolerance::ORBIT`](crate::tolerance::ORBIT), except where [`FlowRepairs`] counts choices that nothing decides.

mod orders;
mod point;
mod relate;
mod scalars;

use sgmn_graph::flow::FlowNet;

pub(super) use self::orders::{order, units_of_matrices};
pub(super) use self::point::Point;
pub use self::relate::{Difference, ParamDistance, Relation, check_same_flow, relate};
use self::scalars::Scalars;
use super::{
    FlowElement, Spaces, derive,
    fold::Fold,
    freedoms::{Freedom, Settled, freedoms, settle_by},
    matrices::{Holder, Matrix, MatrixElement, Read, matrices, passable, settle_space},
};
use crate::Result;

/// A net in canonical form.
#[derive(Debug, Clone)]
pub struct CanonicalFlow {
    /// The net; norms are folded, so its flow may be another one than that of the net it came from.
    pub net: FlowNet,
    /// Choices that nothing in the net decides.
    pub repairs: FlowRepairs,
    /// What settling changed.
    pub settled: Settled,
}

/// What carries a settled net to its canonical form: the scalars first, then the matrices, then the orders.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// Moves no unit.
    pub(super) scaling: FlowElement,
    /// The spaces that [`Way::turning`] acts on: those that the numbers of the net let act.
    pub(super) matrices: Vec<Matrix>,
    pub(super) turning: MatrixElement,
    /// Moves units and scales none.
    pub(super) order: FlowElement,
}

/// Counts of choices that a canonical form had to make though nothing decides them: there two nets of one orbit may
/// differ in their forms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FlowRepairs {
    /// Scalars of units into which nothing enters; they are left as they were.
    pub dead: usize,
    /// Scalars whose sign two equally large numbers would choose differently.
    pub signs: usize,
    /// Scalars that nothing fixed stands beside; they are left as they were.
    pub unanchored: usize,
    /// Directions of matrices that tie.
    pub directions: usize,
    /// Units that cannot be told from a neighbour.
    pub tied: usize,
    /// Orders that nothing fixed stands beside; they are left as they were.
    pub unordered: usize,
}

impl FlowRepairs {
    /// All choices together.
    pub fn total(&self) -> usize {
        self.dead + self.signs + self.unanchored + self.directions + self.tied + self.unordered
    }
}

/// The canonical form of a net.
///
/// # Errors
/// [`Error::Flow`](crate::Error::Flow) if numbers grow beyond measure; [`Error::Unlike`](crate::Error::Unlike) if a gain
/// through which a matrix acts is 0.
pub fn canonicalize_flow(net: &FlowNet) -> Result<CanonicalFlow> {
    canonicalize_unfolded(&Fold::new(net.flow())?.apply(net)?)
}

/// As [`canonicalize_flow`], of a net whose norms stay where they are: its flow stays the same, so the form can be written
/// into the file of the net. Gains and statistics of norms have scalars of their own, which are fixed like all others.
///
/// # Errors
/// As [`canonicalize_flow`].
pub fn canonicalize_unfolded(net: &FlowNet) -> Result<CanonicalFlow> {
    Ok(canonical_with_way(net, &derive(net.flow()))?.0)
}

/// As [`canonicalize_unfolded`], with what leads from the net to its form.
pub(super) fn canonical_with_way(net: &FlowNet, spaces: &Spaces) -> Result<(CanonicalFlow, Way)> {
    let Gauged { net, mut way, mut repairs, settled, .. } =
        gauged(net.clone(), spaces, &freedoms(net.flow()), matrices(net.flow()))?;
    way.order = order(&net, spaces, &way.matrices, &mut repairs);
    Ok((CanonicalFlow { net: net.ordered(&way.order)?, repairs, settled }, way))
}

/// Logarithms and signs of all free variables.
pub(super) type ScalarValues = (Vec<f64>, Vec<bool>);

/// A settled net whose scalars and matrices are at their canonical points; its units stand as they stood.
#[derive(Debug, Clone)]
pub(super) struct Gauged {
    pub(super) net: Point,
    /// What led there from the settled net; it moves no unit.
    pub(super) way: Way,
    pub(super) repairs: FlowRepairs,
    pub(super) settled: Settled,
    /// Logarithms and signs of all free variables on the way.
    pub(super) scalars: ScalarValues,
}

/// Settles a net, and fixes its scalars and those of these matrices that its numbers let act.
pub(super) fn gauged(
    net: FlowNet,
    spaces: &Spaces,
    freedoms: &[Freedom],
    matrices: Vec<Matrix>,
) -> Result<Gauged> {
    at_point(net, freedoms, matrices, spaces, |matrices| Scalars::new(spaces, matrices))
}

/// As [`gauged`], but scalars are left as they stand.
pub(super) fn turned(
    net: FlowNet,
    spaces: &Spaces,
    freedoms: &[Freedom],
    matrices: Vec<Matrix>,
) -> Result<Gauged> {
    at_point(net, freedoms, matrices, spaces, |_| Scalars::standing(spaces))
}

fn at_point(
    net: FlowNet,
    freedoms: &[Freedom],
    matrices: Vec<Matrix>,
    spaces: &Spaces,
    scalars: impl FnOnce(&[Matrix]) -> Scalars,
) -> Result<Gauged> {
    let (first, settled) = settle_by(&net, freedoms)?;
    // Of a large net no more than needed is in memory at once.
    drop(net);
    let mut repairs = FlowRepairs::default();
    let matrices = passable(first.flow(), matrices, &first)?;
    let scalars = scalars(&matrices);
    let (scaling, turning, scalars) = scaled_and_turned(&first, spaces, &matrices, scalars, &mut repairs)?;
    let net = Point::new(first, freedoms, &scaling, (&matrices, &turning))?;
    let way = Way { scaling, matrices, turning, order: spaces.identity() };
    Ok(Gauged { net, way, repairs, settled, scalars })
}

/// Fixes scalars and matrices in turn, each as soon as all else that touches its numbers is fixed.
fn scaled_and_turned(
    net: &FlowNet,
    spaces: &Spaces,
    all: &[Matrix],
    mut scalars: Scalars,
    repairs: &mut FlowRepairs,
) -> Result<(FlowElement, MatrixElement, ScalarValues)> {
    let flow = net.flow().clone();
    let mut element = MatrixElement::identity(all);
    let mut done = vec![false; all.len()];
    loop {
        let scaling = scalars.element(spaces);
        let scaled = scaling.act(net);
        let turned = element.act(&flow, all, &scaled)?;
        let is_open = |param: usize, axis: usize| open_at(all, &done, param, axis);
        if scalars.round(spaces, &turned, &is_open, repairs) {
            continue;
        }
        let usable = |space: usize, holder: &Holder| {
            let others = (0..flow.param_shape(holder.param).len()).filter(|axis| *axis != holder.axis);
            scalars.known_beside(spaces, holder.param, holder.axis)
                && others.into_iter().all(|axis| !open_beside(all, &done, space, holder.param, axis))
        };
        let ready = |space: usize| all[space].holders.iter().any(|holder| usable(space, holder));
        let open = || (0..all.len()).filter(|space| !done[*space]);
        let (space, anchored) = match open().find(|space| ready(*space)) {
            Some(space) => (space, true),
            None => match open().next() {
                Some(space) => (space, false),
                None => break,
            },
        };
        let read = |holder: &Holder| match !anchored || usable(space, holder) {
            true if spaces.stands_beside(holder.param, holder.axis) => Read::Enough,
            true => Read::Whole,
            false => Read::Nothing,
        };
        let ties = settle_space(&flow, &scaled, all, &mut element, space, &read)?;
        repairs.directions += ties + if anchored { 0 } else { all[space].blocks };
        done[space] = true;
    }
    scalars.count_left(repairs);
    Ok((scalars.element(spaces), element, scalars.values()))
}

/// Whether a matrix without canonical point moves an axis.
fn open_at(all: &[Matrix], done: &[bool], param: usize, axis: usize) -> bool {
    let here = |holder: &Holder| holder.param == param && holder.axis == axis;
    all.iter().zip(done).any(|(space, done)| !done && space.holders.iter().any(here))
}

fn open_beside(all: &[Matrix], done: &[bool], space: usize, param: usize, axis: usize) -> bool {
    let here = |holder: &Holder| holder.param == param && holder.axis == axis;
    all.iter().enumerate().any(|(at, other)| (at == space || !done[at]) && other.holders.iter().any(here))
}
