//! What an epoch costs beyond its steps: the real training loop on a small model, read off its own records.
//!
//! Run with `cargo run -p sgmn-exp --example epoch_overhead [KEY=VALUE …]`; the values are laid over `quick`, for
//! example `model.d_hidden=128`.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

use anyhow::{Context, Result};
use candle_core::{DType, Device};
use sgmn_data::{
    Target,
    formats::packed::{Item, Writer},
    split::Split,
};
use sgmn_exp::{
    config::ExperimentFile,
    data::{datasets, pipeline::Pipeline},
    run::{
        folder::{RunFacts, RunFolder},
        train,
    },
    show::{MachineFacts, read_records},
};
use sgmn_graph::{Activation, NetSpec, Seed, testing};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Nets to train on, to validate on, to test on, as in `quick`.
const N_NETS: [usize; 3] = [2000, 250, 16];

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write_nets(&folder.path().join("nets.packed"))?;
    let overrides: Vec<String> = std::env::args().skip(1).collect();
    let canonical = [
        "pipeline.canonicalize=[\"phase\", \"sign\", \"permutation\"]",
        "pipeline.augment=[{ kind = \"random_action\", symmetries = [\"sign\"] }]",
    ];
    measure("as-they-are", &[], &overrides, folder.path())?;
    measure("canonical-and-augmented", &canonical, &overrides, folder.path())
}

/// Random sine networks of the size of the published INRs; what they draw does not matter here.
fn write_nets(path: &Path) -> Result<()> {
    let spec = Arc::new(NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5)?);
    let mut writer = Writer::create(path, BTreeMap::new())?;
    for (part, n_nets) in Split::ALL.into_iter().zip(N_NETS) {
        for i in 0..n_nets {
            let net = testing::random_net(Seed::new(0).child(part.name()).index(i as u64), &spec);
            let params = net.params().iter().map(|&value| value as f32).collect();
            let (id, target, split) =
                (format!("{}-{i}", part.name()), Target::Class(i as u32 % 10), Some(part));
            writer.push(Item { id, spec: spec.clone(), params, target, split })?;
        }
    }
    Ok(writer.finish()?)
}

/// Trains three epochs and prints where the time of each went.
fn measure(what: &str, changes: &[&str], overrides: &[String], data: &Path) -> Result<()> {
    let mut file = ExperimentFile::parse(what, "inherits = \"quick\"")?;
    let fixed = ["data.kind=packed", "data.path=nets.packed", "train.epochs=3"];
    for assignment in fixed.iter().chain(changes).copied().chain(overrides.iter().map(String::as_str)) {
        file.set(assignment)?;
    }
    let experiment = file.resolve()?;
    let stop = false.into();

    println!("\nnets {}", what.replace("-", " "));
    let began = Instant::now();
    let dataset = datasets::open(experiment.data(), data, &stop)?;
    let opened = began.elapsed().as_secs_f64();
    Pipeline::new(dataset, experiment.pipeline(), Seed::new(0), DType::F32, &Device::Cpu)?;
    let looked = began.elapsed().as_secs_f64() - opened;
    println!("start: {opened:.3} s to open and check the file, {looked:.3} s to look at every net");

    let facts = RunFacts {
        experiment: experiment.hash(),
        commit: None,
        command: Vec::new(),
        machine: MachineFacts::read(),
    };
    let run = RunFolder::create(&data.join("runs").join(what), &experiment, &facts)?;
    train::run(&experiment, datasets::open(experiment.data(), data, &stop)?, &run, &Device::Cpu, &stop)?;

    println!("epoch  nets/s   wall s  = steps s + validation s + rest s   overhead   waited for batches");
    let records = read_records(&run.records())?;
    let of = |split: Split| records.iter().filter(move |record| record.split == split);
    // A record of training holds the rate of all steps so far, and the time when its epoch's validation was over.
    let (mut steps_before, mut ended_before) = (0.0, None);
    for (i, (trained, validated)) in of(Split::Train).zip(of(Split::Val)).enumerate() {
        let steps = ((i + 1) * N_NETS[0]) as f64 / trained.nets_per_second;
        let own_steps = steps - steps_before;
        let validation = N_NETS[1] as f64 / validated.nets_per_second;
        let waited = trained.waited_seconds.context("a record of training says how long it waited")?;
        // The first epoch begins when everything is set up, which no record tells.
        if let Some(ended_before) = ended_before {
            let wall = trained.seconds - ended_before;
            let rest = wall - own_steps - validation;
            println!(
                "{:>5}  {:>6.0}  {wall:>7.3}  {own_steps:>8.3}  {validation:>12.3}  {rest:>7.3}  {:>8.2} %  {waited:>10.4} s",
                i + 1,
                N_NETS[0] as f64 / own_steps,
                100.0 * rest / own_steps,
            );
        }
        (steps_before, ended_before) = (steps, Some(trained.seconds));
    }
    Ok(())
}
