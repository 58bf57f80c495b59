//! `sgmn plan`: cuts the work of a command into shards.

use std::{io::Write, path::PathBuf, sync::atomic::AtomicBool};

use anyhow::{Context, Result, bail};

use super::{
    Help, Job, Kind,
    emit::{Engine, Script},
    plan_file::{PlanFile, shards_folder},
};
use crate::toolbox::Verdict;

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
COMMAND is one of fit, zoo, compare (as in this program) and reproduce (as `sgmn-report run`), with all that it is called
with; options of the plan come before it. Paths count from the folder in which each command is started, so plan, work and
gather are started in one folder, which all machines see.
Every shard is made by `sgmn work PLAN`, and `sgmn gather PLAN` leaves what COMMAND alone would have made: of nets, the same
bytes. --emit prints a script by which an engine starts the workers; the same call prints it again.

Examples:
  sgmn plan --shards 7 --out digits.toml fit --images mini --n 300 --out digits.packed
  sgmn plan --shards 40 --out zoo.toml --emit slurm --cpus 4 zoo --images data/mnist --n 30000 --out zoo > zoo.sh
  sgmn plan --shards 4 --out best.toml compare digits.packed --rates 1e-3 --out best
  sgmn plan --shards 3 --out demo.toml reproduce --scale demo")]
pub(in crate::toolbox) struct Args {
    /// Number of shards, at most one an item; an item is a net, or a run of one model with one seed
    #[arg(long, value_name = "N")]
    shards: usize,
    /// File of the plan to write, with the ending .toml
    #[arg(long, value_name = "PLAN")]
    out: PathBuf,
    /// Replace a plan of something else; what its workers left has to be deleted by hand
    #[arg(long)]
    force: bool,
    /// Print a script for an engine
    #[arg(long, value_enum, value_name = "ENGINE")]
    emit: Option<Engine>,
    /// In the script: cores of each shard
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    cpus: u16,
    /// In a script for kubernetes: the container image that has sgmn
    #[arg(long, value_name = "IMAGE", required_if_eq("emit", "kubernetes"))]
    image: Option<String>,
    /// In a script for kubernetes: the volume claim that holds the folder of the plan
    #[arg(long, value_name = "CLAIM", required_if_eq("emit", "kubernetes"))]
    claim: Option<String>,
    /// The command whose work is cut, with its options
    #[arg(value_name = "COMMAND", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// Writes the plan, and prints a script if one is asked for.
pub(in crate::toolbox) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let path = &args.out;
    if path.extension().is_none_or(|ending| ending != "toml") {
        bail!("--out: expected a file with the ending .toml, found {}", path.display());
    }
    let job = match Job::parse(&args.command) {
        Ok(job) => job,
        Err(error) => match error.downcast::<Help>() {
            Ok(Help(help)) => {
                write!(out, "{help}")?;
                return Ok(Verdict::Pass);
            }
            Err(error) => return Err(error),
        },
    };
    if let Kind::Nets(nets) = job.kind() {
        nets.refuse_existing()?;
    }
    let plan = PlanFile::new(&args.command, args.shards, &job, &AtomicBool::new(false))?;
    let is_there = path.exists();
    if is_there && !args.force && PlanFile::open(path).ok().is_none_or(|(found, _)| found != plan) {
        bail!(
            "{}: expected no file or this very plan, found something else; --force replaces it",
            path.display()
        );
    }
    plan.write(path)?;
    let folder = shards_folder(path);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let script = Script {
        plan: path,
        n_shards: args.shards,
        cpus: args.cpus,
        image: args.image.as_deref().unwrap_or_default(),
        claim: args.claim.as_deref().unwrap_or_default(),
    };
    match args.emit {
        Some(engine) => write!(out, "{}", script.of(engine)?)?,
        None => writeln!(out, "wrote {}: {} shards", path.display(), args.shards)?,
    }
    Ok(Verdict::Pass)
}
