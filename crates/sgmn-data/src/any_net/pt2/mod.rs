//! Nets that `torch.export.save` wrote (`.pt2`): a zip archive with a graph of ATen calls in JSON and raw numbers.
//!
//! The file says which tensors are parameters and which share their numbers, so nothing is guessed: parameters may
//! change, running statistics of batch normalizations are statistics, other buffers stay. Calls are lowered by the peers
//! in `aten`; a call that none of them knows is refused by its name.

mod alias;
mod archive;
mod aten;
mod bind;
mod call;
mod graph;
mod program;
mod seen;
mod sizes;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use sgmn_graph::flow::{Array, Stored};

use super::{
    About, Container, FlowFile, Known, OpenSize, ReadOptions, Reader, Record, Tensors, assemble,
    payload::Slot,
    shared::{self, Share},
};
use crate::{Error, Result, bytes::zip_entries::Entries};

use archive::Archive;
use program::{Argument, InputSpec, OptionalTensor, Program};
use sizes::Symbols;

/// How exported programs are told from others, and read.
pub(super) const READER: Reader = Reader { name: ".pt2 of torch.export", detects, open };

/// A zip archive that has one of the first entries of an exported program; archives of `torch.save` begin with their
/// pickle.
fn detects(start: &[u8], options: &ReadOptions) -> bool {
    let has = |name: &[u8]| start.windows(name.len()).any(|window| window == name);
    let first = [&b"/data/weights/"[..], b"archive_format", b"/models/", b"serialized_exported_program.json"];
    start.starts_with(b"PK\x03\x04") && options.architecture.is_none() && first.iter().any(|name| has(name))
}

/// An exported program and where its numbers are.
#[derive(Debug)]
struct Exported {
    path: PathBuf,
    program: Program,
    /// Names of float tensors of the file, and what they are.
    reals: BTreeMap<String, Share>,
    /// Tensors of whole numbers and truth values, by name.
    wholes: BTreeMap<String, Array>,
    /// Where record i stands.
    slots: Vec<Slot>,
    /// Names of the records.
    names: Vec<String>,
    symbols: Symbols,
    /// Sizes that nobody has said.
    open: Vec<OpenSize>,
}

fn open(path: &Path, options: &ReadOptions) -> Result<FlowFile> {
    let Archive { mut entries, program, slots } = archive::open(path)?;
    let statistics = statistics(&program);
    let mut wanted = Vec::new();
    for spec in &program.graph_module.signature.input_specs {
        let (name, known) = match spec {
            InputSpec::Parameter { parameter_name, .. } => (parameter_name, Known::Trained),
            InputSpec::Buffer { buffer_name, arg } if statistics.contains(arg.name.as_str()) => {
                (buffer_name, Known::Statistic)
            }
            InputSpec::Buffer { buffer_name, .. } => (buffer_name, Known::Fixed("a buffer".to_owned())),
            InputSpec::TensorConstant { tensor_constant_name, .. } => {
                (tensor_constant_name, Known::Fixed("a constant of the code".to_owned()))
            }
            _ => continue,
        };
        let Some(slot) = slots.get(name) else {
            return Err(Error::format(path, format!("numbers of the tensor {name:?}"), "none"));
        };
        wanted.push((name.clone(), slot.clone(), known));
    }
    let contents = shared::read(path, &mut entries, &wanted)?;
    let mut exported = Exported {
        path: path.to_owned(),
        symbols: Symbols::default(),
        open: Vec::new(),
        reals: BTreeMap::new(),
        wholes: BTreeMap::new(),
        slots: Vec::new(),
        names: Vec::new(),
        program,
    };
    (exported.symbols, exported.open) = bind::bind(path, &exported.program, options)?;
    let mut records = Vec::new();
    for (name, content) in contents {
        match content {
            shared::Found::Whole(array) => drop(exported.wholes.insert(name, array)),
            shared::Found::Real { share, first } => {
                if let Some((slot, known, numbers)) = first {
                    records.push(record(&name, &slot, known, numbers));
                    exported.slots.push(slot);
                    exported.names.push(name.clone());
                }
                exported.reals.insert(name, share);
            }
        }
    }
    assemble(path, Box::new(exported), records, options)
}

fn record(name: &str, slot: &Slot, known: Known, numbers: Stored) -> Record {
    Record { name: name.to_owned(), shape: slot.view.shape.clone(), numbers, known: Some(known) }
}

/// Names in the graph of the tensors that batch normalizations use as running statistics.
fn statistics(program: &Program) -> BTreeSet<&str> {
    let nodes = program.graph_module.graph.nodes.iter();
    let norms = nodes.filter(|node| node.target.contains("batch_norm"));
    let inputs = norms.flat_map(|node| &node.inputs);
    inputs
        .filter(|input| matches!(input.name.as_str(), "running_mean" | "running_var"))
        .filter_map(|input| match &input.arg {
            Argument::AsTensor(named) | Argument::AsOptionalTensor(OptionalTensor::AsTensor(named)) => {
                Some(named.name.as_str())
            }
            _ => None,
        })
        .collect()
}

impl Container for Exported {
    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        graph::lower(self, tensors)
    }

    fn about(&self) -> About {
        let mut operations = BTreeMap::new();
        for node in &self.program.graph_module.graph.nodes {
            let op = node.target.trim_start_matches("torch.ops.").to_owned();
            *operations.entry(op).or_default() += 1;
        }
        About { container: READER.name.into(), writer: None, operations }
    }

    fn open_sizes(&self) -> Vec<OpenSize> {
        self.open.clone()
    }

    fn knows_ties(&self) -> bool {
        true
    }

    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        let entries = Entries::open(&self.path, archive::WHAT)?;
        shared::write(&self.path, entries, &self.slots, &self.names, numbers, out)
    }
}
