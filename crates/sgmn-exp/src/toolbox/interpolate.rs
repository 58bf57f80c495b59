//! `sgmn interpolate`: what the nets between two nets are worth, before and after alignment.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::json;

use super::{
    Verdict,
    align::{SearchArgs, say},
    results::Results,
};
use crate::{
    any_net::{
        args::NetArgs,
        merge::{Moved, moved},
        path::{Pixels, Point, Questions, barrier, walk},
    },
    data::datasets,
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

Examples:
  sgmn interpolate a.onnx b.onnx --steps 25 --figure barrier.svg
  sgmn interpolate a.onnx b.onnx --images mini --n-images 200 --normalize 0.1307,0.3081
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
    /// Folder of IDX files, or `mini` for the digits that come with this program
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Images that are asked, the first of the test set
    #[arg(long, value_name = "N", default_value_t = 100, requires = "images")]
    n_images: usize,
    /// What is subtracted from pixels between 0 and 1, and what they are divided by then
    #[arg(long, value_name = "MEAN,STD", requires = "images", value_parser = pixels, default_value = "0,1")]
    normalize: Pixels,
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

fn pixels(text: &str) -> Result<Pixels, String> {
    let fault = || format!("expected MEAN,STD with STD above 0, found {text:?}");
    let (mean, std) = text.split_once(',').ok_or_else(fault)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    let (mean, std) = number(mean).zip(number(std)).filter(|(_, std)| *std > 0.0).ok_or_else(fault)?;
    Ok(Pixels { mean, std })
}

/// Walks both lines, and shows them.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if let Some(path) = &args.figure {
        refuse_existing(path, args.force)?;
    }
    let mut results = Results::open(args.json.as_deref())?;
    let open = |path: &Path| FlowSource::open(path, &args.net, &args.read);
    let (a, b) = (open(&args.a)?, open(&args.b)?);
    let questions = match &args.images {
        Some(path) => {
            let name = path.to_str().context("--images: expected letters, found bytes that are none")?;
            let (_, test) = datasets::image_sets(name, Path::new(""))?;
            Questions::images(a.net().flow(), &test, args.n_images, args.normalize)?
        }
        None => Questions::random(a.net().flow(), args.n_inputs, args.search.seed().child("questions")),
    };
    let Moved { alignment, net } = moved(a.net(), b.net(), &args.search.options())?;
    say(&alignment, out)?;
    let steps = usize::try_from(args.steps)?;
    let before = walk(a.net(), b.net(), steps, &questions)?;
    let after = walk(a.net(), &net, steps, &questions)?;
    write!(out, "{}", table(&before, &after).to_markdown())?;
    let [as_they_are, aligned] = [&before, &after].map(|points| barrier(points));
    let unit = if args.images.is_some() { " nats" } else { "" };
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
        "step": "interpolate", "a": args.a, "b": args.b, "images": args.images,
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
    let y_label = match args.images {
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
