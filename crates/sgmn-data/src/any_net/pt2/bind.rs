//! Which sizes the inputs of a program have: what the file says, and what the user says where it leaves them open.

use std::path::Path;

use super::{
    program::{Argued, Argument, Expression, InputSpec, Number, Program, Size, TensorMeta},
    sizes::{self, Symbols},
};
use crate::{
    Error, Result,
    any_net::{OpenSize, ReadOptions},
};

/// Values for the symbols of sizes: what the user says, else 1 or the smallest value that the file allows; and where in
/// the inputs these last ones stand.
///
/// # Errors
/// [`Error::Config`] for sizes and inputs that the file does not have or that contradict it.
pub(super) fn bind(
    path: &Path,
    program: &Program,
    options: &ReadOptions,
) -> Result<(Symbols, Vec<OpenSize>)> {
    let graph = &program.graph_module.graph;
    let inputs: Vec<(&str, &TensorMeta)> = program
        .graph_module
        .signature
        .input_specs
        .iter()
        .filter_map(|spec| match spec {
            InputSpec::UserInput(Argued { arg: Argument::AsTensor(named) }) => {
                Some((named.name.as_str(), graph.tensor_values.get(&named.name)?))
            }
            _ => None,
        })
        .collect();
    let mut names: Vec<String> = Vec::new();
    for expression in inputs.iter().flat_map(|(_, meta)| &meta.sizes).filter_map(expression) {
        names.extend(sizes::symbols(expression));
    }
    names.sort_unstable();
    names.dedup();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    options.check_inputs(&known, &inputs.iter().map(|(name, _)| *name).collect::<Vec<_>>())?;
    let mut symbols = Symbols::default();
    for (name, size) in &options.sizes {
        symbols.0.insert(name.clone(), i64::try_from(*size).unwrap_or(i64::MAX));
    }
    for (name, meta) in &inputs {
        let Some(shape) = options.inputs.get(*name) else { continue };
        let refuse = |expected: String| {
            let found = format!("{shape:?}");
            Err(Error::Config { field: format!("inputs.{name}"), expected, found })
        };
        if shape.len() != meta.sizes.len() {
            return refuse(format!("{} sizes", meta.sizes.len()));
        }
        for (size, given) in meta.sizes.iter().zip(shape) {
            if let Some(symbol) = expression(size).and_then(sizes::bare) {
                let given = i64::try_from(*given).unwrap_or(i64::MAX);
                if *symbols.0.entry(symbol.clone()).or_insert(given) != given {
                    return refuse(format!("one value for {symbol}"));
                }
            }
        }
    }
    let mut open = Vec::new();
    for (axis, size) in inputs.iter().flat_map(|(_, meta)| meta.sizes.iter().enumerate()) {
        let unsaid = |symbol: &String| !symbols.0.contains_key(symbol);
        let symbols = expression(size).map(sizes::symbols).into_iter().flatten();
        open.extend(symbols.filter(unsaid).map(|name| OpenSize { name, axis }));
    }
    for name in &names {
        let least = program.range_constraints.get(name).and_then(|range| range.min_val);
        let least = least.map_or(1, |Number(least)| (least as i64).clamp(1, 1 << 20));
        symbols.0.entry(name.clone()).or_insert(least);
    }
    for (name, meta) in &inputs {
        let shape = symbols
            .sizes(&meta.sizes)
            .map_err(|why| Error::format(path, format!("sizes of input {name} that are known"), why))?;
        if let Some(given) = options.inputs.get(*name).filter(|given| **given != shape) {
            let (field, found) = (format!("inputs.{name}"), format!("{given:?}"));
            return Err(Error::Config { field, expected: format!("the shape {shape:?} of the file"), found });
        }
    }
    Ok((symbols, open))
}

fn expression(size: &Size) -> Option<&str> {
    match size {
        Size::AsExpr(Expression { expr_str }) => Some(expr_str),
        Size::AsInt(_) => None,
    }
}
