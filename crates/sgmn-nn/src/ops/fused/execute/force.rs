//! Rows that are asked for: what was noted is compiled and run, what it reads of nodes first.

use std::{collections::BTreeSet, rc::Rc, sync::Arc};

use candle_core::{DType, Result, Tensor};

use super::run::Fused;
use crate::ops::{
    EdgeAxis,
    fused::{
        compile::{Operands, Program},
        record::{Expr, Memory, Of, Op, Store, algebra::LastMap},
    },
    runs_whole,
};

/// The numbers of an expression: those in memory, those computed before, or computed now.
pub(crate) fn tensor(expr: &Rc<Expr>) -> Result<Tensor> {
    if let Some(Memory::Tensor(tensor)) = expr.in_memory() {
        return Ok(tensor.clone());
    }
    let tensor = apply(compiled(expr, None)?)?.reshape(&expr.dims[..])?;
    // Rows that lie in a store stay there for other passes: this is a copy for those who need a tensor.
    if expr.in_memory().is_none() {
        expr.remember(Memory::Tensor(tensor.clone()));
    }
    Ok(tensor)
}

/// The same rows in memory, where those of nodes and edges have a store of their own.
pub(crate) fn computed(expr: &Rc<Expr>) -> Result<Rc<Expr>> {
    if matches!(expr.op, Op::Memory(_)) {
        return Ok(expr.clone());
    }
    Ok(expr.like(Op::Memory(force(expr)?)))
}

/// `Σ` over an axis of edges: rows of the nodes that remain.
pub(crate) fn sum_edges(x: &Rc<Expr>, axis: EdgeAxis) -> Result<Rc<Expr>> {
    let [b, r, s, h] = x.dims;
    let (n_kept, n_summed) = if axis == EdgeAxis::Senders { (r, s) } else { (s, r) };
    if let Some(last) = LastMap::of(x) {
        return last.after(&sum_edges(last.of, axis)?, n_summed);
    }
    let (store, token) = store(compiled(x, Some(axis))?)?;
    Ok(Expr::new(Op::Memory(Memory::Stored(store, token)), [b, n_kept, 1, h], Of::Nodes))
}

/// Where the rows are, computed now if they were not yet.
pub(super) fn force(expr: &Rc<Expr>) -> Result<Memory> {
    if let Some(memory) = expr.in_memory() {
        return Ok(memory.clone());
    }
    let (store, token) = store(compiled(expr, None)?)?;
    Ok(expr.remember(Memory::Stored(store, token)).clone())
}

/// The program of an expression, the rows of nodes that it reads having been computed.
pub(super) fn compiled(expr: &Rc<Expr>, sum: Option<EdgeAxis>) -> Result<Program> {
    force_nodes(expr, &mut BTreeSet::new())?;
    Program::new(expr, sum)
}

/// Computes the rows of nodes that an expression reads: they are few, and programs read them from memory.
///
/// Expressions live until all are met, so addresses tell them apart.
fn force_nodes(expr: &Rc<Expr>, met: &mut BTreeSet<*const Expr>) -> Result<()> {
    if expr.in_memory().is_some() || !met.insert(Rc::as_ptr(expr)) {
        return Ok(());
    }
    if let Op::Spread(nodes, _) | Op::Outer(_, nodes, _) = &expr.op {
        force(nodes)?;
    }
    expr.op.operands().into_iter().try_for_each(|operand| force_nodes(operand, met))
}

/// Runs a program; gradients flow to every tensor that it reads.
fn apply(mut program: Program) -> Result<Tensor> {
    if runs_whole(checked(&program)?) {
        return program.apply_whole();
    }
    let (operands, tracked) = pack(&mut program)?;
    Fused::new(program, tracked, None).apply(operands)
}

/// Runs a program and leaves its result in a store, with the token that stands for it.
pub(super) fn store(mut program: Program) -> Result<(Arc<Store>, Tensor)> {
    if runs_whole(checked(&program)?) {
        return program.store_whole();
    }
    let (operands, tracked) = pack(&mut program)?;
    let store = Arc::new(Store::default());
    let token = Fused::new(program, tracked, Some(store.clone())).apply(operands)?;
    Ok((store, token))
}

/// Some tensor that the program reads, after a look at its number type and the number of rows.
fn checked(program: &Program) -> Result<&Tensor> {
    let Operands { edges, nodes, tokens, .. } = &program.operands;
    let some = edges.first().or(nodes.first()).or(tokens.first());
    let some = some.or(program.params.first().map(|param| &param.tensor));
    let some = some.expect("an expression reads at least one tensor");
    if !matches!(some.dtype(), DType::F32 | DType::F64) {
        candle_core::bail!("rows: expected f32 or f64, found {:?}", some.dtype());
    }
    let [b, r, s] = program.block;
    if b.checked_mul(r).and_then(|n| n.checked_mul(s)).is_none_or(|n| u32::try_from(n).is_err()) {
        candle_core::bail!("rows: expected less than 2^32 of them, found {b} × {r} × {s}");
    }
    Ok(some)
}

/// Packed edges, packed nodes and the tokens of all else; and whether anything before them wants a gradient.
fn pack(program: &mut Program) -> Result<([Tensor; 3], bool)> {
    let some = checked(program)?.clone();
    let Operands { edges, nodes, mut tokens, .. } = std::mem::take(&mut program.operands);
    let wants_gradients = crate::ops::wants_gradients();
    for param in &mut program.params {
        param.tensor = param.tensor.contiguous()?;
        if wants_gradients && param.tensor.track_op() {
            tokens.push(param.token()?);
        }
    }
    // A program without operands of a kind is given one number that it does not read.
    let unread = || Tensor::zeros(1, some.dtype(), some.device());
    let flat = |tensors: &[Tensor]| -> Result<Tensor> {
        match tensors {
            [] => unread(),
            [one] => one.flatten_all()?.contiguous(),
            many => Tensor::cat(&many.iter().map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?, 0),
        }
    };
    let packed = match edges.as_slice() {
        [] => unread()?,
        [one] => one.contiguous()?,
        many => Tensor::cat(many, 3)?,
    };
    let mut operands = [packed, flat(&nodes)?, flat(&tokens)?];
    if !wants_gradients {
        operands = operands.map(|tensor| tensor.detach());
    }
    let tracked = operands.iter().any(Tensor::track_op);
    Ok((operands, tracked))
}
