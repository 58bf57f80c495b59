//! One net of each orbit, for nets of any flow.
//!
//! In this order: norms are folded into the layers beside them; additive freedoms are settled; scalars and matrices are
//! fixed from the inputs inwards, each where everything else that touches its numbers is fixed already; units are put in
//! order, again from the inputs inwards. Nets that the derived symmetries carry into one another meet to
//! [`tolerance::ORBIT`](crate::tolerance::ORBIT), except where [`FlowRepairs`] counts choices that nothing decides.

mod orders;
mod scalars;

use std::sync::Arc;

use sgmn_graph::flow::{Array, Flow, FlowNet, Numbers};

use self::scalars::Scalars;
use super::{
    Spaces, derive,
    element::unlike,
    fold::Fold,
    freedoms::{Settled, settle},
    matrices::{Holder, Matrix, MatrixElement, matrices, passable, settle_space},
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

/// How two nets of one flow relate.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    /// Their canonical forms meet: they are one function up to rounding.
    Equal {
        /// The largest difference, relative to the largest number of its parameter.
        distance: f64,
    },
    /// Their canonical forms differ.
    Different {
        /// The first parameter that differs.
        param: String,
        /// Where in it, row-major.
        index: usize,
        /// The numbers there.
        numbers: (f64, f64),
        /// The largest difference of all, relative to the largest number of its parameter.
        distance: f64,
        /// Choices that nothing decides in one of the nets: if there are any, the nets may be equal nevertheless.
        repairs: usize,
    },
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
    let (net, settled) = settle(net)?;
    let spaces = derive(net.flow());
    let mut repairs = FlowRepairs::default();
    let all = passable(net.flow(), matrices(net.flow()), &net)?;
    let net = scaled_and_turned(&net, &spaces, &all, &mut repairs)?;
    // Turning brings back what settling had moved, by a rounding at most; settling again costs little.
    let (net, _) = settle(&net)?;
    let net = orders::ordered(&net, &spaces, &all, &mut repairs)?;
    Ok(CanonicalFlow { net, repairs, settled })
}

/// Compares two nets of one flow by their canonical forms; numbers differ if they do so by more than `tolerance`,
/// relative to the largest of their parameter.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) if the flows differ, and as [`canonicalize_flow`].
pub fn relate(a: &FlowNet, b: &FlowNet, tolerance: f64) -> Result<Relation> {
    check_same_flow(a.flow(), b.flow())?;
    let (a, b) = (canonicalize_flow(a)?, canonicalize_flow(b)?);
    check_same_flow(a.net.flow(), b.net.flow())?;
    let repairs = a.repairs.total() + b.repairs.total();
    let mut distance = 0.0_f64;
    let mut first = None;
    for (i, param) in a.net.flow().params().iter().enumerate() {
        let (x, y) = (a.net.numbers(i), b.net.numbers(i));
        let largest = x.iter().chain(y.iter()).fold(0.0_f64, |most, value| most.max(value.abs()));
        for (index, (x, y)) in x.iter().zip(y.iter()).enumerate() {
            let difference = if largest > 0.0 { (x - y).abs() / largest } else { 0.0 };
            distance = distance.max(difference);
            if first.is_none() && difference > tolerance {
                first = Some((param.name.clone(), index, (*x, *y)));
            }
        }
    }
    Ok(match first {
        None => Relation::Equal { distance },
        Some((param, index, numbers)) => Relation::Different { param, index, numbers, distance, repairs },
    })
}

/// Whether two nets are of one flow: the same steps, parameters and constants.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) with the first fact that differs.
pub fn check_same_flow(a: &Arc<Flow>, b: &Arc<Flow>) -> Result<()> {
    let names = |flow: &Flow| flow.params().iter().map(|param| param.name.clone()).collect::<Vec<_>>();
    for (x, y) in names(a).iter().zip(&names(b)) {
        if x != y {
            return Err(unlike("parameters", x, y));
        }
    }
    if a.params().len() != b.params().len() {
        return Err(unlike("parameters", a.params().len(), b.params().len()));
    }
    for (i, param) in a.params().iter().enumerate() {
        if a.param_shape(i) != b.param_shape(i) {
            let shape = |flow: &Flow| format!("{:?}", flow.param_shape(i));
            return Err(unlike(&format!("shape of {}", param.name), shape(a), shape(b)));
        }
    }
    let constants =
        |flow: &Flow| flow.consts().iter().map(Array::shape).map(<[usize]>::to_vec).collect::<Vec<_>>();
    if constants(a) != constants(b) || a.steps().len() != b.steps().len() {
        return Err(unlike("steps", a.steps().len(), b.steps().len()));
    }
    for (x, y) in a.steps().iter().zip(b.steps()) {
        if x.op != y.op || x.from != y.from {
            return Err(unlike(
                &format!("step {}", x.name),
                format!("{:?}", x.op),
                format!("{:?} ({})", y.op, y.name),
            ));
        }
    }
    match a.consts().iter().zip(b.consts()).position(|(x, y)| x != y) {
        Some(at) => Err(unlike("constants", "equal ones", format!("constant {at} differs"))),
        None => Ok(()),
    }
}

/// Fixes scalars and matrices in turn, each as soon as all else that touches its numbers is fixed.
fn scaled_and_turned(
    net: &FlowNet,
    spaces: &Spaces,
    all: &[Matrix],
    repairs: &mut FlowRepairs,
) -> Result<FlowNet> {
    let flow = net.flow().clone();
    let mut scalars = Scalars::new(spaces, all);
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
        let choose = |holder: &Holder| !anchored || usable(space, holder);
        let ties = settle_space(&flow, &scaled, all, &mut element, space, &choose)?;
        repairs.directions += ties + if anchored { 0 } else { all[space].blocks };
        done[space] = true;
    }
    scalars.count_left(repairs);
    let scaling = scalars.element(spaces);
    let scaled = scaling.act(net);
    Ok(net.with(&element.act(&flow, all, &scaled)?)?)
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
