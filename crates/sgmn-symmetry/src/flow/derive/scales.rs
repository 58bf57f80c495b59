//! Scalars of units as linear forms, and what is demanded of them.
//!
//! A scalar is q = (−1)^s e^ℓ. Every demand of an operation is linear in ℓ over the rational numbers and in s over the
//! field of two elements; both are solved as they come, in `solve.rs`.

use super::solve::{Bit, Field, Form, Ratio, System, Terms};

/// A scalar, by its place among all forms; 0 is the scalar 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ScaleId(u32);

/// The scalar 1.
pub(crate) const ONE: ScaleId = ScaleId(0);

/// The two forms of a scalar: of its logarithm and of its sign.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Scale {
    pub(crate) log: Form<Ratio>,
    pub(crate) sign: Form<Bit>,
}

/// The forms of scalars, one behind the other: there are millions, most of one term or two.
#[derive(Debug)]
pub(crate) struct Forms {
    /// For each scalar where its terms end in both lists.
    ends: Vec<(u32, u32)>,
    logs: Vec<(u32, Ratio)>,
    signs: Vec<(u32, Bit)>,
}

/// All scalars, and what is demanded of them.
#[derive(Debug)]
pub(crate) struct Scales {
    forms: Forms,
    pub(crate) log: System<Ratio>,
    pub(crate) sign: System<Bit>,
    n_vars: u32,
}

/// Which side of scalars a demand concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Log,
    Sign,
    Both,
}

impl Forms {
    /// That of the scalar 1.
    fn new() -> Self {
        Self { ends: vec![(0, 0)], logs: Vec::new(), signs: Vec::new() }
    }

    /// The two forms of a scalar.
    pub(crate) fn of(&self, id: ScaleId) -> (&Terms<Ratio>, &Terms<Bit>) {
        let at = id.0 as usize;
        let first = at.checked_sub(1).map_or((0, 0), |before| self.ends[before]);
        let end = self.ends[at];
        (&self.logs[first.0 as usize..end.0 as usize], &self.signs[first.1 as usize..end.1 as usize])
    }

    /// A scalar as it is kept here.
    pub(crate) fn scale(&self, id: ScaleId) -> Scale {
        let (log, sign) = self.of(id);
        Scale { log: Form(log.to_vec()), sign: Form(sign.to_vec()) }
    }

    fn push(&mut self, log: Form<Ratio>, sign: Form<Bit>) -> ScaleId {
        self.logs.extend(log.0);
        self.signs.extend(sign.0);
        let end = |len: usize| u32::try_from(len).expect("sizes are limited when a flow is built");
        self.ends.push((end(self.logs.len()), end(self.signs.len())));
        ScaleId(end(self.ends.len() - 1))
    }
}

impl Scales {
    pub(crate) fn new() -> Self {
        Self { forms: Forms::new(), log: System::default(), sign: System::default(), n_vars: 0 }
    }

    /// The forms of these scalars in free variables, once nothing more is demanded; others are forgotten.
    pub(crate) fn settled(&self, kept: impl Iterator<Item = ScaleId>) -> Forms {
        let mut keeps = vec![false; self.forms.ends.len()];
        kept.for_each(|id| keeps[id.0 as usize] = true);
        let mut settled = Forms::new();
        for (at, keeps) in keeps.into_iter().enumerate().skip(1) {
            let (log, sign) = if keeps { self.forms.of(ScaleId(at as u32)) } else { (&[][..], &[][..]) };
            settled.push(self.log.reduce(log), self.sign.reduce(sign));
        }
        settled
    }

    /// How many variables there are.
    pub(crate) fn n_vars(&self) -> u32 {
        self.n_vars
    }

    /// Scalars of which nothing is demanded yet.
    pub(crate) fn fresh(&mut self, count: usize) -> Vec<ScaleId> {
        let one = |scales: &mut Self| {
            let var = scales.n_vars;
            scales.n_vars += 1;
            scales.store(Some((Form::var(var), Form::var(var))))
        };
        (0..count).map(|_| one(self)).collect()
    }

    /// The product of two scalars.
    pub(crate) fn product(&mut self, a: ScaleId, b: ScaleId) -> ScaleId {
        if a == ONE {
            return b;
        }
        if b == ONE {
            return a;
        }
        let (a, b) = (self.forms.of(a), self.forms.of(b));
        let sum = Form::sum(a.0, b.0, Ratio::ONE).zip(Form::sum(a.1, b.1, Bit::ONE));
        self.store(sum)
    }

    /// `1 / a`.
    pub(crate) fn inverse(&mut self, a: ScaleId) -> ScaleId {
        self.power(a, Ratio::whole(-1), true)
    }

    /// The magnitude of a scalar to a power; with its sign or without.
    pub(crate) fn power(&mut self, a: ScaleId, exponent: Ratio, keeps_sign: bool) -> ScaleId {
        if a == ONE || (exponent == Ratio::ONE && keeps_sign) {
            return a;
        }
        let (log, sign) = self.forms.of(a);
        let sign = if keeps_sign { Form(sign.to_vec()) } else { Form::default() };
        let power = Form::times(log, exponent).map(|log| (log, sign));
        self.store(power)
    }

    /// The sign of a scalar alone.
    pub(crate) fn sign_only(&mut self, a: ScaleId) -> ScaleId {
        let sign = Form(self.forms.of(a).1.to_vec());
        self.store(Some((Form::default(), sign)))
    }

    /// Demands that two scalars are equal.
    pub(crate) fn equal(&mut self, a: ScaleId, b: ScaleId, side: Side) {
        if a == b {
            return;
        }
        let (a, b) = (self.forms.of(a), self.forms.of(b));
        let log = (side != Side::Sign).then(|| Form::sum(a.0, b.0, Ratio::whole(-1)));
        let sign = (side != Side::Log).then(|| Form::sum(a.1, b.1, Bit::ONE));
        match log {
            Some(Some(form)) => self.log.demand(&form.0),
            Some(None) => self.log.overflow(),
            None => {}
        }
        match sign {
            Some(Some(form)) => self.sign.demand(&form.0),
            Some(None) => self.sign.overflow(),
            None => {}
        }
    }

    fn store(&mut self, forms: Option<(Form<Ratio>, Form<Bit>)>) -> ScaleId {
        let Some((log, sign)) = forms else {
            self.log.overflow();
            return ONE;
        };
        if log.is_zero() && sign.is_zero() {
            return ONE;
        }
        self.forms.push(log, sign)
    }
}
