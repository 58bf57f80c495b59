//! Implicit neural representations in PyTorch archives, one net a file: what the three published sets share.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use sgmn_graph::Activation;

use super::architectures::Architectures;
use crate::{
    Error, Result, Sample, Source, Target,
    nets::{self, Label, LayerOrder, NetOptions},
    skip::OnBadNet,
    source::Dataset,
    split::{self, Entry, Split, SplitFile, Splits},
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
struct InrFiles {
    files: Vec<InrFile>,
    options: NetOptions,
    architectures: Architectures,
}

/// What is known of a data set before its files are opened.
pub(super) struct Known<'a> {
    /// Where it lies, for messages.
    pub(super) root: &'a Path,
    /// Added to the output of each net.
    pub(super) output_offset: f64,
    /// What becomes of files that are no good nets.
    pub(super) on_bad_net: OnBadNet,
}

/// The data set of some files.
///
/// # Errors
/// [`Error::Format`] if two files have one name.
pub(super) fn dataset(known: &Known<'_>, files: Vec<InrFile>, splits: Splits) -> Result<Dataset> {
    let mut ids = BTreeSet::new();
    if let Some(twice) = files.iter().find(|file| !ids.insert(file.id.as_str())) {
        return Err(Error::format(known.root, "every net once", format!("{} twice", twice.id)));
    }
    let options = NetOptions {
        // Layers are numbered in their names; the order in the file is not relied upon.
        order: Some(LayerOrder::Names),
        chain: true,
        activation: Some(Activation::Sine { omega: OMEGA }.into()),
        output_offset: Some(known.output_offset),
        ..NetOptions::default()
    };
    let source = InrFiles { files, options, architectures: Architectures::default() };
    Ok(Dataset { on_bad_net: known.on_bad_net, ..Dataset::new(source, splits) })
}

impl Source for InrFiles {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn get(&self, i: usize) -> Result<Sample> {
        let InrFile { id, path, class } = &self.files[i];
        let fault = |expected: String, found: String| Err(Error::format(path, expected, found));
        let file = nets::open(path, &self.options)?;
        let inside = match &file.facts.label {
            Some(Label::Number(inside)) => Some(*inside),
            Some(Label::Text(text)) => {
                return fault("a label that counts from 0".to_owned(), format!("{text:?}"));
            }
            None => None,
        };
        let class = match (*class, inside) {
            (Some(named), Some(inside)) if named != inside => {
                return fault(format!("label {named}, as the name says"), inside.to_string());
            }
            (None, None) => return fault("an entry \"label\"".to_owned(), "none".to_owned()),
            (Some(class), _) | (None, Some(class)) => class,
        };
        if let Some(layer) = file.layers().into_iter().find(|layer| layer.weight.len() != 2) {
            return fault(format!("a matrix {}.weight", layer.name), format!("shape {:?}", layer.weight));
        }
        let net = file.net_of(|spec| self.architectures.share(spec.clone()))?;
        Ok(Sample { id: id.clone(), net, target: Target::Class(class) })
    }

    fn name(&self, i: usize) -> String {
        self.files[i].id.clone()
    }
}

/// A line of a split file: the split, the trailing parts of the name, and the class where it is written.
pub(super) type Resolved = (Split, Vec<String>, Option<u32>);

/// The lines of a split file, and what was left aside in it.
pub(super) struct Listed {
    pub(super) lines: Vec<Resolved>,
    pub(super) notes: Vec<String>,
}

/// Reads a split file whose names end in `n_parts` folders and a file that exist below the data set's root, whatever
/// stands before them: published split files hold the paths of their authors' machines, with slashes or backslashes.
///
/// # Errors
/// As [`split::read_json`], and [`Error::Format`] for a name that leads elsewhere.
pub(super) fn read_splits(path: &Path, n_parts: usize) -> Result<Listed> {
    let SplitFile { entries, notes } = split::read_json(path)?;
    let resolve = |(split, Entry { name, class, .. }): (Split, Entry)| {
        let parts: Vec<&str> = name.split(['/', '\\']).collect();
        let plain = |&part: &&str| !matches!(part, "" | "." | "..") && !part.contains(['\0', ':']);
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
    let lines = entries.into_iter().map(resolve).collect::<Result<_>>()?;
    Ok(Listed { lines, notes })
}
