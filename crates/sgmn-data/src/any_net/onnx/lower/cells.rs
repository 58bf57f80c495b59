//! What happens in a step of time of a recurrent layer, and the steps in order.

use sgmn_graph::flow::Combination;

use super::{
    Kind, Lower, Operand, Outcome,
    recurrent::{Cell, Direction},
    wrong,
};

impl Direction {
    /// The states in order of time; the last one that was computed stays in `self`.
    pub(super) fn unroll(
        &mut self,
        lower: &mut Lower<'_, '_>,
        cell: Cell,
        x: Operand,
        reverse: bool,
        reset_after: bool,
    ) -> Outcome<Vec<Operand>> {
        let [times, batch, _] = lower.shape(x)[..] else { return wrong("expected three axes") };
        let rows = lower.shape(self.weight)[0];
        let mut inputs = lower.contract(x, self.weight, vec![], vec![(2, 1)])?;
        if let Some((bias, _)) = self.biases {
            inputs = lower.add(inputs, bias)?;
        }
        let mut states = Vec::new();
        for step in 0..times {
            let time = if reverse { times - 1 - step } else { step };
            let input = lower.slice(inputs, 0, time, 1)?;
            let input = lower.reshape(input, vec![batch, rows])?;
            let next = match cell {
                Cell::Simple => {
                    let sum = self.gates(lower, input)?;
                    lower.pointwise(self.functions[0], sum)?
                }
                Cell::Gated => self.gated(lower, input, reset_after)?,
                Cell::Long => self.long(lower, input)?,
            };
            self.hidden = Some(next);
            states.push(next);
        }
        if reverse {
            states.reverse();
        }
        Ok(states)
    }

    /// `R h` and its bias, for some rows of R.
    fn recurred(&self, lower: &mut Lower<'_, '_>, rows: std::ops::Range<usize>) -> Outcome<Option<Operand>> {
        let part = |lower: &mut Lower<'_, '_>, all: Operand| lower.slice(all, 0, rows.start, rows.len());
        let product = match self.hidden {
            Some(hidden) => {
                let recurrence = part(lower, self.recurrence)?;
                Some(lower.contract(hidden, recurrence, vec![], vec![(1, 1)])?)
            }
            None => None,
        };
        let bias = match self.biases {
            Some((_, bias)) => Some(part(lower, bias)?),
            None => None,
        };
        match (product, bias) {
            (Some(product), Some(bias)) => Ok(Some(lower.add(product, bias)?)),
            (product, bias) => Ok(product.or(bias)),
        }
    }

    /// What all gates see before their functions.
    fn gates(&self, lower: &mut Lower<'_, '_>, input: Operand) -> Outcome<Operand> {
        let rows = lower.shape(self.recurrence)[0];
        match self.recurred(lower, 0..rows)? {
            Some(recurred) => lower.add(input, recurred),
            None => Ok(input),
        }
    }

    fn long(&mut self, lower: &mut Lower<'_, '_>, input: Operand) -> Outcome<Operand> {
        let n = lower.shape(self.recurrence)[1];
        let sum = self.gates(lower, input)?;
        let parts = lower.split(sum, 1, &[n; 4])?;
        let [mut i, mut o, mut f, c] = parts[..] else { return wrong("expected four gates") };
        let look = |lower: &mut Lower<'_, '_>,
                    gate: Operand,
                    weight: Option<Operand>,
                    cell: Option<Operand>| match (weight, cell) {
            (Some(weight), Some(cell)) => {
                let seen = lower.multiply(cell, weight)?;
                lower.add(gate, seen)
            }
            _ => Ok(gate),
        };
        let peephole = |gate: usize| self.peepholes.map(|all| all[gate]);
        i = look(lower, i, peephole(0), self.cell)?;
        f = look(lower, f, peephole(2), self.cell)?;
        let [gate, candidate, result] = [self.functions[0], self.functions[1], self.functions[2]];
        i = lower.pointwise(gate, i)?;
        let c = lower.pointwise(candidate, c)?;
        let mut cell = lower.multiply(i, c)?;
        if let Some(old) = self.cell {
            f = lower.pointwise(gate, f)?;
            let kept = lower.multiply(f, old)?;
            cell = lower.add(kept, cell)?;
        }
        o = look(lower, o, peephole(1), Some(cell))?;
        o = lower.pointwise(gate, o)?;
        self.cell = Some(cell);
        let shown = lower.pointwise(result, cell)?;
        lower.multiply(o, shown)
    }

    fn gated(&self, lower: &mut Lower<'_, '_>, input: Operand, reset_after: bool) -> Outcome<Operand> {
        let n = lower.shape(self.recurrence)[1];
        let parts = lower.split(input, 1, &[2 * n, n])?;
        let [mut both, mut new] = parts[..] else { return wrong("expected three gates") };
        if let Some(recurred) = self.recurred(lower, 0..2 * n)? {
            both = lower.add(both, recurred)?;
        }
        let both = lower.pointwise(self.functions[0], both)?;
        let parts = lower.split(both, 1, &[n, n])?;
        let [update, reset] = parts[..] else { return wrong("expected two gates") };
        let recurred = if reset_after {
            match self.recurred(lower, 2 * n..3 * n)? {
                Some(recurred) => Some(lower.multiply(reset, recurred)?),
                None => None,
            }
        } else {
            let hidden = match self.hidden {
                Some(hidden) => Some(lower.multiply(reset, hidden)?),
                None => None,
            };
            let seen = Self {
                hidden,
                cell: None,
                peepholes: None,
                functions: Vec::new(),
                weight: self.weight,
                recurrence: self.recurrence,
                biases: self.biases,
            };
            seen.recurred(lower, 2 * n..3 * n)?
        };
        if let Some(recurred) = recurred {
            new = lower.add(new, recurred)?;
        }
        let new = lower.pointwise(self.functions[1], new)?;
        let one = lower.scalar(1.0, Kind::Real)?;
        let rest = lower.combine(Combination::Subtract, one, update)?;
        let taken = lower.multiply(rest, new)?;
        let Some(hidden) = self.hidden else { return Ok(taken) };
        let kept = lower.multiply(update, hidden)?;
        lower.add(taken, kept)
    }
}
