//! What goes wrong in training is said in one line, and what was there before stays.

use std::path::Path;

use assert_cmd::Command;
use sgmn_data::Target;
use sgmn_exp::{config::Experiment, run::folder::RunFolder};

use super::{
    binary,
    setup::{Place, bits, tiny, write_nets},
};

/// A call of the program that must fail; its one line of error.
fn refuse(command: std::process::Command) -> String {
    let output = Command::from_std(command).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(!told.contains("panicked"), "{told}");
    let lines: Vec<&str> = told.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{told}");
    assert!(told.ends_with(&format!("{}\n", lines[0])), "nothing is said after the error: {told}");
    lines[0].to_owned()
}

fn refuse_run(place: &Place, name: &str, experiment: &Experiment) -> String {
    refuse(binary::train(place, name, experiment))
}

fn refuse_resume(place: &Place, name: &str, experiment: &Experiment) -> String {
    let mut command = binary::train(place, name, experiment);
    command.arg("--resume");
    refuse(command)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn a_dataset_that_is_not_there_leaves_no_folder_behind() {
    let place = Place::new();
    let experiment = tiny(&["data.path=absent.packed"]);
    let message = refuse_run(&place, "run", &experiment);
    let expected = format!(
        "error: {}: expected packed nets, found nothing; ",
        shown(&place.path().join("absent.packed"))
    );
    assert!(message.starts_with(&expected), "{message}");
    assert!(!place.run_path("run").exists());
}

#[test]
fn a_class_out_of_range_is_found_before_the_first_step() {
    let place = Place::new();
    // Only test nets have it, which are asked about last.
    let target = |i| Target::Class(if i == 11 { 3 } else { 0 });
    write_nets(&place.path().join("nets.packed"), [3, 3, 12], target);
    assert_eq!(
        refuse_run(&place, "run", &tiny(&[])),
        "error: test-11: expected a class below 3, as task.n_classes says, found 3"
    );
    write_nets(&place.path().join("nets.packed"), [3, 3, 3], |_| Target::Score(0.5));
    let message = format!("{:#}", place.run("score", &tiny(&[]), false).unwrap_err());
    assert_eq!(message, "train-0: expected a class below 3, as task.n_classes says, found the score 0.5");
    write_nets(&place.path().join("nets.packed"), [3, 0, 3], |_| Target::Class(0));
    let message = format!("{:#}", place.run("empty", &tiny(&[]), false).unwrap_err());
    assert_eq!(message, "data: expected at least one net to val on, found none");
}

#[test]
fn a_symmetry_that_the_nets_do_not_have_is_refused_unless_it_is_meant() {
    let place = Place::new();
    assert_eq!(
        refuse_run(&place, "run", &tiny(&["model.symmetry=scale", "train.epochs=1"])),
        "error: model.symmetry: expected a symmetry of the nets, such as `own`, or force_symmetry = true where \
         `scale` is meant, found `scale` for nets 2-5-5-1: hidden layer 1: expected an activation that commutes with \
         positive numbers, found sine:30, which commutes with signs"
    );
    for (name, overrides) in [
        ("meant", &["model.symmetry=scale", "model.force_symmetry=true"][..]),
        ("part", &["model.symmetry=permutation"]),
        ("own", &["model.symmetry=own"]),
    ] {
        place.finish(name, &tiny(&[overrides, &["train.epochs=1"]].concat()));
    }
}

#[test]
fn a_run_that_diverges_names_its_step_and_keeps_its_last_checkpoint() {
    let place = Place::new();
    // The first step is taken from variables that are still good, and ruins them.
    let experiment = tiny(&["train.learning_rate=1e38", "train.warmup_steps=0", "train.eval_every=100"]);
    let message = refuse_run(&place, "run", &experiment);
    assert!(message.starts_with("error: step 2: the loss is NaN, expected a finite number; "), "{message}");
    assert!(message.ends_with("a smaller train.learning_rate may help"), "{message}");
    assert!(place.folder_of("run", &experiment).diverged().is_file(), "who plans runs is told");

    let experiment = tiny(&[]);
    assert!(place.run("good", &experiment, true).is_ok());
    let last = place.folder_of("good", &experiment).last_checkpoint();
    let before = bits(&last);
    // The same run with a rate that ruins it: its checkpoint is taken over with its hash.
    let ruined = tiny(&["train.learning_rate=1e38", "train.eval_every=100"]);
    let folder = place.folder_of("ruined", &ruined);
    let mut moved = sgmn_nn::checkpoint::Checkpoint::read(&last, &candle_core::Device::Cpu).unwrap();
    moved.header.progress["experiment"] = ruined.hash().into();
    moved.write(&folder.last_checkpoint()).unwrap();
    let message = format!("{:#}", place.run("ruined", &ruined, false).unwrap_err());
    assert!(message.starts_with("step 3: the loss is NaN, expected a finite number; "), "{message}");
    assert_eq!(bits(&folder.last_checkpoint()), before);
    assert!(!folder.summary().exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let place = Place::new();
    std::fs::create_dir(place.path().join("runs")).unwrap();
    std::fs::write(place.run_path("file"), "").unwrap();
    let message = refuse_run(&place, "file/run", &tiny(&[]));
    assert!(message.starts_with(&format!("error: {}", shown(&place.run_path("file")))), "{message}");
}

#[test]
fn damaged_and_foreign_checkpoints_are_refused_at_resume() {
    let place = Place::new();
    let experiment = tiny(&[]);
    place.finish("run", &experiment);
    let last = RunFolder::open(&place.run_path("run")).unwrap().last_checkpoint();
    let whole = std::fs::read(&last).unwrap();

    let other = tiny(&["train.seed=1"]);
    let message = refuse_resume(&place, "run", &other);
    assert!(message.contains("expected the experiment that was asked for, found another one"), "{message}");
    assert!(refuse_run(&place, "run", &experiment).ends_with("found a run; --resume continues it"));

    place.finish("other", &other);
    std::fs::copy(RunFolder::open(&place.run_path("other")).unwrap().last_checkpoint(), &last).unwrap();
    let message = refuse_resume(&place, "run", &experiment);
    let expected =
        format!("expected a checkpoint of experiment {}, found one of {}", experiment.hash(), other.hash());
    assert!(message.contains(&expected), "{message}");

    for end in [0, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&last, &whole[..end]).unwrap();
        let message = refuse_resume(&place, "run", &experiment);
        assert!(message.contains("last.safetensors: expected a safetensors file, found "), "{message}");
    }
    std::fs::write(&last, whole).unwrap();

    write_nets(&place.path().join("nets.packed"), [31, 9, 9], |i| Target::Class(i as u32 % 3));
    let message = refuse_resume(&place, "run", &experiment);
    assert!(
        message.ends_with("expected the nets that the run began with, found that they changed"),
        "{message}"
    );
}

#[test]
fn a_folder_to_resume_must_be_there_and_be_of_a_run() {
    let place = Place::new();
    let resume = |name: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_inr-classification"));
        command.arg("--resume").arg("--run").arg(place.run_path(name));
        command
    };
    let message = refuse(resume("absent"));
    assert!(message.ends_with("absent: expected the folder of a run, found nothing"), "{message}");
    std::fs::create_dir_all(place.run_path("empty")).unwrap();
    assert!(refuse(resume("empty")).ends_with("found no resolved.toml in it"));
    let mut command = resume("empty");
    command.args(["--set", "train.seed=1"]);
    assert!(refuse(command).contains("a resumed run is never changed"));
    let mut command = resume("empty");
    command.args(["--device", "cpu"]);
    assert!(refuse(command).contains("a resumed run is never changed"));
}

#[test]
fn mistakes_in_an_experiment_are_one_line_of_error() {
    let place = Place::new();
    for (assignment, parts) in [
        ("train.device=tpu", ["train.device: ", "`tpu`"]),
        ("train.batchsize=3", ["train.batchsize: ", "`batch_size`"]),
        ("nonsense.key=1", ["unknown key `nonsense`", "train"]),
        ("train.seed", ["--set: expected KEY=VALUE", "\"train.seed\""]),
    ] {
        let mut command = binary::train(&place, "run", &tiny(&[]));
        command.args(["--set", assignment]);
        let message = refuse(command);
        for part in parts {
            assert!(message.contains(part), "{message:?} lacks {part:?}");
        }
    }
    assert!(!place.run_path("run").exists());
}

#[cfg(not(any(feature = "cuda", feature = "metal")))]
#[test]
fn a_device_that_this_build_cannot_use_is_refused_before_anything_is_read() {
    let place = Place::new();
    let experiment = tiny(&["train.device=cuda", "data.path=absent.packed"]);
    assert_eq!(
        refuse_run(&place, "run", &experiment),
        "error: train.device: expected a build with the feature `cuda` to run on cuda, found one without it"
    );
    let mut command = binary::train(&place, "run", &tiny(&["data.path=absent.packed"]));
    command.args(["--device", "metal"]);
    assert_eq!(
        refuse(command),
        "error: train.device: expected a build with the feature `metal` to run on metal, found one without it"
    );
    assert!(!place.run_path("run").exists());
}
