//! Fitting INRs and the sine in it, rendering them, and reading nets from one file and from many.
//!
//! Started by `cargo xtask bench`, one process a group; numbers that no clock told are lines of `fact NAME VALUE`.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{collections::BTreeMap, path::Path, sync::Arc, sync::atomic::AtomicBool, time::Duration};

use criterion::{BatchSize, Criterion, SamplingMode, Throughput};
use sgmn_data::{
    Dataset, Target,
    fit::{Images, Recipe, Request, SirenRenderer, Summary, fit_to_packed, sin_cos_of},
    formats::{
        folder, idx,
        packed::{self, Item, Writer},
    },
    split::Split,
};
use sgmn_graph::{Seed, testing};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn digits(n: usize) -> Images {
    let read = |file| idx::read_bytes(Path::new("mini digits"), file).unwrap();
    let images = read(&include_bytes!("../../sgmn-exp/mini/mini-images-idx3-ubyte.gz")[..]);
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
    let fitted = |folder: tempfile::TempDir| -> Summary {
        fit_to_packed(&request, &folder.path().join("nets.packed"), &|_| (), &AtomicBool::new(false)).unwrap()
    };
    println!("fact fit/n_steps {}", fitted(tempfile::tempdir().unwrap()).n_steps_mean);
    let mut group = criterion.benchmark_group("fit");
    group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(N as u64));
    group.bench_function("digits", |bencher| {
        bencher.iter_batched(|| tempfile::tempdir().unwrap(), fitted, BatchSize::PerIteration);
    });
    group.finish();
}

/// The fitter's sine and cosine beside the standard library's, over the angles that nets meet.
fn sine(criterion: &mut Criterion) {
    const N: usize = 1 << 14;
    const LARGEST: f64 = 400.0;
    let angles: Vec<f32> = (0..N).map(|i| ((2.0 * i as f64 / N as f64 - 1.0) * LARGEST) as f32).collect();
    let (mut sines, mut cosines) = (vec![0.0f32; N], vec![0.0f32; N]);
    sin_cos_of(&angles, &mut sines, &mut cosines);
    let (mut absolute, mut ulps) = (0.0f64, 0.0f64);
    for (x, results) in angles.iter().zip(sines.iter().zip(&cosines)) {
        let (sine, cosine) = f64::from(*x).sin_cos();
        for (found, exact) in [(*results.0, sine), (*results.1, cosine)] {
            let error = (f64::from(found) - exact).abs();
            absolute = absolute.max(error);
            // Near a zero of the sine the last place has no meaning.
            if exact.abs() >= 1.0 / 128.0 {
                ulps = ulps.max(error / 2f64.powi(exact.abs().log2().floor() as i32 - 23));
            }
        }
    }
    println!("fact sine/absolute {absolute}\nfact sine/ulps {ulps}");
    let mut group = criterion.benchmark_group("sine");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function("vector", |bencher| {
        bencher.iter(|| sin_cos_of(std::hint::black_box(&angles), &mut sines, &mut cosines));
    });
    group.bench_function("std", |bencher| {
        bencher.iter(|| {
            for (x, results) in std::hint::black_box(&angles).iter().zip(sines.iter_mut().zip(&mut cosines)) {
                (*results.0, *results.1) = x.sin_cos();
            }
        });
    });
    group.finish();
}

fn render(criterion: &mut Criterion) {
    let spec = Recipe::default().spec(1).unwrap();
    let net = testing::random_net(Seed::new(1), &Arc::new(spec.clone()));
    let mut renderer = SirenRenderer::new(&spec, [28, 28]).unwrap();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(1));
    group.bench_function("28x28", |bencher| bencher.iter(|| renderer.render(net.params()).unwrap()));
    group.finish();
}

/// Opening a dataset and reading all its nets, from our packed file and from a folder with a file a net.
fn load(criterion: &mut Criterion) {
    const N: usize = 1024;
    let spec = Arc::new(Recipe::default().spec(1).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (path, many) = (folder.path().join("nets.packed"), folder.path().join("nets"));
    let mut writer = Writer::create(&path, BTreeMap::new()).unwrap();
    for i in 0..N {
        let net = testing::random_net(Seed::new(i as u64), &spec);
        let params = net.params().iter().map(|&value| value as f32).collect();
        let (target, split) = (Target::Class(0), Some(Split::Train));
        writer.push(Item { id: format!("net-{i}"), spec: spec.clone(), params, target, split }).unwrap();
    }
    writer.finish().unwrap();
    let open_packed = || packed::open(&path, &packed::Options::default()).unwrap();
    folder::write(&open_packed(), &many, |_, _| ()).unwrap();
    let open_files = || folder::open(&many, &folder::Options::default()).unwrap();

    let mut group = criterion.benchmark_group("load");
    group.throughput(Throughput::Elements(N as u64));
    let sum =
        |dataset: &Dataset| -> f64 { (0..N).map(|i| dataset.source.get(i).unwrap().net.params()[0]).sum() };
    group.bench_function("packed-open", |bencher| bencher.iter(open_packed));
    let dataset = open_packed();
    group.bench_function("packed-read", |bencher| bencher.iter(|| sum(&dataset)));
    group.bench_function("files-open", |bencher| bencher.iter(open_files));
    let dataset = open_files();
    group.bench_function("files-read", |bencher| bencher.iter(|| sum(&dataset)));
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(8))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    // The first word that is no option names a group; what the others need is not prepared.
    let asked = std::env::args().skip(1).find(|word| word.ends_with('/'));
    for (name, group) in
        [("fit/", fit as fn(&mut Criterion)), ("sine/", sine), ("render/", render), ("load/", load)]
    {
        if asked.as_deref().is_none_or(|asked| asked == name) {
            group(&mut criterion);
        }
    }
    criterion.final_summary();
}
