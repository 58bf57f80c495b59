//! `sgmn gather`: puts the shards of a plan together.
//!
//! It is not called merge, because `sgmn merge` averages nets.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, ensure};
use sgmn_data::Shard;

use super::{
    Kind,
    plan_file::{PlanFile, shards_folder},
};
use crate::{run::interrupt::stop_on_interrupt, toolbox::Verdict};

/// Shards that an error names.
const MOST_NAMED: usize = 20;

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of fits and zoos all shards must be there; each is checked, and the result is what the planned command alone would have
made, to the byte. The folder PLAN.shards may be deleted afterwards. Of comparisons and reproductions the report is written
of the runs that are there, and the others are named.

Examples:
  sgmn gather digits.toml")]
pub(in crate::toolbox) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
}

/// Writes the result, and says what came of it.
pub(in crate::toolbox) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let (plan, job) = PlanFile::open(&args.plan)?;
    let stop = stop_on_interrupt(None)?;
    plan.check(&args.plan, &job, &stop)?;
    match job.kind() {
        Kind::Nets(nets) => {
            let folder = shards_folder(&args.plan);
            let missing = Shard::all(plan.n_shards).filter(|shard| !shard.file(&folder).exists());
            let missing: Vec<String> = missing.map(|shard| shard.number.to_string()).collect();
            let more = missing.len().saturating_sub(MOST_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            ensure!(
                missing.is_empty(),
                "{}: expected all {} shards, found none of the numbers {}{more}",
                folder.display(),
                plan.n_shards,
                missing[..missing.len().min(MOST_NAMED)].join(", ")
            );
            nets.gather(&folder, plan.n_shards, out)?;
            Ok(Verdict::Pass)
        }
        Kind::Runs(runs) => {
            let missing = runs.gather(&plan.command.join(" "), &stop, out)?;
            if missing.is_empty() {
                return Ok(Verdict::Pass);
            }
            writeln!(out, "missing: {}", missing.join("; "))?;
            Ok(Verdict::Fail)
        }
    }
}
