//! Expressions put in order: a list of instructions on registers of one block of rows.

use std::{collections::BTreeMap, ops::Range, rc::Rc};

use candle_core::{Result, Tensor, TensorId};
use sgmn_graph::Seed;

use super::expr::{Expr, Op, apply};
use crate::ops::{EdgeAxis, Symmetrize};

/// One step on a block of rows; its result is the register of the same number, operands are earlier registers.
#[derive(Debug, Clone)]
pub(super) enum Instruction {
    /// Columns of the packed edge rows.
    Edges {
        columns: Range<usize>,
    },
    /// Rows of the nodes at one end, which lie in the packed nodes from `start` on.
    Nodes {
        start: usize,
        n_nodes: usize,
        axis: EdgeAxis,
    },
    Linear {
        x: usize,
        weight: Range<usize>,
    },
    AddBias {
        x: usize,
        bias: Range<usize>,
    },
    NormSilu {
        x: usize,
        packed: Range<usize>,
        signs: Symmetrize,
    },
    BiasSilu {
        x: usize,
        bias: Range<usize>,
        signs: Symmetrize,
    },
    Mul {
        a: usize,
        b: usize,
    },
    Add {
        a: usize,
        b: usize,
    },
    Scale {
        x: usize,
        factor: f64,
    },
    Abs {
        x: usize,
    },
    UnitNorm {
        x: usize,
        guard: Option<f64>,
    },
    Concat {
        parts: Vec<usize>,
    },
    Dropout {
        x: usize,
        p: f64,
        seed: Seed,
    },
}

/// Instructions, the operands they read, and what becomes of the last register.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) instructions: Vec<Instruction>,
    /// Width of each register.
    pub(super) widths: Vec<usize>,
    /// B, R, S.
    pub(super) block: [usize; 3],
    /// Width of the packed edge rows.
    pub(super) edge_width: usize,
    /// Axis that is summed away; none: every row is stored.
    pub(super) sum: Option<EdgeAxis>,
    operands: Operands,
}

/// The tensors that a program reads, until it runs.
#[derive(Debug, Default)]
struct Operands {
    edges: Vec<Tensor>,
    nodes: Vec<Tensor>,
    n_node_values: usize,
    params: Vec<Tensor>,
    n_params: usize,
    /// Operands that were met before and where they lie; a program has a dozen, so a list is searched fastest.
    known_nodes: Vec<(TensorId, usize)>,
    known_params: Vec<(TensorId, Range<usize>)>,
}

impl Program {
    /// The program that computes an expression, and sums it over an axis if one is given.
    pub(super) fn new(expr: &Rc<Expr>, sum: Option<EdgeAxis>) -> Result<Self> {
        let [b, r, s, _] = expr.dims;
        let mut program = Self {
            instructions: Vec::new(),
            widths: Vec::new(),
            block: [b, r, s],
            edge_width: 0,
            sum,
            operands: Operands::default(),
        };
        program.place(expr, &mut BTreeMap::new());
        Ok(program)
    }

    /// The register of an expression, its instruction appended if it is met for the first time.
    fn place(&mut self, expr: &Rc<Expr>, placed: &mut BTreeMap<usize, usize>) -> usize {
        // Expressions live until the program is built, so addresses tell them apart.
        let key = Rc::as_ptr(expr) as usize;
        if let Some(register) = placed.get(&key) {
            return *register;
        }
        let instruction = match (&expr.op, expr.in_memory()) {
            (_, Some(tensor)) => {
                let columns = self.edge_width..self.edge_width + expr.dims[3];
                self.edge_width = columns.end;
                self.operands.edges.push(tensor.clone());
                Instruction::Edges { columns }
            }
            (Op::Edges(_), None) => unreachable!("edges are in memory"),
            (Op::Spread(nodes, axis), _) => {
                let start = self.operands.node(nodes);
                let n_nodes = if *axis == EdgeAxis::Receivers { expr.dims[1] } else { expr.dims[2] };
                Instruction::Nodes { start, n_nodes, axis: *axis }
            }
            (Op::Linear(x, weight), _) => {
                let x = self.place(x, placed);
                Instruction::Linear { x, weight: self.operands.param(weight) }
            }
            (Op::AddBias(x, bias), _) => {
                let x = self.place(x, placed);
                Instruction::AddBias { x, bias: self.operands.param(bias) }
            }
            (Op::NormSilu(x, packed, signs), _) => {
                let x = self.place(x, placed);
                Instruction::NormSilu { x, packed: self.operands.param(packed), signs: *signs }
            }
            (Op::BiasSilu(x, bias, signs), _) => {
                let x = self.place(x, placed);
                Instruction::BiasSilu { x, bias: self.operands.param(bias), signs: *signs }
            }
            (Op::Mul(a, b), _) => Instruction::Mul { a: self.place(a, placed), b: self.place(b, placed) },
            (Op::Add(a, b), _) => Instruction::Add { a: self.place(a, placed), b: self.place(b, placed) },
            (Op::Scale(x, factor), _) => Instruction::Scale { x: self.place(x, placed), factor: *factor },
            (Op::Abs(x), _) => Instruction::Abs { x: self.place(x, placed) },
            (Op::UnitNorm(x, guard), _) => Instruction::UnitNorm { x: self.place(x, placed), guard: *guard },
            (Op::Concat(parts), _) => {
                Instruction::Concat { parts: parts.iter().map(|part| self.place(part, placed)).collect() }
            }
            (Op::Dropout(x, p, seed), _) => {
                Instruction::Dropout { x: self.place(x, placed), p: *p, seed: *seed }
            }
        };
        self.instructions.push(instruction);
        self.widths.push(expr.dims[3]);
        placed.insert(key, self.widths.len() - 1);
        self.widths.len() - 1
    }

    /// Runs the program; gradients flow to every tensor that it reads.
    pub(super) fn apply(mut self) -> Result<Tensor> {
        let operands = std::mem::take(&mut self.operands);
        let some = operands.edges.first().or(operands.nodes.first()).or(operands.params.first());
        let some = some.expect("an expression reads at least one tensor");
        // A program without operands of a kind is given one number that it does not read.
        let unread = || Tensor::zeros(1, some.dtype(), some.device());
        let flat = |tensors: &[Tensor]| -> Result<Tensor> {
            match tensors {
                [] => unread(),
                [one] => one.flatten_all(),
                many => Tensor::cat(&many.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?, 0),
            }
        };
        let edges = match operands.edges.as_slice() {
            [] => unread()?,
            [one] => one.clone(),
            many => Tensor::cat(many, 3)?,
        };
        let (nodes, params) = (flat(&operands.nodes)?, flat(&operands.params)?);
        apply(self, [edges, nodes, params])
    }
}

impl Operands {
    /// Where a tensor lies among the packed nodes; it is packed if it is met for the first time.
    fn node(&mut self, tensor: &Tensor) -> usize {
        if let Some((_, start)) = self.known_nodes.iter().find(|(id, _)| *id == tensor.id()) {
            return *start;
        }
        let start = self.n_node_values;
        self.n_node_values += tensor.elem_count();
        self.nodes.push(tensor.clone());
        self.known_nodes.push((tensor.id(), start));
        start
    }

    /// Where a tensor lies among the packed parameters; it is packed if it is met for the first time.
    fn param(&mut self, tensor: &Tensor) -> Range<usize> {
        if let Some((_, range)) = self.known_params.iter().find(|(id, _)| *id == tensor.id()) {
            return range.clone();
        }
        let range = self.n_params..self.n_params + tensor.elem_count();
        self.n_params = range.end;
        self.params.push(tensor.clone());
        self.known_params.push((tensor.id(), range.clone()));
        range
    }
}
