//! Models from their checkpoints: what they answer, the features before their heads, and the nets they change.

use std::collections::BTreeMap;

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization,
    checkpoint::{About, Checkpoint, Header},
    models::{ModelConfig, Output, Returns},
    testing::{Example, examples},
    tolerance::SAME,
    trained::Answers,
};
use sgmn_symmetry::{Ranges, Symmetry, augment_net, canonicalize_net};

use crate::setup::{build_any, nets};

fn checkpoint(config: &ModelConfig, nets: &[Net]) -> Checkpoint {
    let specs = [nets[0].spec().clone()];
    let normalization = Normalization::fit(nets);
    let (_, vars, _) = build_any(config, &specs, normalization.clone(), DType::F64);
    let header = Header {
        model: config.clone(),
        specs: vec![NetSpec::clone(&specs[0])],
        graphs: Vec::new(),
        normalization,
        n_steps: 0,
        progress: serde_json::Value::Null,
        about: None,
    };
    Checkpoint { header, vars: vars.snapshot().unwrap(), optimizer: BTreeMap::new() }
}

fn examined() -> impl Iterator<Item = (Example, Vec<Net>)> {
    examples().into_iter().map(|example| {
        let spec = example.nets.specs(Activation::Tanh)[0].clone();
        let nets = nets(Seed::new(3), &[spec], 3);
        (example, nets)
    })
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

#[test]
fn features_before_the_head_have_the_symmetries_of_the_model() {
    for (Example { name, config, .. }, nets) in examined() {
        let trained = checkpoint(&config, &nets).model(DType::F64, &Device::Cpu).unwrap();
        let features = |nets: &[Net]| trained.features(&trained.intake.batch(nets).unwrap());
        let is_editor = matches!(config.blueprint().returns(), Returns::PerParam { .. });
        if is_editor || config.kind() == "flat_mlp" {
            let message = features(&nets).unwrap_err().to_string();
            assert!(
                message.starts_with("model: expected a model with features of whole nets"),
                "{name}: {message}"
            );
            continue;
        }
        let rows = features(&nets).unwrap().to_vec2::<f64>().unwrap();
        assert_eq!(rows.len(), nets.len(), "{name}");
        assert!(largest_difference(&rows[0], &rows[1]) > 1e-6, "{name}: features of two nets are the same");
        let symmetries: Vec<Symmetry> = (config.blueprint().respected().iter().copied())
            .filter(|symmetry| symmetry.applies(Activation::Tanh))
            .collect();
        let twin = augment_net(Seed::new(4), &nets[0], &symmetries, &Ranges::default()).unwrap();
        let twin = features(&[twin]).unwrap().to_vec2::<f64>().unwrap();
        let apart = largest_difference(&rows[0], &twin[0]);
        assert!(apart < 1e-10, "{name}: features of a twin differ by {apart:e}");
    }
}

#[test]
fn a_changed_net_is_the_net_and_its_change() {
    for (Example { name, config, .. }, nets) in examined() {
        let trained = checkpoint(&config, &nets).model(DType::F64, &Device::Cpu).unwrap();
        let batch = trained.intake.batch(&nets).unwrap();
        let output = trained.output(&batch).unwrap();
        if let Output::PerGraph(_) = output {
            assert_eq!(trained.predict(&nets).unwrap(), output.of_nets(&batch).unwrap(), "{name}");
            let message = trained.edit(&nets).unwrap_err().to_string();
            assert_eq!(
                message,
                "model: expected one that changes nets, found one that answers about whole nets"
            );
            continue;
        }
        assert!(trained.predict(&nets).is_err() && trained.answers == Answers::Changes {}, "{name}");
        let changes = output.of_nets(&batch).unwrap();
        for ((net, edited), change) in nets.iter().zip(trained.edit(&nets).unwrap()).zip(changes) {
            let expected: Vec<f64> =
                net.params().iter().cycle().zip(&change).map(|(old, change)| old + change).collect();
            let edited: Vec<f64> = edited.iter().flat_map(|net| net.params().to_vec()).collect();
            assert!(largest_difference(&edited, &expected) < SAME, "{name}");
        }
    }
}

#[test]
fn nets_are_brought_to_the_form_that_the_checkpoint_names() {
    let (Example { config, .. }, nets) =
        examined().find(|(example, _)| example.config.kind() == "flat_mlp").unwrap();
    let mut checkpoint = checkpoint(&config, &nets);
    let symmetries = vec![Symmetry::Sign, Symmetry::Permutation];
    let canonical: Vec<Net> = nets.iter().map(|net| canonicalize_net(net, &symmetries).unwrap().0).collect();
    let expected = checkpoint.model(DType::F64, &Device::Cpu).unwrap().predict(&canonical).unwrap();
    checkpoint.header.about = Some(About { canonicalize: symmetries, ..About::of(Answers::Plain {}) });
    let trained = checkpoint.model(DType::F64, &Device::Cpu).unwrap();
    assert_eq!(trained.predict(&nets).unwrap(), expected);
}
