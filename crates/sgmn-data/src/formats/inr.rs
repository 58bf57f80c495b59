//! Implicit neural representations in PyTorch archives, one net a file: what the three published sets share.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use sgmn_graph::{Activation, Net, NetSpec};

use super::named_layers::{self, Architectures};
use crate::{
    Error, Result, Sample, Source, Target,
    containers::{self, StateDict, Value},
    split::{self, Entry, Split},
};

/// Frequency of the sines, radians per unit of input. Source: SIREN; all published INR data sets use it.
const OMEGA: f64 = 30.0;

/// One file of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InrFile {
    pub(super) id: String,
    pub(super) path: PathBuf,
    /// The class, where names tell it; otherwise the file holds it.
    pub(super) class: Option<u32>,
}

/// Files that are read one by one.
#[derive(Debug)]
pub(super) struct InrFiles {
    files: Vec<InrFile>,
    output_offset: f64,
    architectures: Architectures,
}

impl InrFiles {
    /// Files of nets whose output is shifted by `output_offset`. `root` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`] if two files have one name.
    pub(super) fn new(root: &Path, files: Vec<InrFile>, output_offset: f64) -> Result<Self> {
        let mut ids = BTreeSet::new();
        if let Some(twice) = files.iter().find(|file| !ids.insert(file.id.as_str())) {
            return Err(Error::format(root, "every net once", format!("{} twice", twice.id)));
        }
        Ok(Self { files, output_offset, architectures: Architectures::default() })
    }
}

impl Source for InrFiles {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let InrFile { id, path, class } = &self.files[i];
        let StateDict { tensors, others } = containers::state_dict(&containers::read(path)?, &[])?;
        // A label may be a number or a tensor of one number.
        let (labels, tensors): (Vec<_>, Vec<_>) = tensors.into_iter().partition(|(name, _)| name == "label");
        let labels = labels.into_iter().map(|(name, tensor)| (name, tensor.whole_number()));
        let others = others.into_iter().map(|(name, value)| match value {
            Value::Int(number) => (name, Some(number)),
            _ => (name, None),
        });
        let inside = label(path, others.chain(labels))?;
        let class = match (*class, inside) {
            (Some(named), Some(inside)) if named != inside => {
                return Err(Error::format(
                    path,
                    format!("label {named}, as the name says"),
                    inside.to_string(),
                ));
            }
            (named, inside) => named.or(inside),
        };
        let Some(class) = class else {
            return Err(Error::format(path, "an entry \"label\"", "none"));
        };
        let fault = |(expected, found): (String, String)| Error::format(path, expected, found);
        let layers = named_layers::from_tensors(tensors).map_err(fault)?;
        let widths = named_layers::widths(&layers).map_err(fault)?;
        let net_fault = |source| Error::Net { path: path.clone(), source };
        let spec = NetSpec::mlp(&widths, Activation::Sine { omega: OMEGA }, self.output_offset)
            .map_err(net_fault)?;
        let spec = self.architectures.share(spec);
        let net = Net::new(spec, named_layers::params(layers)).map_err(net_fault)?;
        Ok(Sample { id: id.clone(), net, target: Target::Class(class) })
    }
}

/// The class among the entries that are no weights; any other entry is an error.
fn label(path: &Path, others: impl Iterator<Item = (String, Option<i64>)>) -> Result<Option<u32>> {
    let mut label = None;
    for (name, number) in others {
        if name != "label" {
            return Err(Error::format(path, "weights, biases and a label", format!("an entry {name:?}")));
        }
        let class = number.and_then(|number| u32::try_from(number).ok());
        label = Some(class.ok_or_else(|| {
            let found = number.map_or("no whole number".to_owned(), |number| number.to_string());
            Error::format(path, "a label that counts from 0", found)
        })?);
    }
    Ok(label)
}

/// A line of a split file: the split, the trailing parts of the name, and the class where it is written.
pub(super) type Resolved = (Split, Vec<String>, Option<u32>);

/// Reads a split file whose names end in `n_parts` folders and a file that exist below the data set's root, whatever
/// stands before them: published split files hold the paths of their authors' machines.
///
/// # Errors
/// As [`split::read_json`], and [`Error::Format`] for a name that leads elsewhere.
pub(super) fn read_splits(path: &Path, n_parts: usize) -> Result<Vec<Resolved>> {
    let entries = split::read_json(path)?.into_iter();
    let resolve = |(split, Entry { name, class }): (Split, Entry)| {
        let parts: Vec<&str> = name.split('/').collect();
        let plain = |&part: &&str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0', ':']);
        match parts.len().checked_sub(n_parts).map(|start| &parts[start..]) {
            Some(parts) if parts.iter().all(plain) => {
                Ok((split, parts.iter().map(|&part| part.to_owned()).collect(), class))
            }
            _ => Err(Error::format(
                path,
                format!("names that end in {n_parts} plain parts"),
                format!("{name:?}"),
            )),
        }
    };
    entries.map(resolve).collect()
}
