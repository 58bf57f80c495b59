//! Times a training step of a configuration on random nets.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, reason = "example")]
use candle_core::{DType, Device};
use sgmn_exp::config::ExperimentFile;
use sgmn_graph::{testing::random_net, *};
use sgmn_nn::{models::*, optim::*, *};
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    let mut args = std::env::args().skip(1);
    let mut file = ExperimentFile::open(&args.next().unwrap()).unwrap();
    let b: usize = args.next().unwrap().parse().unwrap();
    for s in args { file.set(&s).unwrap(); }
    let e = file.resolve().unwrap();
    let spec = std::sync::Arc::new(NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let nets: Vec<Net> = (0..b).map(|i| random_net(Seed::new(i as u64), &spec)).collect();
    let lowering = Lowering::new([&spec]).unwrap();
    let (model, vars) = e.model().build(&lowering, Normalization::fit(&nets), Seed::new(0), DType::F32, &Device::Cpu).unwrap();
    let batch = Batch::from_nets(&nets, DType::F32, &Device::Cpu).unwrap();
    let classes = candle_core::Tensor::new(vec![1u32; b], &Device::Cpu).unwrap();
    let mut opt = AdamW::new(AdamWConfig::new(0.01), &vars).unwrap();
    for i in 0..8u64 {
        let t = std::time::Instant::now();
        let Output::PerGraph(logits) = model.forward(&batch, &Pass::train(Seed::new(i))).unwrap() else { panic!() };
        let loss = loss::cross_entropy(&logits, &classes).unwrap();
        let t1 = t.elapsed();
        let mut g = Gradients::of(&vars, model.as_ref(), &loss.backward().unwrap()).unwrap();
        let t2 = t.elapsed();
        clip_by_global_norm(&mut g, 10.0).unwrap();
        opt.step(&vars, &g, 1e-3).unwrap();
        let t3 = t.elapsed();
        println!("fwd {:.1} bwd {:.1} opt {:.1} ms; {:.1} nets/s", t1.as_secs_f64() * 1e3, (t2 - t1).as_secs_f64() * 1e3, (t3 - t2).as_secs_f64() * 1e3, b as f64 / t3.as_secs_f64());
    }
}
