//! Nets that were trained apart on digits, moved near each other: barriers between them.
//!
//! `cargo run -p sgmn-exp --example trained_apart` prints the tables of `docs/results/align.md`; with the word
//! `training` behind `--` the nets are asked training images.

#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

#[path = "../tests/it/toolbox/trained.rs"]
mod trained;

use std::path::Path;

use anyhow::Result;
use sgmn_exp::{
    any_net::{
        batch_norms::BatchNorms,
        merge::{Moved, moved},
        path::{Pixels, Point, Questions, barrier, image_inputs, walk},
    },
    data::datasets::{MINI_NAME, image_sets},
};
use sgmn_graph::Seed;
use sgmn_symmetry::flow::align::{AlignOptions, Method};

use self::trained::{Training, trained};

/// Seeds of the nets that are compared.
const PAIRS: [[u64; 2]; 4] = [[1, 2], [3, 4], [1, 3], [2, 4]];
/// Images to train on, to look at activations on, and to estimate statistics on; and images to ask.
const N_IMAGES: [usize; 2] = [1000, 300];
const STEPS: usize = 100;
const PLACES: usize = 11;

fn main() -> Result<()> {
    let (train, test) = image_sets(MINI_NAME, Path::new(""))?;
    let pixels = Pixels { mean: 0.0, std: 1.0 };
    let asked = if std::env::args().nth(1).is_some_and(|word| word == "training") { &train } else { &test };
    let [n_seen, n_asked] = [N_IMAGES[0].min(train.len()), N_IMAGES[1].min(asked.len())];
    println!(
        "{n_seen} training images, {n_asked} images asked; barrier in nats, and right answers in the middle"
    );
    for norms in [false, true] {
        println!("\n{} batch norms\n", if norms { "With" } else { "Without" });
        let columns = ["seeds", "right at the ends", "as they are", "by weights", "by activations"];
        let estimated = ["as they are, estimated", "by weights, estimated", "by activations, estimated"];
        let columns = columns.iter().chain(estimated.iter().filter(|_| norms));
        let columns: Vec<&str> = columns.copied().collect();
        println!("| {} |\n|{}", columns.join(" | "), " --- |".repeat(columns.len()));
        let training = Training { widths: &[784, 64, 64, 10], norms, n_images: n_seen, steps: STEPS };
        for pair in PAIRS {
            let [a, b] = pair.map(|seed| trained(&train, &training, Seed::new(seed)));
            let (a, b) = (a?, b?);
            let questions = Questions::images(a.flow(), asked, n_asked, pixels)?;
            let inputs = image_inputs(a.flow(), &train, n_seen, pixels)?;
            let mut ends = vec![b.clone()];
            for method in [Method::Weights, Method::Activations(&inputs)] {
                let Moved { net, .. } = moved(&a, &b, method, &AlignOptions::default())?;
                ends.push(net);
            }
            let mut ways = vec![None];
            let batch_norms = if norms { Some(BatchNorms::new(a.flow(), inputs.clone())?) } else { None };
            ways.extend(batch_norms.as_ref().map(Some));
            let mut row = Vec::new();
            for way in ways {
                for end in &ends {
                    let line = walk(&a, end, PLACES, &questions, way)?;
                    if row.is_empty() {
                        row.push(format!("{} and {}", pair[0], pair[1]));
                        row.push(format!("{}, {}", right(&line[0]), right(&line[PLACES - 1])));
                    }
                    row.push(format!("{:.3}, {}", barrier(&line), right(&line[PLACES / 2])));
                }
            }
            println!("| {} |", row.join(" | "));
        }
    }
    Ok(())
}

/// The share of right answers of a net.
fn right(point: &Point) -> String {
    point.accuracy.map_or_else(|| "unknown".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}
