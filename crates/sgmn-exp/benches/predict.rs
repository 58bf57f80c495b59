//! From a packed file to a table of predictions, beside the same model's inference on batches that lie ready.
//!
//! Started by `cargo xtask bench`.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

#[path = "../../sgmn-nn/benches/step/rounds.rs"]
mod rounds;

use std::{collections::BTreeMap, path::Path, sync::Arc, sync::atomic::AtomicBool};

use candle_core::{DType, Device};
use sgmn_data::{
    Target,
    formats::packed::{self, Item, Writer},
};
use sgmn_exp::{
    apply::{Reading, Wanted, predict},
    config::ExperimentFile,
    data::architectures,
};
use sgmn_graph::{Lowering, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization,
    checkpoint::{About, Checkpoint, Header},
    testing::random_nets,
    trained::{Answers, TrainedModel},
};

use self::rounds::{Effort, Entrant, peak, rounds};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const N_NETS: usize = 1024;
const BATCH_SIZE: usize = 64;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says --bench when it measures; as part of the tests there is nothing to do.
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    let effort = if words.iter().any(|word| word == "--quick") { Effort::Quick } else { Effort::Full };
    let (trained, nets) = quick();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    write_nets(&path, &nets);
    let batches: Vec<_> = nets.chunks(BATCH_SIZE).map(|nets| trained.intake.batch(nets).unwrap()).collect();
    let table = |ending: &str| {
        let out = folder.path().join(format!("answers.{ending}"));
        let dataset = packed::open(&path, &packed::Options::default()).unwrap();
        let reading = Arc::new(Reading::new(dataset, trained.intake.clone()).unwrap());
        let stop = AtomicBool::new(false);
        let applied = predict(&trained, &reading, Wanted::Answers, BATCH_SIZE, &out, |_| {}, &stop);
        assert_eq!(applied.unwrap().n_nets, N_NETS);
    };
    let n_nets = N_NETS as f64;
    rounds(
        effort.of_seconds(10.0),
        &mut [
            Entrant::new("predict/inference".to_owned(), n_nets, || {
                batches.iter().for_each(|batch| drop(trained.output(batch).unwrap()));
            }),
            Entrant::new("predict/csv".to_owned(), n_nets, || table("csv")),
            Entrant::new("predict/safetensors".to_owned(), n_nets, || table("safetensors")),
        ],
    );
    peak("predict");
}

/// The model of the experiment `quick` with random variables, and nets for it.
fn quick() -> (TrainedModel, Vec<Net>) {
    let experiment = ExperimentFile::open("quick").unwrap().resolve().unwrap();
    let specs = architectures::of_data(experiment.data()).unwrap();
    let nets = random_nets(&specs[0], N_NETS);
    let normalization = Normalization::fit(&nets[..16]);
    let lowering = Lowering::new(&specs[..1]).unwrap();
    let model = experiment.model();
    let (_, vars) =
        model.build(&lowering, normalization.clone(), Seed::new(0), DType::F32, &Device::Cpu).unwrap();
    let names = (0..10).map(|class| class.to_string()).collect();
    let header = Header {
        model: model.clone(),
        specs: vec![NetSpec::clone(&specs[0])],
        graphs: Vec::new(),
        normalization,
        n_steps: 0,
        progress: serde_json::Value::Null,
        about: Some(About::of(Answers::Classes { names })),
    };
    let checkpoint = Checkpoint { header, vars: vars.snapshot().unwrap(), optimizer: BTreeMap::new() };
    (checkpoint.model(DType::F32, &Device::Cpu).unwrap(), nets)
}

fn write_nets(path: &Path, nets: &[Net]) {
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (i, net) in nets.iter().enumerate() {
        let params = net.params().iter().map(|&value| value as f32).collect();
        let (id, target) = (format!("net-{i}"), Target::None);
        writer.push(Item { id, spec: net.spec().clone(), params, target, split: None }).unwrap();
    }
    writer.finish().unwrap();
}
