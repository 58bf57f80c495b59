//! At least one small model of every kind, for what holds of all kinds.

use super::{DIRECTIONS, Nets};
use crate::{
    ProbeConfig,
    layers::Scalings,
    models::{
        DwsConfig, FlatMlpConfig, FourierConfig, HeadConfig, Inr2VecConfig, ModelConfig, NfnConfig,
        NfnVariant, NgGnnConfig, NgTConfig, OutputConfig, ProbingConfig, Reconstruction, RowRange,
        ScaleGmnConfig, StatNnConfig,
    },
    probes::Generator,
    render::COORDINATES,
};

/// A model and the nets it reads. Nothing is dropped, so that runs on two devices can be compared.
#[derive(Debug, Clone)]
pub struct Example {
    /// Kind and setting.
    pub name: String,
    /// The model.
    pub config: ModelConfig,
    /// The nets.
    pub nets: Nets,
}

/// Small models of every kind, on perceptrons and on CNNs, with numbers of nets and with changes of parameters.
pub fn examples() -> Vec<Example> {
    let mut examples = Vec::new();
    for nets in [Nets::Mlps, Nets::Cnns] {
        let mut add = |what: &str, config: ModelConfig| {
            let on = if nets == Nets::Mlps { "perceptrons" } else { "CNNs" };
            examples.push(Example { name: format!("{what} on {on}"), config, nets });
        };
        for (returns, output) in
            [("", HeadConfig::PerGraph { d_out: 3 }), (" edits", HeadConfig::PerParam { initial_scale: 0.5 })]
        {
            add(
                &format!("flat_mlp{returns}"),
                ModelConfig::FlatMlp(FlatMlpConfig {
                    d_hidden: vec![16, 8],
                    layer_norm: true,
                    dropout: 0.0,
                    output,
                }),
            );
            let (bias, layer_norm, d_head) = (true, true, vec![6]);
            add(
                &format!("dws{returns}"),
                ModelConfig::Dws(DwsConfig {
                    d_hidden: 5,
                    n_layers: 2,
                    bias,
                    layer_norm,
                    dropout: 0.0,
                    d_head,
                    output,
                }),
            );
            for variant in [NfnVariant::Np, NfnVariant::Hnp] {
                add(&format!("nfn {variant:?}{returns}"), ModelConfig::Nfn(nfn(variant, output)));
            }
            for direction in DIRECTIONS {
                add(
                    &format!("ng_gnn {direction:?}{returns}"),
                    ModelConfig::NgGnn(NgGnnConfig {
                        direction,
                        d_hidden: 6,
                        n_rounds: 3,
                        d_mlp: vec![7],
                        layer_norm: true,
                        dropout: 0.0,
                        probes: None,
                        output,
                    }),
                );
            }
            add(
                &format!("ng_t{returns}"),
                ModelConfig::NgT(NgTConfig {
                    d_node: 8,
                    d_edge: 6,
                    d_attention: 8,
                    n_heads: 2,
                    d_node_mlp: 10,
                    d_edge_mlp: 8,
                    n_rounds: 2,
                    dropout: 0.0,
                    probes: None,
                    output,
                }),
            );
        }
        let (d_hidden, layer_norm, dropout) = (vec![8], true, 0.0);
        add(
            "stat_nn",
            ModelConfig::StatNn(StatNnConfig { d_hidden: d_hidden.clone(), d_out: 2, layer_norm, dropout }),
        );
        // Images that both convolutions fit into.
        let image = (nets == Nets::Cnns).then_some([9, 7]);
        let probes = ProbeConfig {
            n: 5,
            image,
            coordinates: COORDINATES,
            generator: Generator::Linear { d_code: 4, d_hidden: vec![3] },
        };
        add(
            "probes",
            ModelConfig::Probing(ProbingConfig { d_hidden, d_out: 3, layer_norm, dropout, probes }),
        );
        // Only perceptrons are functions that can be asked at points.
        let reconstruction = (nets == Nets::Mlps).then_some(Reconstruction {
            n_points: 32,
            weight: 1.0,
            d_hidden: 24,
            n_frequencies: 3,
            coordinates: COORDINATES,
        });
        add("inr2vec", ModelConfig::Inr2Vec(inr2vec(reconstruction)));
        for symmetry in [Scalings::Sign, Scalings::Scale, Scalings::Own, Scalings::Permutation] {
            for direction in DIRECTIONS {
                // The nets of the checks need not have the symmetry: what is computed is asked about.
                let base =
                    ScaleGmnConfig { force_symmetry: true, ..ScaleGmnConfig::new(symmetry, direction, 8, 3) };
                let changes = OutputConfig::PerParam { initial_scale: 0.5, n_copies: 1 };
                let edits = ScaleGmnConfig { output: changes, ..base.clone() };
                add(&format!("scalegmn {symmetry:?} {direction:?}"), ModelConfig::ScaleGmn(base));
                add(&format!("scalegmn {symmetry:?} {direction:?} edits"), ModelConfig::ScaleGmn(edits));
            }
        }
    }
    examples
}

fn nfn(variant: NfnVariant, output: HeadConfig) -> NfnConfig {
    NfnConfig {
        variant,
        d_hidden: 5,
        n_layers: 2,
        fourier: Some(FourierConfig { n_frequencies: 4, scale: 0.3 }),
        io_encoding: variant == NfnVariant::Np,
        layer_norm: true,
        dropout: 0.0,
        d_head: vec![6],
        output,
    }
}

fn inr2vec(reconstruction: Option<Reconstruction>) -> Inr2VecConfig {
    Inr2VecConfig {
        rows: RowRange::Hidden,
        d_encoder: vec![16, 12],
        d_embedding: 10,
        d_head: vec![8],
        dropout: 0.0,
        d_out: 3,
        reconstruction,
    }
}

impl Example {
    /// The word of the model's kind in experiment files.
    pub fn kind(&self) -> &'static str {
        self.config.kind()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_of_model_has_an_example_for_each_kind_of_net() {
        for nets in [Nets::Mlps, Nets::Cnns] {
            let examples = examples();
            let of_nets = examples.iter().filter(|example| example.nets == nets);
            let found: BTreeSet<&str> = of_nets.map(Example::kind).collect();
            let known: BTreeSet<&str> = ModelConfig::KINDS.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(found, known, "{nets:?}");
        }
        for example in examples() {
            let written = serde_json::to_value(&example.config).unwrap();
            assert_eq!(written["kind"], example.kind(), "{}", example.name);
        }
    }
}
