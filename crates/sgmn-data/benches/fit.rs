//! Fitting INRs, rendering them, and reading a packed file.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::{collections::BTreeMap, path::Path, sync::Arc, sync::atomic::AtomicBool, time::Duration};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use sgmn_data::{
    Source, Target,
    fit::{Images, Recipe, Renderer, Request, fit_to_packed},
    formats::{
        idx,
        packed::{Item, Reader, Writer},
    },
    split::Split,
};
use sgmn_graph::{Seed, testing};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn digits(n: usize) -> Images {
    let read = |file| idx::read_bytes(Path::new("mini digits"), file).unwrap();
    let images = read(&include_bytes!("../../../datasets/mini/mini-images-idx3-ubyte.gz")[..]);
    let images = Images::from_idx(&images, None).unwrap();
    let pixels = (0..n).flat_map(|i| images.image(i).to_vec()).collect();
    Images::new(images.size(), pixels, None).unwrap()
}

/// The published recipe on as many digits as fill the fitter's lanes a few times.
fn fit(criterion: &mut Criterion) {
    const N: usize = 32;
    let (images, recipe, seed) = (digits(N), Recipe::default(), Seed::new(0));
    let ids: Vec<String> = (0..N).map(|i| format!("net-{i}")).collect();
    let splits = vec![Some(Split::Train); N];
    let request = Request { images: &images, ids: &ids, splits: &splits, recipe: &recipe, seed: &seed };
    let mut group = criterion.benchmark_group("fit");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(N as u64));
    group.bench_function("digits", |bencher| {
        let fitted = |folder: tempfile::TempDir| {
            fit_to_packed(&request, &folder.path().join("nets.packed"), &|_| (), &AtomicBool::new(false))
                .unwrap()
        };
        bencher.iter_batched(|| tempfile::tempdir().unwrap(), fitted, BatchSize::PerIteration);
    });
    group.finish();
}

fn render(criterion: &mut Criterion) {
    let spec = Recipe::default().spec(1).unwrap();
    let net = testing::random_net(Seed::new(1), &Arc::new(spec.clone()));
    let mut renderer = Renderer::new(&spec, [28, 28]).unwrap();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(1));
    group.bench_function("28x28", |bencher| bencher.iter(|| renderer.render(net.params()).unwrap()));
    group.finish();
}

fn packed(criterion: &mut Criterion) {
    const N: usize = 4096;
    let spec = Arc::new(Recipe::default().spec(1).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.packed");
    let mut writer = Writer::create(&path, BTreeMap::new()).unwrap();
    for i in 0..N {
        let net = testing::random_net(Seed::new(i as u64), &spec);
        let params = net.params().iter().map(|&value| value as f32).collect();
        let (target, split) = (Target::Class(0), Some(Split::Train));
        writer.push(Item { id: format!("net-{i}"), spec: spec.clone(), params, target, split }).unwrap();
    }
    writer.finish().unwrap();
    let mut group = criterion.benchmark_group("packed");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function("open", |bencher| bencher.iter(|| Reader::open(&path).unwrap()));
    let reader = Reader::open(&path).unwrap();
    group.bench_function("read", |bencher| {
        bencher.iter(|| (0..N).map(|i| reader.get(i).unwrap().net.params()[0]).sum::<f64>());
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(10))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    fit(&mut criterion);
    render(&mut criterion);
    packed(&mut criterion);
    criterion.final_summary();
}
