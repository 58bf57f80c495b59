//! Predicting scores from beginning to end, on small CNNs of two activations whose score follows from their weights.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use sgmn_data::{
    Target,
    formats::packed::{Item, Writer},
    split::Split,
};
use sgmn_exp::{
    config::{Experiment, ExperimentFile},
    metrics::{Criterion, kendall_tau},
};
use sgmn_graph::{Activation, NetSpec, Seed, testing};

use super::setup::{Place, facts, tiny};

/// ReLU and tanh nets in turns; their score is that of the first class against the second for an image that leaves
/// nothing of the hidden units: the last bias alone, which no symmetry changes.
fn write_zoo(path: &Path, n_nets: [usize; 3], target: impl Fn(f64) -> Target) {
    let specs = [Activation::Relu, Activation::Tanh]
        .map(|activation| Arc::new(NetSpec::cnn_zoo(&[1, 4, 4, 3], activation).unwrap()));
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (split, n) in Split::ALL.into_iter().zip(n_nets) {
        for i in 0..n {
            let spec = &specs[i % 2];
            let net = testing::random_net(Seed::new(7).child(split.name()).index(i as u64), spec);
            let params: Vec<f32> = net.params().iter().map(|&value| value as f32).collect();
            let bias = &params[spec.bias_range(2)];
            let score = 1.0 / (1.0 + f64::from(2.0 * (bias[1] - bias[0])).exp());
            let (id, target) = (format!("{}-{i}", split.name()), target(score));
            writer.push(Item { id, spec: spec.clone(), params, target, split: Some(split) }).unwrap();
        }
    }
    writer.finish().unwrap();
}

/// A small model that reads both activations.
fn small(overrides: &[&str]) -> Experiment {
    let mut file = ExperimentFile::parse("small", "inherits = \"cifar10-gs-hetero\"").unwrap();
    let common = [
        "data.kind=packed",
        "data.path=zoo.packed",
        "model.d_hidden=8",
        "model.n_layers=2",
        "model.d_mlp=[8]",
        "model.dropout=0.0",
        "model.start=balanced",
        "model.output.d_rho=8",
        "train.batch_size=8",
        "train.epochs=12",
        "train.learning_rate=1e-2",
        "train.warmup_steps=4",
    ];
    common.iter().chain(overrides).for_each(|assignment| file.set(assignment).unwrap());
    file.resolve().unwrap()
}

const STAT_NN: &str = "model={ kind=\"stat_nn\", d_hidden=[16], d_out=1, layer_norm=true, dropout=0.0 }";

#[test]
fn scores_are_learned_and_reported_by_rank_and_by_size() {
    let place = Place::new();
    write_zoo(&place.path().join("zoo.packed"), [64, 16, 24], Target::Score);
    // Statistics do not tell one class from another, so that model is only to come to its end.
    for (name, experiment, least) in [("scalegmn", small(&[]), 0.7), ("stat-nn", small(&[STAT_NN]), -1.0)] {
        let summary = place.finish(name, &experiment);
        assert_eq!(summary.criterion, Criterion::Tau);
        assert_eq!(summary.pairs.len(), 24);
        assert_eq!(summary.test.keys().collect::<Vec<_>>(), ["loss", "mae", "r2", "tau"]);
        assert_eq!(summary.test["tau"], kendall_tau(&summary.pairs).unwrap());
        let squares = summary.pairs.iter().map(|[predicted, truth]| (predicted - truth).powi(2));
        let mse = squares.sum::<f64>() / 24.0;
        assert!((summary.test["loss"] - mse).abs() < 1e-6, "{mse}: {:?}", summary.test);
        assert!(summary.test["tau"] > least, "{name}: {:?}", summary.test);
        let plot = std::fs::read_to_string(place.folder_of(name, &experiment).plot("scatter")).unwrap();
        assert!(
            plot.contains(&format!("τ = {:.3}", summary.test["tau"]))
                && plot.matches("<circle").count() >= 24
        );
    }
}

#[test]
fn a_prediction_that_was_stopped_goes_on_to_the_same_bits() {
    let place = Place::new();
    write_zoo(&place.path().join("zoo.packed"), [20, 8, 8], Target::Score);
    let experiment = small(&["train.epochs=3"]);
    let straight = place.finish("straight", &experiment);
    // Stopped after each step.
    while matches!(
        place.run("stopped", &experiment, true).unwrap(),
        sgmn_exp::run::train::Outcome::Interrupted
    ) {}
    assert_eq!(facts(&place.run_path("stopped")), facts(&place.run_path("straight")));
    assert!(straight.n_steps == 9);
}

#[test]
fn what_is_no_score_is_found_before_the_first_step() {
    let place = Place::new();
    let elsewhere = "1.25; task.kind = \"regress\" takes any number";
    for (target, found) in [(Target::Score(1.25), elsewhere), (Target::Class(1), "the class 1")] {
        write_zoo(&place.path().join("zoo.packed"), [4, 2, 2], |_| target);
        let message = format!("{:#}", place.run("run", &small(&[]), false).unwrap_err());
        assert_eq!(message, format!("train-0: expected a score in [0, 1], found {found}"));
    }
}

#[test]
fn scores_without_an_order_are_refused_before_the_first_step() {
    let place = Place::new();
    write_zoo(&place.path().join("zoo.packed"), [8, 4, 4], |_| Target::Score(0.5));
    for (kind, criterion) in [("predict", "Kendall's τ"), ("regress", "R²")] {
        let experiment = small(&[&format!("task={{ kind=\"{kind}\" }}")]);
        let message = format!("{:#}", place.run(kind, &experiment, false).unwrap_err());
        assert_eq!(
            message,
            format!(
                "data: expected scores of validation nets that differ, since {criterion} is not defined without, \
                 found 0.5 for each of them"
            )
        );
        assert!(!place.folder_of(kind, &experiment).records().exists(), "a step was taken");
    }
}

/// What the best model of a run says about all nets, by the library: the answers about the test nets.
fn answers(place: &Place, name: &str, experiment: &Experiment) -> Vec<f64> {
    let best = place.folder_of(name, experiment).best_checkpoint();
    let trained =
        sgmn_exp::apply::open(&best, None, candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
    let dataset = sgmn_exp::data::datasets::open_existing(experiment.data(), place.path()).unwrap();
    let test: Vec<_> =
        dataset.splits.test.iter().map(|item| dataset.source.get(*item).unwrap().net).collect();
    trained.predict(&test).unwrap().concat()
}

#[test]
fn a_checkpoint_predicts_in_the_unit_of_what_was_learned() {
    let place = Place::new();
    type Case<'a> = (&'a str, &'a [&'a str], &'a dyn Fn(f64) -> Target);
    let cases: [Case<'_>; 2] =
        [("score", &["train.epochs=1"], &Target::Score), ("percent", &["train.epochs=1", REGRESS], &percent)];
    for (name, overrides, target) in cases {
        write_zoo(&place.path().join("zoo.packed"), [16, 8, 8], target);
        let experiment = small(overrides);
        let summary = place.finish(name, &experiment);
        let found = answers(&place, name, &experiment);
        assert_eq!(found.len(), summary.pairs.len());
        let size = summary.pairs.iter().fold(1.0, |size: f64, [_, truth]| size.max(truth.abs()));
        for (found, [predicted, _]) in found.iter().zip(&summary.pairs) {
            assert!((found - predicted).abs() < 1e-5 * size, "{name}: {found} {predicted}");
        }
    }
}

/// Scores in percent, some below zero.
fn percent(score: f64) -> Target {
    Target::Score(150.0 * score - 40.0)
}

const REGRESS: &str = "task={ kind=\"regress\" }";

#[test]
fn numbers_of_any_size_are_learned_and_reported_in_their_unit() {
    let place = Place::new();
    write_zoo(&place.path().join("zoo.packed"), [64, 16, 24], percent);
    let experiment = small(&[REGRESS]);
    let summary = place.finish("run", &experiment);
    assert_eq!(summary.criterion, Criterion::R2);
    assert_eq!(summary.test.keys().collect::<Vec<_>>(), ["loss", "mae", "r2", "tau"]);
    assert!(summary.test["r2"] > 0.5 && summary.test["tau"] > 0.5, "{:?}", summary.test);
    assert!(summary.pairs.iter().any(|[_, truth]| *truth < 0.0), "true numbers are in percent");
    let errors = summary.pairs.iter().map(|[predicted, truth]| (predicted - truth).abs());
    assert!((errors.sum::<f64>() / 24.0 - summary.test["mae"]).abs() < 1e-9);
    // The loss counts in deviations of the training nets, which the checkpoint knows.
    let folder = place.folder_of("run", &experiment);
    let best =
        sgmn_nn::checkpoint::Checkpoint::read(&folder.best_checkpoint(), &candle_core::Device::Cpu).unwrap();
    let standard = &best.header.progress["standard"];
    let deviation = standard["deviation"].as_f64().unwrap();
    let squares = summary.pairs.iter().map(|[predicted, truth]| ((predicted - truth) / deviation).powi(2));
    let loss = squares.sum::<f64>() / 24.0;
    assert!((loss - summary.test["loss"]).abs() < 1e-5 * loss, "{loss}: {:?}", summary.test);
    assert!(standard["mean"].as_f64().unwrap().abs() < 150.0);
    let plot = std::fs::read_to_string(folder.plot("scatter")).unwrap();
    assert!(plot.contains(&format!("R² = {:.3}", summary.test["r2"])), "the scatter plot says R²");
}

#[test]
fn a_regression_that_was_stopped_goes_on_to_the_same_bits() {
    let place = Place::new();
    write_zoo(&place.path().join("zoo.packed"), [20, 8, 8], percent);
    let experiment = small(&[REGRESS, "train.epochs=3"]);
    place.finish("straight", &experiment);
    while matches!(
        place.run("stopped", &experiment, true).unwrap(),
        sgmn_exp::run::train::Outcome::Interrupted
    ) {}
    assert_eq!(facts(&place.run_path("stopped")), facts(&place.run_path("straight")));
    // Other numbers of the training nets are other predictions of the same model.
    write_zoo(&place.path().join("zoo.packed"), [20, 8, 8], Target::Score);
    let message = format!("{:#}", place.run("stopped", &experiment, false).unwrap_err());
    assert!(
        message.ends_with("expected the nets that the run began with, found that they changed"),
        "{message}"
    );
}

#[test]
fn a_model_for_predictions_returns_one_number() {
    let refusal = |assignment: &str| {
        let mut file = ExperimentFile::open("cifar10-gs-relu").unwrap();
        file.set(assignment).unwrap();
        format!("{:#}", file.resolve().unwrap_err())
    };
    assert_eq!(
        refusal("model.output.d_out=2"),
        "experiment cifar10-gs-relu: model.output.d_out: expected 1, the predicted score, found 2"
    );
    assert!(
        refusal(&STAT_NN.replace("d_out=1", "d_out=3"))
            .ends_with("model.d_out: expected 1, the predicted score, found 3")
    );
    assert!(refusal("task={ kind=\"predict\", n_classes=2 }").contains("task.n_classes: unknown field"));
}

#[test]
fn each_program_refuses_the_questions_of_another() {
    let place = Place::new();
    let file = place.path().join("tiny.toml");
    std::fs::write(&file, tiny(&[]).to_toml()).unwrap();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_generalization-prediction"));
    let output = command.arg("--experiment").arg(file).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    let expected = "expected a question for generalization-prediction, found one for inr-classification";
    assert!(told.contains(expected), "{told}");
}
