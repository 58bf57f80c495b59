//! Models that run nets on learned probes: exactly the symmetries of what they read.

use std::{collections::BTreeSet, sync::Arc};

use candle_core::DType;
use sgmn_graph::{Activation, LayerMap, LayerSpec, Net, NetSpec, Reading, Seed};
use sgmn_nn::{
    Generator, Normalization, ProbeConfig,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{ModelConfig, OutputConfig, ProbingConfig, ScaleGmnConfig},
    render::COORDINATES,
    tolerance::{BROKEN, GRADIENT},
};
use sgmn_symmetry::{check::Trials, tolerance};

use crate::{
    claims::{Held, Nets},
    gradients::{batch_of, gradient_error, loss},
    setup::{DIRECTIONS, SCALINGS, activations, build, device, mixed_mlps, nets, plain_mlps},
};

fn probes(image: Option<[usize; 2]>) -> ProbeConfig {
    ProbeConfig {
        n: 5,
        image,
        coordinates: COORDINATES,
        generator: Generator::Linear { d_code: 4, d_hidden: vec![3] },
    }
}

/// On perceptrons, and on CNNs whose images have a size that is told.
pub(crate) fn held() -> Vec<Held> {
    let of_kind = |(kind, image)| {
        let config = ProbingConfig {
            d_hidden: vec![8],
            d_out: 3,
            layer_norm: true,
            dropout: 0.1,
            probes: probes(image),
        };
        Held::new("probes", ModelConfig::Probing(config), &[kind])
    };
    [(Nets::Mlps, None), (Nets::Cnns, Some([9, 7]))].map(of_kind).into()
}

/// CNNs of other kernels, strides and depths that all read one size of image.
fn cnns(symmetry: Scalings) -> Vec<Arc<NetSpec>> {
    let activations = activations(symmetry);
    let (a, b) = (activations[0], *activations.last().unwrap());
    let conv = |n_in, n_out, kernel, stride, activation| {
        LayerSpec::new(LayerMap::Conv { n_in, n_out, kernel, stride, padding: [1, 0] }, activation)
    };
    let linear = |n_in, n_out, reading, activation| {
        LayerSpec::new(LayerMap::Linear { n_in, n_out, reading }, activation)
    };
    let uneven = vec![
        conv(1, 3, [3, 2], [1, 2], a),
        conv(3, 4, [2, 3], [5, 1], b),
        linear(4, 4, Reading::Flatten { positions: 2 }, a),
        linear(4, 3, Reading::Direct, Activation::Identity),
    ];
    let zoo = NetSpec::cnn_zoo(&[1, 4, 3, 3], b).unwrap();
    vec![Arc::new(zoo), Arc::new(NetSpec::new(uneven, 0.25).unwrap())]
}

/// With numbers for each net and with changes of parameters, for one symmetry and every direction.
fn configs(symmetry: Scalings, image: Option<[usize; 2]>) -> Vec<ScaleGmnConfig> {
    let config = |direction, output: Option<OutputConfig>| {
        let base = ScaleGmnConfig::new(symmetry, direction, 6, 2);
        let output = output.unwrap_or(base.output.clone());
        ScaleGmnConfig { probes: Some(probes(image)), n_rounds: 2, output, ..base }
    };
    let changes = OutputConfig::PerParam { initial_scale: 0.5, n_copies: 1 };
    DIRECTIONS.iter().flat_map(|way| [config(*way, None), config(*way, Some(changes.clone()))]).collect()
}

#[test]
fn scalegmn_with_probes_keeps_its_symmetry_on_any_nets() {
    for symmetry in SCALINGS {
        for (specs, image) in [(mixed_mlps(symmetry, 2), None), (cnns(symmetry), Some([9, 7]))] {
            let nets: Vec<Net> = nets(Seed::new(5), &specs, 2);
            for config in configs(symmetry, image) {
                for (dtype, tolerance) in
                    [(DType::F64, tolerance::MODEL_F64), (DType::F32, tolerance::MODEL_F32)]
                {
                    let (model, _, lowering) = build(&config, &specs, Normalization::fit(&nets), dtype);
                    let trials = Trials::new(Seed::new(6), symmetry.respected(), 2);
                    let report =
                        symmetry_error(&*model, &trials, &nets, &lowering, dtype, &device()).unwrap();
                    let case = format!("{symmetry:?} {:?} {image:?} {dtype:?}: {report}", config.direction);
                    println!("{case}");
                    assert!(report.n_moving > 0 && report.within(tolerance), "{case}");
                }
            }
        }
    }
}

#[test]
fn scalegmn_reads_the_responses_and_gives_probes_their_gradients() {
    for symmetry in SCALINGS {
        for config in configs(symmetry, None) {
            let specs = &mixed_mlps(symmetry, 1)[..2];
            let error = gradient_error(&ModelConfig::ScaleGmn(config.clone()), specs);
            assert!(error < GRADIENT, "{symmetry:?} {:?}: {error:e}", config.direction);
            let (model, vars, _) = build(&config, specs, Normalization::none(), DType::F64);
            let grads = loss(&*model, &batch_of(specs, &nets(Seed::new(2), specs, 1))).backward().unwrap();
            let of_probes: BTreeSet<&str> =
                vars.iter().map(|(name, _)| name).filter(|name| name.contains("prob")).collect();
            assert_eq!(of_probes.len(), 6, "{of_probes:?}");
            for name in of_probes {
                assert!(!model.may_lack_gradient(name), "{name}");
                let grad = grads.get(vars.get(name).unwrap()).unwrap();
                let size = grad.abs().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
                assert!(size > 0.0, "{symmetry:?} {:?}: no gradient for {name}", config.direction);
            }
        }
    }
}

#[test]
fn phases_move_biases_so_scalegmn_with_probes_needs_their_canonical_form() {
    let config = configs(Scalings::Sign, None).swap_remove(0);
    let specs = plain_mlps(Activation::Sine { omega: 30.0 });
    let nets: Vec<Net> = nets(Seed::new(5), &specs, 2);
    let (model, _, lowering) = build(&config, &specs, Normalization::fit(&nets), DType::F64);
    let trials = Trials::new(Seed::new(6), &[sgmn_symmetry::Symmetry::Phase], 2);
    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
    assert!(report.n_moving > 0 && report.worst > BROKEN, "{report}");
}
