//! Products with weights: linear layers, matrix products with broadcast batches, convolutions with a bias, and sums of
//! products by a formula of letters.

use sgmn_graph::flow::{Combination, Convolve, FlowResult, Reduction, ValueId};

use super::Draft;

impl Draft<'_> {
    /// `x Wᵀ + b`: x `[.., in]`, W `[out, in]`, b `[out]`.
    pub(crate) fn linear(
        &mut self,
        x: ValueId,
        weight: ValueId,
        bias: Option<ValueId>,
    ) -> FlowResult<ValueId> {
        let (rank, axes) = (self.rank(x), self.rank(weight));
        if rank == 0 || axes == 0 {
            return self
                .fault("values with axes", format!("{:?} and {:?}", self.shape(x), self.shape(weight)));
        }
        let product = self.contract(x, weight, vec![], vec![(rank - 1, axes - 1)])?;
        match bias {
            Some(bias) => self.add(product, bias),
            None => Ok(product),
        }
    }

    /// The matrix product of numpy: vectors, matrices, and stacks of matrices whose leading axes broadcast.
    pub(crate) fn matmul(&mut self, a: ValueId, b: ValueId) -> FlowResult<ValueId> {
        let (of_a, of_b) = (self.shape(a), self.shape(b));
        let (n, m) = (of_a.len(), of_b.len());
        if n == 0 || m == 0 {
            return self.fault("values with axes", format!("{of_a:?} and {of_b:?}"));
        }
        // The axis of b that is summed over: its rows, or all of a vector.
        let rows = m.saturating_sub(2);
        if m <= 2 {
            return self.contract(a, b, vec![], vec![(n - 1, rows)]);
        }
        if n == 1 {
            return self.contract(b, a, vec![], vec![(rows, 0)]);
        }
        let batch = |shape: &[usize]| shape[..shape.len() - 2].to_vec();
        let (batch_a, batch_b) = (batch(&of_a), batch(&of_b));
        let rank = batch_a.len().max(batch_b.len());
        let mut common = vec![1; rank];
        for batch in [&batch_a, &batch_b] {
            for (at, size) in batch.iter().rev().enumerate() {
                let size_so_far = &mut common[rank - 1 - at];
                if *size_so_far == 1 {
                    *size_so_far = *size;
                } else if *size != 1 && *size != *size_so_far {
                    return self.fault("stacks of matrices that broadcast", format!("{of_a:?} and {of_b:?}"));
                }
            }
        }
        let widened = |shape: &[usize]| [&common[..], &shape[shape.len() - 2..]].concat();
        let (wide_a, wide_b) = (widened(&of_a), widened(&of_b));
        let a = self.expand(a, wide_a)?;
        let b = self.expand(b, wide_b)?;
        self.contract(a, b, (0..rank).map(|axis| (axis, axis)).collect(), vec![(rank + 1, rank)])
    }

    /// A convolution and its bias, one number for each channel.
    pub(crate) fn convolve(
        &mut self,
        x: ValueId,
        weight: ValueId,
        bias: Option<ValueId>,
        op: Convolve,
    ) -> FlowResult<ValueId> {
        let out = self.step(op, &[x, weight])?;
        match bias {
            Some(bias) => {
                let rank = self.rank(out);
                let bias = self.along(bias, 1, rank)?;
                self.add(out, bias)
            }
            None => Ok(out),
        }
    }

    /// A sum of products by letters: `bhid,bhjd->bhij`. Each letter stands once in an operand; one or two operands, or
    /// more from left to right.
    pub(crate) fn einsum(&mut self, formula: &str, operands: &[ValueId]) -> FlowResult<ValueId> {
        let formula: String = formula.chars().filter(|c| !c.is_whitespace()).collect();
        let (from, to) = match formula.split_once("->") {
            Some((from, to)) => (from.to_owned(), Some(to.to_owned())),
            None => (formula.clone(), None),
        };
        let terms: Vec<Vec<char>> = from.split(',').map(|term| term.chars().collect()).collect();
        let plain = |term: &Vec<char>| {
            term.iter().all(char::is_ascii_alphabetic)
                && (1..term.len()).all(|at| !term[..at].contains(&term[at]))
        };
        if terms.len() != operands.len() || terms.is_empty() || !terms.iter().all(plain) {
            return self.fault(
                "a formula with one term of different letters for each operand",
                format!("{formula:?} for {}", operands.len()),
            );
        }
        let out: Vec<char> = match to {
            Some(to) => to.chars().collect(),
            None => {
                let mut once: Vec<char> = from.chars().filter(char::is_ascii_alphabetic).collect();
                once.sort_unstable();
                let all = once.clone();
                once.retain(|letter| all.iter().filter(|other| *other == letter).count() == 1);
                once
            }
        };
        if !plain(&out) || out.iter().any(|letter| terms.iter().all(|term| !term.contains(letter))) {
            return self.fault("a result of different letters of the operands", format!("{formula:?}"));
        }
        let fits = terms.iter().zip(operands).all(|(term, operand)| term.len() == self.rank(*operand));
        if !fits {
            return self.fault(format!("a letter for each axis in {formula:?}"), "operands with other axes");
        }
        let mut letters = terms[0].clone();
        let mut value = operands[0];
        for (at, (term, operand)) in terms.iter().zip(operands).enumerate().skip(1) {
            let later =
                |letter: &char| out.contains(letter) || terms[at + 1..].iter().any(|t| t.contains(letter));
            // What only one of both has and nobody needs later is summed at once.
            (value, letters) = self.sum_letters(value, letters, |l| term.contains(l) || later(l))?;
            let (right, right_letters) =
                self.sum_letters(*operand, term.clone(), |l| letters.contains(l) || later(l))?;
            let shared = |keep: bool| {
                letters.iter().enumerate().filter(move |(_, l)| later(l) == keep).filter_map(|(a, letter)| {
                    right_letters.iter().position(|other| other == letter).map(|b| (a, b))
                })
            };
            let (batch, sum): (Vec<_>, Vec<_>) = (shared(true).collect(), shared(false).collect());
            let mut joined: Vec<char> = batch.iter().map(|(a, _)| letters[*a]).collect();
            joined.extend(letters.iter().filter(|l| !right_letters.contains(l)));
            joined.extend(right_letters.iter().filter(|l| !letters.contains(l)));
            value = self.contract(value, right, batch, sum)?;
            letters = joined;
        }
        (value, letters) = self.sum_letters(value, letters, |l| out.contains(l))?;
        let order =
            out.iter().filter_map(|letter| letters.iter().position(|other| other == letter)).collect();
        self.permute(value, order)
    }

    fn sum_letters(
        &mut self,
        x: ValueId,
        letters: Vec<char>,
        keep: impl Fn(&char) -> bool,
    ) -> FlowResult<(ValueId, Vec<char>)> {
        let axes: Vec<usize> = (0..letters.len()).filter(|axis| !keep(&letters[*axis])).collect();
        let left = letters.into_iter().filter(|letter| keep(letter)).collect();
        if axes.is_empty() { Ok((x, left)) } else { Ok((self.reduce(Reduction::Sum, x, axes, false)?, left)) }
    }

    /// `base + factor · x`, with the factor left out if it is 1.
    pub(crate) fn add_scaled(&mut self, base: ValueId, x: ValueId, factor: f64) -> FlowResult<ValueId> {
        let x = self.scale(x, factor)?;
        self.combine(Combination::Add, base, x)
    }
}
