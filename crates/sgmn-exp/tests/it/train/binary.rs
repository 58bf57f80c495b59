//! Training as a person starts it: signals, threads, exit statuses.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use super::setup::{Place, facts, tiny};
use rand::RngExt;
use sgmn_exp::config::Experiment;
use sgmn_graph::Seed;

/// A call of the program that trains `experiment` in the folder `name`, its data below `place`.
pub(super) fn train(place: &Place, name: &str, experiment: &Experiment) -> Command {
    let file = place.path().join(format!("{}.toml", name.replace('/', "-")));
    std::fs::write(&file, experiment.to_toml()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_inr-classification"));
    command.arg("--experiment").arg(file).arg("--run").arg(place.run_path(name));
    command.arg("--data-dir").arg(place.path());
    command
}

fn resume(place: &Place, name: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_inr-classification"));
    command.arg("--resume").arg("--run").arg(place.run_path(name)).arg("--data-dir").arg(place.path());
    command
}

/// Starts a run and waits until it has written records.
fn start_and_wait(mut command: Command, records: &Path, n_records: usize) -> Child {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let written = || std::fs::read_to_string(records).map_or(0, |text| text.lines().count());
    while written() < n_records {
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

/// Long enough to be met in the middle, short enough for a test.
fn long() -> Experiment {
    tiny(&["train.epochs=80", "train.checkpoint_every_epochs=3"])
}

fn finished_straight(place: &Place, experiment: &Experiment) -> PathBuf {
    assert_eq!(train(place, "straight", experiment).output().unwrap().status.code(), Some(0));
    place.run_path("straight")
}

#[test]
fn a_killed_process_goes_on_to_the_same_bits() {
    let place = Place::new();
    let experiment = long();
    let straight = finished_straight(&place, &experiment);
    let folder = place.run_path("killed");
    let mut child = start_and_wait(train(&place, "killed", &experiment), &folder.join("records.jsonl"), 20);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.join("summary.json").exists(), "the run was over before it was killed");
    let output = resume(&place, "killed").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(facts(&folder), facts(&straight));
}

#[cfg(unix)]
fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn ctrl_c_and_what_clusters_send_save_and_say_how_to_go_on() {
    let place = Place::new();
    let experiment = long();
    let straight = finished_straight(&place, &experiment);
    for kind in ["-INT", "-TERM"] {
        let name = format!("stopped{kind}");
        let folder = place.run_path(&name);
        let mut child = start_and_wait(train(&place, &name, &experiment), &folder.join("records.jsonl"), 10);
        signal(&child, kind);
        // Schedulers signal a process and its group at once: that is one request.
        signal(&child, kind);
        let told: Vec<String> =
            BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{told:?}");
        let told = told.join("\n");
        assert!(told.contains("stopping after this step"), "{told}");
        let expected = format!(
            "saved; continue with --resume --run {} --data-dir {}",
            folder.display(),
            place.path().display()
        );
        assert!(told.ends_with(&expected), "{told}");
        assert!(!folder.join("summary.json").exists());
        let output = resume(&place, &name).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(facts(&folder), facts(&straight), "{kind}");
    }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_and_stopped_at_random_moments_ends_with_the_same_bits() {
    /// Signals before the run is left alone.
    const N_SIGNALS: usize = 12;
    let place = Place::new();
    // Saved by time after every step: kills meet epochs in their middle, and files that are being written.
    let experiment = tiny(&[
        "pipeline.augment=[{ kind = \"random_action\", symmetries = [\"permutation\", \"sign\"] }]",
        "train.epochs=40",
        "train.checkpoint_every_minutes=1e-9",
    ]);
    let straight = finished_straight(&place, &experiment);
    let folder = place.run_path("killed");
    let last = folder.join("checkpoints").join("last.safetensors");
    let changed = || std::fs::metadata(&last).and_then(|facts| facts.modified()).ok();
    let mut rng = Seed::new(11).rng();
    for _ in 0..N_SIGNALS {
        let mut command =
            if last.exists() { resume(&place, "killed") } else { train(&place, "killed", &experiment) };
        let before = changed();
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // At least one step, so that the run comes to its end at last; then some time that nobody knows.
        while changed() == before && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros(rng.random_range(0..20_000)));
        if child.try_wait().unwrap().is_some() {
            break;
        }
        let is_killed: bool = rng.random();
        signal(&child, if is_killed { "-KILL" } else { "-TERM" });
        let code = child.wait().unwrap().code();
        assert!(matches!(code, None | Some(0 | 130)), "{code:?}");
    }
    if !folder.join("summary.json").exists() {
        let output = resume(&place, "killed").output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(facts(&folder), facts(&straight));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let place = Place::with([70, 9, 9]);
    // Wide and many enough that the work is split.
    let experiment = tiny(&[
        "model.d_hidden=48",
        "model.d_mlp=[48]",
        "model.direction=bidirectional",
        "train.batch_size=64",
        "train.epochs=2",
    ]);
    let ran = ["1", "2", "3"].map(|threads| {
        let name = format!("threads-{threads}");
        let output = train(&place, &name, &experiment).env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        facts(&place.run_path(&name))
    });
    assert_eq!(ran[1], ran[0]);
    assert_eq!(ran[2], ran[0]);
}

#[test]
fn the_list_of_experiments_is_printed() {
    let output = Command::new(env!("CARGO_BIN_EXE_inr-classification")).arg("--list").output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.lines().any(|line| line.trim().starts_with("mnist-bidirectional ")), "{listed}");
    assert!(listed.contains("mini-inrs") && !listed.contains("zoo-relu"), "{listed}");
}
