//! `sgmn completions` and `sgmn man`: what shells and `man` need to know of the commands, made from the commands themselves.

use std::{io::Write, path::PathBuf};

use anyhow::{Context, Result};
use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Verdict};

/// For which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = COMPLETIONS)]
pub(super) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Where manual pages go.
#[derive(Debug, clap::Args)]
#[command(after_help = MAN)]
pub(super) struct ManArgs {
    /// Folder for one page a command, made if it is missing; left out, the page of `sgmn` is printed
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

const COMPLETIONS: &str = "\
Examples:
  sgmn completions bash > ~/.local/share/bash-completion/completions/sgmn
  sgmn completions zsh > ~/.zfunc/_sgmn";
const MAN: &str = "\
Examples:
  sgmn man > sgmn.1
  sgmn man --out ~/.local/share/man/man1";

/// Prints the completions.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    // The generator takes a broken pipe for a fault of its own.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sgmn", &mut script);
    out.write_all(&script)?;
    Ok(Verdict::Pass)
}

/// Prints or writes manual pages.
pub(super) fn man(args: &ManArgs, out: &mut impl Write) -> Result<Verdict> {
    match &args.out {
        None => clap_mangen::Man::new(Cli::command()).render(out)?,
        Some(folder) => {
            std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
            clap_mangen::generate_to(Cli::command(), folder).with_context(|| folder.display().to_string())?;
        }
    }
    Ok(Verdict::Pass)
}
