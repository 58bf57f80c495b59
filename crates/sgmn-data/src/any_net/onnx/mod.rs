//! ONNX: a graph of operators in protobuf, with its tensors inside or in files beside it.
//!
//! [`wire`] reads protobuf, [`parse`] the graph, [`tensor`] and [`element`] numbers, [`lower`] turns the graph into a
//! flow, [`write`] puts other numbers into the same bytes.

mod element;
mod external;
mod lower;
mod model;
mod parse;
mod tensor;
mod wire;
mod write;

use std::path::{Path, PathBuf};

use self::{
    external::Files,
    model::{Model, Size},
    tensor::Tensor,
    wire::Message,
};
use super::{About, Container, FlowFile, OpenSize, ReadOptions, Reader, Record, Tensors, assemble};
use crate::{Error, Result, bytes::mmap::MappedFile};

/// The reader of this container.
pub(super) const READER: Reader = Reader { name: "ONNX", detects, open };

/// A model and its files.
#[derive(Debug)]
struct Onnx {
    path: PathBuf,
    files: Files,
    model: Model,
    /// For each record the tensor.
    tensors: Vec<usize>,
    options: ReadOptions,
}

/// Whether bytes begin as a model does: with a field that models have, of the right wire type.
fn detects(start: &[u8], _options: &ReadOptions) -> bool {
    // Tensors in the safetensors format begin with a length of eight bytes and a brace.
    let braced = start.get(8) == Some(&b'{') && start[4..8] == [0; 4];
    // Version, producer, its version, domain, version of the model, text, graph, operator sets, metadata, functions.
    const KEYS: [u8; 10] = [0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42, 0x72, 0xca];
    !braced && start.first().is_some_and(|key| KEYS.contains(key))
}

/// Whether all of a file is the fields of one model with its graph, which no other file is by chance.
pub(super) fn is_model(file: &[u8]) -> bool {
    let mut message = Message::whole("ModelProto", file);
    let (mut n_versions, mut n_graphs) = (0, 0);
    loop {
        match message.next() {
            Ok(None) => return n_versions == 1 && n_graphs == 1,
            Ok(Some(field)) => match field.number {
                1 if field.int().is_ok() => n_versions += 1,
                7 if field.bytes().is_ok() => n_graphs += 1,
                2..=6 | 8 | 14 | 20 | 25 => {}
                _ => return false,
            },
            Err(_) => return false,
        }
    }
}

/// Bytes of files that are touched before their pages are given back.
const MOST_TOUCHED: usize = 1 << 24;

fn open(path: &Path, options: &ReadOptions) -> Result<FlowFile> {
    let map = MappedFile::open(path)?;
    let mut model =
        parse::parse(map.bytes()).map_err(|fault| Error::format(path, fault.expected, fault.found))?;
    let files = Files::find(map, path, &mut model.tensors)?;
    let mut records = Vec::new();
    let mut tensors = Vec::new();
    let mut n_touched = 0;
    let mut names = std::collections::BTreeMap::new();
    for (i, tensor) in model.tensors.iter().enumerate() {
        if tensor.stands_alone && tensor.element.is_float() {
            let numbers = tensor
                .stored(files.of(tensor))
                .map_err(|why| Error::format(path, format!("a tensor {:?} in order", tensor.name), why))?;
            // Graphs inside of graphs may use a name again.
            let n = names.entry(tensor.name.as_str()).and_modify(|n| *n += 1).or_insert(1);
            let name = if *n == 1 { tensor.name.clone() } else { format!("{} ({n})", tensor.name) };
            records.push(Record { name, shape: tensor.shape.clone(), numbers, known: None });
            tensors.push(i);
            n_touched += files.of(tensor).len();
        }
        // Numbers that were read are held by the records from now on.
        if n_touched > MOST_TOUCHED {
            files.forget_pages();
            n_touched = 0;
        }
    }
    files.forget_pages();
    let onnx = Onnx { path: path.to_owned(), files, model, tensors, options: options.clone() };
    assemble(path, Box::new(onnx), records, options)
}

impl Container for Onnx {
    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        lower::lower(self, tensors)
    }

    fn about(&self) -> About {
        let mut operations = std::collections::BTreeMap::new();
        for node in &self.model.graph.nodes {
            let op =
                if node.domain.is_empty() { node.op.clone() } else { format!("{}.{}", node.domain, node.op) };
            *operations.entry(op).or_default() += 1;
        }
        let writer = (!self.model.producer.is_empty()).then(|| self.model.producer.clone());
        About { container: READER.name.into(), writer, operations }
    }

    fn open_sizes(&self) -> Vec<OpenSize> {
        let Model { graph, tensors, .. } = &self.model;
        let asked = graph.inputs.iter().filter(|input| {
            let initial = graph.initializers.iter().any(|i| tensors[*i].name == input.name);
            !initial && !self.options.inputs.contains_key(&input.name)
        });
        let mut open = Vec::new();
        for input in asked {
            for (axis, size) in input.shape.iter().flatten().enumerate() {
                match size {
                    Size::Named(name) if !self.options.sizes.contains_key(name) => {
                        open.push(OpenSize { name: name.clone(), axis });
                    }
                    Size::Open => {
                        open.push(OpenSize { name: format!("axis {axis} of {}", input.name), axis })
                    }
                    Size::Named(_) | Size::Known(_) => {}
                }
            }
        }
        open
    }

    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        let tensors: Vec<&Tensor> = self.tensors.iter().map(|i| &self.model.tensors[*i]).collect();
        write::write(&self.path, &self.files, &tensors, numbers, out)
    }
}
