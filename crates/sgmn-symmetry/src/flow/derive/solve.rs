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
    over: i64,
    under: i64,
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
    solved: BTreeMap<u32, Form<F>>,
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
        Self { solved: BTreeMap::new(), overflown: Cell::new(false) }
    }
}

impl<F: Field> Form<F> {
    pub(crate) fn var(var: u32) -> Self {
        Self(vec![(var, F::ONE)])
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    /// `self + factor · other`.
    pub(crate) fn plus(&self, other: &Self, factor: F) -> Option<Self> {
        let mut sum = Vec::with_capacity(self.0.len() + other.0.len());
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
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

    /// `factor · self`.
    pub(crate) fn times(&self, factor: F) -> Option<Self> {
        if factor.is_zero() {
            return Some(Self::default());
        }
        self.0.iter().map(|(var, value)| Some((*var, value.times(factor)?))).collect::<Option<_>>().map(Self)
    }
}

impl<F: Field> System<F> {
    /// Adds a demand.
    pub(crate) fn demand(&mut self, form: &Form<F>) {
        let form = self.reduce(form);
        let Some((var, value)) = form.0.last().copied() else { return };
        let rest = Form(form.0[..form.0.len() - 1].to_vec());
        match value.minus_inverse().and_then(|factor| rest.times(factor)) {
            Some(by) => {
                self.solved.insert(var, by);
            }
            None => self.overflown.set(true),
        }
    }

    /// The form in variables that nothing is demanded of.
    pub(crate) fn reduce(&self, form: &Form<F>) -> Form<F> {
        if form.0.iter().all(|(var, _)| !self.solved.contains_key(var)) {
            return form.clone();
        }
        let mut left: BTreeMap<u32, F> = form.0.iter().copied().collect();
        let mut free = Vec::new();
        // A solved variable is expressed by older ones only, so one way down is enough.
        while let Some((var, value)) = left.pop_last() {
            let Some(by) = self.solved.get(&var) else {
                free.push((var, value));
                continue;
            };
            for (older, factor) in &by.0 {
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

    /// Whether a demand says something that those before it did not; it is added.
    pub(crate) fn grows(&mut self, form: &Form<F>) -> bool {
        let form = self.reduce(form);
        self.demand(&form);
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
    pub(crate) const fn whole(value: i64) -> Self {
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
        self.over as f64 / self.under as f64
    }

    fn reduced(over: i64, under: i64) -> Option<Self> {
        let (mut a, mut b) = (over.unsigned_abs(), under.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        let by = i64::try_from(a.max(1)).ok()?;
        Some(Self { over: over / by, under: under / by })
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
        let left = self.over.checked_mul(other.under)?;
        let right = other.over.checked_mul(self.under)?;
        Self::reduced(left.checked_add(right)?, self.under.checked_mul(other.under)?)
    }

    fn times(self, other: Self) -> Option<Self> {
        Self::reduced(self.over.checked_mul(other.over)?, self.under.checked_mul(other.under)?)
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

    fn form(terms: &[(u32, i64)]) -> Form<Ratio> {
        Form(terms.iter().map(|(var, value)| (*var, Ratio::whole(*value))).collect())
    }

    #[test]
    fn a_variable_is_expressed_by_older_ones() {
        let mut system = System::default();
        system.demand(&form(&[(0, 1), (2, 2)]));
        // x2 = −x0 / 2, so x1 + x2 + x0/2 is x1.
        let half = Form(vec![(0, Ratio::from_f64(0.5).unwrap()), (1, Ratio::ONE), (2, Ratio::ONE)]);
        assert_eq!(system.reduce(&half), form(&[(1, 1)]));
        assert!(!system.grows(&form(&[(0, 3), (2, 6)])), "three times the same demand");
        assert!(system.grows(&form(&[(1, 1)])));
    }

    #[test]
    fn signs_add_modulo_two() {
        let mut system = System::default();
        let pair = Form(vec![(0, Bit::ONE), (1, Bit::ONE)]);
        system.demand(&pair);
        assert!(system.reduce(&pair).is_zero());
        assert_eq!(system.reduce(&Form::var(1)), Form::var(0));
    }

    #[test]
    fn what_grows_beyond_measure_is_noticed() {
        let mut system = System::default();
        for var in 0..40 {
            system.demand(&form(&[(var, 4001), (var + 1, 4000)]));
        }
        system.reduce(&form(&[(40, 1)]));
        assert!(system.overflown());
    }
}
