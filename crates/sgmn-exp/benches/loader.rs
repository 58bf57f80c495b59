//! From a packed file to batches for a model: what the pipeline can deliver, nothing else running.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use candle_core::{DType, Device};
use criterion::{Criterion, Throughput};
use sgmn_data::{
    Target,
    formats::packed::{self, Item, Writer},
    split::Split,
};
use sgmn_exp::{
    config::{Augment, Normalize, Pipeline as Config},
    data::pipeline::Pipeline,
};
use sgmn_graph::{Activation, NetSpec, Seed, testing};
use sgmn_nn::Normalization;
use sgmn_symmetry::Symmetry::{self, Permutation, Phase, Positive, Sign};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const N_TRAIN: usize = 4096;
const BATCH_SIZE: usize = 128;

/// The published architectures, with the symmetries of their canonical forms and of their augmentation.
fn architectures() -> [(&'static str, NetSpec, &'static [Symmetry], &'static [Symmetry]); 2] {
    let inr = NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap();
    let cnn = NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).unwrap();
    [
        ("inr", inr, &[Phase, Sign, Permutation], &[Sign, Permutation]),
        ("cnn-zoo", cnn, &[Positive, Permutation], &[Positive, Permutation]),
    ]
}

/// Batches of one epoch, by one worker beside the thread that takes them.
fn loader(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("loader");
    group.throughput(Throughput::Elements(N_TRAIN as u64));
    for (name, spec, canonical, random) in architectures() {
        let path = folder.path().join(name);
        write_nets(&path, spec);
        let random_action = Augment::RandomAction { symmetries: random.to_vec() };
        for (what, canonicalize, augment) in [
            ("", vec![], vec![]),
            ("-canonical", canonical.to_vec(), vec![]),
            ("-augmented", vec![], vec![random_action]),
        ] {
            let (pipeline, _) = open(&path, Normalize::None, canonicalize, augment);
            group.bench_function(format!("{name}{what}"), |bencher| {
                let batches = || pipeline.training_batches(0, BATCH_SIZE, 0);
                bencher.iter(|| batches().map(Result::unwrap).count());
            });
        }
    }
    group.finish();
}

/// What happens once, before the first step: every net is looked at for its architecture and its size.
fn start(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets");
    let [(name, spec, canonical, _), _] = architectures();
    write_nets(&path, spec);
    let mut group = criterion.benchmark_group("loader-start");
    group.throughput(Throughput::Elements(N_TRAIN as u64));
    for (what, canonicalize) in [("", vec![]), ("-canonical", canonical.to_vec())] {
        group.bench_function(format!("{name}{what}"), |bencher| {
            bencher.iter(|| open(&path, Normalize::LayerRms, canonicalize.clone(), vec![]));
        });
    }
    group.finish();
}

fn write_nets(path: &Path, spec: NetSpec) {
    let spec = Arc::new(spec);
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (split, n_nets) in Split::ALL.into_iter().zip([N_TRAIN, 1, 1]) {
        for i in 0..n_nets {
            let net = testing::random_net(Seed::new(i as u64), &spec);
            let params = net.params().iter().map(|&value| value as f32).collect();
            let (id, target) = (format!("{}-{i}", split.name()), Target::Class(0));
            writer.push(Item { id, spec: spec.clone(), params, target, split: Some(split) }).unwrap();
        }
    }
    writer.finish().unwrap();
}

fn open(
    path: &Path,
    normalize: Normalize,
    canonicalize: Vec<Symmetry>,
    augment: Vec<Augment>,
) -> (Pipeline, Normalization) {
    let dataset = packed::open(path, &packed::Options::default()).unwrap();
    let config = Config { normalize, canonicalize, augment, alike: 1, workers: 1 };
    Pipeline::new(dataset, &config, Seed::new(0), DType::F32, &Device::Cpu).unwrap()
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(5))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    loader(&mut criterion);
    start(&mut criterion);
    criterion.final_summary();
}
