//! `sgmn prove`: nets of which the exact truth is known.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, bail};

use super::Verdict;
use crate::any_net::oracle::{self, Proof};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A folder holds one net as several writers store it, its answers (io.safetensors), its parameters (params.safetensors),
changed parameters that keep the function (twins.safetensors) and others that do not (negatives.safetensors), and what
may change (truth.json). Every file is read, asked, and held against all of it; one line a file.

Examples:
  sgmn prove nets/*
  sgmn prove nets/llama --verbose

Exit status: 1 if anything is not as it should be.")]
pub(super) struct Args {
    /// Folders of nets with their truth
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// Show every number that was measured
    #[arg(long)]
    verbose: bool,
}

/// Proves, and says how each file did.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let (mut n, mut n_failed) = (0, 0);
    for folder in &args.folders {
        if !folder.is_dir() {
            bail!("{}: expected a folder, found none", folder.display());
        }
        for proof in oracle::prove(folder)? {
            n += 1;
            n_failed += usize::from(!proof.holds());
            write_proof(&proof, args.verbose, out)?;
        }
    }
    writeln!(out, "{} of {n} files are as they should be", n - n_failed)?;
    Ok(if n_failed == 0 { Verdict::Pass } else { Verdict::Fail })
}

fn write_proof(proof: &Proof, verbose: bool, out: &mut impl Write) -> Result<()> {
    let wrong: Vec<String> = proof
        .facts
        .iter()
        .filter(|fact| !fact.holds)
        .map(|fact| format!("{}: {}", fact.what, fact.found))
        .collect();
    let word = if wrong.is_empty() { "ok".to_owned() } else { format!("FAILED: {}", wrong.join("; ")) };
    writeln!(out, "{}: {word}", proof.file.display())?;
    if verbose {
        for fact in &proof.facts {
            writeln!(out, "  {} {}: {}", if fact.holds { "  " } else { "! " }, fact.what, fact.found)?;
        }
    }
    Ok(())
}
