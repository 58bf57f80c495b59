//! What every kind of model is held to: exactly the symmetries it claims, right gradients, nets that do not see each other.
//!
//! A model's own test file lists the settings in which it is examined; `examined!` below lists the files.

use std::sync::Arc;

use candle_core::DType;
use sgmn_graph::{Activation, Batch, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Pass,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{FlatMlpConfig, HeadConfig, ModelConfig, Output},
    tolerance::{BROKEN, GRADIENT, SAME},
};
use sgmn_symmetry::{Symmetry, check::Trials, tolerance};

pub(crate) use sgmn_nn::testing::Nets;

use crate::{
    gradients::{batch_of, gradient_error, loss},
    setup::{build_any, device, mixed_mlps, nets},
};

/// A setting of a model, and the nets on which it is examined.
pub(crate) struct Held {
    what: String,
    config: ModelConfig,
    nets: Vec<Nets>,
}

impl Held {
    pub(crate) fn new(what: impl Into<String>, config: ModelConfig, nets: &[Nets]) -> Self {
        Self { what: what.into(), config, nets: nets.to_vec() }
    }
}

/// One test for each kind of model, and one that no kind is missing.
macro_rules! examined {
    ($($kind:literal by $held:path => $fact:ident,)*) => {
        $(
            #[test]
            fn $fact() {
                hold_all($kind, &$held());
            }
        )*

        #[test]
        fn every_kind_of_model_is_examined() {
            let kinds: Vec<&str> = ModelConfig::KINDS.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds, [$($kind),*]);
        }
    };
}

examined! {
    "dws" by crate::dws::held => dws_is_blind_to_the_order_of_units_alone,
    "flat_mlp" by crate::flat_mlp::held => flat_mlp_has_no_symmetry,
    "inr2vec" by crate::inr2vec::held => inr2vec_has_no_symmetry,
    "nfn" by crate::nfn::held => nfn_is_blind_to_the_order_of_units_alone,
    "ng_gnn" by crate::ng_gnn::held => ng_gnn_is_blind_to_the_order_of_units_alone,
    "ng_t" by crate::ng_t::held => ng_t_is_blind_to_the_order_of_units_alone,
    "probes" by crate::probing::held => probing_has_every_symmetry_that_keeps_the_function,
    "scalegmn" by crate::scalegmn::held => scalegmn_has_the_symmetries_of_its_setting_and_no_others,
    "stat_nn" by crate::stat_nn::held => stat_nn_is_blind_to_the_order_of_units_alone,
}

/// Panics unless there are settings of this kind of model, and all of them hold.
fn hold_all(kind: &str, all: &[Held]) {
    assert!(!all.is_empty(), "{kind}: no setting is examined");
    for Held { what, config, nets } in all {
        assert_eq!(config.kind(), kind, "{what}");
        assert!(!nets.is_empty(), "{what}: examined on no nets");
        nets.iter().for_each(|nets| hold(what, config, *nets));
    }
}

/// Panics unless the model has exactly the symmetries it claims, in f64 and f32; its gradients agree with differences
/// and miss no variable that should have one; and a net's output does not depend on the other nets of its batch.
fn hold(what: &str, config: &ModelConfig, kind: Nets) {
    let claimed = config.blueprint().respected();
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
    assert!(error < GRADIENT, "{what}: gradients differ from differences by {error:e}");
    reaches_every_variable(&what, config, &specs);
    reads_each_net_alone(&what, config, &specs);
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
        assert!(apart < SAME, "{what}: net {i} alone differs by {apart:e}");
    }
}

#[test]
#[should_panic(expected = "worst relative error")]
fn a_model_that_claims_too_much_is_found_out() {
    let output = HeadConfig::PerGraph { d_out: 2 };
    let config = FlatMlpConfig { d_hidden: vec![4], layer_norm: true, dropout: 0.0, output };
    let specs = Nets::Mlps.specs(Activation::Tanh);
    has_symmetry("flat_mlp", &ModelConfig::FlatMlp(config), &specs, Symmetry::Permutation, true);
}

#[test]
fn nets_of_other_architectures_leave_a_net_alone() {
    let mixed = mixed_mlps(Scalings::Own, 2);
    let of_one_depth = [mixed[0].clone(), mixed[3].clone()];
    for output in [r#"{"kind": "per_graph", "d_out": 2}"#, r#"{"kind": "per_param", "initial_scale": 0.5}"#] {
        let ng_gnn = r#""kind": "ng_gnn", "direction": "bidirectional", "d_hidden": 4, "n_layers": 2, "d_mlp": [5], "layer_norm": true"#;
        let ng_t = r#""kind": "ng_t", "d_node": 4, "d_edge": 3, "d_attention": 4, "n_heads": 2, "d_node_mlp": 5, "d_edge_mlp": 4, "n_layers": 2"#;
        let nfn = r#""kind": "nfn", "variant": "np", "d_hidden": 4, "n_layers": 2, "fourier": {"n_frequencies": 3, "scale": 0.3}, "io_encoding": true, "layer_norm": true, "d_head": [5]"#;
        for (form, specs) in [(ng_gnn, mixed.as_slice()), (ng_t, &mixed), (nfn, &of_one_depth)] {
            let json = format!(r#"{{{form}, "dropout": 0, "output": {output}}}"#);
            reads_each_net_alone(&json, &serde_json::from_str(&json).unwrap(), specs);
        }
    }
    let probes = r#"{"kind": "probes", "probes": {"n": 4, "generator": {"kind": "free"}}, "d_hidden": [5], "layer_norm": true,
        "dropout": 0, "d_out": 2}"#;
    reads_each_net_alone(probes, &serde_json::from_str(probes).unwrap(), &mixed);
}

#[test]
fn absurd_sizes_are_refused_before_memory_is_taken() {
    let refused = |json: &str, field: &str| {
        let config: ModelConfig = serde_json::from_str(json).unwrap();
        let message = config.validate().unwrap_err().to_string();
        assert!(message.starts_with(field), "{json}: {message}");
    };
    let output = r#""output": {"kind": "per_graph", "d_out": 1}"#;
    refused(
        &format!(
            r#"{{"kind": "dws", "d_hidden": 4, "n_layers": 1000000000000, "bias": true, "layer_norm": true, "dropout": 0, "d_head": [], {output}}}"#
        ),
        "model.n_layers",
    );
    refused(
        &format!(
            r#"{{"kind": "nfn", "variant": "hnp", "d_hidden": 4, "n_layers": 1, "io_encoding": false, "layer_norm": true, "dropout": 0,
                "d_head": [], "fourier": {{"n_frequencies": 1000000000000, "scale": 1}}, {output}}}"#
        ),
        "model.fourier.n_frequencies",
    );
    refused(
        &format!(
            r#"{{"kind": "ng_t", "d_node": 8, "d_edge": 8, "d_attention": 1000000, "n_heads": 1000000, "d_node_mlp": 8, "d_edge_mlp": 8, "n_layers": 1, "dropout": 0, {output}}}"#
        ),
        "model.d_attention",
    );
    let probes = |probes: &str| {
        format!(
            r#"{{"kind": "probes", "probes": {probes}, "d_hidden": [4], "layer_norm": true, "dropout": 0, "d_out": 1}}"#
        )
    };
    refused(&probes(r#"{"n": 1000000000000, "generator": {"kind": "free"}}"#), "model.probes.n");
    refused(
        &probes(r#"{"n": 16384, "image": [16384, 16384], "generator": {"kind": "free"}}"#),
        "model.probes",
    );
    refused(
        &probes(r#"{"n": 4, "generator": {"kind": "linear", "d_code": 2, "d_hidden": [8, 1000000000000]}}"#),
        "model.probes.generator.d_hidden",
    );
    let unknown = probes(r#"{"n": 4, "generator": {"kind": "free", "d_code": 3}}"#);
    assert!(serde_json::from_str::<ModelConfig>(&unknown).is_err(), "a field that nothing reads");
}
