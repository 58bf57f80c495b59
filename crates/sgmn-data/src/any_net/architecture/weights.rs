//! Weights without a graph: named tensors in safetensors or in an archive of PyTorch, read and written again.

use std::{
    fs::File,
    io::Read,
    ops::Range,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors};
use sgmn_graph::flow::Stored;

use crate::{
    Error, Result,
    any_net::{
        Known,
        payload::{self, Content, Slot},
        shared::{self, Found, Share},
    },
    bytes::{atomic::AtomicFile, mmap::MappedFile, zip_entries::Entries},
    containers::{self, ElementType, TensorRef, Tree, View},
};

/// What the file should be, for messages.
const WHAT: &str = "weights: safetensors, or a zip archive of PyTorch";

/// Where the tensors of a file stand.
#[derive(Debug)]
pub(in crate::any_net) struct Weights {
    path: PathBuf,
    form: Form,
    /// Where record i stands.
    slots: Vec<Slot>,
    /// The name of record i.
    names: Vec<String>,
}

/// What kind of file it is.
#[derive(Debug)]
enum Form {
    /// The numbers of record i are these bytes.
    Safetensors(Vec<Range<usize>>),
    /// An archive; entries are in the slots.
    Archive,
    /// Another container, into which nothing is written.
    Other(&'static str),
}

/// A tensor of the file: its record if its numbers are real.
pub(in crate::any_net) struct Tensor {
    /// Its name in the file.
    pub(in crate::any_net) name: String,
    /// What it is; absent for whole numbers and types that are not read.
    pub(in crate::any_net) share: Option<Share>,
}

/// A record: name, shape, numbers.
pub(in crate::any_net) type Numbers = (String, Vec<usize>, Stored);

/// Reads all tensors but those that are `skipped`.
///
/// # Errors
/// [`Error::Io`], [`Error::Format`] for a damaged file, [`Error::Unsupported`] for tensors that share parts.
pub(in crate::any_net) fn read(
    path: &Path,
    under: &[String],
    skipped: &dyn Fn(&str) -> bool,
) -> Result<(Weights, Vec<Tensor>, Vec<Numbers>)> {
    let mut start = Vec::new();
    if path.is_file() {
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(16).read_to_end(&mut start).map_err(Error::io(path))?;
    }
    if containers::safetensors::detects(&start) {
        return safetensors(path, under, skipped);
    }
    let tree = containers::read(path)?;
    if start.starts_with(b"PK")
        && tree.tensors_under(under)?.iter().all(|(_, tensor)| tree.entry(tensor).is_some())
    {
        archive(&tree, under, skipped)
    } else {
        other(&tree, under, skipped)
    }
}

fn safetensors(
    path: &Path,
    under: &[String],
    skipped: &dyn Fn(&str) -> bool,
) -> Result<(Weights, Vec<Tensor>, Vec<Numbers>)> {
    if !under.is_empty() {
        return Err(Error::format(path, format!("an archive of PyTorch with {under:?}"), "safetensors"));
    }
    let file = MappedFile::open(path)?;
    let bytes = file.bytes();
    let damaged = |why: safetensors::SafeTensorError| Error::format(path, WHAT, why.to_string());
    let parsed = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let begin = bytes.as_ptr() as usize;
    let mut views = parsed.tensors();
    views.sort_by_key(|(_, view)| view.data().as_ptr() as usize);
    let mut ranges = Vec::new();
    let (mut slots, mut names, mut tensors, mut numbers) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (name, view) in views {
        if skipped(&name) {
            continue;
        }
        let Some(element) = element(view.dtype()).filter(|element| element.is_real()) else {
            tensors.push(Tensor { name, share: None });
            continue;
        };
        let shape = view.shape().to_vec();
        let slot = Slot { entry: name.clone(), inside: None, element, view: View::contiguous(shape.clone()) };
        let Some(Content::Real(stored)) = slot.read(view.data()) else {
            return Err(Error::format(
                path,
                format!("the numbers of {name:?}"),
                format!("{} bytes", view.data().len()),
            ));
        };
        let from = view.data().as_ptr() as usize - begin;
        ranges.push(from..from + view.data().len());
        tensors.push(Tensor {
            name: name.clone(),
            share: Some(Share { record: slots.len(), order: Vec::new() }),
        });
        numbers.push((name.clone(), shape, stored));
        slots.push(slot);
        names.push(name);
    }
    let weights = Weights { path: path.to_owned(), form: Form::Safetensors(ranges), slots, names };
    Ok((weights, tensors, numbers))
}

fn archive(
    tree: &Tree,
    under: &[String],
    skipped: &dyn Fn(&str) -> bool,
) -> Result<(Weights, Vec<Tensor>, Vec<Numbers>)> {
    let path = tree.path();
    let all = payload::slots(tree, under)?;
    let mut tensors = Vec::new();
    let mut wanted = Vec::new();
    for (name, slot) in all.into_iter().filter(|(name, _)| !skipped(name)) {
        if slot.element.is_real() {
            wanted.push((name, slot, Known::Trained));
        } else {
            tensors.push(Tensor { name, share: None });
        }
    }
    let (mut slots, mut names, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    for (name, found) in shared::read(path, &mut Entries::open(path, WHAT)?, &wanted)? {
        let share = match found {
            Found::Whole(_) => None,
            Found::Real { share, first } => {
                if let Some((slot, _, stored)) = first {
                    numbers.push((name.clone(), slot.view.shape.clone(), stored));
                    slots.push(slot);
                    names.push(name.clone());
                }
                Some(share)
            }
        };
        tensors.push(Tensor { name, share });
    }
    Ok((Weights { path: path.to_owned(), form: Form::Archive, slots, names }, tensors, numbers))
}

/// Weights of any other container, read and not written.
fn other(
    tree: &Tree,
    under: &[String],
    skipped: &dyn Fn(&str) -> bool,
) -> Result<(Weights, Vec<Tensor>, Vec<Numbers>)> {
    let (mut names, mut tensors, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
    let mut firsts: Vec<&TensorRef> = Vec::new();
    for (name, tensor) in tree.tensors_under(under)?.into_iter().filter(|(name, _)| !skipped(name)) {
        let name = name.to_owned();
        if !tensor.element.is_real() {
            tensors.push(Tensor { name, share: None });
            continue;
        }
        let known = firsts.iter().position(|first| tree.same_numbers(first, tensor));
        let record = known.unwrap_or(firsts.len());
        if known.is_none() {
            let values = tree.tensor(tensor)?.floats().unwrap_or_default().to_vec();
            let stored: Stored = match tensor.element {
                ElementType::F64 => values.into(),
                _ => values.into_iter().map(|value| value as f32).collect::<Vec<_>>().into(),
            };
            numbers.push((name.clone(), tensor.shape.clone(), stored));
            names.push(name.clone());
            firsts.push(tensor);
        }
        tensors.push(Tensor { name, share: Some(Share { record, order: Vec::new() }) });
    }
    let form = Form::Other(tree.container);
    Ok((Weights { path: tree.path().to_owned(), form, slots: Vec::new(), names }, tensors, numbers))
}

fn element(dtype: Dtype) -> Option<ElementType> {
    Some(match dtype {
        Dtype::F64 => ElementType::F64,
        Dtype::F32 => ElementType::F32,
        Dtype::F16 => ElementType::F16,
        Dtype::BF16 => ElementType::Bf16,
        _ => return None,
    })
}

impl Weights {
    /// Writes the file again with other numbers.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] for a number that its type cannot hold.
    pub(in crate::any_net) fn write(
        &self,
        numbers: &dyn Fn(usize) -> Option<Vec<f64>>,
        out: &Path,
    ) -> Result<()> {
        match &self.form {
            Form::Archive => {
                let entries = Entries::open(&self.path, WHAT)?;
                shared::write(&self.path, entries, &self.slots, &self.names, numbers, out)
            }
            Form::Safetensors(ranges) => self.write_safetensors(ranges, numbers, out),
            Form::Other(container) => {
                let what = format!(
                    "a {container} is read and not written; save the net as safetensors or with PyTorch's torch.save"
                );
                Err(Error::Unsupported { path: self.path.clone(), what })
            }
        }
    }

    fn write_safetensors(
        &self,
        ranges: &[Range<usize>],
        numbers: &dyn Fn(usize) -> Option<Vec<f64>>,
        out: &Path,
    ) -> Result<()> {
        let source = MappedFile::open(&self.path)?;
        let bytes = source.bytes();
        let mut file = AtomicFile::create(out)?;
        let mut done = 0;
        // Records stand in the order of their bytes.
        for (i, range) in ranges.iter().enumerate() {
            let Some(values) = numbers(i) else { continue };
            let Some((before, old)) = bytes.get(done..range.start).zip(bytes.get(range.clone())) else {
                return Err(Error::format(&self.path, "the file as it was read", "a shorter one"));
            };
            let mut content = old.to_vec();
            self.slots[i].write(&mut content, &values).map_err(|(at, value)| {
                let expected =
                    format!("a number that {:?} holds at {at} of {}", self.slots[i].element, self.names[i]);
                Error::format(out, expected, value.to_string())
            })?;
            file.write(before)?;
            file.write(&content)?;
            done = range.end;
        }
        file.write(&bytes[done..])?;
        file.commit()
    }
}
