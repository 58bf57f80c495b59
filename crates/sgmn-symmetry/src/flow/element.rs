//! Elements of the group of a flow: what is done to each axis of each parameter, and the group law.

use super::derive::Chart;
use crate::{Error, Result};

/// One change of all parameters that leaves the function alone: an order and scalars for each axis that holds units.
#[derive(Debug, Clone, PartialEq)]
pub struct FlowElement {
    pub(super) params: Vec<ParamElement>,
}

/// What is done to one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct ParamElement {
    /// The shape that the parts speak of: the parameter's, or with an axis split into groups.
    pub(super) shape: Vec<usize>,
    /// What of the parameter scalars act on.
    pub(super) chart: Chart,
    /// Factor of all numbers.
    pub(super) scalar: f64,
    pub(super) parts: Vec<PartElement>,
}

/// What is done along some axes: new index `i` holds old index `from[i]`, times `scales[i]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PartElement {
    pub(super) axes: Vec<usize>,
    pub(super) from: Vec<u32>,
    pub(super) scales: Vec<f64>,
}

impl ParamElement {
    /// The shape that the parts speak of: the parameter's, or with an axis split into groups.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Factor of all numbers.
    pub fn scalar(&self) -> f64 {
        self.scalar
    }

    /// What is done along axes; what lies along others stays.
    pub fn parts(&self) -> &[PartElement] {
        &self.parts
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        let still = |part: &PartElement| {
            part.from.iter().enumerate().all(|(new, old)| new == *old as usize)
                && part.scales.iter().all(|scale| *scale == 1.0)
        };
        self.scalar == 1.0 && self.parts.iter().all(still)
    }
}

impl PartElement {
    /// The axes, along which indices are counted row-major.
    pub fn axes(&self) -> &[usize] {
        &self.axes
    }

    /// For each new index the old one whose numbers come there.
    pub fn from(&self) -> &[u32] {
        &self.from
    }

    /// By what the numbers at each new index are multiplied.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }
}

impl FlowElement {
    /// What is done to each parameter, in the order of the flow.
    pub fn params(&self) -> &[ParamElement] {
        &self.params
    }

    /// First `first`, then `self`.
    ///
    /// # Errors
    /// [`Error::Element`] if the elements belong to different flows.
    pub fn compose(&self, first: &Self) -> Result<Self> {
        self.check_like(first)?;
        let params = self.params.iter().zip(&first.params).map(|(second, first)| {
            let parts = second.parts.iter().zip(&first.parts).map(|(second, first)| PartElement {
                axes: second.axes.clone(),
                from: second.from.iter().map(|middle| first.from[*middle as usize]).collect(),
                scales: second
                    .from
                    .iter()
                    .zip(&second.scales)
                    .map(|(middle, scale)| scale * first.scales[*middle as usize])
                    .collect(),
            });
            ParamElement { scalar: second.scalar * first.scalar, parts: parts.collect(), ..second.clone() }
        });
        Ok(Self { params: params.collect() })
    }

    /// The element that undoes this one.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let params = self.params.iter().map(|param| {
            let parts = param.parts.iter().map(|part| {
                let mut inverse = part.clone();
                for (new, old) in part.from.iter().enumerate() {
                    inverse.from[*old as usize] = new as u32;
                    inverse.scales[*old as usize] = part.scales[new].recip();
                }
                inverse
            });
            ParamElement { scalar: param.scalar.recip(), parts: parts.collect(), ..param.clone() }
        });
        Self { params: params.collect() }
    }

    /// Whether nothing changes.
    pub fn is_identity(&self) -> bool {
        self.params.iter().all(ParamElement::is_identity)
    }

    pub(super) fn check_like(&self, other: &Self) -> Result<()> {
        if self.params.len() != other.params.len() {
            return Err(unlike("parameters", self.params.len(), other.params.len()));
        }
        for (at, (a, b)) in self.params.iter().zip(&other.params).enumerate() {
            let form = |param: &ParamElement| {
                let parts: Vec<_> =
                    param.parts.iter().map(|part| (part.axes.clone(), part.from.len())).collect();
                (param.shape.clone(), parts)
            };
            if form(a) != form(b) {
                return Err(unlike(
                    &format!("parameter {at}"),
                    format!("{:?}", form(a)),
                    format!("{:?}", form(b)),
                ));
            }
        }
        Ok(())
    }
}

pub(super) fn unlike(what: &str, expected: impl ToString, found: impl ToString) -> Error {
    Error::Unlike { what: what.to_owned(), expected: expected.to_string(), found: found.to_string() }
}
