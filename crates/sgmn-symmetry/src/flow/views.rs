//! What was inferred, to be looked at: units and scalars of each axis of each parameter, and dimensions.

use super::{
    Spaces, coordinates,
    derive::{Bit, Ratio, Scale, System},
};

/// What is known of some axes of a parameter: for each index along them its unit and its scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct PartView {
    /// The parameter, by its place in the flow.
    pub param: usize,
    /// The shape that the axes speak of: the parameter's own, or a weight's split into groups.
    pub shape: Vec<usize>,
    /// The axes.
    pub axes: Vec<usize>,
    /// For each index along them, row-major.
    pub at: Vec<IndexView>,
}

/// What is known of one index.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexView {
    /// Its orbit: units of one orbit can take each other's places.
    pub orbit: u32,
    /// How many units the orbit has.
    pub like: usize,
    /// Its unit: the same wherever in the net the unit stands.
    pub unit: u32,
    /// The place at which the unit stands here.
    pub place: u32,
    /// Logarithm of its scalar's magnitude, as exponents of free numbers.
    pub log: Vec<(u32, f64)>,
    /// Its sign, as free signs that multiply.
    pub sign: Vec<u32>,
}

impl Spaces {
    /// All parts of all parameters, in the order of the flow.
    pub fn parts(&self) -> Vec<PartView> {
        let mut views = Vec::new();
        for holding in self.holdings_in_order() {
            for group in &holding.motion.groups {
                let at = (0..group.len()).map(|i| {
                    let scale = self.derived.reduced(group.scales[i]);
                    IndexView {
                        orbit: self.derived.orbits.color(group.labels[i]),
                        like: self.derived.orbits.size(group.labels[i]),
                        unit: self.derived.orbits.find(group.labels[i]),
                        place: group.places[i],
                        log: scale.log.0.iter().map(|(var, by)| (*var, by.to_f64())).collect(),
                        sign: scale.sign.0.iter().map(|(var, _)| *var).collect(),
                    }
                });
                views.push(PartView {
                    param: holding.param,
                    shape: holding.shape.clone(),
                    axes: group.axes.clone(),
                    at: at.collect(),
                });
            }
        }
        views
    }

    /// The dimensions of the scalars as they act on the numbers of the net: of magnitudes, and of signs.
    pub fn scale_dims(&self) -> (usize, usize) {
        let mut log: System<Ratio> = System::default();
        let mut sign: System<Bit> = System::default();
        let (mut n_log, mut n_sign) = (0, 0);
        for row in self.scale_rows() {
            n_log += usize::from(log.grows(&row.log));
            n_sign += usize::from(sign.grows(&row.sign));
        }
        (n_log, n_sign)
    }

    /// Scalars that together say how all numbers are scaled: of each parameter that of its first number, and for each
    /// part by what other indices differ from the first. Where parts share axes, they do so at each index along these.
    pub(super) fn scale_rows(&self) -> Vec<Scale> {
        let mut rows = Vec::new();
        for holding in self.holdings_in_order() {
            let groups = &holding.motion.groups;
            let is_shared =
                |axis: &usize| groups.iter().filter(|group| group.axes.contains(axis)).count() > 1;
            let shared: Vec<usize> = (0..holding.shape.len()).filter(is_shared).collect();
            let sizes: Vec<usize> = shared.iter().map(|axis| holding.shape[*axis]).collect();
            let mut firsts =
                vec![self.derived.reduced(holding.motion.scalar); sizes.iter().product::<usize>().max(1)];
            for group in groups.iter().filter(|group| group.len() > 0) {
                let scale = |at: usize| self.derived.reduced(group.scales[at]);
                for (at, first) in firsts.iter_mut().enumerate() {
                    let index = coordinates(at, &sizes);
                    let place =
                        |axis: &usize| shared.iter().position(|of| of == axis).map_or(0, |i| index[i]);
                    let head = group.axes.iter().zip(&group.dims).fold(0, |h, (axis, n)| h * n + place(axis));
                    *first = sum(first, &scale(head), 1);
                }
                let head = |at: usize| {
                    if shared.is_empty() {
                        return 0;
                    }
                    let index = coordinates(at, &group.dims);
                    let own = |(i, axis): (usize, &usize)| if shared.contains(axis) { index[i] } else { 0 };
                    let own = group.axes.iter().enumerate().map(own);
                    own.zip(&group.dims).fold(0, |head, (place, n)| head * n + place)
                };
                let others = (0..group.len()).map(|at| (at, head(at))).filter(|(at, head)| at != head);
                rows.extend(others.map(|(at, head)| sum(&scale(at), &scale(head), -1)));
            }
            let (first, others) = firsts.split_first().expect("one at least");
            rows.extend(others.iter().map(|other| sum(other, first, -1)));
            rows.push(first.clone());
        }
        rows
    }
}

/// `a + factor · b` of both forms; coefficients were found small when they were inferred.
pub(super) fn sum(a: &Scale, b: &Scale, factor: i32) -> Scale {
    Scale {
        log: a.log.plus(&b.log, Ratio::whole(factor)).unwrap_or_default(),
        sign: a.sign.plus(&b.sign, Bit(true)).unwrap_or_default(),
    }
}
