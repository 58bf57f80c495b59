//! Scalars of units as linear forms, and what is demanded of them.
//!
//! A scalar is q = (−1)^s e^ℓ. Every demand of an operation is linear in ℓ over the rational numbers and in s over the
//! field of two elements; both are solved as they come, in `solve.rs`.

use super::solve::{Bit, Field, Form, Ratio, System};

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

/// All scalars, and what is demanded of them.
#[derive(Debug)]
pub(crate) struct Scales {
    forms: Vec<Scale>,
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

impl Scales {
    pub(crate) fn new() -> Self {
        Self { forms: vec![Scale::default()], log: System::default(), sign: System::default(), n_vars: 0 }
    }

    /// The forms of a scalar.
    pub(crate) fn form(&self, id: ScaleId) -> &Scale {
        &self.forms[id.0 as usize]
    }

    /// The forms of a scalar in free variables.
    pub(crate) fn reduced(&self, id: ScaleId) -> Scale {
        let form = self.form(id);
        Scale { log: self.log.reduce(&form.log), sign: self.sign.reduce(&form.sign) }
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
            scales.store(Some(Scale { log: Form::var(var), sign: Form::var(var) }))
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
        let (a, b) = (self.form(a), self.form(b));
        let log = a.log.plus(&b.log, Ratio::ONE);
        let sign = a.sign.plus(&b.sign, Bit::ONE);
        self.store(log.zip(sign).map(|(log, sign)| Scale { log, sign }))
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
        let a = self.form(a);
        let sign = if keeps_sign { a.sign.clone() } else { Form::default() };
        let power = a.log.times(exponent).map(|log| Scale { log, sign });
        self.store(power)
    }

    /// The sign of a scalar alone.
    pub(crate) fn sign_only(&mut self, a: ScaleId) -> ScaleId {
        let sign = self.form(a).sign.clone();
        self.store(Some(Scale { log: Form::default(), sign }))
    }

    /// Demands that two scalars are equal.
    pub(crate) fn equal(&mut self, a: ScaleId, b: ScaleId, side: Side) {
        if a == b {
            return;
        }
        let (a, b) = (&self.forms[a.0 as usize], &self.forms[b.0 as usize]);
        if side != Side::Sign {
            match a.log.plus(&b.log, Ratio::whole(-1)) {
                Some(form) => self.log.demand(&form),
                None => self.log.overflow(),
            }
        }
        if side != Side::Log {
            match a.sign.plus(&b.sign, Bit::ONE) {
                Some(form) => self.sign.demand(&form),
                None => self.sign.overflow(),
            }
        }
    }

    fn store(&mut self, scale: Option<Scale>) -> ScaleId {
        let Some(scale) = scale else {
            self.log.overflow();
            return ONE;
        };
        if scale == Scale::default() {
            return ONE;
        }
        self.forms.push(scale);
        ScaleId(u32::try_from(self.forms.len() - 1).expect("sizes are limited when a flow is built"))
    }
}
