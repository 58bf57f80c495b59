//! Matrices in words, for people.

use std::fmt;

use sgmn_graph::flow::Flow;

use super::{Kind, Matrix};

impl Kind {
    /// The group for matrices of n rows: `GL(4)`, `O(8)`.
    pub fn words(&self, n: usize) -> String {
        match self {
            Self::General => format!("GL({n})"),
            Self::Orthogonal => format!("O({n})"),
            Self::OrthogonalKeepingOnes => format!("O({n}) keeping (1, …, 1)"),
            Self::Pairs(pairs) => format!("a complex number for each of {} pairs", pairs.len()),
            Self::UnitPairs(pairs) => format!("a turn for each of {} pairs", pairs.len()),
        }
    }
}

impl fmt::Display for Matrix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind.words(self.n))?;
        if self.blocks > 1 {
            write!(f, " for each of {} blocks", self.blocks)?;
        }
        write!(f, ", {} dimensions", self.dims())
    }
}

impl Matrix {
    /// The parameter axes that hold it, each once, by their names: `layers.0.q_proj.weight axis 0`.
    pub fn axes(&self, flow: &Flow) -> Vec<String> {
        let mut axes: Vec<(usize, usize)> =
            self.holders.iter().map(|holder| (holder.param, holder.axis)).collect();
        axes.sort_unstable();
        axes.dedup();
        axes.iter().map(|(param, axis)| format!("{} axis {axis}", flow.params()[*param].name)).collect()
    }
}
