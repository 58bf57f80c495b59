//! Nets of any architecture: what is inferred of each is made to act.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::json;
use sgmn_graph::Seed;

use super::super::{Verdict, results::Results};
use crate::{
    any_net::{
        args::NetArgs,
        check::{KEPT, Report, Trials, check_file},
        description::note_of_sizes,
        facts::hold_little,
        negatives::{Fault, SEEN},
    },
    show::{MachineFacts, Table, save::write_atomic},
};

/// What can be chosen for nets.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    net: NetArgs,
    /// Changes outside of the group of orders and scalars that are made; half as many of matrices, a quarter of additions
    #[arg(long, value_name = "N", default_value_t = 12)]
    negatives: usize,
    /// Random inputs that each net is asked
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..))]
    questions: u32,
    /// Append what was measured to this file, a line of JSON a net
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a table with a row a net into this file
    #[arg(long, value_name = "FILE.md")]
    save: Option<PathBuf>,
}

impl Args {
    /// Whether a path is read as a net of any architecture.
    pub(super) fn take(&self, path: &Path) -> bool {
        self.net.take(path)
    }
}

/// Checks each net and says what was found.
pub(super) fn run(
    paths: &[&Path],
    args: &Args,
    elements: u32,
    seed: Seed,
    out: &mut impl Write,
) -> Result<Verdict> {
    let trials = Trials {
        elements: elements.into(),
        negatives: args.negatives,
        questions: args.questions as usize,
        seed,
    };
    hold_little();
    let options = args.net.options();
    let mut results = Results::open(args.json.as_deref())?;
    let mut rows = Vec::new();
    let mut all_hold = true;
    for path in paths {
        let report = check_file(path, &options, &trials);
        let report = match (report, paths.len()) {
            (Err(why), 1) => return Err(why),
            // One file that cannot be read says nothing about the others.
            (Err(why), _) => {
                let why = super::super::one_line(&why);
                writeln!(out, "REFUSED: {why}\n")?;
                let mut cells = vec![name(path), format!("refused: {why}")];
                cells.resize(COLUMNS.len(), String::new());
                rows.push(cells);
                all_hold = false;
                continue;
            }
            (Ok(report), _) => report,
        };
        describe(path, &report, out)?;
        results.write(&to_json(path, &report))?;
        rows.push(row(path, &report));
        all_hold &= report.holds();
    }
    if let Some(path) = &args.save {
        write_atomic(path, page(rows, &trials).as_bytes())?;
        writeln!(out, "wrote {}", path.display())?;
    }
    Ok(if all_hold { Verdict::Pass } else { Verdict::Fail })
}

fn describe(path: &Path, report: &Report, out: &mut impl Write) -> Result<()> {
    let dims = &report.dims;
    writeln!(out, "{}: {} numbers may change, {} steps", path.display(), report.n_numbers, report.n_steps)?;
    if let Some(note) = note_of_sizes(&report.open_sizes) {
        writeln!(out, "  {note}")?;
    }
    writeln!(
        out,
        "  free are {} dimensions ({} magnitudes, {} of matrices, {} of additions) and {} signs; orders and scales move \
         {:.1} % of the numbers",
        dims.total(),
        dims.magnitudes,
        dims.matrices,
        dims.additions,
        report.n_signs,
        share(report)
    )?;
    for kind in &report.kinds {
        match kind.n_moving {
            0 => writeln!(out, "  {:<14} none is free", kind.kind)?,
            n => writeln!(
                out,
                "  {:<14} largest change of answers {:.1e}, {n} elements",
                kind.kind, kind.change
            )?,
        }
    }
    for fault in Fault::ALL {
        let of_fault: Vec<_> = report.negatives.iter().filter(|negative| negative.fault == fault).collect();
        if of_fault.is_empty() {
            continue;
        }
        let seen = of_fault.iter().filter(|negative| negative.is_seen()).count();
        let least = of_fault.iter().map(|negative| negative.change).fold(f64::INFINITY, f64::min);
        writeln!(
            out,
            "  not allowed: {}: {seen} of {} seen, the least change {least:.1e}",
            fault.words(),
            of_fault.len()
        )?;
        for negative in of_fault.iter().filter(|negative| !negative.is_seen()) {
            writeln!(
                out,
                "    not seen on these inputs: {} (change {:.1e})",
                negative.place, negative.change
            )?;
        }
    }
    let seconds = &report.seconds;
    write!(
        out,
        "  seconds: read {:.2}, infer {:.2}, act {:.2}, by matrices {:.2}, answer {:.2}",
        seconds.read, seconds.derive, seconds.act, seconds.mix, seconds.run
    )?;
    match memory(report) {
        Some(words) => writeln!(out, "; peak memory {words}")?,
        None => writeln!(out)?,
    }
    if report.holds() {
        writeln!(out, "  pass: within {KEPT:.0e}")?;
    } else {
        writeln!(out, "  FAIL: above {KEPT:.0e}")?;
    }
    if report.n_seen() == 0 && !report.negatives.is_empty() {
        writeln!(out, "  note: these inputs show no change at all, so a small one says little")?;
    }
    writeln!(out)?;
    Ok(())
}

fn to_json(path: &Path, report: &Report) -> serde_json::Value {
    let negatives: Vec<_> = report
        .negatives
        .iter()
        .map(|n| json!({"fault": n.fault.words(), "place": n.place, "change": n.change, "seen": n.is_seen()}))
        .collect();
    json!({
        "file": path.display().to_string(),
        "numbers": report.n_numbers,
        "moved": report.n_moved,
        "steps": report.n_steps,
        "dims": report.dims,
        "signs": report.n_signs,
        "kinds": report.kinds,
        "worst": report.worst(),
        "holds": report.holds(),
        "negatives": negatives,
        "seconds": report.seconds,
        "peak_bytes": report.peak_bytes,
        "file_bytes": report.file_bytes,
    })
}

/// Headings of the table.
const COLUMNS: [&str; 11] = [
    "file",
    "million numbers",
    "moved",
    "largest change",
    "faults seen",
    "read, s",
    "infer, s",
    "act, s",
    "by matrices, s",
    "answer, s",
    "peak memory",
];

fn row(path: &Path, report: &Report) -> Vec<String> {
    let seconds = &report.seconds;
    let seconds = [seconds.read, seconds.derive, seconds.act, seconds.mix, seconds.run];
    let mut cells = vec![
        name(path),
        format!("{:.2}", report.n_numbers as f64 / 1e6),
        format!("{:.1} %", share(report)),
        format!("{:.1e}", report.worst()),
        format!("{} of {}", report.n_seen(), report.negatives.len()),
    ];
    cells.extend(seconds.map(|seconds| format!("{seconds:.2}")));
    cells.push(memory(report).unwrap_or_default());
    cells
}

/// The most memory that the process held, beside the size of the file.
fn memory(report: &Report) -> Option<String> {
    let peak = report.peak_bytes? as f64;
    let times = |bytes: u64| format!(" ({:.1} × the file)", peak / bytes.max(1) as f64);
    let beside = report.file_bytes.map(times).unwrap_or_default();
    Some(format!("{:.0} MiB{beside}", peak / f64::from(1 << 20)))
}

fn page(rows: Vec<Vec<String>>, trials: &Trials) -> String {
    let facts: Vec<String> =
        MachineFacts::read().rows().into_iter().map(|(what, value)| format!("{what}: {value}")).collect();
    format!(
        "# Nets of any architecture\n\n\
         Written by `sgmn check --save` ({}).\n\
         What may change in each net is inferred from its file;\n\
         {} random elements of each kind act on it, and its answers to {} random inputs are compared in f64.\n\
         The largest change is relative to the largest answer; it must be at most {KEPT:.0e}.\n\
         Changes just outside of the group are seen if answers change by {SEEN:.0e} or more.\n\
         Memory is the most that the process held.\n\n\
         {}",
        facts.join(", "),
        trials.elements,
        trials.questions,
        Table { header: COLUMNS.map(str::to_owned).to_vec(), rows }.to_markdown()
    )
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn share(report: &Report) -> f64 {
    100.0 * report.n_moved as f64 / report.n_numbers.max(1) as f64
}
