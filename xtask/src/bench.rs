//! `cargo xtask bench`: how fast, beside what the machine can do; one report from one run.
//!
//! Each group of numbers is measured by a process of its own; their results become tables, figures, and a verdict on
//! every bar that the project set itself.

mod any_net;
mod bars;
mod growth;
mod machine;
pub(crate) mod measurement;
pub(crate) mod plots;
mod processes;
mod report;
pub(crate) mod table;

use std::{env, fs, path::Path, time::Instant};

use anyhow::{Context, Result, bail};
use clap::Args;

use self::{
    any_net::FAMILIES,
    growth::AXES,
    machine::{Quiet, Ticks},
    measurement::Results,
    processes::{PROCESSES, Programs, Scope},
    report::{Head, any_net, report},
};
use crate::repository;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Measure everything for a fifth of the time, which is some fifteen minutes otherwise, with wider intervals
    #[arg(long)]
    quick: bool,
    /// Measure nets of any architecture up to 10⁸ numbers, in place of 10⁷: minutes more, and some 8 GB of memory
    #[arg(long)]
    large: bool,
    /// Only the groups whose name begins with this, such as mnist, fit, growth-width or any-net
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
    /// Also write report and figures to docs/results, to be committed; of a part, any-net alone has a page of its own
    #[arg(long)]
    save_results: bool,
}

/// What `cargo xtask bench --help` says after the options.
pub(crate) const ABOUT_PROFILE: &str = "\
Benchmarks are built in the dev profile, which optimizes all that computes: a second, fully optimized build would take
five minutes and gain little. Ratios of one run can be compared between machines, seconds cannot: leave the machine
alone meanwhile, the report says if it was not. The report is written to target/bench/report.md, figures beside it.";

/// The groups with a page of their own.
const ANY_NET: &str = "any-net";

/// Where results are kept that are committed.
const RESULTS: &str = "docs/results";

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let chosen: Vec<_> = PROCESSES
        .iter()
        .filter(|process| arguments.only.as_deref().is_none_or(|only| process.name.starts_with(only)))
        .collect();
    if chosen.is_empty() {
        let names = PROCESSES.map(|process| process.name).join(", ");
        let only = arguments.only.as_deref().unwrap_or_default();
        bail!("--only: expected the beginning of one of {names}, found {only:?}");
    }
    let is_any_net = arguments.only.as_deref().is_some_and(|only| only.starts_with(ANY_NET));
    if arguments.save_results && arguments.only.is_some() && !is_any_net {
        bail!(
            "--save-results: expected no --only, or --only {ANY_NET}, since other parts have no page of their own"
        );
    }
    // Before building, which is work enough to raise it.
    let load = machine::load();
    let programs = Programs::build()?;
    let mut quiet = Quiet { load, before: machine::share_of_others(), during: None };
    if let Some(warning) = quiet.warning() {
        println!("warning: {warning}");
    }

    let out = repository::root().join("target/bench");
    let (clock, ticks) = (Instant::now(), Ticks::now());
    let mut results = Results::default();
    let scope = Scope { quick: arguments.quick, large: arguments.large };
    for process in chosen {
        programs.run(process, scope, &out, &mut results)?;
    }
    quiet.during = ticks.zip(Ticks::now()).and_then(|(began, end)| began.share_of_others(end));

    let words: Vec<String> = env::args().skip(1).collect();
    let head = Head {
        command: format!("cargo xtask {}", words.join(" ")),
        facts: [machine::facts(), quiet.rows()].concat(),
        warning: quiet.warning(),
        seconds: clock.elapsed().as_secs_f64(),
    };
    let pages = |name: &str| {
        let prefix = format!("{name}-");
        let all = (!is_any_net).then(|| (format!("{name}.md"), report(&results, &head, &prefix)));
        let of_any = any_net(&results, &head, &prefix).map(|text| (format!("{name}-{ANY_NET}.md"), text));
        all.into_iter().chain(of_any).collect::<Vec<_>>()
    };
    for (_, text) in pages("report") {
        println!("\n{text}");
    }
    write(&results, pages("report"), &out, "report")?;
    if arguments.save_results {
        write(&results, pages("bench"), &repository::root().join(RESULTS), "bench")?;
    }
    Ok(())
}

/// Writes pages, and `NAME-….svg` for each axis of growth and each family of nets, into a folder.
fn write(results: &Results, pages: Vec<(String, String)>, folder: &Path, name: &str) -> Result<()> {
    let figures = AXES.iter().map(|axis| (axis.name, axis.figure(results)));
    let figures = figures.chain(FAMILIES.iter().map(|family| (family.name, family.figure(results))));
    let figures = figures.filter_map(|(of, figure)| Some((format!("{name}-{of}.svg"), figure?.to_svg())));
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    for (file, text) in figures.chain(pages) {
        let path = folder.join(file);
        fs::write(&path, text).with_context(|| path.display().to_string())?;
        println!("written: {}", repository::shown(&path).display());
    }
    Ok(())
}
