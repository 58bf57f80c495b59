//! Two nets of one flow, compared by their canonical forms.

use std::sync::Arc;

use sgmn_graph::flow::{Array, Flow, FlowNet, Numbers};

use super::{super::element::unlike, CanonicalFlow, canonicalize_flow};
use crate::Result;

/// How far apart the canonical forms of two nets are.
#[derive(Debug, Clone, PartialEq)]
pub struct Relation {
    /// The largest difference in each parameter of the forms, the most different first.
    pub params: Vec<ParamDistance>,
    /// The first number that differs by more than was allowed; if there is none, the nets are one function up to rounding.
    pub first: Option<Difference>,
    /// The Euclidean distance of the forms, relative to the norm of the first.
    pub distance: f64,
    /// Choices that nothing decides in one of the nets: if there are any, equal nets may have different forms.
    pub repairs: usize,
}

/// How far apart one parameter is in two canonical forms.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamDistance {
    /// Its name.
    pub name: String,
    /// The largest difference, relative to its largest number.
    pub largest: f64,
}

/// A number that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The parameter, by its name.
    pub param: String,
    /// Where in it, row-major.
    pub index: usize,
    /// The numbers there.
    pub numbers: (f64, f64),
}

impl Relation {
    /// Whether the forms meet.
    pub fn meets(&self) -> bool {
        self.first.is_none()
    }

    /// The largest difference of all, relative to the largest number of its parameter.
    pub fn largest(&self) -> f64 {
        self.params.first().map_or(0.0, |param| param.largest)
    }
}

/// Compares two nets of one flow by their canonical forms; numbers differ if they do so by more than `tolerance`,
/// relative to the largest of their parameter.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) if the flows differ, and as [`canonicalize_flow`].
pub fn relate(a: &FlowNet, b: &FlowNet, tolerance: f64) -> Result<Relation> {
    check_same_flow(a.flow(), b.flow())?;
    let CanonicalFlow { net: a, repairs: of_a, .. } = canonicalize_flow(a)?;
    let CanonicalFlow { net: b, repairs: of_b, .. } = canonicalize_flow(b)?;
    check_same_flow(a.flow(), b.flow())?;
    let (mut params, mut first) = (Vec::new(), None);
    let (mut squares, mut size) = (0.0, 0.0);
    for (i, param) in a.flow().params().iter().enumerate() {
        let (x, y) = (a.numbers(i), b.numbers(i));
        let most = x.iter().chain(y.iter()).fold(0.0_f64, |most, value| most.max(value.abs()));
        let mut largest = 0.0_f64;
        for (index, (x, y)) in x.iter().zip(y.iter()).enumerate() {
            let difference = if most > 0.0 { (x - y).abs() / most } else { 0.0 };
            largest = largest.max(difference);
            squares += (x - y) * (x - y);
            size += x * x;
            if first.is_none() && difference > tolerance {
                first = Some(Difference { param: param.name.clone(), index, numbers: (*x, *y) });
            }
        }
        params.push(ParamDistance { name: param.name.clone(), largest });
    }
    params.sort_by(|a, b| b.largest.total_cmp(&a.largest));
    let distance = if size > 0.0 { f64::sqrt(squares / size) } else { squares.sqrt() };
    Ok(Relation { params, first, distance, repairs: of_a.total().max(of_b.total()) })
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
