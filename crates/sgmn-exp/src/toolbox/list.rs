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
use crate::config::{EMBEDDED, ExperimentFile, PROGRAMS};

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
    let programs = EMBEDDED.iter().map(|experiment| {
        let resolved = ExperimentFile::open(experiment.name)?.resolve()?;
        Ok((resolved.task().program(), experiment))
    });
    let programs = programs.collect::<Result<Vec<_>>>()?;
    for program in PROGRAMS {
        writeln!(out, "experiments of {program} (--experiment NAME; sgmn check NAME)")?;
        for (_, experiment) in programs.iter().filter(|(name, _)| *name == program) {
            writeln!(out, "  {:<40} {}", experiment.name, first_sentence(experiment.text))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "models")?;
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
        FormatKind::Folder => "a folder of files, one net each, of any kind: for your own nets",
        FormatKind::ModelZoo => {
            "Model Zoo collections: a folder a training, params.json, result.json, checkpoint_*"
        }
        FormatKind::NfnCifar => "NFN's CIFAR-10 INRs: class and number in the path",
        FormatKind::Packed => "our own: all nets in one memory-mapped file",
    }
}

/// The first sentence of the comment at the top of an experiment file.
fn first_sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let comment = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    comment.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn row(out: &mut impl Write, name: &str, sentence: &str) -> std::io::Result<()> {
    writeln!(out, "{}", format!("  {name:<24} {sentence}").trim_end())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_experiment_begins_with_a_sentence() {
        assert_eq!(first_sentence("# One thing,\n# said. More.\nkey = 1\n"), "One thing, said");
        for experiment in EMBEDDED {
            assert!(first_sentence(experiment.text).len() > 20, "{}", experiment.name);
        }
    }
}
