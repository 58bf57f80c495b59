//! Where the project lies, and how a command is run in it.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

/// The root of the repository that this program was built in.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the repository")
}

/// A path inside the repository as a person in the current folder would write it.
pub(crate) fn shown(path: &Path) -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here).map_or_else(|_| path.to_path_buf(), Path::to_path_buf)
}

/// A command of cargo, in the root of the repository, that builds what the same words typed in a shell build.
///
/// `cargo run` tells this program about itself in variables of the environment. A build script that asks cargo to watch
/// one of them would run again in every nested call, and once more in the next one from a shell.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new("cargo");
    command.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_cargo_run) {
            command.env_remove(name);
        }
    }
    command
}

/// Whether `cargo run` sets this variable for the program that it runs; those that a person sets are left alone.
fn is_of_cargo_run(name: &str) -> bool {
    let of_package = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_CRATE_", "CARGO_BIN_"];
    of_package.iter().any(|start| name.starts_with(start))
        || matches!(name, "CARGO" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR")
}

/// Prints a command and the environment it adds, runs it, and fails if it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let line = describe(command);
    println!("$ {line}");
    let status = command.status().with_context(|| format!("could not start: {line}"))?;
    ensure!(status.success(), "failed with {status}: {line}");
    Ok(())
}

/// The command as it would be typed in the root of the repository.
pub(crate) fn describe(command: &Command) -> String {
    let mut words = Vec::new();
    for (name, value) in command.get_envs() {
        // A variable that is taken away is none that a person would type.
        let Some(value) = value.map(std::ffi::OsStr::to_string_lossy) else { continue };
        words.push(format!("{}={value}", name.to_string_lossy()));
    }
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ").replace(&format!("{}/", root().display()), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_calls_of_cargo_forget_what_cargo_run_says_of_this_program() {
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_VERSION", "CARGO"] {
            assert!(is_of_cargo_run(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_INCREMENTAL", "CARGO_TERM_COLOR", "PATH"] {
            assert!(!is_of_cargo_run(name), "{name}");
        }
        assert_eq!(describe(&cargo(&["build"])), "cargo build");
    }
}
