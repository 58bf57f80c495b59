//! A training step and an inference of the published configurations on random nets, beside the machine's matrix product.
//!
//! Started by `cargo xtask bench`, one process a configuration, so that the peak memory is that configuration's own.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark")]

use std::{sync::Arc, time::Duration};

use candle_core::{DType, Device, Tensor, Var};
use criterion::{Criterion, SamplingMode, Throughput};
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed, testing};
use sgmn_nn::{
    Normalization, Pass, VarStore,
    loss::cross_entropy,
    models::{
        Direction, EquivariantConfig, IoPath, Model, ModelConfig, Output, OutputConfig, PerGraph,
        ReadoutRange, ScaleGmnConfig, SignInvariant, Symmetry,
    },
    ops::{self, EdgeAxis, Rows, Symmetrize},
    optim::{AdamW, AdamWConfig, Gradients, clip_by_global_norm},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A configuration, the nets it reads and how many at once.
struct Case {
    name: &'static str,
    config: ScaleGmnConfig,
    spec: NetSpec,
    batch_size: usize,
    n_params: Option<usize>,
}

fn cases() -> Vec<Case> {
    use Direction::{Bidirectional, Forward};
    let inr = || NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap();
    let with_io = |io, n_mlps, positional| EquivariantConfig { n_layers: 1, io, n_mlps, positional };
    let gated = |direction, d, positional: bool| ScaleGmnConfig {
        n_layers: 4,
        edge_embedding: !positional,
        node_skip: !positional,
        message: with_io(IoPath::Gated, 2, positional),
        update: with_io(IoPath::Gated, 2, positional),
        ..ScaleGmnConfig::new(Symmetry::Sign, direction, d, 10)
    };
    let dropout = |config| ScaleGmnConfig { dropout: 0.2, ..config };
    let readout =
        |d_out| PerGraph { readout: ReadoutRange::LastLayer, d_out, d_rho: 128, mlp_directions: false };
    vec![
        Case {
            name: "quick",
            config: gated(Forward, 32, false),
            spec: inr(),
            batch_size: 64,
            n_params: None,
        },
        Case {
            name: "mnist",
            config: dropout(gated(Forward, 128, false)),
            spec: inr(),
            batch_size: 64,
            n_params: Some(1_772_042),
        },
        Case {
            name: "mnist-bidirectional",
            config: dropout(gated(Bidirectional, 128, true)),
            spec: inr(),
            batch_size: 32,
            n_params: Some(3_089_162),
        },
        Case {
            name: "cnn-zoo-relu",
            config: ScaleGmnConfig {
                n_layers: 4,
                node_skip: false,
                output: OutputConfig::PerGraph(readout(1)),
                ..ScaleGmnConfig::new(Symmetry::Scale, Forward, 128, 1)
            },
            spec: NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], Activation::Relu).unwrap(),
            batch_size: 32,
            n_params: Some(1_356_801),
        },
        Case {
            name: "editing",
            config: ScaleGmnConfig {
                n_layers: 10,
                sign_invariant: SignInvariant::Absolute,
                message: with_io(IoPath::Mlp, 3, false),
                update: with_io(IoPath::Mlp, 3, false),
                dropout: 0.1,
                mlp_dropout: 0.1,
                output: OutputConfig::PerParam { initial_scale: 0.01 },
                ..ScaleGmnConfig::new(Symmetry::Sign, Forward, 128, 1)
            },
            spec: inr(),
            batch_size: 16,
            n_params: Some(4_002_058),
        },
    ]
}

/// A model with nets to read and an optimizer.
struct Running {
    model: Box<dyn Model>,
    vars: VarStore,
    optimizer: AdamW,
    batch: Batch,
    classes: Tensor,
    n_steps: u64,
}

impl Running {
    fn new(case: &Case) -> Self {
        let spec = Arc::new(case.spec.clone());
        let nets: Vec<Net> =
            (0..case.batch_size as u64).map(|i| testing::random_net(Seed::new(i), &spec)).collect();
        let config = ModelConfig::ScaleGmn(case.config.clone());
        let lowering = Lowering::new([&spec]).unwrap();
        let built =
            config.build(&lowering, Normalization::fit(&nets), Seed::new(0), DType::F32, &Device::Cpu);
        let (model, vars) = built.unwrap();
        if let Some(n_params) = case.n_params {
            assert_eq!(vars.n_params(), n_params, "{} is not the published configuration", case.name);
        }
        let optimizer = AdamW::new(AdamWConfig::new(0.01), &vars).unwrap();
        let batch = Batch::from_nets(&nets, DType::F32, &Device::Cpu).unwrap();
        let classes = Tensor::zeros(case.batch_size, DType::U32, &Device::Cpu).unwrap();
        Self { model, vars, optimizer, batch, classes, n_steps: 0 }
    }

    fn loss(&self, output: &Output) -> Tensor {
        let square = |tensor: &Tensor| tensor.sqr().unwrap().mean_all().unwrap();
        match output {
            Output::PerGraph(scores) if scores.dims()[1] > 1 => cross_entropy(scores, &self.classes).unwrap(),
            Output::PerGraph(score) => square(score),
            Output::PerParam(deltas) => deltas
                .iter()
                .flat_map(|delta| delta.weights.iter().chain(&delta.biases))
                .map(square)
                .reduce(|a, b| (a + b).unwrap())
                .unwrap(),
        }
    }

    fn step(&mut self) {
        let output = self.model.forward(&self.batch, &Pass::train(Seed::new(self.n_steps))).unwrap();
        let grads = self.loss(&output).backward().unwrap();
        let mut gradients = Gradients::of(&self.vars, self.model.as_ref(), &grads).unwrap();
        clip_by_global_norm(&mut gradients, 10.0).unwrap();
        self.optimizer.step(&self.vars, &gradients, 1e-4).unwrap();
        self.n_steps += 1;
    }
}

fn random(shape: &[usize]) -> Tensor {
    let mut rng = Seed::new(1).rng();
    let values: Vec<f32> =
        (0..shape.iter().product()).map(|_| testing::normal(&mut rng) as f32 * 0.1).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The machine's rate at the shape that the models use most: `[16384, d] x [d, d]`, in floating-point operations.
fn product(criterion: &mut Criterion, case: &str, d: usize) {
    const N_ROWS: usize = 16 << 10;
    let (x, w) = (random(&[N_ROWS, d]), random(&[d, d]));
    let mut group = criterion.benchmark_group(case);
    group.throughput(Throughput::Elements((2 * N_ROWS * d * d) as u64));
    group.bench_function("product", |bencher| bencher.iter(|| x.matmul(&w).unwrap()));
    group.finish();
}

/// One message's worth of operations, forward and backward, fused and composed of candle's own.
fn chain(criterion: &mut Criterion) {
    const B: usize = 16;
    const D: usize = 128;
    let edges = Var::from_tensor(&random(&[B, 32, 32, D])).unwrap();
    let [first, second] = [random(&[D, D]), random(&[D, D])].map(|w| Var::from_tensor(&w).unwrap());
    let row = Var::from_tensor(&random(&[D])).unwrap();
    let (e, w1, w2, r) = (edges.as_tensor(), first.as_tensor(), second.as_tensor(), row.as_tensor());
    let fused = || -> candle_core::Result<Tensor> {
        let rows = Rows::edges(e.clone())?.linear(w1)?.norm_silu(r, r, r, Symmetrize::Signs)?.linear(w2)?;
        rows.sum_edges(EdgeAxis::Senders)?.tensor()
    };
    let plain = || -> candle_core::Result<Tensor> {
        let x = ops::reference::norm_silu(&ops::linear(e, w1)?, r, r, r, Symmetrize::Signs)?;
        ops::reference::sum_edges(&ops::linear(&x, w2)?, EdgeAxis::Senders)
    };
    let mut group = criterion.benchmark_group("message");
    group.throughput(Throughput::Elements(B as u64));
    group.bench_function("fused", |bencher| {
        bencher.iter(|| fused().unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap());
    });
    group.bench_function("plain", |bencher| {
        bencher.iter(|| plain().unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap());
    });
    group.finish();
}

/// The most memory this process ever held, where the system tells.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(10))
        .sample_size(10)
        .without_plots()
        .configure_from_args();
    // The first word that is no option names the case; without one all run in this process.
    let asked = std::env::args().skip(1).find(|word| word.ends_with('/'));
    let is_asked = |name: &str| asked.as_deref().is_none_or(|asked| asked == format!("{name}/"));
    for case in cases().iter().filter(|case| is_asked(case.name)) {
        product(&mut criterion, case.name, case.config.d_hidden);
        let mut running = Running::new(case);
        let mut group = criterion.benchmark_group(case.name);
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(case.batch_size as u64));
        group.bench_function("step", |bencher| bencher.iter(|| running.step()));
        group.bench_function("inference", |bencher| {
            bencher.iter(|| running.model.forward(&running.batch, &Pass::eval()).unwrap());
        });
        group.finish();
        if let Some(bytes) = peak_bytes() {
            println!("fact {}/peak_bytes {bytes}", case.name);
        }
    }
    if is_asked("message") {
        chain(&mut criterion);
    }
    criterion.final_summary();
}
