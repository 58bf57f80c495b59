//! Writes nets as safetensors under the names that DWS's nets have in PyTorch: `seq.0.weight`, `seq.0.bias`, ...
//!
//! The header is written here and not by the safetensors crate, whose hash map would order the metadata by chance: the
//! same net gives the same bytes.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Map, Value, json};
use sgmn_graph::Net;

use super::{CLASS_FILE, splits::SPLIT_FILE};
use crate::{
    Error, Result, Sample, Target,
    beside::names,
    bytes::atomic::AtomicFile,
    formats::spec_json,
    skip::{self, Skipped},
    source::Dataset,
    split::{Split, Splits},
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
    write_labelled(path, sample, None)
}

/// As [`write_net`]; a class that has a name is written by it.
fn write_labelled(path: &Path, sample: &Sample, classes: Option<&[String]>) -> Result<()> {
    let Sample { id, net, target } = sample;
    let is_exact = net.params().iter().all(|&value| f64::from(value as f32) == value);
    let (dtype, size) = if is_exact { ("F32", size_of::<f32>()) } else { ("F64", size_of::<f64>()) };
    let mut metadata = Map::new();
    metadata.insert("format".into(), "pt".into());
    metadata.insert("id".into(), id.as_str().into());
    metadata.insert("spec".into(), spec_json::write(net.spec()).into());
    match target {
        Target::None => {}
        Target::Class(class) => {
            let name = classes.and_then(|names| names.get(*class as usize)).cloned();
            metadata.insert("label".into(), name.unwrap_or_else(|| class.to_string()).into());
        }
        Target::Score(score) => drop(metadata.insert("score".into(), score.to_string().into())),
    }
    let mut header = Map::new();
    header.insert("__metadata__".into(), Value::Object(metadata));
    for (name, shape, range) in tensors(net) {
        let offsets = [range.start * size, range.end * size];
        header.insert(name, json!({ "dtype": dtype, "shape": shape, "data_offsets": offsets }));
    }
    write_safetensors(path, &header, |file| {
        for &value in net.params() {
            if is_exact { file.write(&(value as f32).to_le_bytes())? } else { file.write(&value.to_le_bytes())? }
        }
        Ok(())
    })
}

/// Writes a header and behind it the numbers of its tensors, in its order.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub(crate) fn write_safetensors(
    path: &Path,
    header: &Map<String, Value>,
    write_numbers: impl FnOnce(&mut AtomicFile) -> Result<()>,
) -> Result<()> {
    let mut header = serde_json::to_vec(header).expect("texts and numbers can be written as JSON");
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    let mut file = AtomicFile::create(path)?;
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    write_numbers(&mut file)?;
    file.commit()
}

/// Writes all nets of a dataset into a folder, with `splits.json` if any net is in a split, and `classes.json` if
/// classes have names. Bad nets are left out and returned if [`Dataset::on_bad_net`] allows that.
///
/// A file is named for its net: letters of any script, digits, `.`, `_` and `-` stay, every other character becomes `-`.
/// `progress` is told after every net how many are done and how many there are.
///
/// # Errors
/// Whatever is wrong with a net that may not be left out; [`Error::Format`] if two names become one; [`Error::Io`].
pub fn write(
    dataset: &Dataset,
    folder: &Path,
    mut progress: impl FnMut(usize, usize),
) -> Result<Vec<Skipped>> {
    let n = dataset.source.len();
    let assignment = dataset.splits.assignment(n)?;
    std::fs::create_dir_all(folder).map_err(Error::io(folder))?;
    let (mut names, mut kept, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut taken = BTreeSet::new();
    for (i, split) in assignment.into_iter().enumerate() {
        let read = dataset.source.get(i);
        if let Some(sample) = dataset.on_bad_net.take(read, || dataset.source.name(i), &mut skipped)? {
            let name = file_name(&sample.id);
            if !taken.insert(name.clone()) {
                return Err(Error::format(
                    folder,
                    "names that differ",
                    format!("{name} twice, now from {:?}", sample.id),
                ));
            }
            write_labelled(&folder.join(format!("{name}.safetensors")), &sample, dataset.classes.as_deref())?;
            names.push(name);
            kept.push(split);
        }
        progress(i + 1, n);
    }
    skip::refuse_nothing(names.len(), &skipped)?;
    if kept.iter().any(Option::is_some) {
        let splits = Splits::from_assignment(kept);
        let list = |split| splits.get(split).iter().map(|&i| names[i].as_str()).collect::<Vec<_>>();
        let lists: Map<String, Value> =
            Split::ALL.into_iter().map(|split| (split.name().to_owned(), list(split).into())).collect();
        write_json(&folder.join(SPLIT_FILE), &Value::Object(lists))?;
    }
    if let Some(classes) = &dataset.classes {
        write_json(&folder.join(CLASS_FILE), &json!(classes))?;
    }
    Ok(skipped)
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(&serde_json::to_vec(value).expect("lists of names can be written as JSON"))?;
    file.commit()
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
    // No file system forbids a letter beyond ASCII, and marks that belong to letters are such.
    let plain = |c: char| match c {
        c if c.is_ascii() => c.is_ascii_alphanumeric() || "._-".contains(c),
        c => !c.is_control() && !c.is_whitespace(),
    };
    let name: String = names::normal(id).chars().map(|c| if plain(c) { c } else { '-' }).collect();
    // A leading dot would hide the file, and an empty name is none.
    if name.is_empty() || name.starts_with('.') { format!("net{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_any_script_stay_what_they_are() {
        for (id, name) in [
            ("cafe\u{301}", "café"),
            ("猫", "猫"),
            ("हिन्दी", "हिन्दी"),
            ("train/model 0", "train-model-0"),
            (".a", "net.a"),
            ("", "net"),
        ] {
            assert_eq!(file_name(id), name);
        }
    }
}
