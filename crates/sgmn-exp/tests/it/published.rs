//! Experiments are the published configurations, to their numbers of learned parameters.

use std::sync::Arc;

use candle_core::{DType, Device};
use sgmn_exp::config::ExperimentFile;
use sgmn_graph::{Activation, Lowering, NetSpec, Seed};
use sgmn_nn::Normalization;

const EDITING: [(&str, usize); 2] =
    [("mnist-editing", 4_002_058), ("mnist-editing-bidirectional", 4_821_385)];

const ZOO: [(&str, usize); 10] = [
    ("cifar10-gs-hetero", 1_688_577),
    ("cifar10-gs-hetero-bidirectional", 4_250_625),
    ("cifar10-gs-relu", 1_356_801),
    ("cifar10-gs-relu-bidirectional", 2_263_809),
    ("cifar10-gs-tanh", 2_318_849),
    ("cifar10-gs-tanh-bidirectional", 3_441_665),
    ("svhn-gs-relu", 467_969),
    ("svhn-gs-relu-bidirectional", 559_105),
    ("svhn-gs-tanh", 547_457),
    ("svhn-gs-tanh-bidirectional", 2_680_577),
];

#[test]
fn the_experiments_on_the_zoo_have_the_published_numbers_of_parameters() {
    for (name, expected) in ZOO {
        // A model of signs refuses nets that have none.
        let activation = if name.contains("tanh") { Activation::Tanh } else { Activation::Relu };
        let spec = NetSpec::cnn_zoo(&[1, 16, 16, 16, 10], activation).unwrap();
        assert_eq!(spec.n_params(), 4970);
        have_these_numbers(spec, &[(name, expected)]);
    }
}

#[test]
fn the_experiments_that_edit_have_the_published_numbers_of_parameters() {
    have_these_numbers(
        NetSpec::mlp(&[2, 32, 32, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap(),
        &EDITING,
    );
}

fn have_these_numbers(spec: NetSpec, published: &[(&str, usize)]) {
    let lowering = Lowering::new([&Arc::new(spec)]).unwrap();
    for &(name, expected) in published {
        let mut file = ExperimentFile::open(name).unwrap();
        file.set("model.compatibility=published").unwrap();
        let model = file.resolve().unwrap().model().clone();
        let built = model.build(&lowering, Normalization::none(), Seed::new(0), DType::F32, &Device::Cpu);
        assert_eq!(built.unwrap().1.n_params(), expected, "{name}");
    }
}
