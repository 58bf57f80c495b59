//! Nets that were trained apart on digits, moved near each other: barriers between them.
//!
//! `cargo run -p sgmn-exp --example trained_apart` prints the tables of `docs/results/align.md`.

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
    let [n_seen, n_asked] = [N_IMAGES[0].min(train.len()), N_IMAGES[1].min(test.len())];
    println!("{n_seen} training images, {n_asked} test images; barriers in nats");
    for norms in [false, true] {
        println!("\n{} batch norms", if norms { "with" } else { "without" });
        println!(
            "| seeds | right | as they are | weights | activations | weights, estimated | activations, estimated |"
        );
        println!("| --- | --: | --: | --: | --: | --: | --: |");
        let training = Training { widths: &[784, 64, 64, 10], norms, n_images: n_seen, steps: STEPS };
        for pair in PAIRS {
            let [a, b] = pair.map(|seed| trained(&train, &training, Seed::new(seed)));
            let questions = Questions::images(a.flow(), &test, n_asked, pixels)?;
            let inputs = image_inputs(a.flow(), &train, n_seen, pixels)?;
            let batch_norms = if norms { Some(BatchNorms::new(a.flow(), inputs.clone())?) } else { None };
            let before = walk(&a, &b, PLACES, &questions, None)?;
            let (mut plain, mut estimated) = (Vec::new(), Vec::new());
            for method in [Method::Weights, Method::Activations(&inputs)] {
                let Moved { net, .. } = moved(&a, &b, method, &AlignOptions::default())?;
                plain.push(barrier(&walk(&a, &net, PLACES, &questions, None)?));
                if batch_norms.is_some() {
                    estimated.push(barrier(&walk(&a, &net, PLACES, &questions, batch_norms.as_ref())?));
                }
            }
            let right = |point: &Point| point.accuracy.unwrap_or(f64::NAN);
            let mut row = vec![format!("{} and {}", pair[0], pair[1])];
            row.push(format!("{:.3}, {:.3}", right(&before[0]), right(&before[PLACES - 1])));
            let numbers = [barrier(&before)].into_iter().chain(plain).chain(estimated);
            row.extend(numbers.map(|number| format!("{number:.3}")));
            println!("| {} |", row.join(" | "));
        }
    }
    Ok(())
}
