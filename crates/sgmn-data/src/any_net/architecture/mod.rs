//! Weights without a graph (safetensors, `.pt`, `.pth`), and a TOML file that says which net they belong to.
//!
//! The language is described in `docs/architecture-files.md`, with examples in `crates/sgmn-data/architectures`. In
//! short: a file has inputs and a list of layers; each takes the result of the one before it; tensors are found by the
//! name of the layer and PyTorch's endings (`.weight`, `.bias`), sizes come from the tensors, and every tensor of the
//! weights must be used or be listed as unused.

mod description;
pub(super) mod document;
mod layer;
mod layers;
mod plan;
pub(super) mod weights;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sgmn_graph::flow::Role;

use super::{About, Container, FlowFile, Known, OpenSize, ReadOptions, Reader, Record, Tensors, assemble};
use crate::{
    Error, Result,
    containers::{is_older_file, safetensors},
};

pub use description::{Description, TensorShape};
use document::{Document, Input, Size};
pub(super) use plan::Plan;
use weights::Weights;

/// How weights without a graph are told from other files, and read.
pub(super) const READER: Reader =
    Reader { name: "weights (safetensors, .pt, .pth) with an architecture file", detects, open };

fn detects(start: &[u8], options: &ReadOptions) -> bool {
    let has = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    let archive = start.starts_with(b"PK\x03\x04") && (options.architecture.is_some() || has(b"/data.pkl"));
    // With an architecture file beside it, whatever it is should be weights.
    archive || safetensors::detects(start) || is_older_file(start) || options.architecture.is_some()
}

/// Weights and the net that they belong to.
#[derive(Debug)]
struct Described {
    plan: Plan,
    weights: Weights,
}

fn open(path: &Path, options: &ReadOptions) -> Result<FlowFile> {
    let Some(described) = &options.architecture else {
        let expected = "an architecture file beside weights without a graph (docs/architecture-files.md)";
        return Err(Error::format(path, expected, "none"));
    };
    let len = std::fs::metadata(described).map_err(Error::io(described))?.len();
    if len > document::MAX_FILE {
        return Err(Error::format(
            described,
            format!("at most {} bytes", document::MAX_FILE),
            len.to_string(),
        ));
    }
    let text = std::fs::read_to_string(described).map_err(Error::io(described))?;
    let document = document::parse(described, &text)?;
    let (inputs, open) = bind(&document.inputs(described)?, options)?;
    let layers = document.layers(described)?;
    let Document { outputs, under, unused, fixed, .. } = document;
    let hit = RefCell::new(BTreeSet::new());
    let skipped = |name: &str| match unused.iter().find(|pattern| fits(pattern, name)) {
        Some(pattern) => {
            hit.borrow_mut().insert(pattern.clone());
            true
        }
        None => false,
    };
    let (weights, tensors, numbers) = weights::read(path, &under, &skipped)?;
    let hit = hit.into_inner();
    if let Some(pattern) = unused.iter().find(|pattern| !hit.contains(*pattern)) {
        let expected = format!("names of tensors of {} under unused", path.display());
        return Err(Error::format(described, expected, format!("{pattern:?}, which fits none")));
    }
    let names: Vec<&str> = numbers.iter().map(|(name, _, _)| name.as_str()).collect();
    if let Some(pattern) = fixed.iter().find(|pattern| !names.iter().any(|name| fits(pattern, name))) {
        let expected = format!("names of tensors of {} under fixed", path.display());
        return Err(Error::format(described, expected, format!("{pattern:?}, which fits none")));
    }
    let known = |name: &str| {
        if fixed.iter().any(|pattern| fits(pattern, name)) {
            Known::Fixed("fixed by the architecture file".to_owned())
        } else {
            match role(name) {
                Role::Statistic => Known::Statistic,
                Role::Trained => Known::Trained,
            }
        }
    };
    let records = numbers
        .into_iter()
        .map(|(name, shape, numbers)| Record { known: Some(known(&name)), name, shape, numbers })
        .collect();
    let mut shares = BTreeMap::new();
    let mut others = BTreeSet::new();
    for tensor in tensors {
        match tensor.share {
            Some(share) => drop(shares.insert(tensor.name, share)),
            None => drop(others.insert(tensor.name)),
        }
    }
    let (path, of) = (described.clone(), path.to_owned());
    let plan =
        Plan { path, inputs, open, outputs, layers, shares, others, idle: BTreeSet::new(), of: of.clone() };
    assemble(&of, Box::new(Described { plan, weights }), records, options)
}

/// What the numbers of a tensor are, by its name.
fn role(name: &str) -> Role {
    if name.ends_with("running_mean") || name.ends_with("running_var") {
        Role::Statistic
    } else {
        Role::Trained
    }
}

/// Inputs with their names, shapes, and whether they are whole numbers; and sizes that nobody has said.
pub(super) type Bound = (Vec<(String, Vec<usize>, bool)>, Vec<OpenSize>);

/// Shapes of the inputs, with open sizes as the user says them, else as usual, else 1.
pub(super) fn bind(inputs: &[(String, Input)], options: &ReadOptions) -> Result<Bound> {
    let mut sizes: Vec<&str> =
        inputs.iter().flat_map(|(_, input)| input.shape.iter().filter_map(Size::name)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    options.check_inputs(&sizes, &names)?;
    let mut bound = options.sizes.clone();
    for (name, input) in inputs {
        let Some(shape) = options.inputs.get(name) else { continue };
        let fits = shape.len() == input.shape.len()
            && input.shape.iter().zip(shape).all(|(size, given)| match size {
                Size::Known(size) => size == given,
                Size::Open(name) | Size::Usual(name, _) => {
                    *bound.entry(name.clone()).or_insert(*given) == *given
                }
            });
        if !fits {
            let expected = format!("a shape that fits {:?}", input.shape);
            return Err(Error::Config {
                field: format!("inputs.{name}"),
                expected,
                found: format!("{shape:?}"),
            });
        }
    }
    let size = |size: &Size| match size {
        Size::Known(size) => *size,
        Size::Open(name) => bound.get(name).copied().unwrap_or(1),
        Size::Usual(name, usual) => bound.get(name).copied().unwrap_or(*usual),
    };
    let shape = |input: &Input| input.shape.iter().map(size).collect();
    let mut unsaid = Vec::new();
    for (axis, size) in inputs.iter().flat_map(|(_, input)| input.shape.iter().enumerate()) {
        if let Size::Open(name) = size
            && !bound.contains_key(name)
        {
            unsaid.push(OpenSize { name: name.clone(), axis });
        }
    }
    Ok((inputs.iter().map(|(name, input)| (name.clone(), shape(input), input.whole)).collect(), unsaid))
}

/// Whether a name fits a pattern with `*` at one end, or is it.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => pattern == name,
    }
}

impl Container for Described {
    fn about(&self) -> About {
        About { container: READER.name.into(), writer: None, operations: self.plan.operations() }
    }

    fn open_sizes(&self) -> Vec<OpenSize> {
        self.plan.open.clone()
    }

    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        self.plan.lower(tensors)
    }

    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        self.weights.write(numbers, out)
    }
}
