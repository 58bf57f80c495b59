//! Experiments composed on the command line: a person's own nets, what follows from them, and what is asked for.

use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Output},
    sync::Arc,
};

use sgmn_data::{
    Target,
    formats::packed::{Item, Writer},
    split::Split,
};
use sgmn_exp::{
    config::{Experiment, Task},
    run::folder::RunFolder,
};
use sgmn_graph::{Activation, NetSpec, Seed, testing};

use super::setup::{Place, write_nets};

/// A call of a program in a folder.
fn output(program: &str, folder: &Path, words: &[&str]) -> Output {
    let program = match program {
        "inr-classification" => env!("CARGO_BIN_EXE_inr-classification"),
        "inr-editing" => env!("CARGO_BIN_EXE_inr-editing"),
        other => {
            assert_eq!(other, "generalization-prediction");
            env!("CARGO_BIN_EXE_generalization-prediction")
        }
    };
    Command::new(program).current_dir(folder).args(words).output().unwrap()
}

/// Its exit status and its standard error.
fn call(program: &str, folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = output(program, folder, words);
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// Its exit status and its standard output.
fn printed(program: &str, folder: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = output(program, folder, words);
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The experiment of a run that must come to its end.
fn finished(program: &str, folder: &Path, words: &[&str], run: &str) -> Experiment {
    let (status, said) = call(program, folder, &[words, &["--set", "train.epochs=1"]].concat());
    assert_eq!(status, Some(0), "{said}");
    RunFolder::open(&folder.join("runs").join(run)).unwrap().experiment().unwrap()
}

/// Nets of two and of three layers.
fn two_depths(path: &Path) {
    let mut writer = Writer::create(path, BTreeMap::new()).unwrap();
    for (i, split) in Split::ALL.into_iter().cycle().take(6).enumerate() {
        let widths = [&[2, 3, 1][..], &[2, 3, 3, 1]][i / 3];
        let spec = Arc::new(NetSpec::mlp(widths, Activation::Relu, 0.0).unwrap());
        let net = testing::random_net(Seed::new(1).index(i as u64), &spec);
        let params = net.params().iter().map(|&value| value as f32).collect();
        let (id, target) = (format!("{i}"), Target::Class(i as u32 / 3));
        writer.push(Item { id, spec, params, target, split: Some(split) }).unwrap();
    }
    writer.finish().unwrap();
}

#[test]
fn own_nets_with_classes_are_classified_by_any_model() {
    let place = Place::new();
    let words = ["--data", "nets.packed", "--model", "flat-mlp", "--set", "model.d_hidden=[8]"];
    let experiment = finished("inr-classification", place.path(), &words, "quick-nets-flat-mlp-seed0");
    assert_eq!(experiment.task(), &Task::Classify { n_classes: 3 });
    let text = experiment.to_toml();
    assert!(text.contains("path = \"nets.packed\"") && text.contains("d_out = 3"), "{text}");
    // The run is found again, from another folder too.
    let resumed = ["--resume", "--run", "runs/quick-nets-flat-mlp-seed0", "--data-dir", "."];
    assert_eq!(call("inr-classification", place.path(), &resumed).0, Some(0));
}

#[test]
fn own_nets_with_numbers_are_predicted_and_numbers_of_any_size_regressed() {
    let folder = tempfile::tempdir().unwrap();
    for (file, factor) in [("shares.packed", 0.1), ("sizes.packed", 3.0)] {
        write_nets(&folder.path().join(file), [10, 5, 5], |i| Target::Score(factor * (i % 7) as f64));
    }
    let run = |words: &[&str], run| {
        let words = [&["--model", "stat-nn", "--set", "model.d_hidden=[4]"], words].concat();
        finished("generalization-prediction", folder.path(), &words, run).task().clone()
    };
    assert_eq!(run(&["--data", "shares.packed"], "quick-shares-stat-nn-seed0"), Task::Predict {});
    assert_eq!(run(&["--data", "sizes.packed"], "quick-sizes-stat-nn-seed0"), Task::Regress {});
    let chosen = ["--data", "./shares.packed", "--task", "regress"];
    assert_eq!(run(&chosen, "quick-shares-regress-stat-nn-seed0"), Task::Regress {});
}

#[test]
fn every_example_of_the_help_is_understood() {
    let folder = tempfile::tempdir().unwrap();
    for program in sgmn_exp::config::PROGRAMS {
        let (_, help) = printed(program, folder.path(), &["--help"]);
        let examples: Vec<&str> =
            help.lines().filter_map(|line| line.trim().strip_prefix(program)?.strip_prefix(' ')).collect();
        assert!(examples.len() >= 4, "{help}");
        for example in examples {
            // With --list the words are read and nothing is run.
            let words: Vec<&str> = example.split_whitespace().chain(["--list"]).collect();
            assert_eq!(printed(program, folder.path(), &words).0, Some(0), "{program} {example}");
        }
    }
}

#[test]
fn what_makes_no_sense_together_says_why_and_leaves_no_run() {
    let place = Place::new();
    write_nets(&place.path().join("mute.packed"), [4, 2, 2], |_| Target::None);
    two_depths(&place.path().join("depths.packed"));
    for (program, words, expected) in [
        ("inr-classification", &["--data", "mini"][..], "data: expected one of fmnist-inrs-full, "),
        ("inr-classification", &["--data", "nets.packed", "--model", "gnn"], "model: expected one of "),
        (
            "inr-classification",
            &["--data", "nets.packed", "--size", "huge"],
            "size: expected one of best, best-10k, best-10k-adamw, best-10k-constant, best-10k-last, best-10k-noise, best-10k-plain, best-10k-still, quick, small, small-10k, small-1k, small-30k, small-3k, wide",
        ),
        (
            "inr-classification",
            &["--data", "zoo-relu"],
            "data zoo-relu: expected nets that inr-classification can ask about (classify), found nets for predict \
             (generalization-prediction), regress (generalization-prediction)",
        ),
        (
            "generalization-prediction",
            &["--data", "nets.packed"],
            "expected nets that generalization-prediction can ask about (predict, regress), found nets for classify",
        ),
        ("inr-classification", &["--data", "mute.packed"], "found nets for edit (inr-editing)"),
        ("inr-classification", &["--data", "nets.packed", "--task", "predict"], "found predict"),
        (
            "inr-classification",
            &["--data", "depths.packed", "--model", "flat-mlp"],
            "(flat_mlp reads one), found 2 architectures",
        ),
        ("inr-editing", &["--data", "mini-inrs", "--model", "stat-nn"], "so it cannot edit"),
        ("inr-editing", &["--data", "nets.packed"], "--set task.edit=dilate or contrast"),
        (
            "inr-classification",
            &["--experiment", "quick", "--activation", "relu"],
            "expected --data PATH beside them",
        ),
        (
            "inr-classification",
            &["--data", "nets.packed", "--target", "label"],
            "expected no options for a packed",
        ),
        ("inr-classification", &["--experiment", "quick", "--data", "nets.packed"], "cannot be used with"),
        ("inr-classification", &["--model", "dws"], "--data"),
        ("inr-classification", &[], "expected what to run, --experiment or --data, or --resume"),
    ] {
        let (status, said) = call(program, place.path(), words);
        assert!(status != Some(0) && said.contains(expected), "{program} {words:?}: {said}");
        assert!(!place.path().join("runs").exists(), "{program} {words:?}");
    }
}
