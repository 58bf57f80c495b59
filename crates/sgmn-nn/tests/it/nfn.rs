//! Neural functional networks: blind to the order of hidden units, and without codes to that of inputs and outputs.

use candle_core::{DType, Tensor};
use sgmn_graph::{Activation, Batch, Seed};
use sgmn_nn::{
    Normalization, Pass,
    equivariance::symmetry_error,
    models::{FourierConfig, HeadConfig, ModelConfig, NfnConfig, NfnVariant, Output},
    tolerance::BROKEN,
};
use sgmn_symmetry::{Symmetry::Sign, check::Trials};

use crate::{
    claims::{Held, Nets},
    gradients::batch_of,
    setup::{build_any, device, nets, plain_mlps},
};

const OUTPUTS: [HeadConfig; 2] =
    [HeadConfig::PerGraph { d_out: 3 }, HeadConfig::PerParam { initial_scale: 0.5 }];

fn config(variant: NfnVariant, io_encoding: bool, output: HeadConfig) -> NfnConfig {
    NfnConfig {
        variant,
        d_hidden: 5,
        n_layers: 2,
        fourier: Some(FourierConfig { n_frequencies: 4, scale: 0.3 }),
        io_encoding,
        layer_norm: true,
        dropout: 0.1,
        d_head: vec![6],
        output,
    }
}

/// Both variants, whatever they return.
pub(crate) fn held() -> Vec<Held> {
    let of_output = |output| {
        [
            ("np", config(NfnVariant::Np, true, output)),
            ("hnp", config(NfnVariant::Hnp, false, output)),
            ("hnp without features", NfnConfig { fourier: None, ..config(NfnVariant::Hnp, false, output) }),
        ]
        .map(|(what, config)| Held::new(what, ModelConfig::Nfn(config), &[Nets::Mlps, Nets::Cnns]))
    };
    OUTPUTS.into_iter().flat_map(of_output).collect()
}

#[test]
fn nfn_is_not_sign_invariant() {
    let specs = plain_mlps(Activation::Tanh);
    let nets = nets(Seed::new(5), &specs, 2);
    for variant in [NfnVariant::Np, NfnVariant::Hnp] {
        let config = ModelConfig::Nfn(config(variant, false, OUTPUTS[0]));
        let (model, _, lowering) = build_any(&config, &specs, Normalization::fit(&nets), DType::F64);
        let trials = Trials::new(Seed::new(6), &[Sign], 3);
        let report = symmetry_error(&*model, &trials, &nets, &lowering, DType::F64, &device()).unwrap();
        assert!(report.n_moving > 0 && report.worst > BROKEN, "{report}");
    }
}

/// The batch with the two inputs of every net exchanged, and its outputs turned round.
fn moved(batch: &Batch) -> Batch {
    let mut batch = batch.clone();
    let graphs = &mut batch.buckets[0].graphs;
    let flip = |x: &Tensor, axis: usize| {
        let order: Vec<u32> = (0..x.dim(axis).unwrap() as u32).rev().collect();
        x.index_select(&Tensor::new(order, x.device()).unwrap(), axis).unwrap()
    };
    let last = graphs.edges.len() - 1;
    graphs.edges[0] = flip(&graphs.edges[0], 2);
    graphs.edges[last] = flip(&graphs.edges[last], 1);
    graphs.nodes[last + 1] = flip(&graphs.nodes[last + 1], 1);
    batch
}

#[test]
fn only_np_without_codes_is_blind_to_the_order_of_inputs_and_outputs() {
    let specs = Nets::Cnns.specs(Activation::Tanh);
    let mlp = sgmn_graph::NetSpec::mlp(&[2, 4, 3], Activation::Tanh, 0.5).unwrap();
    for specs in [specs, vec![std::sync::Arc::new(mlp)]] {
        let batch = batch_of(&specs, &nets(Seed::new(2), &specs, 2));
        for (variant, io_encoding, blind) in
            [(NfnVariant::Np, false, true), (NfnVariant::Np, true, false), (NfnVariant::Hnp, false, false)]
        {
            for output in OUTPUTS {
                let config = ModelConfig::Nfn(config(variant, io_encoding, output));
                let (model, ..) = build_any(&config, &specs, Normalization::none(), DType::F64);
                // Changes move with the parameters: turned back, they are the same.
                let run = |turn: &dyn Fn(&Batch) -> Batch| match model
                    .forward(&turn(&batch), &Pass::eval())
                    .unwrap()
                {
                    Output::PerGraph(rows) => vec![rows],
                    Output::PerParam(deltas) => {
                        let changes = &deltas[0][0];
                        let mut changed = batch.clone();
                        let graphs = &mut changed.buckets[0].graphs;
                        graphs.edges = changes.weights.clone();
                        graphs.nodes.truncate(1);
                        graphs.nodes.extend(changes.biases.iter().map(|bias| bias.unsqueeze(2).unwrap()));
                        let graphs = turn(&changed).buckets.swap_remove(0).graphs;
                        [graphs.edges, graphs.nodes[1..].to_vec()].concat()
                    }
                };
                let (straight, turned) = (run(&Batch::clone), run(&moved));
                let apart = straight.iter().zip(&turned).map(|(a, b)| {
                    (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap()
                });
                let apart = apart.fold(0.0, f64::max);
                assert_eq!(apart < 1e-9, blind, "{variant:?}, codes {io_encoding}, {output:?}: {apart:e}");
            }
        }
    }
}
