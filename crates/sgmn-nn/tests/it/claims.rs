//! What every kind of model is held to: exactly the symmetries it claims, right gradients, nets that do not see each other.
//!
//! A model's own test file calls [`hold`] for each of its settings.

use std::sync::Arc;

use candle_core::DType;
use sgmn_graph::{Activation, Batch, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass,
    equivariance::symmetry_error,
    models::{ModelConfig, Output},
};
use sgmn_symmetry::{Symmetry, check::Trials, tolerance};

use crate::{
    gradients::{batch_of, gradient_error, loss},
    setup::{build_any, device, nets, plain_mlps},
};

/// The smallest error that shows that a model does not have a symmetry.
const BROKEN: f64 = 1e-3;

/// Perceptrons of one hidden activation, or CNNs of two convolutions and an average with one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nets {
    Mlps,
    Cnns,
}

impl Nets {
    pub(crate) fn specs(self, activation: Activation) -> Vec<Arc<NetSpec>> {
        match self {
            Self::Mlps => plain_mlps(activation),
            Self::Cnns => vec![Arc::new(NetSpec::cnn_zoo(&[1, 4, 3, 3], activation).unwrap())],
        }
    }
}

/// Panics unless the model has exactly the symmetries it claims, in f64 and f32; its gradients agree with differences
/// and miss no variable that should have one; and a net's output does not depend on the other nets of its batch.
pub(crate) fn hold(what: &str, config: &ModelConfig, kinds: &[Nets]) {
    let claimed = config.blueprint().respected();
    for kind in kinds {
        let what = format!("{what} on {kind:?}");
        for activation in [Activation::Sine { omega: 30.0 }, Activation::Tanh, Activation::Relu] {
            let specs = kind.specs(activation);
            for symmetry in Symmetry::ALL.iter().filter(|symmetry| symmetry.applies(activation)) {
                let case = format!("{what}, {activation:?}, {symmetry:?}");
                has_symmetry(&case, config, &specs, *symmetry, claimed.contains(symmetry));
            }
        }
        let specs = kind.specs(Activation::Tanh);
        let error = gradient_error(config, &specs);
        println!("{what}: gradient error {error:.1e}");
        assert!(error < 1e-7, "{what}: gradients differ from differences by {error:e}");
        reaches_every_variable(&what, config, &specs);
        reads_each_net_alone(&what, config, &specs);
    }
}

/// Whether random elements of a symmetry change the model's output by more than rounding does.
pub(crate) fn symmetry_breaks(
    config: &ModelConfig,
    kind: Nets,
    activation: Activation,
    symmetry: Symmetry,
) -> bool {
    let specs = kind.specs(activation);
    let nets: Vec<Net> = nets(Seed::new(5), &specs, 2);
    let (model, _, lowering) = build_any(config, &specs, Normalization::fit(&nets), DType::F64);
    let trials = Trials::new(Seed::new(6), &[symmetry], 3);
    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
    report.n_moving > 0 && report.worst > BROKEN
}

fn has_symmetry(case: &str, config: &ModelConfig, specs: &[Arc<NetSpec>], symmetry: Symmetry, claimed: bool) {
    let nets: Vec<Net> = nets(Seed::new(5), specs, 2);
    for (dtype, tolerance) in [(DType::F64, tolerance::MODEL_F64), (DType::F32, tolerance::MODEL_F32)] {
        let (model, _, lowering) = build_any(config, specs, Normalization::fit(&nets), dtype);
        let trials = Trials::new(Seed::new(6), &[symmetry], 3);
        let report = symmetry_error(&*model, &trials, &nets, &lowering, dtype, &device()).unwrap();
        println!("{case}, {dtype:?}: {report}");
        if claimed {
            assert!(report.within(tolerance), "{case}, {dtype:?}: {report}");
        } else {
            assert!(report.n_moving > 0 && report.worst > BROKEN, "{case}, {dtype:?}: {report}");
        }
    }
}

fn reaches_every_variable(what: &str, config: &ModelConfig, specs: &[Arc<NetSpec>]) {
    let (model, vars, _) = build_any(config, specs, Normalization::none(), DType::F64);
    let grads = loss(&*model, &batch_of(specs, &nets(Seed::new(2), specs, 2))).backward().unwrap();
    let forgotten: Vec<&str> = vars
        .iter()
        .filter(|(name, var)| grads.get(var).is_none() && !model.may_lack_gradient(name))
        .map(|(name, _)| name)
        .collect();
    assert!(forgotten.is_empty(), "{what}: no gradient for {forgotten:?}");
}

pub(crate) fn reads_each_net_alone(what: &str, config: &ModelConfig, specs: &[Arc<NetSpec>]) {
    let nets: Vec<Net> = nets(Seed::new(7), specs, 3);
    let (model, _, lowering) = build_any(config, specs, Normalization::fit(&nets), DType::F64);
    let run = |nets: &[Net]| -> Vec<Vec<f64>> {
        let graphs: Vec<_> = nets.iter().map(|net| lowering.lower(net).unwrap()).collect();
        let batch = Batch::collate(&graphs, DType::F64, &device()).unwrap();
        let output: Output = model.forward(&batch, &Pass::eval()).unwrap();
        output.of_nets(&batch).unwrap()
    };
    let together = run(&nets);
    for (i, net) in nets.iter().enumerate() {
        let alone = &run(std::slice::from_ref(net))[0];
        let size = alone.iter().fold(1e-300, |size: f64, value| size.max(value.abs()));
        let apart = alone.iter().zip(&together[i]).map(|(a, b)| (a - b).abs() / size).fold(0.0, f64::max);
        assert!(apart < 1e-12, "{what}: net {i} alone differs by {apart:e}");
    }
}
