//! `sgmn list`: every name that a person may write.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use sgmn_data::{
    formats::{self, FormatKind},
    manifest::Manifest,
};
use sgmn_graph::Activation;
use sgmn_nn::models::ModelConfig;
use sgmn_symmetry::Symmetry;

use super::Verdict;
use crate::config::{DataPart, ExperimentFile, ModelPart, PROGRAMS, PUBLISHED, SizePart};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  sgmn list | grep zoo")]
pub(super) struct Args {
    /// Folder of dataset manifests; left out, `datasets` here or in a folder above
    #[arg(long, value_name = "FOLDER")]
    datasets: Option<PathBuf>,
}

/// Prints the lists.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    writeln!(out, "An experiment is composed: data × task × model × size. Each program asks its own task:")?;
    for program in PROGRAMS {
        writeln!(out, "  {program} --data NAME|PATH --model NAME --size NAME")?;
    }
    writeln!(out, "\ndata (--data NAME, or the path of nets of your own)")?;
    for data in DataPart::all() {
        let tasks: Vec<&str> = data.tasks().map(|task| task.name()).collect();
        row(out, data.name(), &format!("{} ({})", data.sentence(), tasks.join(", ")))?;
    }
    writeln!(out, "\nmodels (--model NAME)")?;
    for model in ModelPart::all() {
        row(out, model.name(), model.sentence())?;
    }
    writeln!(out, "\nvariants of models (--model NAME)")?;
    for model in ModelPart::variants() {
        row(out, model.name(), model.sentence())?;
    }
    writeln!(out, "\nsizes (--size NAME)")?;
    for size in SizePart::all() {
        row(out, size.name(), size.sentence())?;
    }
    writeln!(
        out,
        "\nnames of compositions (--experiment NAME, sgmn check NAME): SIZE[-DATA][-TASK][-MODEL]"
    )?;
    writeln!(
        out,
        "  such as quick, quick-zoo-tanh-gmn, small-editing-bidirectional; left out is what goes without saying"
    )?;
    writeln!(out, "\npublished experiments (--experiment NAME)")?;
    for experiment in PUBLISHED {
        let program = ExperimentFile::open(experiment.name)?.resolve()?.task().program();
        row(out, experiment.name, &format!("{} ({program})", experiment.sentence()))?;
    }
    writeln!(out, "\nkinds of models ([model] kind = \"NAME\" in files)")?;
    for (name, sentence) in ModelConfig::KINDS {
        row(out, name, sentence.trim())?;
    }
    writeln!(out, "\nsymmetries of hidden units")?;
    for symmetry in Symmetry::ALL {
        let admitting = Activation::usual().filter(|activation| symmetry.applies(*activation));
        let names: Vec<&str> = admitting
            .map(|activation| if activation == Activation::Identity { "identity" } else { activation.name() })
            .collect();
        row(out, symmetry.name(), &names.join(", "))?;
    }
    writeln!(out, "\nactivations (--activation WORD), with the symmetries of their units")?;
    for activation in Activation::usual() {
        let admitted = Symmetry::ALL.iter().filter(|symmetry| symmetry.applies(activation));
        let names: Vec<&str> = admitted.map(|symmetry| symmetry.name()).collect();
        row(out, &activation.to_string(), &names.join(", "))?;
    }
    writeln!(out, "\nformats of nets")?;
    for format in formats::ALL {
        row(out, format.name(), about(*format))?;
    }
    writeln!(out, "\ndatasets")?;
    match find_datasets(args.datasets.as_deref())? {
        Some(folder) => {
            for manifest in Manifest::all(&folder)? {
                row(out, &manifest.name, &manifest.title)?;
            }
        }
        None => {
            writeln!(out, "  no folder `datasets` with manifests here or above; --datasets FOLDER names one")?
        }
    }
    Ok(Verdict::Pass)
}

fn about(format: FormatKind) -> &'static str {
    match format {
        FormatKind::CnnPark => "CNN Wild Park: cnn_park_splits.json, a checkpoint a step of each training",
        FormatKind::CnnZoo => "Small CNN Zoo: weights.npy, layout.csv, metrics.csv.gz",
        FormatKind::DwsFmnist => "DWSNets' Fashion-MNIST INRs: {train,test}/model_ID.pth",
        FormatKind::DwsMnist => "DWSNets' MNIST INRs: a folder a net, split file in JSON",
        FormatKind::Flows => "our own: nets of any architecture in one memory-mapped file",
        FormatKind::Folder => "a folder of files, one net each, of any kind: for your own nets",
        FormatKind::ModelZoo => {
            "Model Zoo collections: a folder a training, params.json, result.json, checkpoint_*"
        }
        FormatKind::NfnCifar => "NFN's CIFAR-10 INRs: class and number in the path",
        FormatKind::Packed => "our own: all nets in one memory-mapped file",
    }
}

fn row(out: &mut impl Write, name: &str, sentence: &str) -> std::io::Result<()> {
    writeln!(out, "{}", format!("  {name:<32} {sentence}").trim_end())
}

/// The folder of manifests, known by the manifest of the digits that come with the project.
fn find_datasets(given: Option<&Path>) -> Result<Option<PathBuf>> {
    const KNOWN: &str = "mini.toml";
    if let Some(folder) = given {
        if folder.is_dir() {
            return Ok(Some(folder.to_owned()));
        }
        bail!("--datasets: expected a folder, found {}", folder.display());
    }
    let here = std::env::current_dir()?;
    let candidates = here.ancestors().map(|folder| folder.join("datasets"));
    Ok(candidates.into_iter().find(|folder| folder.join(KNOWN).is_file()))
}
