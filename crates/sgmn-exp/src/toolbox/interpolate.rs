//! `sgmn interpolate`: what the nets between two nets are worth, before and after alignment.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Result;
use serde_json::json;

use super::{
    Verdict,
    align::{SearchArgs, method, say},
    images::ImageArgs,
    merge::{estimated, say_estimated},
    results::Results,
};
use crate::{
    any_net::{
        args::NetArgs,
        merge::{Moved, moved},
        path::{Point, Questions, barrier, walk},
    },
    files::{FlowSource, ReadArgs, refuse_existing},
    show::{Curve, CurvePlot, Table, XAxis, save::write_atomic},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The nets on the straight line (1 - t) A + t B are computed, first as the files are, then after B was moved near A as
`sgmn align` does it. The barrier is by how much the worst of them is worse than the line between both ends.
With --images, a net that reads images and answers with logits is judged by the cross-entropy of the labels, in nats, and by
the share of right answers. Without, nets are asked random inputs, and judged by how far their answers are from the mean of
the answers of both ends, weighed as their numbers are: 0 at both ends.
A folder of images holds MNIST's four files; the test images are asked.
Statistics of batch norms on the line are the means of those of the ends, unless --estimate takes them anew from the
training images.

Examples:
  sgmn interpolate a.onnx b.onnx --steps 25 --figure barrier.svg
  sgmn interpolate a.onnx b.onnx --images mini --n-images 200 --normalize 0.1307,0.3081
  sgmn interpolate a.onnx b.onnx --images mini --n-images 500 --estimate
  sgmn interpolate a.pt2 b.pt2 --steps 11 --json barrier.jsonl")]
pub(super) struct Args {
    /// The net at t = 0: .onnx, .pt2, tensors with --architecture, or a chain of layers
    #[arg(value_name = "A")]
    a: PathBuf,
    /// The net at t = 1, of the same architecture
    #[arg(value_name = "B")]
    b: PathBuf,
    /// Nets on the line, both ends among them
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u64).range(2..=10_000))]
    steps: u64,
    #[command(flatten)]
    shown: ImageArgs,
    /// Estimate the statistics of batch norms anew for each net between the ends, on training images
    #[arg(long, requires = "images")]
    estimate: bool,
    /// Random inputs that are asked if there are no images
    #[arg(long, value_name = "N", default_value_t = 16, conflicts_with = "images")]
    n_inputs: usize,
    /// Draw both lines into this file
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
    /// Replace the figure if it exists
    #[arg(long, requires = "figure")]
    force: bool,
    /// Append what was measured to this file, as a line of JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    net: NetArgs,
}

/// Walks both lines, and shows them.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if let Some(path) = &args.figure {
        refuse_existing(path, args.force)?;
    }
    let mut results = Results::open(args.json.as_deref())?;
    let open = |path: &Path| FlowSource::open(path, &args.net, &args.read);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let flow = a.net().flow();
    let random = || Questions::random(flow, args.n_inputs, args.search.seed().child("questions"));
    let questions = args.shown.questions(flow)?.unwrap_or_else(random);
    let norms = estimated(args.estimate, &args.shown, a.net())?;
    let inputs = args.search.inputs(&args.shown, flow)?;
    let Moved { alignment, net } =
        moved(a.net(), b.net(), method(inputs.as_deref()), &args.search.options())?;
    say(&alignment, out)?;
    if let Some(norms) = &norms {
        say_estimated(norms, out)?;
    }
    let steps = usize::try_from(args.steps)?;
    let before = walk(a.net(), b.net(), steps, &questions, norms.as_ref())?;
    let after = walk(a.net(), &net, steps, &questions, norms.as_ref())?;
    write!(out, "{}", table(&before, &after).to_markdown())?;
    let [as_they_are, aligned] = [&before, &after].map(|points| barrier(points));
    let unit = if args.shown.folder().is_some() { " nats" } else { "" };
    writeln!(out, "barrier: {as_they_are:.4}{unit} as the files are, {aligned:.4}{unit} after alignment")?;
    if let Some(path) = &args.figure {
        write_atomic(path, plot(args, &before, &after).to_svg()?.to_file().as_bytes())?;
        writeln!(out, "wrote {}", path.display())?;
    }
    let points = |points: &[Point]| -> Vec<_> {
        points
            .iter()
            .map(|Point { t, loss, accuracy }| json!({"t": t, "loss": loss, "accuracy": accuracy}))
            .collect()
    };
    results.write(&json!({
        "step": "interpolate", "a": args.a, "b": args.b, "images": args.shown.folder(), "estimated": args.estimate,
        "distance": {"before": alignment.before, "after": alignment.after},
        "barrier": {"before": as_they_are, "after": aligned},
        "before": points(&before), "after": points(&after),
    }))?;
    Ok(Verdict::Pass)
}

/// A row a step.
fn table(before: &[Point], after: &[Point]) -> Table {
    let has_accuracy = before.iter().any(|point| point.accuracy.is_some());
    let quantities: &[&str] = if has_accuracy { &["loss", "right"] } else { &["departure"] };
    let mut header = vec!["t".to_owned()];
    header.extend(
        ["as they are", "aligned"]
            .iter()
            .flat_map(|when| quantities.iter().map(move |q| format!("{q}, {when}"))),
    );
    let row = |(before, after): (&Point, &Point)| {
        let mut row = vec![format!("{:.3}", before.t)];
        for point in [before, after] {
            row.push(format!("{:.4}", point.loss));
            row.extend(point.accuracy.map(|right| format!("{:.1} %", 100.0 * right)));
        }
        row
    };
    Table { header, rows: before.iter().zip(after).map(row).collect() }
}

fn plot(args: &Args, before: &[Point], after: &[Point]) -> CurvePlot {
    let curve = |label: &str, points: &[Point]| {
        let points: Vec<(f64, f64)> = points.iter().map(|point| (point.t, point.loss)).collect();
        Curve::new(label, &points)
    };
    let y_label = match args.shown.folder() {
        Some(_) => "cross-entropy (nats)",
        None => "departure of answers from their mean (part of their norm)",
    };
    CurvePlot {
        title: "Nets between A and B".to_owned(),
        x_label: "t: A at 0, B at 1".to_owned(),
        x_axis: XAxis::Linear,
        y_label: y_label.to_owned(),
        y_range: None,
        curves: vec![curve("as the files are", before), curve("B aligned to A", after)],
        references: Vec::new(),
    }
}
