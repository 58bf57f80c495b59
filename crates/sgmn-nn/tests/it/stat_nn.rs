//! The baseline of statistics: blind to order to the last bit, not to signs and scales, and never misled by padding.

use std::sync::Arc;

use candle_core::DType;
use sgmn_graph::{Activation, Batch, Lowering, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass, VarStore,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{Model, ModelConfig, Output, StatNnConfig},
    tolerance::BROKEN,
};
use sgmn_symmetry::{
    Symmetry::{Permutation, Positive, Sign},
    check::Trials,
};

use crate::claims::{Held, Nets};
use crate::setup::{device, mixed_cnns, mixed_mlps, nets, plain_mlps};

fn build(lowering: &Lowering, normalization: Normalization) -> sgmn_nn::Result<(Box<dyn Model>, VarStore)> {
    let config = StatNnConfig { d_hidden: vec![16, 8], d_out: 2, layer_norm: true, dropout: 0.0 };
    ModelConfig::StatNn(config).build(lowering, normalization, Seed::new(3), DType::F32, &device())
}

/// The largest error under random elements of one symmetry.
fn error(specs: &[Arc<NetSpec>], symmetry: sgmn_symmetry::Symmetry) -> f64 {
    let nets = nets(Seed::new(5), specs, 2);
    let lowering = Lowering::new(specs).unwrap();
    let (model, _) = build(&lowering, Normalization::fit(&nets)).unwrap();
    let trials = Trials::new(Seed::new(6), &[symmetry], 3);
    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F32, &device()).unwrap();
    assert!(report.n_moving > 0, "{report}");
    report.worst
}

#[test]
fn the_order_of_hidden_units_changes_no_bit() {
    assert_eq!(error(&mixed_cnns(Scalings::Own), Permutation), 0.0);
    assert_eq!(error(&plain_mlps(Activation::Tanh), Permutation), 0.0);
}

#[test]
fn signs_and_scales_change_the_output() {
    assert!(error(&plain_mlps(Activation::Tanh), Sign) > BROKEN);
    assert!(error(&plain_mlps(Activation::Relu), Positive) > BROKEN);
}

/// The rows of a model's output.
fn run(model: &dyn Model, lowering: &Lowering, nets: &[Net]) -> Vec<Vec<f32>> {
    let graphs = nets.iter().map(|net| lowering.lower(net).unwrap()).collect::<Vec<_>>();
    let batch = Batch::collate(&graphs, DType::F32, &device()).unwrap();
    let Output::PerGraph(rows) = model.forward(&batch, &Pass::eval()).unwrap() else {
        panic!("expected rows")
    };
    rows.to_vec2().unwrap()
}

#[test]
fn padding_and_the_other_nets_of_a_batch_leave_a_net_alone() {
    // Four layers too, but alone its edges hold one number, not the nine of a kernel.
    let mlp = Arc::new(NetSpec::mlp(&[2, 5, 4, 3, 2], Activation::Tanh, 0.5).unwrap());
    let specs = [mixed_cnns(Scalings::Own), vec![mlp]].concat();
    let nets = nets(Seed::new(5), &specs, 2);
    let together = Lowering::new(&specs).unwrap();
    let normalization = Normalization::fit(&nets);
    let mixed = run(&*build(&together, normalization.clone()).unwrap().0, &together, &nets);
    for (i, net) in nets.iter().enumerate() {
        let alone = Lowering::new([net.spec()]).unwrap();
        let model = build(&alone, normalization.clone()).unwrap().0;
        assert_eq!(run(&*model, &alone, std::slice::from_ref(net))[0], mixed[i], "net {i}");
    }
}

#[test]
fn nets_of_several_depths_are_read_by_kinds_of_numbers_each_alone() {
    // Kernels beside perceptrons: padding of edges must not count.
    let specs = [mixed_mlps(Scalings::Sign, 2), mixed_cnns(Scalings::Sign)].concat();
    let specs: Vec<_> = specs.into_iter().filter(|spec| spec.widths()[0] == 2).collect();
    let nets = nets(Seed::new(5), &specs, 2);
    let lowering = Lowering::new(&specs).unwrap();
    let model = build(&lowering, Normalization::none()).unwrap().0;
    let together = run(&*model, &lowering, &nets);
    for (i, net) in nets.iter().enumerate() {
        assert_eq!(run(&*model, &lowering, std::slice::from_ref(net))[0], together[i], "net {i}");
        let padded = Lowering::new([net.spec(), &specs[0]]).unwrap();
        let wider = run(&*model, &padded, std::slice::from_ref(net));
        assert_eq!(wider[0], together[i], "net {i} with other padding");
    }
}

/// A small one.
pub(crate) fn held() -> Vec<Held> {
    let config = StatNnConfig { d_hidden: vec![8], d_out: 2, layer_norm: true, dropout: 0.0 };
    vec![Held::new("stat_nn", ModelConfig::StatNn(config), &[Nets::Mlps, Nets::Cnns])]
}
