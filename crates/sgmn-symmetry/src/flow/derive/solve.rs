//! Sparse linear systems over the rational numbers and over the field of two elements.

use std::{cell::Cell, collections::BTreeMap, fmt::Debug};

/// A field, as far as elimination needs it. `None` where numbers grow beyond all that nets can mean.
pub(crate) trait Field: Copy + PartialEq + Debug {
    const ONE: Self;
    fn is_zero(self) -> bool;
    fn plus(self, other: Self) -> Option<Self>;
    fn times(self, other: Self) -> Option<Self>;
    /// `−1 / self`.
    fn minus_inverse(self) -> Option<Self>;
}

/// A rational number, reduced, with a positive denominator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ratio {
    over: i32,
    under: i32,
}

/// A number modulo 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bit(pub(crate) bool);

/// `Σ coefficient · variable`, ascending by variable, no coefficient 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Form<F>(pub(crate) Vec<(u32, F)>);

/// Demands `form = 0`, solved as they come: the newest variable of each demand is expressed by older ones.
#[derive(Debug)]
pub(crate) struct System<F> {
    /// For each variable the place of what it is among `ends`, if a demand said so, else 0. There are as many variables as
    /// units of all parameters, so nothing is kept for each of them but this.
    place: Vec<u32>,
    /// Where the terms of each form end.
    ends: Vec<usize>,
    terms: Vec<(u32, F)>,
    /// Whether a coefficient grew beyond measure: then nothing that the system says counts.
    overflown: Cell<bool>,
}

impl<F> Default for Form<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> Default for System<F> {
    fn default() -> Self {
        Self { place: Vec::new(), ends: vec![0], terms: Vec::new(), overflown: Cell::new(false) }
    }
}

/// The terms of a form.
pub(crate) type Terms<F> = [(u32, F)];

impl<F: Field> Form<F> {
    pub(crate) fn var(var: u32) -> Self {
        Self(vec![(var, F::ONE)])
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// `self + factor · other`.
    pub(crate) fn plus(&self, other: &Self, factor: F) -> Option<Self> {
        Self::sum(&self.0, &other.0, factor)
    }

    /// `a + factor · b`.
    pub(crate) fn sum(a: &Terms<F>, b: &Terms<F>, factor: F) -> Option<Self> {
        let mut sum = Vec::with_capacity(a.len() + b.len());
        let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
        loop {
            match (a.peek(), b.peek()) {
                (None, None) => return Some(Self(sum)),
                (Some(x), Some(y)) if x.0 == y.0 => {
                    let value = y.1.times(factor)?.plus(x.1)?;
                    if !value.is_zero() {
                        sum.push((x.0, value));
                    }
                    a.next();
                    b.next();
                }
                (Some(x), y) if y.is_none_or(|y| x.0 < y.0) => {
                    sum.push(**x);
                    a.next();
                }
                (_, Some(y)) => {
                    sum.push((y.0, y.1.times(factor)?));
                    b.next();
                }
                (Some(_), None) => unreachable!("the arm above takes it"),
            }
        }
    }

    /// `factor · a`.
    pub(crate) fn times(a: &Terms<F>, factor: F) -> Option<Self> {
        if factor.is_zero() {
            return Some(Self::default());
        }
        a.iter().map(|(var, value)| Some((*var, value.times(factor)?))).collect::<Option<_>>().map(Self)
    }
}

impl<F: Field> System<F> {
    /// Adds a demand.
    pub(crate) fn demand(&mut self, form: &Terms<F>) {
        let form = self.reduce(form);
        let Some(((var, value), rest)) = form.0.split_last() else { return };
        match value.minus_inverse().and_then(|factor| Form::times(rest, factor)) {
            Some(by) => {
                let var = *var as usize;
                if self.place.len() <= var {
                    self.place.resize(var + 1, 0);
                }
                self.place[var] =
                    u32::try_from(self.ends.len()).expect("sizes are limited when a flow is built");
                self.terms.extend(by.0);
                self.ends.push(self.terms.len());
            }
            None => self.overflown.set(true),
        }
    }

    /// The form in variables that nothing is demanded of.
    pub(crate) fn reduce(&self, form: &Terms<F>) -> Form<F> {
        if form.iter().all(|(var, _)| self.solved(*var).is_none()) {
            return Form(form.to_vec());
        }
        let mut left: BTreeMap<u32, F> = form.iter().copied().collect();
        let mut free = Vec::new();
        // A solved variable is expressed by older ones only, so one way down is enough.
        while let Some((var, value)) = left.pop_last() {
            let Some(by) = self.solved(var) else {
                free.push((var, value));
                continue;
            };
            for (older, factor) in by {
                let have = left.get(older).copied();
                let sum =
                    factor.times(value).and_then(|more| have.map_or(Some(more), |have| have.plus(more)));
                match sum {
                    Some(sum) if sum.is_zero() => {
                        left.remove(older);
                    }
                    Some(sum) => {
                        left.insert(*older, sum);
                    }
                    None => self.overflown.set(true),
                }
            }
        }
        free.reverse();
        Form(free)
    }

    /// What a demand has said a variable is.
    fn solved(&self, var: u32) -> Option<&Terms<F>> {
        let at = self.place.get(var as usize).map_or(0, |place| *place as usize);
        (at > 0).then(|| &self.terms[self.ends[at - 1]..self.ends[at]])
    }

    /// Whether a demand says something that those before it did not; it is added.
    pub(crate) fn grows(&mut self, form: &Form<F>) -> bool {
        let form = self.reduce(&form.0);
        self.demand(&form.0);
        !form.is_zero()
    }

    /// Whether coefficients grew beyond measure.
    pub(crate) fn overflown(&self) -> bool {
        self.overflown.get()
    }

    /// Notes that a coefficient grew beyond measure elsewhere.
    pub(crate) fn overflow(&self) {
        self.overflown.set(true);
    }
}

impl Ratio {
    /// A whole number.
    pub(crate) const fn whole(value: i32) -> Self {
        Self { over: value, under: 1 }
    }

    /// The fraction of a small denominator that a number is, if it is one.
    pub(crate) fn from_f64(value: f64) -> Option<Self> {
        const MOST: u32 = 64;
        (1..=MOST).find_map(|under| {
            let over = value * f64::from(under);
            let whole = over.abs() <= f64::from(MOST * MOST) && (over - over.round()).abs() < 1e-12;
            if whole { Self::reduced(over.round() as i64, i64::from(under)) } else { None }
        })
    }

    /// As a number.
    pub(crate) fn to_f64(self) -> f64 {
        f64::from(self.over) / f64::from(self.under)
    }

    fn reduced(over: i64, under: i64) -> Option<Self> {
        let (mut a, mut b) = (over.unsigned_abs(), under.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let by = i64::try_from(a.max(1)).ok()?;
        Some(Self { over: i32::try_from(over / by).ok()?, under: i32::try_from(under / by).ok()? })
    }
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.under == 1 { write!(f, "{}", self.over) } else { write!(f, "{}/{}", self.over, self.under) }
    }
}

impl Field for Ratio {
    const ONE: Self = Self::whole(1);

    fn is_zero(self) -> bool {
        self.over == 0
    }

    fn plus(self, other: Self) -> Option<Self> {
        let product = |a: i32, b: i32| i64::from(a) * i64::from(b);
        let over = product(self.over, other.under).checked_add(product(other.over, self.under))?;
        Self::reduced(over, product(self.under, other.under))
    }

    fn times(self, other: Self) -> Option<Self> {
        let product = |a: i32, b: i32| i64::from(a) * i64::from(b);
        Self::reduced(product(self.over, other.over), product(self.under, other.under))
    }

    fn minus_inverse(self) -> Option<Self> {
        Some(Self {
            over: -self.over.signum() * self.under,
            under: self.over.checked_abs().filter(|over| *over > 0)?,
        })
    }
}

impl Field for Bit {
    const ONE: Self = Self(true);

    fn is_zero(self) -> bool {
        !self.0
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self(self.0 ^ other.0))
    }

    fn times(self, other: Self) -> Option<Self> {
        Some(Self(self.0 && other.0))
    }

    fn minus_inverse(self) -> Option<Self> {
        self.0.then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(terms: &[(u32, i32)]) -> Form<Ratio> {
        Form(terms.iter().map(|(var, value)| (*var, Ratio::whole(*value))).collect())
    }

    #[test]
    fn a_variable_is_expressed_by_older_ones() {
        let mut system = System::default();
        system.demand(&form(&[(0, 1), (2, 2)]).0);
        // x2 = −x0 / 2, so x1 + x2 + x0/2 is x1.
        let half = Form(vec![(0, Ratio::from_f64(0.5).unwrap()), (1, Ratio::ONE), (2, Ratio::ONE)]);
        assert_eq!(system.reduce(&half.0), form(&[(1, 1)]));
        assert!(!system.grows(&form(&[(0, 3), (2, 6)])), "three times the same demand");
        assert!(system.grows(&form(&[(1, 1)])));
    }

    #[test]
    fn signs_add_modulo_two() {
        let mut system = System::default();
        let pair = Form(vec![(0, Bit::ONE), (1, Bit::ONE)]);
        system.demand(&pair.0);
        assert!(system.reduce(&pair.0).is_zero());
        assert_eq!(system.reduce(&Form::var(1).0), Form::var(0));
    }

    #[test]
    fn what_grows_beyond_measure_is_noticed() {
        let mut system = System::default();
        for var in 0..40 {
            system.demand(&form(&[(var, 4001), (var + 1, 4000)]).0);
        }
        system.reduce(&form(&[(40, 1)]).0);
        assert!(system.overflown());
    }
}
