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

/// Fits at once, however many nets.
const FITS: &str = r#"
out=; n=70000
while [ $# -gt 0 ]; do
  case $1 in --out) out=$2 ;; --json) json=$2 ;; --n) n=$2 ;; esac
  shift
done
: >"$out"
echo "{\"step\":\"fit\",\"what\":\"population\",\"n_nets\":$n}" >>"$json"
"#;
/// Facts fail, steps leave half a line and go on for ever, repeating works, tf32 is the fastest.
const MEASURES: &str = r#"
case "$*" in
  *facts*) echo "one"; echo "error: a \"quoted\" \\ path" >&2; exit 3 ;;
  *steps*) for json; do :; done; printf '{"step":"steps","wh' >>"$json"; exec sleep 60 ;;
  *repeat*) for json; do :; done; echo '{"step":"repeat","what":"resume","same_bits":true}' >>"$json" ;;
  *fastest*) echo tf32; echo "it \"was\"" >&2 ;;
esac
"#;
/// Trains until it is interrupted, and says how often it was.
const TRAINS: &str = r#"
run=; words="$*"
while [ $# -gt 0 ]; do case $1 in --run) run=$2 ;; esac; shift; done
mkdir -p "$run/checkpoints"
echo "$words" >"$run/resolved.toml"
echo '{"epoch":1,"split":"val","metrics":{"accuracy":0.5},"seconds":1}' >"$run/records.jsonl"
n=0
trap 'n=$((n+1))' INT
while [ $n -eq 0 ]; do sleep 0.1; done
sleep 0.2
echo "interrupted $n times" >"$run/checkpoints/best.safetensors"
exit 130
"#;

/// A folder for one test: the bundle in it, with these programs.
fn bundle_of(programs: [(&str, &str); 4]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("bundle");
    bundle::lay_out(&inner, None).unwrap();
    fs::write(inner.join("bundle.json"), "{\"commit\":\"abc\"}").unwrap();
    for (name, text) in programs {
        program(&inner.join("programs").join(name), text);
    }
    folder
}

/// A program of the shell.
fn program(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, format!("#!/bin/sh\n{text}")).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn run(folder: &Path, path: &str, seconds: &str) -> (Output, PathBuf) {
    let out = folder.join("out");
    let mut command = Command::new("env");
    command.args(["-i", &format!("PATH={path}"), &format!("HOME={}", folder.display())]);
    command.arg(format!("TMPDIR={}", folder.display()));
    command.arg("bash").arg(folder.join("bundle/run.sh")).arg(&out).arg(seconds);
    (command.output().unwrap(), out)
}

#[test]
fn a_step_that_fails_or_takes_too_long_never_ends_the_rest() {
    let folder = bundle_of([
        ("sgmn", FITS),
        ("sgmn-cuda", MEASURES),
        ("inr-classification-cuda", TRAINS),
        ("device-checks", "echo '3 passed, 1 failed'; exit 1"),
    ]);
    let (output, out) = run(folder.path(), "/usr/bin:/bin", "12");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
    let results = Results::read(&out).unwrap();
    let end = |step| {
        let line = results.last(step, "ended").unwrap_or_else(|| panic!("{step}: {told}"));
        (number(line, "status").unwrap(), word(line, "first_error"))
    };
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
    assert_eq!(fitted.collect::<Vec<_>>(), [12.0, 70000.0]);
    // The training took the precision that was fastest, was interrupted once, and everything of it is here.
    let choice = results.last("train", "choice").unwrap();
    assert_eq!((word(choice, "precision"), word(choice, "why")), ("tf32", "it \"was\""));
    let text = |file: &str| fs::read_to_string(out.join(file)).unwrap();
    assert_eq!(text("best.safetensors"), "interrupted 1 times\n");
    assert!(text("resolved.toml").contains("--set train.device=cuda --set train.precision=tf32"));
    assert_eq!(results.epochs()[0].accuracy, Some(0.5));
    assert_eq!(text("bundle.json"), "{\"commit\":\"abc\"}");
    let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.len() <= 8, "{names:?}");
    // Nothing is left of the folder for work.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);

    // The same folder again would mix two runs.
    let (again, _) = run(folder.path(), "/usr/bin:/bin", "1");
    assert_eq!(again.status.code(), Some(2));
}

#[test]
fn libraries_are_looked_for_and_what_is_missing_is_said_in_one_line() {
    let nothing = ("sgmn", "exit 1");
    let shows = ("sgmn-cuda", "echo \"path $LD_LIBRARY_PATH\"; exit 1");
    let folder =
        bundle_of([nothing, shows, ("inr-classification-cuda", "exit 1"), ("device-checks", "exit 1")]);
    // In place of the loader and of Python: one library can be found in a folder of Python's, the other nowhere.
    let (tools, wheels) = (folder.path().join("tools"), folder.path().join("wheels"));
    fs::create_dir(&tools).unwrap();
    fs::create_dir(&wheels).unwrap();
    fs::write(wheels.join("libone.so.13"), "").unwrap();
    let wheels = wheels.display();
    program(
        &tools.join("ldd"),
        &format!(
            "case \"$LD_LIBRARY_PATH\" in *{wheels}*) ;; *) echo '\tlibone.so.13 => not found' ;; esac\n\
             echo '\tlibtwo.so.10 => not found'; echo '\tlibc.so.6 => /lib/libc.so.6'"
        ),
    );
    program(&tools.join("python3"), &format!("echo {wheels}"));
    let (output, out) = run(folder.path(), &format!("{}:/usr/bin:/bin", tools.display()), "9");
    let told = String::from_utf8_lossy(&output.stdout);
    let line = told.lines().find(|line| line.starts_with("== libraries")).unwrap();
    assert_eq!(line.trim_end(), format!("== libraries: {wheels}; not found: libtwo.so.10"));
    assert!(fs::read_to_string(out.join("log.txt")).unwrap().contains(&format!("path {wheels}\n")));
    // A program that says nothing is spoken for.
    let results = Results::read(&out).unwrap();
    assert_eq!(
        word(results.last("checks", "ended").unwrap(), "first_error"),
        "ended with status 1 and said nothing"
    );
    assert_eq!(word(results.last("train", "choice").unwrap(), "precision"), "f32");
}
