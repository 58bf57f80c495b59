//! The script that runs there, with stand-ins of a few lines in place of the programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::{
    bundle,
    results::{Results, number, word},
};

/// Time for a script in which nothing takes any: no limit is reached unless a program says so.
const PLENTY: &str = "4800";
const PATH: &str = "/usr/bin:/bin";

/// Fits at once, however many nets.
const FITS: &str = r#"
echo "called: $*"
out=; n=70000
while [ $# -gt 0 ]; do
  case $1 in --out) out=$2 ;; --json) json=$2 ;; --n) n=$2 ;; esac
  shift
done
: >"$out"
echo "{\"step\":\"fit\",\"what\":\"population\",\"n_nets\":$n}" >>"$json"
"#;
/// Finds the file for results among its words, and says how it was called.
const BEGINS: &str = r#"
echo "called: $*" >&2
before=; for word; do [ "$before" != --json ] || json=$word; before=$word; done
time_is_over() {
  # Once `timeout` sleeps, which it does when it is ready for signals.
  until grep -q '^State:.S' "/proc/$PPID/status"; do :; done
  kill -ALRM $PPID
}
"#;
/// Facts fail, steps leave half a line and go on for ever, repeating works, tf32 is the fastest. The half line comes
/// once all fits have ended, which would go on writing behind it. The time limit is tried by its signal, the one that
/// `timeout` sends itself when the time is over.
const MEASURES: &str = r#"
case "$*" in
  *facts*) echo "one"; echo "error: a \"quoted\" \\ path" >&2; exit 3 ;;
  *steps*) until grep -q '"step":"fit","what":"ended"' "$json"; do sleep 0.05; done
    printf '{"step":"steps","wh' >>"$json"; time_is_over; exec sleep 60 ;;
  *repeat*) echo '{"step":"repeat","what":"resume","same_bits":true}' >>"$json" ;;
  *fastest*) echo tf32; echo "it was" >&2
    echo '{"step":"train","what":"choice","precision":"tf32","why":"it was"}' >>"$json" ;;
esac
"#;
/// All goes well, and nothing is said about precisions.
const MEASURES_NOTHING: &str = r#"exit 0"#;
/// A golden file is as it should be, and something else is not.
const CHECKS: &str = r#"
echo '{"step":"checks","what":"check","group":"golden","name":"a","passed":true}' >>"$json"
echo '3 passed, 1 failed'; exit 1
"#;
/// One kernel spoils everything that its process does afterwards.
const CHECKS_BADLY: &str = r#"
case "$*" in
  *--list*) echo "kernels/all are used: test"; echo "kernels/gather: test"; echo "golden/a: test" ;;
  *"--exact kernels/all are used"*) ;;
  *"--exact kernels/gather"*) echo "error: CUDA_ERROR_MISALIGNED_ADDRESS"; exit 1 ;;
  *--without-kernels*)
    echo '{"step":"checks","what":"check","group":"golden","name":"a","passed":true}' >>"$json" ;;
  *) echo '{"step":"checks","what":"check","group":"golden","name":"a","passed":true}' >>"$json"
    echo 'FAILED kernels/gather: "CUDA_ERROR_ILLEGAL_ADDRESS"'; exit 1 ;;
esac
"#;
/// Trains until it is interrupted, and says how often it was. The time is over at once.
const TRAINS: &str = r#"
run=; words="$*"
while [ $# -gt 0 ]; do case $1 in --run) run=$2 ;; esac; shift; done
mkdir -p "$run/checkpoints"
echo "$words" >"$run/resolved.toml"
echo '{"epoch":1,"split":"val","metrics":{"accuracy":0.5},"seconds":1}' >"$run/records.jsonl"
n=0
trap 'n=$((n+1))' INT
time_is_over
while [ $n -eq 0 ]; do sleep 0.1; done
sleep 0.2
echo "interrupted $n times" >"$run/checkpoints/best.safetensors"
exit 130
"#;
/// Fails after an epoch unless it is in f32.
const TRAINS_BADLY: &str = r#"
run=; words="$*"
while [ $# -gt 0 ]; do case $1 in --run) run=$2 ;; esac; shift; done
mkdir -p "$run"
case $words in
  *precision=f32*) echo '{"epoch":1,"split":"val","metrics":{"accuracy":0.75}}' >"$run/records.jsonl" ;;
  *) echo '{"epoch":1,"split":"val","metrics":{"accuracy":0.5}}' >"$run/records.jsonl"
    echo "error: CUDA_ERROR_LAUNCH_FAILED" >&2; exit 1 ;;
esac
"#;

/// A folder for one test: the bundle in it, with these programs.
fn bundle_of(programs: [(&str, &str); 4]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("bundle");
    bundle::lay_out(&inner, None).unwrap();
    fs::write(inner.join("bundle.json"), "{\"commit\":\"abc\"}").unwrap();
    for (name, text) in programs {
        program(&inner.join("programs").join(name), &format!("{BEGINS}{text}"));
    }
    folder
}

/// A program of the shell.
fn program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the script with nothing of this environment but some assignments.
fn run_in(folder: &Path, environment: &[&str], words: &[&str]) -> (Output, PathBuf) {
    let out = folder.join("out");
    let mut command = Command::new("env");
    command.args(["-i", &format!("HOME={}", folder.display()), &format!("TMPDIR={}", folder.display())]);
    command.args(environment).arg("bash").arg(folder.join("bundle/run.sh")).arg(&out).args(words);
    (command.output().unwrap(), out)
}

fn run(folder: &Path, words: &[&str]) -> (Output, PathBuf) {
    run_in(folder, &[&format!("PATH={PATH}")], words)
}

/// What a script left that ended well, and its log.
fn results_of((output, out): &(Output, PathBuf)) -> (Results, String) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (Results::read(out).unwrap(), fs::read_to_string(out.join("log.txt")).unwrap())
}

/// Status and first error of a step.
fn end<'a>(results: &'a Results, step: &'a str) -> (f64, &'a str) {
    let line = results.last(step, "ended").unwrap_or_else(|| panic!("{step} did not end"));
    (number(line, "status").unwrap(), word(line, "first_error"))
}

/// Calls of programs that hold a word, as the log has them.
fn calls<'a>(log: &'a str, word: &str) -> Vec<&'a str> {
    log.lines().filter(|line| line.starts_with("called: ") && line.contains(word)).collect()
}

#[test]
fn a_step_that_fails_or_takes_too_long_never_ends_the_rest() {
    let folder = bundle_of([
        ("sgmn", FITS),
        ("sgmn-cuda", MEASURES),
        ("inr-classification-cuda", TRAINS),
        ("device-checks", CHECKS),
    ]);
    let ran = run(folder.path(), &[PLENTY]);
    let (results, log) = results_of(&ran);
    let out = &ran.1;
    let end = |step| end(&results, step);
    assert_eq!(end("fit"), (0.0, ""));
    assert_eq!(end("facts"), (3.0, "error: a \"quoted\" \\ path"));
    assert_eq!(end("checks"), (1.0, "3 passed, 1 failed"));
    assert_eq!(end("steps").0, 124.0);
    assert_eq!(end("repeat"), (0.0, ""));
    assert_eq!(end("train").0, 124.0);
    // The half line stands alone, and what came after it can be read.
    assert_eq!(results.unread.len(), 1, "{:?}", results.unread);
    assert_eq!(results.of("repeat", "resume").count(), 1);
    let fitted = results.of("fit", "population").map(|line| number(line, "n_nets").unwrap());
    assert_eq!(fitted.collect::<Vec<_>>(), [3000.0, 70000.0]);
    assert!(calls(&log, "fit").iter().all(|call| call.starts_with("called: --threads ")), "{log}");
    let clock = results.last("fit", "clock").unwrap();
    assert!(number(clock, "began") <= number(clock, "ended") && number(clock, "threads") >= Some(1.0));
    // The training took the precision that was fastest, was interrupted once, and everything of it is here.
    let choices = results.of("train", "choice").map(|line| (word(line, "precision"), word(line, "why")));
    assert_eq!(choices.collect::<Vec<_>>(), [("tf32", "it was")]);
    let text = |file: &str| fs::read_to_string(out.join(file)).unwrap();
    assert_eq!(text("best.safetensors"), "interrupted 1 times\n");
    assert!(text("resolved.toml").ends_with("--set train.device=cuda --set train.precision=tf32\n"));
    assert_eq!(results.epochs()[0].accuracy, Some(0.5));
    assert_eq!(text("bundle.json"), "{\"commit\":\"abc\"}");
    // One golden file is as it should be: the kernels are used, and nothing is done twice.
    assert!(!log.contains("--without-kernels") && !log.contains("--exact"), "{log}");
    assert!(calls(&log, "repeat")[0].contains("--precisions f32,tf32"), "{log}");
    let names: Vec<_> = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.len() <= 8 && !names.iter().any(|name| name == "records-first.jsonl"), "{names:?}");
    // Nothing is left of the folder for work.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    // The same folder again would mix two runs.
    assert_eq!(run(folder.path(), &["1"]).0.status.code(), Some(2));
}

#[test]
fn a_kernel_that_spoils_its_process_is_left_out_of_the_rest_and_each_is_tried_alone() {
    let folder = bundle_of([
        ("sgmn", FITS),
        ("sgmn-cuda", MEASURES_NOTHING),
        ("inr-classification-cuda", "exit 0"),
        ("device-checks", CHECKS_BADLY),
    ]);
    let (results, log) = results_of(&run(folder.path(), &[PLENTY]));
    let why = word(results.last("checks", "without_kernels").unwrap(), "why");
    assert_eq!(why, "FAILED kernels/gather: \"CUDA_ERROR_ILLEGAL_ADDRESS\"");
    assert_eq!(end(&results, "checks-plain"), (0.0, ""));
    assert_eq!(end(&results, "kernels"), (1.0, "error: CUDA_ERROR_MISALIGNED_ADDRESS"));
    let kernels = results.of("kernels", "kernel").map(|line| (word(line, "name"), number(line, "status")));
    assert_eq!(kernels.collect::<Vec<_>>(), [("all are used", Some(0.0)), ("gather", Some(1.0))]);
    for step in ["measure steps", "measure repeat", "--run"] {
        let calls = calls(&log, step);
        assert!(calls.len() == 1 && calls[0].ends_with(" --without-kernels"), "{step}: {log}");
    }
    // Nothing was named to train in.
    assert_eq!(word(results.last("train", "choice").unwrap(), "precision"), "f32");
}

#[test]
fn without_a_golden_file_that_passed_the_kernels_are_left_out() {
    let folder = bundle_of([
        ("sgmn", FITS),
        ("sgmn-cuda", MEASURES_NOTHING),
        ("inr-classification-cuda", "exit 0"),
        ("device-checks", "exit 1"),
    ]);
    let (results, log) = results_of(&run(folder.path(), &[PLENTY, "checks repeat"]));
    let why = word(results.last("checks", "without_kernels").unwrap(), "why");
    assert_eq!(why, "no golden file passed");
    let said = "error: expected checks that begin with kernels/, found none";
    assert_eq!(end(&results, "kernels"), (1.0, said));
    assert!(calls(&log, "measure repeat")[0].ends_with(" --without-kernels"), "{log}");
}

#[test]
fn a_training_that_ends_early_is_begun_again_if_there_is_time() {
    for (seconds, again) in [(PLENTY, true), ("20", false)] {
        let folder = bundle_of([
            ("sgmn", FITS),
            ("sgmn-cuda", MEASURES),
            ("inr-classification-cuda", TRAINS_BADLY),
            ("device-checks", "exit 0"),
        ]);
        let (results, log) = results_of(&run(folder.path(), &[seconds, "train"]));
        assert_eq!(end(&results, "train"), (1.0, "error: CUDA_ERROR_LAUNCH_FAILED"));
        let accuracy = |epochs: Vec<super::results::Epoch>| epochs.first().and_then(|epoch| epoch.accuracy);
        if !again {
            assert_eq!((results.of("train", "choice").count(), accuracy(results.epochs())), (1, Some(0.5)));
            assert!(results.last("train-again", "ended").is_none());
            continue;
        }
        assert_eq!(end(&results, "train-again"), (0.0, ""));
        assert_eq!(accuracy(results.epochs()), Some(0.75));
        assert_eq!(accuracy(results.epochs_of_first()), Some(0.5));
        let choice = results.last("train", "choice").unwrap();
        assert_eq!(word(choice, "precision"), "f32");
        assert_eq!(
            word(choice, "why"),
            "once more: in tf32 it ended with status 1; now without kernels: error: CUDA_ERROR_LAUNCH_FAILED"
        );
        assert!(calls(&log, "precision=f32")[0].ends_with(" --without-kernels"), "{log}");
    }
}

#[test]
fn only_the_steps_that_are_asked_for_are_run_and_unknown_ones_refused() {
    let folder = bundle_of([
        ("sgmn", FITS),
        ("sgmn-cuda", MEASURES),
        ("inr-classification-cuda", "exit 0"),
        ("device-checks", CHECKS),
    ]);
    for unknown in ["checks trains", "", " "] {
        let (output, out) = run(folder.path(), &[PLENTY, unknown]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("STEPS: expected some of fit facts checks steps repeat train, found "),
            "{said}"
        );
        assert!(!out.exists());
    }
    let (results, log) = results_of(&run(folder.path(), &[PLENTY, "train  checks"]));
    let asked = |step| results.asked_for(step);
    assert!(asked("fit") && asked("checks") && asked("train") && !asked("facts") && !asked("steps"));
    let ended = ["fit", "facts", "checks", "steps", "repeat", "train"];
    let ended = ended.into_iter().filter(|step| results.last(step, "ended").is_some());
    assert_eq!(ended.collect::<Vec<_>>(), ["fit", "checks", "train"]);
    // The time of what was left out goes to the rest: 90 s of 250.
    assert_eq!(number(results.last("checks", "ended").unwrap(), "limit"), Some(1728.0));
    assert!(calls(&log, "measure steps").is_empty(), "{log}");
}

#[test]
fn libraries_are_looked_for_and_what_is_missing_is_said_in_one_line() {
    let shows = ("sgmn-cuda", "echo \"path $LD_LIBRARY_PATH\"; exit 1");
    let nothing = "exit 1";
    let folder = bundle_of([
        ("sgmn", nothing),
        shows,
        ("inr-classification-cuda", nothing),
        ("device-checks", nothing),
    ]);
    // One that says nothing at all.
    program(&folder.path().join("bundle/programs/device-checks"), nothing);
    // In place of the loader: which libraries are missing depends on the folders that it is told.
    let root = folder.path().canonicalize().unwrap();
    let at = |name: &str| root.join(name);
    let tools = at("tools");
    fs::create_dir(&tools).unwrap();
    let mut loader =
        String::from("echo '\tlibnone.so.10 => not found'; echo '\tlibc.so.6 => /lib/libc.so.6'\n");
    let places = ["wheels", "home/lib64", "kit/targets/x86_64-linux/lib"];
    for (place, library) in places.iter().zip(["libone.so.13", "libtwo.so.13", "libthree.so.13"]) {
        fs::create_dir_all(at(place)).unwrap();
        fs::write(at(place).join(library), "").unwrap();
        let place = at(place).display().to_string();
        loader += &format!(
            "case \"$LD_LIBRARY_PATH\" in *{place}*) ;; *) echo '\t{library} => not found' ;; esac\n"
        );
    }
    program(&tools.join("ldd"), &loader);
    // One is found in a folder of Python's, one where CUDA_HOME says, one beside the compiler on the path.
    program(&tools.join("python3"), &format!("echo {}", at("wheels").display()));
    fs::create_dir(at("kit/bin")).unwrap();
    program(&at("kit/bin/nvcc"), "exit 1");
    let path = format!("PATH={}:{}:{PATH}", tools.display(), at("kit/bin").display());
    let home = format!("CUDA_HOME={}", at("home").display());
    let (results, log) = results_of(&run_in(folder.path(), &[&path, &home], &[PLENTY, "facts checks"]));
    let line = log.lines().find(|line| line.starts_with("== libraries")).unwrap();
    let (found, lacking) = line.split_once("; not found: ").unwrap();
    assert_eq!(lacking.trim_end(), "libnone.so.10");
    let found = found.trim_start_matches("== libraries: ");
    for place in places {
        assert!(found.split(':').any(|folder| Path::new(folder) == at(place)), "{place}: {found}");
    }
    assert!(log.contains(&format!("path {found}\n")), "{log}");
    // A program that says nothing is spoken for.
    assert_eq!(end(&results, "checks-plain").1, "ended with status 1 and said nothing");
}
