//! `cargo xtask reproduce` and `cargo xtask tune`: build the programs of the experiments, and hand the words over to
//! `sgmn-report`.

use std::{
    env,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use cargo_metadata::Message;
use clap::{Args, ValueEnum};

use crate::{
    device::Device,
    repository::{self, describe},
};

/// What `sgmn-report` takes; `--help` lists it.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    words: Vec<String>,
}

/// The programs that it calls, and itself.
const PROGRAMS: [&str; 4] = ["inr-classification", "generalization-prediction", "inr-editing", "sgmn-report"];

/// Hands over a call of `cargo xtask NAME`, which is the step `step` of `sgmn-report`.
pub(crate) fn run(name: &str, step: &str, arguments: &Arguments) -> Result<()> {
    let words = &arguments.words;
    let report = build(device_of(words))?;
    let mut command = Command::new(report);
    command.current_dir(repository::root()).arg(step).args(words);
    command.arg("--here").arg(env::current_dir()?);
    command
        .arg("--typed")
        .arg(format!("cargo xtask {}", [&[name.to_owned()], &words[..]].concat().join(" ")));
    hand_over(command)
}

/// Builds the programs for a device, in the profile that tests and lints share; where the report program stands.
fn build(device: Device) -> Result<std::path::PathBuf> {
    // Not --package, which would choose other features for the dependencies than tests and lints.
    let mut build = repository::cargo(&["build", "--message-format=json-render-diagnostics"]);
    build.args(PROGRAMS.iter().flat_map(|name| ["--bin", name])).args(device.features());
    eprintln!("$ {}", describe(&build));
    let output = build.stderr(Stdio::inherit()).output().context("could not start cargo")?;
    ensure!(output.status.success(), "the experiment programs do not build");
    for message in Message::parse_stream(output.stdout.as_slice()) {
        if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")?
            && artifact.target.name == "sgmn-report"
            && let Some(program) = artifact.executable
        {
            return Ok(program.into_std_path_buf());
        }
    }
    anyhow::bail!("cargo built no sgmn-report")
}

/// The device that the words ask for; what is no device is refused by `sgmn-report`.
fn device_of(words: &[String]) -> Device {
    let after =
        words.iter().zip(words.iter().skip(1)).find(|(word, _)| *word == "--device").map(|(_, name)| name);
    let joined = || words.iter().find_map(|word| word.strip_prefix("--device="));
    let name = after.map(String::as_str).or_else(joined);
    name.and_then(|name| Device::from_str(name, false).ok()).unwrap_or(Device::Cpu)
}

/// Becomes the other program, so that signals and exit status are its own.
#[cfg(unix)]
fn hand_over(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).with_context(|| format!("could not start: {}", describe(&command)))
}

/// Runs the other program, and ends as it does.
#[cfg(not(unix))]
fn hand_over(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("could not start: {}", describe(&command)))?;
    std::process::exit(status.code().unwrap_or(1))
}
