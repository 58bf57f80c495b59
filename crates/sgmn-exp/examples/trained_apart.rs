//! Nets that were trained apart on digits, moved near each other: barriers between them.
//!
//! `cargo run -p sgmn-exp --example trained_apart` prints tables of `docs/results/align.md` for perceptrons that it trains;
//! with `-- NETS.flows` for nets that `sgmn zoo --kind wild --siblings …` trained, and `--figure FILE` draws their losses.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

#[path = "../tests/it/toolbox/trained.rs"]
mod trained;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sgmn_data::{fit::Images, formats::flows::Reader};
use sgmn_exp::{
    any_net::{
        batch_norms::BatchNorms,
        merge::{Moved, moved},
        path::{Pixels, Point, Questions, barrier, image_inputs, walk},
    },
    data::datasets::{MINI_NAME, image_sets},
    show::{Curve, CurvePlot, XAxis, save::write_atomic},
};
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Role},
};
use sgmn_symmetry::flow::align::{AlignOptions, Method};

use self::trained::{Training, trained};

/// What can be chosen.
#[derive(Debug, Parser)]
struct Args {
    /// Nets of `sgmn zoo --kind wild --siblings …`, at least four; absent: perceptrons that are trained now
    nets: Option<PathBuf>,
    /// Folder of IDX files, or `mini`; those that the nets were trained on
    #[arg(long, default_value = MINI_NAME)]
    images: String,
    /// Ask training images
    #[arg(long)]
    training: bool,
    /// Training images to look at activations and to estimate statistics on
    #[arg(long, default_value_t = 1000)]
    n_seen: usize,
    /// Images that nets are asked
    #[arg(long, default_value_t = 300)]
    n_asked: usize,
    /// With NETS: draw losses on the lines to this file
    #[arg(long, requires = "nets")]
    figure: Option<PathBuf>,
}

/// Which nets are compared; of perceptrons that are trained now, seeds.
const PAIRS: [[usize; 2]; 4] = [[1, 2], [3, 4], [1, 3], [2, 4]];
const STEPS: usize = 100;
const PLACES: usize = 11;
const PIXELS: Pixels = Pixels { mean: 0.0, std: 1.0 };
/// Before `, estimated`, where statistics are.
const ENDS: [&str; 3] = ["as they are", "by weights", "by activations"];

/// What lines of one end are called, and the losses of each pair.
type Lines = Vec<(String, Vec<Vec<(f64, f64)>>)>;

fn main() -> Result<()> {
    let args = Args::parse();
    let (train, test) = image_sets(&args.images, Path::new(""))?;
    println!(
        "{} training images, {} images asked; barrier in nats, and right answers in the middle",
        args.n_seen.min(train.len()),
        args.n_asked.min(if args.training { train.len() } else { test.len() })
    );
    let Some(path) = &args.nets else {
        for norms in [false, true] {
            println!("\n{} batch norms\n", if norms { "With" } else { "Without" });
            let training = Training { widths: &[784, 64, 64, 10], norms, n_images: 1000, steps: STEPS };
            compare(|seed| trained(&train, &training, Seed::new(seed as u64)), [&train, &test], &args)?;
        }
        return Ok(());
    };
    let nets = Reader::open(path)?;
    ensure!(nets.len() >= 4 && nets.flows().len() == 1, "expected four nets of one architecture");
    // Nets of the wild zoo read images at half their size.
    let [train, test] = [&train, &test].map(|images| images.shrunk(2));
    println!();
    let lines = compare(|number| Ok(nets.net(number - 1)?), [&train?, &test?], &args)?;
    if let Some(figure) = &args.figure {
        let curves = lines.iter().map(|(label, runs)| Curve::over_seeds(label, runs)).collect();
        let plot = CurvePlot {
            title: "Nets between two that were trained apart".to_owned(),
            x_label: "t: one net at 0, the other at 1".to_owned(),
            x_axis: XAxis::Linear,
            y_label: "cross-entropy (nats)".to_owned(),
            y_range: None,
            curves,
            references: Vec::new(),
        };
        write_atomic(figure, plot.to_svg()?.to_file().as_bytes())?;
    }
    Ok(())
}

/// Prints a table with a row a pair.
fn compare(
    net: impl Fn(usize) -> Result<FlowNet>,
    [train, test]: [&Images; 2],
    args: &Args,
) -> Result<Lines> {
    let mut lines: Lines = Vec::new();
    for pair in PAIRS {
        let [a, b] = pair.map(&net);
        let (a, b) = (a?, b?);
        let asked = if args.training { train } else { test };
        let questions = Questions::images(a.flow(), asked, args.n_asked, PIXELS)?;
        let inputs = image_inputs(a.flow(), train, args.n_seen, PIXELS)?;
        let mut ends = vec![b.clone()];
        for method in [Method::Weights, Method::Activations(&inputs)] {
            let Moved { net, .. } = moved(&a, &b, method, &AlignOptions::default())?;
            ends.push(net);
        }
        let has_norms = a.flow().params().iter().any(|param| param.role == Role::Statistic);
        let norms = if has_norms { Some(BatchNorms::new(a.flow(), inputs.clone())?) } else { None };
        let ways = [("", None)].into_iter().chain(norms.as_ref().map(|norms| (", estimated", Some(norms))));
        let (mut row, mut at) = (Vec::new(), 0);
        for (suffix, norms) in ways {
            for (end, label) in ends.iter().zip(ENDS) {
                let line = walk(&a, end, PLACES, &questions, norms)?;
                if lines.len() == at {
                    lines.push((format!("{label}{suffix}"), Vec::new()));
                }
                lines[at].1.push(line.iter().map(|point| (point.t, point.loss)).collect());
                at += 1;
                if row.is_empty() {
                    row.push(format!("{} and {}", pair[0], pair[1]));
                    row.push(format!("{}, {}", right(&line[0])?, right(&line[PLACES - 1])?));
                }
                row.push(format!("{:.3}, {}", barrier(&line), right(&line[PLACES / 2])?));
            }
        }
        if pair == PAIRS[0] {
            let labels: Vec<&str> = lines.iter().map(|(label, _)| label.as_str()).collect();
            println!("| nets | right at the ends | {} |", labels.join(" | "));
            println!("| --- |{}", " --- |".repeat(labels.len() + 1));
        }
        println!("| {} |", row.join(" | "));
    }
    Ok(lines)
}

/// The share of right answers of a net.
fn right(point: &Point) -> Result<String> {
    let share = point.accuracy.context("expected images that were asked")?;
    Ok(format!("{:.1} %", 100.0 * share))
}
