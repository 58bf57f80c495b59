//! Models of the published program, in and out again: names, shapes and numbers of its golden files, and what has no
//! counterpart there.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde_json::Value;
use sgmn_graph::{Activation, Net, NetSpec, Seed};
use sgmn_nn::{
    Normalization, Result,
    checkpoint::{About, Checkpoint, Header, Published},
    golden::Golden,
    layers::Scalings,
    models::{
        Direction, ModelConfig, OutputConfig, PerGraph, ReadoutRange, ScaleGmnConfig, StatNnConfig,
        from_published,
    },
    trained::Answers,
};

use crate::{
    golden::files,
    setup::{build_any, nets},
};

/// Configuration and variables of a golden file.
fn published(bytes: &[u8]) -> Published {
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes).unwrap();
    let args = serde_json::from_str(&header.metadata().clone().unwrap()["config"]).unwrap();
    let loaded = candle_core::safetensors::load_buffer(bytes, &Device::Cpu).unwrap();
    let named = loaded
        .into_iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix("param.")?.to_owned(), tensor)));
    Published { args, tensors: named.collect() }
}

fn specs(nets: &[Net]) -> Vec<NetSpec> {
    let mut specs: Vec<NetSpec> = Vec::new();
    for net in nets {
        if !specs.contains(net.spec()) {
            specs.push(net.spec().as_ref().clone());
        }
    }
    specs
}

fn numbers(tensor: &Tensor) -> (Vec<usize>, Vec<f64>) {
    let values = tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (tensor.dims().to_vec(), values)
}

/// Keys of one object that another says otherwise or not at all.
fn unlike(one: &Value, other: &Value, path: &str) -> Vec<String> {
    match (one.as_object(), other.as_object()) {
        (Some(one), Some(other)) => one
            .iter()
            .flat_map(|(key, value)| {
                unlike(value, other.get(key).unwrap_or(&Value::Null), &format!("{path}.{key}"))
            })
            .collect(),
        _ if one == other => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

#[test]
fn every_golden_model_goes_in_and_out_by_the_same_names_shapes_and_numbers() {
    for file in files() {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let theirs = published(&std::fs::read(&file).unwrap());
        let golden = Golden::read(&file).unwrap();
        let ours = Checkpoint::from_published(&theirs, specs(golden.nets()), DType::F64).unwrap();
        let out = ours.to_published(golden.nets()).unwrap_or_else(|error| panic!("{name}: {error}"));

        assert!(out.tensors.keys().eq(theirs.tensors.keys()), "{name}");
        for (variable, tensor) in &theirs.tensors {
            assert_eq!(numbers(&out.tensors[variable]), numbers(tensor), "{name}: {variable}");
        }
        assert_eq!(from_published(&out.args).unwrap(), from_published(&theirs.args).unwrap(), "{name}");
        // The dropout of perceptrons is said by its own key.
        let unlike = unlike(&theirs.args, &out.args, "");
        assert!(unlike.is_empty() || unlike == [".gnn_args.dropout_all"], "{name}: {unlike:?}");
        assert_eq!(out.args["layer_layout"], serde_json::json!(golden.nets()[0].spec().widths()), "{name}");
    }
}

/// A checkpoint of random variables for random nets of one architecture.
fn checkpoint(config: ModelConfig, spec: NetSpec) -> (Checkpoint, Vec<Net>) {
    let nets = nets(Seed::new(5), &[spec.clone().into()], 3);
    let (_, vars, _) = build_any(&config, &[spec.clone().into()], Normalization::none(), DType::F32);
    let header = Header {
        model: config,
        specs: vec![spec],
        graphs: Vec::new(),
        normalization: Normalization::none(),
        n_steps: 0,
        progress: Value::Null,
        about: None,
    };
    (Checkpoint { header, vars: vars.snapshot().unwrap(), optimizer: BTreeMap::new() }, nets)
}

fn sines() -> NetSpec {
    NetSpec::mlp(&[2, 5, 4, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap()
}

fn exact(direction: Direction) -> ScaleGmnConfig {
    ScaleGmnConfig::new(Scalings::Sign, direction, 8, 3)
}

#[test]
fn an_exact_model_goes_out_where_the_published_program_computes_the_same() {
    let full = PerGraph { readout: ReadoutRange::FullGraph, d_out: 3, d_rho: 8 };
    for output in [exact(Direction::Forward).output, OutputConfig::PerGraph(full)] {
        let config = ScaleGmnConfig { output, ..exact(Direction::Forward) };
        let (ours, nets) = checkpoint(ModelConfig::ScaleGmn(config), sines());
        let out = ours.to_published(&nets).unwrap();
        let back = Checkpoint::from_published(&out, ours.header.specs.clone(), DType::F32).unwrap();
        let answers = |checkpoint: &Checkpoint| -> Result<Vec<Vec<f64>>> {
            checkpoint.model(DType::F64, &Device::Cpu)?.predict(&nets)
        };
        let (a, b) = (answers(&ours).unwrap().concat(), answers(&back).unwrap().concat());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-8), "{a:?} {b:?}");
        // The published read-out of all nodes has a perceptron that nothing reads.
        let more: Vec<&String> = out.tensors.keys().filter(|name| !ours.vars.contains_key(*name)).collect();
        assert!(more.iter().all(|name| name.starts_with("gnn.readout.phi.")), "{more:?}");
    }
}

#[test]
fn what_the_published_program_does_not_have_is_refused_by_the_name_of_its_option() {
    let refusal = |change: &dyn Fn(&mut Checkpoint)| {
        let (mut ours, nets) = checkpoint(ModelConfig::ScaleGmn(exact(Direction::Forward)), sines());
        change(&mut ours);
        ours.to_published(&nets).unwrap_err().to_string()
    };
    let (stat_nn, nets) = checkpoint(
        ModelConfig::StatNn(StatNnConfig { d_hidden: vec![4], d_out: 3, layer_norm: true, dropout: 0.0 }),
        sines(),
    );
    let message = stat_nn.to_published(&nets).unwrap_err().to_string();
    assert_eq!(
        message,
        "model.kind: expected scalegmn, the only model of the published program, found stat_nn"
    );

    let message = refusal(&|ours| ours.header.normalization = Normalization::fit(&nets));
    assert!(message.starts_with("pipeline.normalize: expected none"), "{message}");
    let canonical =
        About { canonicalize: vec![sgmn_symmetry::Symmetry::Phase], ..About::of(Answers::Plain {}) };
    let message = refusal(&|ours| ours.header.about = Some(canonical.clone()));
    assert!(message.starts_with("pipeline.canonicalize: expected none"), "{message}");
    let message = refusal(&|ours| {
        let other = NetSpec::mlp(&[2, 6, 4, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap();
        ours.header.specs.push(other);
    });
    assert!(message.starts_with("nets: expected one layout of units"), "{message}");

    // Reversed messages read other edges there.
    let (both_ways, nets) = checkpoint(ModelConfig::ScaleGmn(exact(Direction::Bidirectional)), sines());
    let message = both_ways.to_published(&nets).unwrap_err().to_string();
    assert!(message.starts_with("model.compatibility: expected published"), "{message}");
}

#[test]
fn answers_that_a_model_cannot_give_are_refused() {
    let (mut ours, _) = checkpoint(ModelConfig::ScaleGmn(exact(Direction::Forward)), sines());
    for (answers, expected) in [
        (Answers::Classes { names: vec!["a".into(), "b".into()] }, "model.output.d_out: expected 2"),
        (Answers::Score {}, "model.output.d_out: expected 1"),
        (Answers::Changes {}, "answers: expected numbers of whole nets"),
    ] {
        ours.header.about = Some(About::of(answers));
        let message = ours.model(DType::F32, &Device::Cpu).err().unwrap().to_string();
        assert!(message.starts_with(expected), "{message}");
    }
}
