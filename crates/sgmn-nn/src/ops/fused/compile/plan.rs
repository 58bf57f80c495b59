//! What the way back of a program needs, and what of it is kept or computed again.

use super::program::{Program, Step};

/// Facts of each register.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Worth its memory between forward and backward: the result of matrix products, which the way back reads.
    pub(crate) worth: Vec<bool>,
    /// An activation that only matrix products read: its gradient computes it once more on the way, see `late` in
    /// the backward pass.
    pub(crate) late: Vec<bool>,
    /// Whether anybody wants the register's gradient.
    pub(crate) wanted: Vec<bool>,
    /// The last step that reads the register on the way forward.
    pub(crate) last_reader: Vec<usize>,
    /// Read on the way back, whatever is kept.
    needed: Vec<bool>,
}

/// Products with so few columns cost no more than what surrounds them.
const LEAST_WIDTH: usize = 16;

impl Plan {
    pub(crate) fn new(program: &Program) -> Self {
        let n = program.steps.len();
        let (mut by_products, mut by_others) = (vec![false; n], vec![false; n]);
        let mut last_reader: Vec<usize> = (0..n).collect();
        for (i, step) in program.steps.iter().enumerate() {
            step.operands(|x| last_reader[x] = i);
            match step {
                Step::Sum(sum) => sum.products.iter().for_each(|product| by_products[product.x] = true),
                Step::Mul { a, b } => {
                    by_others[*a] = true;
                    by_others[*b] = true;
                }
                Step::Outer { s: x, .. }
                | Step::NormSilu { x, .. }
                | Step::BiasSilu { x, .. }
                | Step::MulNodes { x, .. }
                | Step::MulRow { x, .. }
                | Step::Abs { x }
                | Step::UnitNorm { x, .. } => by_others[*x] = true,
                Step::Stored(_)
                | Step::Packed { .. }
                | Step::Scale { .. }
                | Step::Concat { .. }
                | Step::Dropout { .. } => {}
            }
        }
        for x in program.tail.iter().flatten() {
            by_others[*x] = true;
            last_reader[*x] = n;
        }
        if program.tail.is_none() {
            last_reader[n - 1] = n;
        }
        let each = |f: &dyn Fn(usize, &Step) -> bool| -> Vec<bool> {
            program.steps.iter().enumerate().map(|(i, step)| f(i, step)).collect()
        };
        let width_in = |step: &Step| match step {
            Step::Sum(sum) => sum.products.iter().map(|product| program.widths[product.x]).sum(),
            _ => 0,
        };
        let needed = each(&|i, _| by_products[i] || by_others[i]);
        Self {
            worth: each(&|i, step| needed[i] && width_in(step) >= LEAST_WIDTH),
            late: each(&|i, step| {
                matches!(step, Step::NormSilu { .. } | Step::BiasSilu { .. }) && !by_others[i]
            }),
            wanted: each(&|_, step| match step {
                Step::Stored(store) => program.stores[*store].1,
                Step::Packed { .. } => program.packed_tracked,
                _ => true,
            }),
            last_reader,
            needed,
        }
    }

    /// Whether the way back reads the register.
    pub(crate) fn is_needed(&self, x: usize) -> bool {
        self.needed[x]
    }

    /// The registers that the way back computes again before it begins, given whether those worth it were kept.
    pub(crate) fn again(&self, program: &Program, kept: bool) -> Vec<bool> {
        let mut required: Vec<bool> =
            self.needed.iter().zip(&self.late).map(|(needed, late)| *needed && !late).collect();
        let mut again = vec![false; required.len()];
        for (i, step) in program.steps.iter().enumerate().rev() {
            let in_memory = match step {
                Step::Stored(_) => true,
                Step::Packed { columns } => columns.len() == program.packed_width,
                _ => kept && self.worth[i],
            };
            if required[i] && !in_memory {
                again[i] = true;
                step.operands(|x| required[x] = true);
            }
        }
        again
    }
}

impl Step {
    /// Calls `f` with every register that the step reads.
    pub(crate) fn operands(&self, mut f: impl FnMut(usize)) {
        match self {
            Self::Stored(_) | Self::Packed { .. } => {}
            Self::Sum(sum) => {
                sum.products.iter().for_each(|product| f(product.x));
                sum.rows.iter().for_each(|x| f(*x));
            }
            Self::Mul { a, b } => {
                f(*a);
                f(*b);
            }
            Self::Concat { parts } => parts.iter().for_each(|x| f(*x)),
            Self::Outer { s: x, .. }
            | Self::NormSilu { x, .. }
            | Self::BiasSilu { x, .. }
            | Self::MulNodes { x, .. }
            | Self::MulRow { x, .. }
            | Self::Scale { x, .. }
            | Self::Abs { x }
            | Self::UnitNorm { x, .. }
            | Self::Dropout { x, .. } => f(*x),
        }
    }
}
