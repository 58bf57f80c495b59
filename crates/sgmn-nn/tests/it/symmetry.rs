//! Every model is exactly invariant, or equivariant, in its default setting; what is broken on purpose is found out.

use std::sync::Arc;

use candle_core::DType;
use sgmn_graph::{Activation, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{Direction, ReversedScale, ScaleGmnConfig},
};
use sgmn_symmetry::{
    check::{Report, Trials},
    tolerance,
};

use crate::setup::{
    DIRECTIONS, SCALINGS, activations, build, device, mixed_cnns, mixed_mlps, nets, plain_mlps, variants,
};

/// The error of one configuration on random nets of these architectures, moved by scalings in [1/30, 30].
fn measure(config: &ScaleGmnConfig, specs: &[Arc<NetSpec>], dtype: DType, normalized: bool) -> Report {
    let nets: Vec<Net> = nets(Seed::new(5), specs, 2);
    let normalization = if normalized { Normalization::fit(&nets) } else { Normalization::none() };
    let (model, _, lowering) = build(config, specs, normalization, dtype);
    let trials = Trials::new(Seed::new(6), config.scalings.respected(), 2);
    symmetry_error(&*model, &trials, &nets, &lowering, dtype, &device()).unwrap()
}

/// Examinations of many configurations, and the worst of each number type.
#[derive(Default)]
struct Examination {
    faults: Vec<String>,
    worst: [f64; 2],
}

impl Examination {
    fn examine(&mut self, what: &str, config: &ScaleGmnConfig, specs: &[Arc<NetSpec>], normalized: bool) {
        let types = [(DType::F64, tolerance::MODEL_F64), (DType::F32, tolerance::MODEL_F32)];
        for (i, (dtype, tolerance)) in types.into_iter().enumerate() {
            let report = measure(config, specs, dtype, normalized);
            self.worst[i] = self.worst[i].max(report.worst);
            if !report.within(tolerance) {
                self.faults
                    .push(format!("{:?} {:?} {what} {dtype:?}: {report}", config.scalings, config.direction));
            }
        }
    }

    fn finish(self, what: &str) {
        println!("{what}: worst {:.1e} in f64, {:.1e} in f32", self.worst[0], self.worst[1]);
        assert!(self.faults.is_empty(), "{} faults:\n{}", self.faults.len(), self.faults.join("\n"));
    }
}

#[test]
fn every_variant_respects_its_symmetry_on_nets_of_mixed_shapes_and_activations() {
    for symmetry in SCALINGS {
        let mut examination = Examination::default();
        let specs = mixed_mlps(symmetry, 2);
        for direction in DIRECTIONS {
            for (what, config) in variants(symmetry, direction) {
                examination.examine(what, &config, &specs, false);
            }
        }
        examination.finish(&format!("{symmetry:?}"));
    }
}

#[test]
fn every_variant_respects_its_symmetry_on_convolutional_nets() {
    for symmetry in SCALINGS {
        let mut examination = Examination::default();
        let specs = mixed_cnns(symmetry);
        for direction in DIRECTIONS {
            for (what, config) in variants(symmetry, direction) {
                examination.examine(what, &config, &specs, false);
            }
        }
        examination.finish(&format!("{symmetry:?}, convolutions"));
    }
}

#[test]
fn normalization_leaves_the_symmetry_alone() {
    let mut examination = Examination::default();
    for symmetry in SCALINGS {
        for direction in DIRECTIONS {
            let (what, changes) = variants(symmetry, direction).swap_remove(6);
            examination.examine(what, &changes, &mixed_mlps(symmetry, 1), true);
            let config = ScaleGmnConfig::new(symmetry, direction, 6, 2);
            examination.examine("convolutions", &config, &mixed_cnns(symmetry), true);
        }
    }
    examination.finish("normalized");
}

#[test]
fn each_activation_alone_is_respected() {
    let mut examination = Examination::default();
    for symmetry in SCALINGS {
        for direction in DIRECTIONS {
            let config = ScaleGmnConfig::new(symmetry, direction, 6, 2);
            for activation in activations(symmetry) {
                examination.examine(&format!("{activation:?}"), &config, &plain_mlps(activation), false);
            }
        }
    }
    examination.finish("each activation alone");
}

#[test]
fn reciprocal_reversed_edges_are_exact() {
    let mut examination = Examination::default();
    for symmetry in [Scalings::Scale, Scalings::Own] {
        for (what, config) in variants(symmetry, Direction::Bidirectional) {
            // Nothing there bounds the powers of 1/w that pile up: they leave even the range of f64.
            if config.d_mlp.is_empty() {
                continue;
            }
            let config = ScaleGmnConfig { reversed_scale: Some(ReversedScale::Reciprocal), ..config };
            examination.examine(what, &config, &mixed_mlps(symmetry, 1), false);
            examination.examine(what, &config, &mixed_cnns(symmetry), false);
        }
    }
    examination.finish("reciprocal");
}

#[test]
fn published_reversed_edges_are_not_invariant_to_positive_scales() {
    for symmetry in [Scalings::Scale, Scalings::Own] {
        let config = ScaleGmnConfig {
            reversed_scale: Some(ReversedScale::Published),
            ..ScaleGmnConfig::new(symmetry, Direction::Bidirectional, 6, 2)
        };
        let report = measure(&config, &plain_mlps(Activation::Relu), DType::F64, false);
        println!("published, {symmetry:?}: {report}");
        assert!((0.01..1.0).contains(&report.worst), "{symmetry:?}: {report}");
    }
}
