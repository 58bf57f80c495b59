//! Any trained net from its file: read as a [`FlowNet`], written back with other numbers and everything else unchanged.
//!
//! ```no_run
//! use sgmn_data::any_net::{self, ReadOptions};
//! # fn main() -> sgmn_data::Result<()> {
//! let file = any_net::open("net.onnx".as_ref(), &ReadOptions::default())?;
//! println!("{} numbers may change", file.net.flow().n_numbers());
//! file.write(&file.net, "same.onnx".as_ref())?; // the same bytes
//! # Ok(())
//! # }
//! ```
//!
//! A container is a folder here and a line in `READERS`: it parses its file into a graph and `Record`s (named float
//! tensors), and lowers the graph to a flow. Which tensors may move (`roles`), which are one (`ties`), and the order
//! of events (`assemble`) are the same for all containers.

pub mod architecture;
mod assemble;
mod chain;
mod compose;
mod families;
mod numbers;
mod onnx;
mod options;
mod payload;
pub mod pt2;
mod roles;
mod shared;
mod ties;
mod zip_patch;

use std::{borrow::Cow, collections::BTreeMap, fs::File, io::Read, path::Path};

use sgmn_graph::flow::{FlowNet, Numbers};

use crate::{Error, Result, bytes::mmap::MappedFile};

use assemble::assemble_without_numbers;
pub(crate) use assemble::{Known, Record, Tensors, assemble};
pub use chain::of_chain;
pub use options::ReadOptions;

/// A net and the file it came from.
#[derive(Debug)]
pub struct FlowFile {
    /// The net.
    pub net: FlowNet,
    /// Tensors of the file that hold a parameter's numbers; several for one parameter where the file holds copies.
    pub tensors: Vec<FileTensor>,
    /// Float tensors of the file that stay as they are, and why.
    pub fixed: Vec<FixedTensor>,
    records: Vec<Place>,
    container: Box<dyn Container>,
}

/// A tensor of a file that holds the numbers of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileTensor {
    /// Its name in the file.
    pub name: String,
    /// The parameter, by its place in [`Flow::params`](sgmn_graph::flow::Flow::params).
    pub param: usize,
    /// Whether the file holds the parameter (of two axes) with its axes exchanged.
    pub transposed: bool,
}

/// What a file says about itself, for a person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The container.
    pub container: Cow<'static, str>,
    /// The program that wrote it, where the file says so.
    pub writer: Option<String>,
    /// Operations as the file names them, and how often each is used.
    pub operations: BTreeMap<String, usize>,
}

/// A size of an input that the file leaves open and nobody has said: it is 1, or the least that the file allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSize {
    /// Its name in the file, or the input and the axis where it has none.
    pub name: String,
    /// The axis of the input on which it stands.
    pub axis: usize,
}

/// What an adapter changes in a matrix W of a larger net: `W + scale · B A`.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The layer of the larger net.
    pub target: String,
    /// The factor.
    pub scale: f64,
    /// The name of A `[rank, in, ..]`.
    pub a: String,
    /// The name of B `[out, rank, ..]`.
    pub b: String,
}

/// A float tensor that is part of the architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedTensor {
    /// Its name in the file.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Why it is taken as fixed, in words.
    pub why: String,
}

/// Where the numbers of a record are in the net, if they may move.
type Place = Option<FileTensor>;

/// What a container does for its nets.
pub(crate) trait Container: std::fmt::Debug + Send + Sync {
    /// Adds inputs, steps and outputs to a flow. Float tensors are asked for by their place among the records; whatever
    /// the container knows about their use it tells [`Tensors`]. May be called several times, until all is known.
    ///
    /// # Errors
    /// An operation that is not read, or operands that do not fit it, by the name of the node.
    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()>;

    /// What the file says about itself.
    fn about(&self) -> About;

    /// Sizes of inputs that neither the file nor the user says.
    fn open_sizes(&self) -> Vec<OpenSize> {
        Vec::new()
    }

    /// Of an adapter: what it changes in a larger net.
    fn updates(&self) -> &[Update] {
        &[]
    }

    /// Whether the file says itself which of its tensors are one; then equal numbers tie nothing.
    fn knows_ties(&self) -> bool {
        false
    }

    /// Writes the file again, atomically, with `numbers(i)` in place of record i where there are some.
    ///
    /// # Errors
    /// [`Error::Io`], or a number that the file's number type cannot hold.
    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()>;
}

/// A kind of container: how it is told from others, and its reader.
pub(crate) struct Reader {
    /// The word for it in messages.
    pub(crate) name: &'static str,
    /// Whether a file that starts with these bytes (4 KiB, or all) is one, given what the user said.
    pub(crate) detects: fn(&[u8], &ReadOptions) -> bool,
    /// Reads it.
    pub(crate) open: fn(&Path, &ReadOptions) -> Result<FlowFile>,
}

/// Bytes by which a container is known.
const START: usize = 4096;

/// All containers; the first that fits is taken.
const READERS: &[Reader] = &[pt2::READER, families::READER, architecture::READER, onnx::READER];

/// Reads a net; the container is known by its first bytes, not by its name. A folder is read by its settings.
///
/// # Errors
/// A file that is none of the known containers, is damaged, or holds an operation that is not read (by the name of
/// operation and node); an option that names nothing in the file.
pub fn open(path: &Path, options: &ReadOptions) -> Result<FlowFile> {
    let settings = if options.architecture.is_none() { families::settings(path)? } else { None };
    let path = settings.as_deref().unwrap_or(path);
    if path.is_dir() {
        let expected = format!("a net: a file, or {}", families::READER.name);
        return Err(Error::format(path, expected, "a folder without settings that name a model_type"));
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io(path))?;
    file.take(START as u64).read_to_end(&mut start).map_err(Error::io(path))?;
    match READERS.iter().find(|reader| (reader.detects)(&start, options)) {
        Some(reader) => (reader.open)(path, options),
        None => {
            let names: Vec<&str> = READERS.iter().map(|reader| reader.name).collect();
            Err(Error::format(path, format!("a net: {}", names.join(", ")), "none of them"))
        }
    }
}

/// Whether a path is a net with its graph, whatever it is called: ONNX, a program of `torch.export`, or a folder whose
/// settings name a family (or these settings).
pub fn has_graph(path: &Path) -> bool {
    // A folder with several is one, too: to read it is refused with the reason.
    !matches!(families::settings(path), Ok(None))
        || path.is_file()
            && MappedFile::open(path).is_ok_and(|file| {
                let bytes = file.bytes();
                let start = &bytes[..bytes.len().min(START)];
                (pt2::READER.detects)(start, &ReadOptions::default()) || onnx::is_model(bytes)
            })
}

impl FlowFile {
    /// What the file says about itself.
    pub fn about(&self) -> About {
        self.container.about()
    }

    /// Sizes of inputs that neither the file nor [`ReadOptions`] say, as they stand in the inputs.
    pub fn open_sizes(&self) -> Vec<OpenSize> {
        self.container.open_sizes()
    }

    /// Of an adapter: what it changes in a larger net. Nothing of any other file.
    pub fn updates(&self) -> &[Update] {
        self.container.updates()
    }

    /// Writes the same container with the numbers of another net of this flow; everything else stays byte for byte. The
    /// file appears when it is complete.
    ///
    /// # Errors
    /// [`Error::Io`]; a number that is not finite in the number type of the file, by the name of the tensor.
    pub fn write(&self, numbers: &dyn Numbers, out: &Path) -> Result<()> {
        let of_record = |record: usize| {
            let place = self.records[record].as_ref()?;
            let values = numbers.numbers(place.param);
            let shape = self.net.flow().param_shape(place.param);
            Some(if place.transposed { ties::transposed(&values, shape[0]) } else { Cow::into_owned(values) })
        };
        self.container.write(&of_record, out)
    }
}
