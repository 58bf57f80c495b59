//! Writes nets as safetensors under the names that DWS's nets have in PyTorch: `seq.0.weight`, `seq.0.bias`, ...
//!
//! The header is written here and not by the safetensors crate, whose hash map would order the metadata by chance: the
//! same net gives the same bytes.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use sgmn_graph::Net;

use super::SPLIT_FILE;
use crate::{
    Error, Result, Sample, Target,
    bytes::atomic::AtomicFile,
    formats::spec_json,
    source::Dataset,
    split::Split,
};

/// Headers are padded to this many bytes, so that the numbers are aligned.
const ALIGNMENT: usize = 8;

/// Writes one net; the file appears complete or not at all.
///
/// Numbers are f32 where that loses nothing, and f64 otherwise. Metadata: `format` (`pt`), `id`, `spec`, and `label` or
/// `score`. In PyTorch, `safetensors.torch.load_file(path)` gives the state dict of DWS's `INR`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_net(path: &Path, sample: &Sample) -> Result<()> {
    let Sample { id, net, target } = sample;
    let is_exact = net.params().iter().all(|&value| f64::from(value as f32) == value);
    let (dtype, size) = if is_exact { ("F32", size_of::<f32>()) } else { ("F64", size_of::<f64>()) };
    let mut metadata = Map::new();
    metadata.insert("format".into(), "pt".into());
    metadata.insert("id".into(), id.as_str().into());
    metadata.insert("spec".into(), spec_json::write(net.spec()).into());
    match target {
        Target::None => {}
        Target::Class(class) => drop(metadata.insert("label".into(), class.to_string().into())),
        Target::Score(score) => drop(metadata.insert("score".into(), score.to_string().into())),
    }
    let mut header = Map::new();
    header.insert("__metadata__".into(), Value::Object(metadata));
    for (name, shape, range) in tensors(net) {
        let offsets = [range.start * size, range.end * size];
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
    }
    let mut header = serde_json::to_vec(&header).expect("texts and numbers can be written as JSON");
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');

    let mut file = AtomicFile::create(path)?;
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    for &value in net.params() {
        if is_exact { file.write(&(value as f32).to_le_bytes())? } else { file.write(&value.to_le_bytes())? }
    }
    file.commit()
}

/// Writes all nets of a dataset into a folder, with `splits.json` if any net is in a split.
///
/// A file is named for its net, with `-` for every character that is not a letter, digit, `.`, `_` or `-`. `progress`
/// is told after every net how many are done and how many there are.
///
/// # Errors
/// Whatever is wrong with a net; [`Error::Format`] if two names become one; [`Error::Io`].
pub fn write(dataset: &Dataset, folder: &Path, mut progress: impl FnMut(usize, usize)) -> Result<()> {
    let n = dataset.source.len();
    let assignment = dataset.splits.assignment(n)?;
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let mut names = Vec::new();
    let mut taken = BTreeSet::new();
    for i in 0..n {
        let sample = dataset.source.get(i)?;
        let name = file_name(&sample.id);
        if !taken.insert(name.clone()) {
            return Err(Error::format(folder, "names that differ", format!("{name} twice, now from {:?}", sample.id)));
        }
        write_net(&folder.join(format!("{name}.safetensors")), &sample)?;
        names.push(name);
        progress(i + 1, n);
    }
    if assignment.iter().any(Option::is_some) {
        let list = |split| dataset.splits.get(split).iter().map(|&i| names[i].as_str()).collect::<Vec<_>>();
        let splits: Map<String, Value> =
            Split::ALL.into_iter().map(|split| (split.name().to_owned(), list(split).into())).collect();
        let mut file = AtomicFile::create(&folder.join(SPLIT_FILE))?;
        file.write(&serde_json::to_vec(&splits).expect("lists of names can be written as JSON"))?;
        file.commit()?;
    }
    Ok(())
}

/// Names, shapes and places of all tensors, in the order of the parameters.
fn tensors(net: &Net) -> Vec<(String, Vec<usize>, std::ops::Range<usize>)> {
    let spec = net.spec();
    let layers = 0..spec.layers().len();
    layers
        .flat_map(|l| {
            let bias = spec.bias_range(l);
            let weight = (format!("seq.{l}.weight"), spec.weight_shape(l), spec.weight_range(l));
            let bias = (!bias.is_empty()).then(|| (format!("seq.{l}.bias"), vec![bias.len()], bias));
            [Some(weight), bias]
        })
        .flatten()
        .collect()
}

fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = id.chars().map(plain).collect();
    // A leading dot would hide the file, and an empty name is none.
    if name.is_empty() || name.starts_with('.') { format!("net{name}") } else { name }
}
