//! `sgmn work`: makes a shard of a plan.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context, Result};
use sgmn_data::{Made, Shard};

use super::{
    Job, Kind,
    held::Held,
    number::{Wanted, shards},
    plan_file::{PlanFile, shards_folder},
};
use crate::{run::interrupt::stop_on_interrupt, toolbox::Verdict};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The number of the shard is that of --shard, or else of the first of these that the environment has: SLURM_ARRAY_TASK_ID,
HQ_TASK_ID, JOB_COMPLETION_INDEX (Kubernetes), SLURM_PROCID, OMPI_COMM_WORLD_RANK (mpirun).
After Ctrl-C or SIGTERM the same call goes on where it stopped. A finished shard is not made again.

Examples:
  sgmn work digits.toml --shard 3
  sgmn work digits.toml --shard all")]
pub(in crate::toolbox) struct Args {
    /// The plan
    #[arg(value_name = "PLAN")]
    plan: PathBuf,
    /// Number of the shard, from 0, or `all` to make one after the other
    #[arg(long, value_name = "N|all")]
    shard: Option<Wanted>,
}

/// Makes what is missing of the shard, and says so.
pub(in crate::toolbox) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    let (plan, job) = PlanFile::open(&args.plan)?;
    let (shards, source) = shards(args.shard, plan.n_shards)?;
    let stop = stop_on_interrupt(Some("stopping; the same call goes on from here"))?;
    plan.check(&args.plan, &job, &stop)?;
    let folder = shards_folder(&args.plan);
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let mut verdict = Verdict::Pass;
    for shard in shards {
        let _held = Held::take(shard, &folder)?;
        eprintln!("shard {} of {} ({source}): {}", shard.number, shard.count, plan.items(shard)?);
        if make(&plan, &job, shard, &folder, &stop, out)? == Verdict::Fail {
            verdict = Verdict::Fail;
        }
    }
    Ok(verdict)
}

fn make(
    plan: &PlanFile,
    job: &Job,
    shard: Shard,
    folder: &Path,
    stop: &AtomicBool,
    out: &mut impl Write,
) -> Result<Verdict> {
    let Shard { number, count } = shard;
    match job.kind() {
        Kind::Nets(nets) => {
            let Made { n_nets, n_made_now, seconds } = nets.make(shard, folder, stop)?;
            let file = shard.file(folder);
            let file = file.display();
            match n_made_now {
                0 => writeln!(out, "shard {number} of {count}: was there already: {file}")?,
                _ => writeln!(
                    out,
                    "shard {number} of {count}: made {n_made_now} of {n_nets} nets in {seconds:.1} s: {file}"
                )?,
            }
            Ok(Verdict::Pass)
        }
        Kind::Runs(runs) => {
            let items = plan.runs(shard);
            let failed = runs.make(items, stop)?;
            if failed.is_empty() {
                writeln!(out, "shard {number} of {count}: all {} runs are done", items.len())?;
                return Ok(Verdict::Pass);
            }
            writeln!(out, "shard {number} of {count}: failed: {}", failed.join("; "))?;
            Ok(Verdict::Fail)
        }
    }
}
