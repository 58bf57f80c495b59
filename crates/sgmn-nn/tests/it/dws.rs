//! DWSNets: blind to the order of hidden units, and to nothing else.

use candle_core::DType;
use sgmn_graph::{Activation, Seed};
use sgmn_nn::{
    Normalization,
    equivariance::symmetry_error,
    layers::Scalings,
    models::{DwsConfig, HeadConfig, ModelConfig},
    tolerance::BROKEN,
};
use sgmn_symmetry::{Symmetry::Positive, check::Trials};

use crate::{
    claims::{Held, Nets},
    setup::{build_any, device, mixed_mlps, nets, plain_mlps},
};

const OUTPUTS: [HeadConfig; 2] =
    [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }];

fn config(layer_norm: bool, bias: bool, output: HeadConfig) -> ModelConfig {
    let (d_head, dropout) = (vec![6], 0.1);
    ModelConfig::Dws(DwsConfig { d_hidden: 5, n_layers: 2, bias, layer_norm, dropout, d_head, output })
}

/// Whatever it returns, with its parts and without.
pub(crate) fn held() -> Vec<Held> {
    let of_output = |output| {
        [
            Held::new("dws", config(true, true, output), &[Nets::Mlps, Nets::Cnns]),
            Held::new("dws as it is", config(false, false, output), &[Nets::Mlps]),
        ]
    };
    OUTPUTS.into_iter().flat_map(of_output).collect()
}

#[test]
fn dws_is_not_scale_invariant() {
    let specs = plain_mlps(Activation::Relu);
    let nets = nets(Seed::new(5), &specs, 2);
    let (model, _, lowering) =
        build_any(&config(true, true, OUTPUTS[0]), &specs, Normalization::fit(&nets), DType::F64);
    let trials = Trials::new(Seed::new(6), &[Positive], 3);
    let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
    assert!(report.n_moving > 0 && report.worst > BROKEN, "{report}");
}

#[test]
fn hidden_widths_may_differ_and_depths_may_not() {
    let specs = mixed_mlps(Scalings::Sign, 1);
    hold_together(&[specs[0].clone(), specs[3].clone()]);
    let lowering = sgmn_graph::Lowering::new(&specs).unwrap();
    let built = config(true, true, OUTPUTS[0]).build(
        &lowering,
        Normalization::none(),
        Seed::new(3),
        DType::F32,
        &device(),
    );
    let message = built.err().unwrap().to_string();
    assert!(message.contains("nets of 4 and of 3 layers"), "{message}");
}

/// A batch of several architectures gives each net what it gets alone.
fn hold_together(specs: &[std::sync::Arc<sgmn_graph::NetSpec>]) {
    for output in OUTPUTS {
        crate::claims::reads_each_net_alone("dws", &config(true, true, output), specs);
    }
}
