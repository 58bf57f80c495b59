//! Published folders: a `config.json` that names a family and its sizes, and tensors in safetensors, in one file or several.
//!
//! A family is one file here and one word in `FAMILIES`. It reads the settings (each key is used, is harmless, or is
//! refused by name), and writes the net down as layers of architecture files with the tensors that it expects; sizes are
//! held against the files before a number is read.

mod act;
mod bert;
mod config;
mod decoder;
mod encoder;
mod files;
mod gpt2;
mod llama;
mod lora;
mod mistral;
mod qwen2;
mod resnet;
mod rope;
mod sketch;
mod vit;

use std::path::{Path, PathBuf};

use super::{
    About, Container, FlowFile, Known, OpenSize, ReadOptions, Reader, Record, Tensors, Update,
    architecture::{self, Plan},
    assemble,
    shared::Share,
};
use crate::{Error, Result};

use config::Config;
use files::{Files, Opened};
use sketch::Sketch;

/// How folders of a family are told from other files, and read: by their settings.
pub(super) const READER: Reader =
    Reader { name: "a folder with config.json and model.safetensors", detects, open };

/// A kind of published nets.
#[derive(Debug)]
struct Family {
    /// The word for it under `model_type`, or of an adapter under `peft_type`.
    name: &'static str,
    /// Writes a net of these settings down.
    build: fn(&Config, &mut Sketch<'_>) -> Result<()>,
    /// Tensors that files may hold and that are no part of the net; `*` is any text at one end.
    buffers: &'static [&'static str],
}

/// All families, sorted by name.
const FAMILIES: &[Family] = &[
    bert::FAMILY,
    gpt2::FAMILY,
    llama::FAMILY,
    lora::FAMILY,
    mistral::FAMILY,
    qwen2::FAMILY,
    resnet::FAMILY,
    vit::FAMILY,
];

/// Files of settings, the key that names the family, and what the files of tensors are called.
const SETTINGS: [(&str, &str, &str); 2] =
    [("config.json", "model_type", "model"), ("adapter_config.json", "peft_type", "adapter_model")];

/// The settings of the net at a path: a folder that has some, or the file itself.
///
/// # Errors
/// [`Error::Format`] for a folder with a net and an adapter.
pub(super) fn settings(path: &Path) -> Result<Option<PathBuf>> {
    if !path.is_dir() {
        let is_named = path.extension().is_some_and(|ending| ending == "json") && path.is_file();
        return Ok((is_named && names_family(path)).then(|| path.to_owned()));
    }
    let there = SETTINGS.map(|(file, _, _)| path.join(file)).into_iter().filter(|file| names_family(file));
    match &there.collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [one] => Ok(Some(one.clone())),
        _ => {
            let [net, adapter] = SETTINGS.map(|(file, _, _)| file);
            let expected =
                format!("a net or an adapter; say which by the name of its file, {net} or {adapter}");
            Err(Error::format(path, expected, "both"))
        }
    }
}

/// Whether a file holds settings that name a family.
fn names_family(file: &Path) -> bool {
    let Ok(config) = Config::read(file) else { return false };
    SETTINGS.iter().any(|(_, key, _)| config.get(key).is_some())
}

fn detects(start: &[u8], options: &ReadOptions) -> bool {
    options.architecture.is_none() && start.trim_ascii_start().starts_with(b"{")
}

/// A net of a family.
#[derive(Debug)]
struct Folder {
    family: &'static str,
    writer: Option<String>,
    plan: Plan,
    files: Opened,
    /// Of an adapter: what it changes.
    updates: Vec<Update>,
}

fn open(path: &Path, options: &ReadOptions) -> Result<FlowFile> {
    let config = Config::read(path)?;
    let [of_net, of_adapter] = SETTINGS;
    let (_, key, stem) = if config.get(of_adapter.1).is_some() { of_adapter } else { of_net };
    let name = config.word_or(key, "")?;
    let is_adapter = |family: &Family| family.name == lora::FAMILY.name;
    let known = || FAMILIES.iter().filter(|family| is_adapter(family) == (key == of_adapter.1));
    let Some(family) = known().find(|family| family.name == name) else {
        let known: Vec<&str> = known().map(|family| family.name).collect();
        return config.fault(key, format!("one of {}", known.join(", ")));
    };
    let writer = config.word_or("transformers_version", "")?;
    let writer = (!writer.is_empty()).then(|| format!("transformers {writer}"));
    let files = Files::find(path, stem)?;
    let (shapes, others) = files.shapes(family.buffers)?;
    let mut sketch = Sketch::new(&shapes);
    (family.build)(&config, &mut sketch)?;
    config.refuse_others(family.name)?;
    sketch.check(path, files.named())?;
    let of = files.named().to_owned();
    let idle = sketch.idle_tensors();
    let Sketch { inputs, outputs, layers, same, updates, .. } = sketch;
    let (inputs, open) = architecture::bind(&inputs, options)?;
    let (files, numbers) = files.read(family.buffers, &same)?;
    let known = |name: &str| {
        let is_statistic = name.ends_with("running_mean") || name.ends_with("running_var");
        if is_statistic { Known::Statistic } else { Known::Trained }
    };
    let shares = numbers.iter().enumerate();
    let shares =
        shares.map(|(record, (name, _, _))| (name.clone(), Share { record, order: Vec::new() })).collect();
    let records = numbers
        .into_iter()
        .map(|(name, shape, numbers)| Record { known: Some(known(&name)), name, shape, numbers })
        .collect();
    let plan =
        Plan { path: path.to_owned(), inputs, open, outputs, layers, shares, others, idle, of: of.clone() };
    assemble(&of, Box::new(Folder { family: family.name, writer, plan, files, updates }), records, options)
}

impl Container for Folder {
    fn about(&self) -> About {
        let container = format!("folder of the family {}", self.family).into();
        About { container, writer: self.writer.clone(), operations: self.plan.operations() }
    }

    fn open_sizes(&self) -> Vec<OpenSize> {
        self.plan.open.clone()
    }

    fn knows_ties(&self) -> bool {
        true
    }

    fn lower(&self, tensors: &mut Tensors<'_>) -> Result<()> {
        self.plan.lower(tensors)
    }

    fn updates(&self) -> &[Update] {
        &self.updates
    }

    fn write(&self, numbers: &dyn Fn(usize) -> Option<Vec<f64>>, out: &Path) -> Result<()> {
        self.files.write(numbers, out)
    }
}
