//! What was trained, applied: predictions in three forms, features, checkpoints that say what they are for, and models
//! that go out to the published program and come back.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device};
use sgmn_data::{
    Sample, Source, Target,
    formats::{
        folder,
        packed::{Item, Reader, Writer},
    },
};
use sgmn_exp::apply;
use sgmn_graph::{Activation, Net, NetSpec, Seed, testing};
use sgmn_nn::checkpoint::{Checkpoint, Header};

use crate::{
    toolbox::{Ran, golden, refuse, sgmn, succeed, text},
    train::setup::{N_CLASSES, Place, tiny},
};

/// A run of the tiny classification that is finished, and its best checkpoint.
fn trained(overrides: &[&str]) -> (Place, PathBuf) {
    let place = Place::new();
    let experiment = tiny(overrides);
    place.finish("run", &experiment);
    let best = place.folder_of("run", &experiment).best_checkpoint();
    (place, best)
}

/// Names of a packed file's nets, and the nets.
fn nets(path: &Path) -> (Vec<String>, Vec<Net>) {
    let reader = Reader::open(path).unwrap();
    (0..reader.len()).map(|i| reader.get(i).unwrap()).map(|sample| (sample.id, sample.net)).unzip()
}

fn probabilities(best: &Path, nets: &[Net]) -> Vec<Vec<f64>> {
    apply::open(best, None, DType::F32, &Device::Cpu).unwrap().predict(nets).unwrap()
}

/// The rows of a CSV of predictions: name, class, probabilities.
fn rows(path: &Path) -> Vec<(String, String, Vec<f64>)> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let numbers = cells[2..].iter().map(|cell| cell.parse().unwrap()).collect();
        (cells[0].to_owned(), cells[1].to_owned(), numbers)
    };
    text.lines().skip(1).map(row).collect()
}

fn close(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
}

#[test]
fn predictions_are_those_of_training_in_all_three_forms() {
    let place = Place::new();
    let experiment = tiny(&[]);
    let summary = place.finish("run", &experiment);
    let best = place.folder_of("run", &experiment).best_checkpoint();
    let packed = place.path().join("nets.packed");
    let (names, nets) = nets(&packed);
    let expected = probabilities(&best, &nets);
    let [csv, jsonl, tensors, features] =
        ["p.csv", "p.jsonl", "p.safetensors", "f.safetensors"].map(|name| place.path().join(name));
    for out in [&csv, &jsonl, &tensors] {
        // A batch size that leaves a rest.
        let said = succeed(&["predict", text(&best), text(&packed), "--batch", "7", "--out", text(out)]);
        assert!(said.starts_with(&format!("wrote {} with 48 nets", text(out))), "{said}");
    }

    let rows = rows(&csv);
    let head = std::fs::read_to_string(&csv).unwrap().lines().next().unwrap().to_owned();
    assert_eq!(head, "net,class,probability of 0,probability of 1,probability of 2");
    assert_eq!(rows.iter().map(|(name, ..)| name.clone()).collect::<Vec<_>>(), names);
    assert!(rows.iter().zip(&expected).all(|((_, _, found), expected)| close(found, expected)));
    // The test nets stand last, their classes in turns: as many are right as the run counted.
    let test = rows.iter().filter(|(name, ..)| name.starts_with("test-"));
    let n_right =
        test.enumerate().filter(|(i, (_, class, _))| *class == (*i as u32 % N_CLASSES).to_string()).count();
    assert_eq!(n_right as f64 / 9.0, summary.test["accuracy"]);

    let text_of = std::fs::read_to_string(&jsonl).unwrap();
    let lines: Vec<serde_json::Value> =
        text_of.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 48);
    for (line, (name, class, numbers)) in lines.iter().zip(&rows) {
        assert_eq!(
            (line["net"].as_str().unwrap(), line["class"].as_str().unwrap()),
            (name.as_str(), class.as_str())
        );
        let found: Vec<f64> =
            (0..3).map(|c| line["probabilities"][c.to_string()].as_f64().unwrap()).collect();
        assert!(close(&found, numbers));
    }

    let loaded = candle_core::safetensors::load(&tensors, &Device::Cpu).unwrap();
    let found = loaded["probabilities"].to_dtype(DType::F64).unwrap().to_vec2::<f64>().unwrap();
    assert!(found.iter().zip(&expected).all(|(found, expected)| close(found, expected)));
    assert_eq!(loaded["classes"].dims(), [48]);

    succeed(&["predict", text(&best), text(&packed), "--embed", "--out", text(&features)]);
    let loaded = candle_core::safetensors::load(&features, &Device::Cpu).unwrap();
    assert_eq!(loaded["features"].dims(), [48, 8], "the output node's features");
    let message = refuse(&["predict", text(&best), text(&packed), "--out", text(&csv)]);
    assert!(message.contains("--force replaces it"), "{message}");
}

/// A packed file with nets of the run's architecture and of another one in between.
fn mixed(place: &Place) -> PathBuf {
    let path = place.path().join("mixed.packed");
    let mut writer = Writer::create(&path, BTreeMap::new()).unwrap();
    for (i, widths) in [&[2, 5, 5, 1][..], &[2, 4, 1], &[2, 5, 5, 1]].into_iter().enumerate() {
        let spec = Arc::new(NetSpec::mlp(widths, Activation::Sine { omega: 30.0 }, 0.5).unwrap());
        let net = testing::random_net(Seed::new(i as u64), &spec);
        let params = net.params().iter().map(|value| *value as f32).collect();
        writer
            .push(Item { id: format!("net {i}"), spec, params, target: Target::None, split: None })
            .unwrap();
    }
    writer.finish().unwrap();
    path
}

#[test]
fn a_net_of_another_architecture_is_refused_by_its_name_or_left_out_and_listed() {
    let (place, best) = trained(&["train.epochs=1"]);
    let mixed = mixed(&place);
    let out = place.path().join("mixed.csv");
    let predict = ["predict", text(&best), text(&mixed), "--out", text(&out)];
    let message = refuse(&predict);
    assert!(
        message.contains("net 1: expected an architecture that the model reads (perceptron 2 → 5 → 5 → 1")
            && message.contains("found perceptron 2 → 4 → 1"),
        "{message}"
    );
    assert!(!out.exists(), "no part of a table is left behind");

    let said = succeed(&[&predict[..], &["--on-bad-net", "skip"]].concat());
    assert!(said.contains("with 2 nets") && said.contains("1 net(s) left out, the first: net 1"), "{said}");
    assert_eq!(rows(&out).iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), ["net 0", "net 2"]);
    let list = std::fs::read_to_string(place.path().join("mixed.csv.skipped.csv")).unwrap();
    assert!(list.starts_with("net,why\nnet 1,"), "{list}");

    // Nets in files of their own are read on another way, and one file may hold the net.
    let reader = Reader::open(&mixed).unwrap();
    let (as_folder, alone) = (place.path().join("folder"), place.path().join("alone.safetensors"));
    std::fs::create_dir(&as_folder).unwrap();
    for i in 0..3 {
        folder::write_net(&as_folder.join(format!("{i}.safetensors")), &reader.get(i).unwrap()).unwrap();
    }
    folder::write_net(&alone, &reader.get(1).unwrap()).unwrap();
    let again = place.path().join("folder.csv");
    let in_folder = ["predict", text(&best), text(&as_folder), "--out", text(&again)];
    let message = refuse(&in_folder);
    assert!(message.contains("expected an architecture that the model reads"), "{message}");
    succeed(&[&in_folder[..], &["--on-bad-net", "skip"]].concat());
    let numbers = |path: &Path| rows(path).into_iter().map(|(.., numbers)| numbers).collect::<Vec<_>>();
    assert!(numbers(&out).iter().zip(numbers(&again)).all(|(a, b)| close(a, &b)));
    let message = refuse(&[
        "predict",
        text(&best),
        text(&alone),
        "--out",
        text(&again),
        "--force",
        "--on-bad-net",
        "skip",
    ]);
    assert!(message.contains("expected at least one net that can be read, found none of 1"), "{message}");
}

/// Takes from a checkpoint what earlier versions did not write.
fn as_of_old(path: &Path, to: &Path) {
    let Checkpoint { header, vars, optimizer } = Checkpoint::read(path, &Device::Cpu).unwrap();
    Checkpoint { header: Header { about: None, ..header }, vars, optimizer }.write(to).unwrap();
}

#[test]
fn checkpoints_of_earlier_versions_are_used_where_their_experiment_is_certain() {
    let (place, best) = trained(&["train.epochs=1"]);
    let packed = place.path().join("nets.packed");
    let (_, nets) = nets(&packed);
    let expected = probabilities(&best, &nets);
    let [beside, elsewhere] = [best.with_file_name("old.safetensors"), place.path().join("old.safetensors")];
    as_of_old(&best, &beside);
    as_of_old(&best, &elsewhere);
    let out = place.path().join("out.csv");
    let predict = |checkpoint: &Path, more: &[&str]| {
        let first = ["predict", text(checkpoint), text(&packed), "--out", text(&out), "--force"];
        sgmn(&[&first[..], more].concat())
    };
    let numbers = || rows(&out).into_iter().map(|(.., numbers)| numbers).collect::<Vec<_>>();

    // In the folder of its run the experiment is known by its hash.
    assert_eq!(predict(&beside, &[]).code, Some(0));
    assert!(numbers().iter().zip(&expected).all(|(found, expected)| close(found, expected)));
    let Ran { code, err, .. } = predict(&elsewhere, &[]);
    assert!(
        code == Some(0) && err.contains("does not say what it was trained on (--experiment says it)"),
        "{err}"
    );
    let head = std::fs::read_to_string(&out).unwrap();
    assert!(head.starts_with("net,output 0,output 1,output 2\n"), "{head}");
    let resolved = place.run_path("run").join("resolved.toml");
    assert_eq!(predict(&elsewhere, &["--experiment", text(&resolved)]).code, Some(0));
    assert!(numbers().iter().zip(&expected).all(|(found, expected)| close(found, expected)));
    let Ran { code, err, .. } = predict(&best, &["--experiment", text(&resolved)]);
    assert!(code == Some(1) && err.contains("--experiment: expected none"), "{err}");
    assert!(succeed(&["inspect", text(&elsewhere)]).contains("asked and trained on: not said"));
}

#[test]
fn a_checkpoint_says_what_it_is_for_on_what_it_was_trained_and_how_good_it_is() {
    let place = Place::new();
    let experiment = tiny(&["pipeline.canonicalize=[\"sign\"]"]);
    let summary = place.finish("run", &experiment);
    let folder = place.folder_of("run", &experiment);
    let said = succeed(&["inspect", text(&folder.best_checkpoint())]);
    let accuracy = |value: f64| summary.criterion.said(value);
    for line in [
        "asked: which of 3 classes a net belongs to: 0, 1, 2\n".to_owned(),
        "nets are first brought to the canonical form of: sign\n".to_owned(),
        "experiment: tiny, in full below\n".to_owned(),
        "data: 30 nets to train on, 9 to validate, 9 to test; sha256 ".to_owned(),
        format!(
            "reached: {} on the validation nets in epoch {}, {} on the test nets\n",
            accuracy(summary.best_val),
            summary.best_epoch,
            accuracy(summary.test["accuracy"])
        ),
        "batch_size = 8\n".to_owned(),
    ] {
        assert!(said.contains(&line), "{line:?} is not in\n{said}");
    }
    let last = Checkpoint::read(&folder.last_checkpoint(), &Device::Cpu).unwrap();
    let about = last.header.about.unwrap();
    assert!(about.reached.is_none() && about.experiment == Some(experiment.to_toml()));
}

/// What the published program has: nets as they are, and its quirks.
const PUBLISHED: [&str; 3] = ["train.epochs=1", "model.compatibility=published", "pipeline.normalize=none"];

#[test]
fn a_trained_model_goes_to_the_published_program_and_comes_back_with_its_answers() {
    let (place, best) = trained(&PUBLISHED);
    let packed = place.path().join("nets.packed");
    let (_, nets) = nets(&packed);
    let [official, config, back, csv] =
        ["official.safetensors", "config.json", "back.safetensors", "back.csv"]
            .map(|name| place.path().join(name));
    let said =
        succeed(&["export-checkpoint", text(&best), "--out", text(&official), "--config", text(&config)]);
    assert!(said.contains("the published form answers as this model"), "{said}");
    let ours = Checkpoint::read(&best, &Device::Cpu).unwrap();
    let theirs = candle_core::safetensors::load(&official, &Device::Cpu).unwrap();
    assert_eq!(theirs.len(), ours.vars.len());
    assert!(theirs.contains_key("gnn.fw_layers.0.message_fn.eq_layers.0.W.weight"), "{:?}", theirs.keys());
    let args: serde_json::Value = serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap();
    assert_eq!(args["scalegmn_args"]["layer_layout"], serde_json::json!([2, 5, 5, 1]));

    // With the configuration in the file, and with that beside it.
    for more in [&[][..], &["--config", text(&config)]] {
        let import =
            ["import-checkpoint", text(&official), "--nets", text(&packed), "--out", text(&back), "--force"];
        succeed(&[&import[..], more].concat());
        let resolved = place.run_path("run").join("resolved.toml");
        let predict = ["predict", text(&back), text(&packed), "--out", text(&csv), "--force"];
        succeed(&[&predict[..], &["--experiment", text(&resolved)]].concat());
        let expected = probabilities(&best, &nets);
        assert!(rows(&csv).iter().zip(&expected).all(|((.., found), expected)| close(found, expected)));
    }
}

#[test]
fn what_cannot_go_to_the_published_program_is_refused_by_its_option() {
    let (place, best) = trained(&["train.epochs=1"]);
    let out = place.path().join("official.safetensors");
    let message = refuse(&["export-checkpoint", text(&best), "--out", text(&out)]);
    assert!(message.contains("pipeline.normalize: expected none"), "{message}");
    assert!(!out.exists());
    let message = refuse(&["export-checkpoint", text(&best), "--out", text(&out.with_extension("pt"))]);
    assert!(message.contains("expected a name that ends with .safetensors"), "{message}");
    let file = golden("mnist_cls.forward.sign.safetensors");
    let message = refuse(&["export-checkpoint", text(&file), "--out", text(&out)]);
    assert!(message.ends_with("expected a checkpoint, found a golden file"), "{message}");
}

#[test]
fn what_is_no_checkpoint_or_no_net_is_said() {
    let (place, best) = trained(&["train.epochs=1"]);
    let packed = place.path().join("nets.packed");
    let out = place.path().join("out.csv");
    let graph = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle/mlp_tanh/script.onnx");
    let refusal = |checkpoint: &Path, nets: &Path, out: &Path| {
        refuse(&["predict", text(checkpoint), text(nets), "--out", text(out)])
    };
    for (message, expected) in [
        (refusal(&packed, &packed, &out), "expected a checkpoint, found a dataset"),
        (
            refusal(&place.run_path("run"), &packed, &out),
            "a run keeps its own in checkpoints/best.safetensors",
        ),
        (refusal(&best, &best, &out), "expected nets, found a checkpoint"),
        (refusal(&best, &graph, &out), "expected a net that the model reads, found nets: expected"),
        (refusal(&best, &packed, &out.with_extension("txt")), "ends with .csv, .jsonl or .safetensors"),
    ] {
        assert!(message.contains(expected), "{message}");
    }
    let edited = place.path().join("edited.packed");
    let message = refuse(&["edit", text(&best), text(&packed), "--out", text(&edited)]);
    assert!(message.contains("found one that answers about them; `sgmn predict` writes that"), "{message}");
    let sample = Sample { id: "a".into(), net: nets(&packed).1[0].clone(), target: Target::None };
    let alone = place.path().join("alone.safetensors");
    folder::write_net(&alone, &sample).unwrap();
    succeed(&["predict", text(&best), text(&alone), "--out", text(&out)]);
    assert_eq!(rows(&out).len(), 1);
}
