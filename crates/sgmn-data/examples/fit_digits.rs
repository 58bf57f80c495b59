//! Fits INRs to the first mini digits and says how well and how fast: `fit_digits [N]`, 64 by default.
#![allow(clippy::print_stdout)] // An example shows what it does.

use std::{path::Path, sync::Mutex, sync::atomic::AtomicBool, time::Instant};

use sgmn_data::{
    fit::{Images, Recipe, arithmetic, fit_all},
    formats::idx::{self, Idx},
};
use sgmn_graph::Seed;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> sgmn_data::Result<()> {
    let n_nets = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(64);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-exp/mini/mini-images-idx3-ubyte.gz");
    let all = idx::read_images(&file)?;
    let n_nets = all.len().min(n_nets);
    let first = Idx::new(vec![n_nets, 28, 28], all.bytes()[..n_nets * 784].to_vec()).expect("whole images");
    let images = Images::from_idx(&first, None)?;

    let nets = Mutex::new(Vec::new());
    let keep = |_, fitted| {
        nets.lock().expect("no one panics").push(fitted);
        Ok(())
    };
    let began = Instant::now();
    fit_all(&images, &Recipe::default(), &Seed::new(0), keep, &|_| {}, &AtomicBool::new(false))?;
    let seconds = began.elapsed().as_secs_f64();

    let nets = nets.into_inner().expect("no one panics");
    let mut n_steps: Vec<u32> = nets.iter().map(|net| net.n_steps).collect();
    n_steps.sort_unstable();
    let all_steps: u32 = n_steps.iter().sum();
    let reached = nets.iter().filter(|net| net.psnr_db >= Recipe::default().goal_psnr_db).count();
    let mean_db = nets.iter().map(|net| net.psnr_db).sum::<f64>() / nets.len() as f64;
    let at = |share: usize| n_steps[(n_steps.len() - 1) * share / 100];
    println!(
        "{n_nets} nets in {seconds:.2} s: {:.1} nets/s, {} arithmetic",
        n_nets as f64 / seconds,
        arithmetic()
    );
    println!("{:.4} ms a net and step (one more forward and backward pass a net not counted)", {
        seconds * 1e3 / f64::from(all_steps)
    });
    println!(
        "steps: least {}, quarter {}, half {}, three quarters {}, most {}",
        at(0),
        at(25),
        at(50),
        at(75),
        at(100)
    );
    println!("reached 40 dB: {reached} of {n_nets}; mean {mean_db:.3} dB");
    Ok(())
}
