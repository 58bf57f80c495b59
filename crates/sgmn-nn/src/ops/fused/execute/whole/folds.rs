//! Which sums need not be written: who reads them adds their last addends by itself.

use crate::ops::{
    fused::compile::{Program, Step},
    steps::MOST_NODES,
};

/// Of each register, what is left to its only reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Folds {
    /// Rows of nodes: a normalization adds them on the way.
    pub(super) nodes: Vec<bool>,
    /// The bias: a product number by number adds it on the way.
    pub(super) bias: Vec<bool>,
}

impl Folds {
    pub(super) fn of(program: &Program) -> Self {
        let n = program.steps.len();
        let mut n_readers = vec![0; n];
        program.steps.iter().for_each(|step| step.operands(|x| n_readers[x] += 1));
        match program.tail {
            Some([a, b]) => [a, b].into_iter().for_each(|x| n_readers[x] += 1),
            // The result is read by whoever asked for it.
            None => n_readers[n - 1] += 1,
        }
        let mut folds = Self { nodes: vec![false; n], bias: vec![false; n] };
        for step in &program.steps {
            match step {
                Step::NormSilu { x, .. } => {
                    if let Step::Sum(sum) = &program.steps[*x] {
                        let few = (1..=MOST_NODES).contains(&sum.nodes.len());
                        folds.nodes[*x] =
                            n_readers[*x] == 1 && few && sum.rows.is_empty() && sum.bias.is_none();
                    }
                }
                Step::Mul { b, .. } => folds.bias[*b] = n_readers[*b] == 1 && is_biased_product(program, *b),
                _ => {}
            }
        }
        if let Some([_, b]) = program.tail {
            folds.bias[b] = n_readers[b] == 1 && is_biased_product(program, b);
        }
        folds
    }
}

/// Whether a register is nothing but products and a bias.
fn is_biased_product(program: &Program, x: usize) -> bool {
    match &program.steps[x] {
        Step::Sum(sum) => {
            sum.bias.is_some() && !sum.products.is_empty() && sum.nodes.is_empty() && sum.rows.is_empty()
        }
        _ => false,
    }
}
