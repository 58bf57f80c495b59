//! Weights without a graph (safetensors, `.pt`, `.pth`), and a TOML file that says which net they belong to.
//!
//! The language is described in `docs/architecture-files.md`, with examples in `crates/sgmn-data/architectures`. In
//! short: a file has inputs and a list of layers; each takes the result of the one before it; tensors are found by the
//! name of the layer and PyTorch's endings (`.weight`, `.bias`), sizes come from the tensors, and every tensor of the
//! weights must be used or be listed as unused.

mod document;
mod layer;
mod layers;
mod weights;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use sgmn_graph::flow::{FlowError, FlowResult, InputKind, Permute, ValueId};

use super::{
    About, Container, FlowFile, Known, OpenSize, ReadOptions, Reader, Record, Tensors, assemble,
    compose::Draft, shared::Share,
};
use crate::{
    Error, Result,
    containers::{is_older_file, safetensors},
};

use document::{Document, Input, Size};
use layer::Layer;
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
    /// The architecture file.
    path: PathBuf,
    inputs: Vec<(String, Vec<usize>, bool)>,
    /// Sizes that nobody has said.
    open: Vec<OpenSize>,
    outputs: Vec<String>,
    layers: Vec<document::Layer>,
    /// Real tensors of the weights by name.
    shares: BTreeMap<String, Share>,
    /// Tensors of other kinds, which nothing can use.
    others: BTreeSet<String>,
    /// The file of the weights, for messages.
    of: PathBuf,
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
        } else if name.ends_with("running_mean") || name.ends_with("running_var") {
            Known::Statistic
        } else {
            Known::Trained
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
    let net = Described { path, inputs, open, outputs, layers, shares, others, of: of.clone(), weights };
    assemble(&of, Box::new(net), records, options)
}

/// Inputs with their names, shapes, and whether they are whole numbers; and sizes that nobody has said.
type Bound = (Vec<(String, Vec<usize>, bool)>, Vec<OpenSize>);

/// Shapes of the inputs, with open sizes as the user says them, else 1.
fn bind(inputs: &[(String, Input)], options: &ReadOptions) -> Result<Bound> {
    let open = |size: &Size| match size {
        Size::Open(name) => Some(name.clone()),
        Size::Known(_) => None,
    };
    let mut sizes: Vec<String> =
        inputs.iter().flat_map(|(_, input)| input.shape.iter().filter_map(open)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
    options.check_inputs(&sizes.iter().map(String::as_str).collect::<Vec<_>>(), &names)?;
    let mut bound = options.sizes.clone();
    for (name, input) in inputs {
        let Some(shape) = options.inputs.get(name) else { continue };
        let fits = shape.len() == input.shape.len()
            && input.shape.iter().zip(shape).all(|(size, given)| match size {
                Size::Known(size) => size == given,
                Size::Open(name) => *bound.entry(name.clone()).or_insert(*given) == *given,
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
    };
    let shape = |input: &Input| input.shape.iter().map(size).collect();
    let mut unsaid = Vec::new();
    for (axis, size) in inputs.iter().flat_map(|(_, input)| input.shape.iter().enumerate()) {
        let name = open(size).filter(|name| !bound.contains_key(name));
        unsaid.extend(name.map(|name| OpenSize { name, axis }));
    }
    Ok((inputs.iter().map(|(name, input)| (name.clone(), shape(input), input.whole)).collect(), unsaid))
}

/// Whether a name fits a pattern with `*` at one end, or is it.
fn fits(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => name.ends_with(end),
        (_, Some(start)) => name.starts_with(start),
        _ => pattern == name,
    }
}

impl Container for Described {
    fn about(&self) -> About {
        let mut operations = BTreeMap::new();
        for layer in &self.layers {
            *operations.entry(layer.op.to_string()).or_default() += 1;
        }
        About { container: READER.name, writer: None, operations }
    }

    fn open_sizes(&self) -> Vec<OpenSize> {
        self.open.clone()
    }

    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        let mut values: BTreeMap<String, ValueId> = BTreeMap::new();
        let mut last = None;
        for (name, shape, whole) in &self.inputs {
            let kind = if *whole { InputKind::Whole } else { InputKind::Real };
            let value = tensors.flow.input(name, shape.clone(), kind).map_err(Error::flow(&self.path))?;
            values.insert(name.clone(), value);
            last.get_or_insert(value);
        }
        let mut used = BTreeSet::new();
        for spec in &self.layers {
            let step = format!(
                "{} ({}{}{})",
                spec.place,
                spec.op,
                if spec.name.is_empty() { "" } else { " " },
                spec.name
            );
            let value = self
                .layer(tensors, spec, &step, last, &values, &mut used)
                .map_err(Error::flow(&self.path))?;
            for alias in &spec.aliases {
                values.insert(alias.clone(), value);
            }
            last = Some(value);
        }
        self.check_used(&used)?;
        match (&self.outputs[..], last) {
            ([], Some(value)) => tensors.flow.output("output", value),
            (outputs, _) => {
                for name in outputs {
                    let Some(value) = values.get(name) else {
                        let known: Vec<&String> = values.keys().collect();
                        return Err(Error::format(
                            &self.path,
                            format!("an output of {known:?}"),
                            format!("{name:?}"),
                        ));
                    };
                    tensors.flow.output(name, *value);
                }
            }
        }
        Ok(())
    }

    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        self.weights.write(numbers, out)
    }
}

impl Described {
    fn layer(
        &self,
        tensors: &mut Tensors<'_>,
        spec: &document::Layer,
        step: &str,
        last: Option<ValueId>,
        values: &BTreeMap<String, ValueId>,
        used: &mut BTreeSet<String>,
    ) -> FlowResult<ValueId> {
        let unknown = |name: &str| {
            let known: Vec<&String> = values.keys().rev().take(12).collect();
            let why = format!("expected the name of an earlier value, such as {known:?}, found {name:?}");
            FlowError::Step { step: step.to_owned(), why }
        };
        let named = |name: &String| values.get(name).copied().ok_or_else(|| unknown(name));
        let from = match &spec.from {
            Some(name) => Some(named(name)?),
            None => last,
        };
        let Some(x) = from else { return Err(unknown("")) };
        let with = spec.with.iter().map(named).collect::<FlowResult<Vec<_>>>()?;
        // Which tensors the layer may ask for is known by their names, before the draft takes the flow.
        let mut bound = BTreeMap::new();
        for (key, name) in layer::names(spec, &self.shares) {
            let Some(share) = self.shares.get(&name) else {
                let whole = if self.others.contains(&name) { "one of another kind" } else { "none" };
                let why = format!("expected a tensor of real numbers {name:?}, found {whole}");
                return Err(FlowError::Step { step: step.to_owned(), why });
            };
            let mut value = tensors.value(share.record)?;
            if !share.order.is_empty() {
                value = tensors.flow.step(Permute { order: share.order.clone() }, &[value], &name)?;
            }
            bound.insert(key, (name, value));
        }
        let draft = Draft { flow: &mut tensors.flow, name: step };
        let mut layer = Layer { draft, spec, x, with, tensors: bound, values, taken: BTreeSet::new() };
        let value = layers::lower(&mut layer)?;
        used.extend(layer.taken);
        Ok(value)
    }

    fn check_used(&self, used: &BTreeSet<String>) -> Result<()> {
        const MOST_LISTED: usize = 12;
        let left: Vec<&String> =
            self.shares.keys().chain(&self.others).filter(|name| !used.contains(*name)).collect();
        if left.is_empty() {
            return Ok(());
        }
        let more = if left.len() > MOST_LISTED {
            format!(" and {} more", left.len() - MOST_LISTED)
        } else {
            String::new()
        };
        let found = format!("{:?}{more} in {}", &left[..left.len().min(MOST_LISTED)], self.of.display());
        Err(Error::format(&self.path, "every tensor used by a layer or listed under unused", found))
    }
}
