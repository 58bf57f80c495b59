//! `sgmn-report run`: one report, made by one process or by several that share its runs.

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use clap::Args;

use super::{
    super::{Request, Results, RunItem, clock, items::missing, make_items, run, write},
    N_SEEDS, RESULTS, Size, Which, said, without_places,
};
use crate::run::interrupt::stop_on_interrupt;

/// `sgmn-report run`
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    #[command(flatten)]
    which: Which,
    /// Exactly so many runs of each model, however long they take [default: up to 3; at scale quick while time allows]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=100))]
    seeds: Option<u64>,
    /// Time in minutes within which runs with further seeds have to fit; seed 0 of each model is always run [default: 25
    /// at scale quick, elsewhere no limit]
    #[arg(long, value_name = "MINUTES", conflicts_with = "seeds", value_parser = minutes)]
    minutes: Option<f64>,
    /// Folder of runs and report [default: target/reproduce, for other scales a folder of their name in it]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Write the report of the runs that are there, without making any
    #[arg(long)]
    report_only: bool,
    /// Also copy the report with its figures to docs/results and its tables to README.md, to be committed
    #[arg(long, conflicts_with = "overrides")]
    save_results: bool,
}

const RUN_EXAMPLES: &str = "\
Examples:
  sgmn-report run --scale demo
  sgmn-report run --only classification --seeds 3
  sgmn-report run --report-only";
/// What shows their tables.
const README: &str = "README.md";
/// Minutes of a quick reproduction.
const QUICK_MINUTES: f64 = 25.0;

impl RunArgs {
    /// Makes what is missing, and writes the report.
    ///
    /// # Errors
    /// If a word does not fit, something cannot be made, or a run failed; the report is written all the same.
    pub fn run(&self) -> Result<()> {
        let began = Instant::now();
        let (which, seeds) = self.asked_for();
        let limit = match (self.minutes, seeds, which.scale) {
            (Some(minutes), ..) => Some(minutes),
            (None, None, Size::Quick) => Some(QUICK_MINUTES),
            _ => None,
        };
        let request = which.request(self.out.as_deref(), seeds.unwrap_or(N_SEEDS))?;
        let failed = match self.report_only {
            true => Vec::new(),
            false => {
                let time = limit.map_or(Duration::MAX, |minutes| Duration::from_secs_f64(60.0 * minutes));
                let stop = stop_on_interrupt(Some("stopping; the same command goes on from here"))?;
                run(&request, &which.wishes(time), &stop)?
            }
        };
        eprintln!("\n[report] ({} since the start)\n", clock(began.elapsed()));
        self.report(&request, &which.typed())?;
        said(&failed)
    }

    /// What several workers share: each run of the report.
    ///
    /// # Errors
    /// If a word does not fit, or says how long one process works.
    pub fn items(&self) -> Result<Vec<RunItem>> {
        ensure!(self.minutes.is_none(), "--minutes: expected no limit of time for work in shards, found one");
        ensure!(
            !self.report_only,
            "--report-only: expected runs to be made in shards, found no wish for any"
        );
        let (which, request) = self.in_shards()?;
        RunItem::all(&request, &which.methods)
    }

    /// Makes some items, without a report; names of runs that failed are returned.
    ///
    /// # Errors
    /// As [`run`].
    pub fn make_items(&self, items: &[RunItem], stop: &AtomicBool) -> Result<Vec<String>> {
        let (which, request) = self.in_shards()?;
        make_items(&request, &which.wishes(Duration::MAX), items, stop)
    }

    /// Writes the report of the runs that are there; those that are not are returned, a few words each.
    ///
    /// `command` is what a person types to get the same.
    ///
    /// # Errors
    /// If nothing is finished, or a file is damaged.
    pub fn gather(&self, command: &str) -> Result<Vec<String>> {
        let (which, request) = self.in_shards()?;
        self.report(&request, &without_places(command))?;
        let mut results = Results::read(&request)?;
        for study in &mut results.studies {
            study.rows.retain(|row| which.methods.is_empty() || which.methods.contains(&row.row.method));
        }
        Ok(missing(&results))
    }

    /// The models and nets, and the number of seeds if it was said.
    fn asked_for(&self) -> (Which, Option<u64>) {
        let mut which = self.which.clone();
        let mut seeds = self.seeds;
        if which.scale == Size::Demo {
            which.demonstrate();
            seeds = seeds.or(Some(1));
        }
        (which, seeds)
    }

    fn in_shards(&self) -> Result<(Which, Request)> {
        let (which, seeds) = self.asked_for();
        let request = which.request(self.out.as_deref(), seeds.unwrap_or(N_SEEDS))?;
        Ok((which, request))
    }

    fn report(&self, request: &Request, command: &str) -> Result<()> {
        let report = write(request, command)?;
        for (title, table) in &report.tables {
            eprintln!("{title}\n\n{}", table.to_markdown());
        }
        if self.save_results {
            let scale = request.scale.name();
            eprintln!("saved: {}", report.save(Path::new(RESULTS), scale)?.display());
            report.show_in(Path::new(README), scale)?;
            eprintln!("saved: the tables in {README}");
        }
        eprintln!("tables: {}\nreport: {}", report.markdown.display(), report.html.display());
        Ok(())
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // Ten years are no limit.
        Ok(minutes) if (0.0..5e6).contains(&minutes) => Ok(minutes),
        _ => Err("expected a number of minutes".to_owned()),
    }
}
