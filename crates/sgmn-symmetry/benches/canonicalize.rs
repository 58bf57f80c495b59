//! What a pipeline does to every net: lowering, canonical form, random elements acting on it, collating.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{sync::Arc, time::Duration};

use candle_core::{DType, Device};
use criterion::{Criterion, Throughput};
use sgmn_graph::{Activation, Batch, Graph, NetSpec, Seed, Topology, lower, testing};
use sgmn_symmetry::{Ranges, Symmetry, augment, canonicalize};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(4))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    let inr = NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap();
    let cnn = NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).unwrap();
    let cases: [(&str, NetSpec, &[Symmetry]); 2] = [
        ("inr", inr, &[Symmetry::Phase, Symmetry::Sign, Symmetry::Permutation]),
        ("cnn-zoo", cnn, &[Symmetry::Positive, Symmetry::Permutation]),
    ];
    for (name, spec, symmetries) in cases {
        let spec = Arc::new(spec);
        let topology = Arc::new(Topology::new(spec.clone()).unwrap());
        let graph = lower(&testing::random_net(Seed::new(1), &spec), &topology).unwrap();
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("lower", |bencher| {
            let net = testing::random_net(Seed::new(1), &spec);
            bencher.iter(|| lower(&net, &topology).unwrap());
        });
        group.bench_function("canonicalize", |bencher| {
            bencher.iter(|| canonicalize(&graph, symmetries).unwrap());
        });
        group.bench_function("augment", |bencher| {
            bencher.iter(|| augment(Seed::new(2), &graph, symmetries, &Ranges::default()).unwrap());
        });
        const BATCH_SIZE: usize = 64;
        let graphs: Vec<Graph> = (0..BATCH_SIZE as u64)
            .map(|i| lower(&testing::random_net(Seed::new(i), &spec), &topology).unwrap())
            .collect();
        group.throughput(Throughput::Elements(BATCH_SIZE as u64));
        group.bench_function("collate", |bencher| {
            bencher.iter(|| Batch::collate(&graphs, DType::F32, &Device::Cpu).unwrap());
        });
        group.finish();
    }
    criterion.final_summary();
}
