//! Building the experiment binaries, and running them so that Ctrl-C ends them first.

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;

use crate::{
    device::Device,
    repository::{self, describe},
};

/// Exit status of a program that was asked to stop; the shell's custom.
pub(super) const INTERRUPTED: i32 = 130;
/// A program that saves its state after Ctrl-C needs at most about this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The programs of `sgmn-exp` that this command runs.
pub(super) struct Programs {
    built: Vec<(String, PathBuf)>,
}

/// Their names; those that train models stand in the plan too.
const NAMES: [&str; 4] = ["inr-classification", "generalization-prediction", "inr-editing", "sgmn-report"];

/// The children of this process, one after the other.
pub(super) struct Children {
    stop: Arc<AtomicBool>,
}

/// How a child ended that did not fail.
pub(super) enum Ended {
    /// Its work is done.
    Well,
    /// Ctrl-C was pressed; it has saved what it had.
    Interrupted,
}

impl Programs {
    /// Builds them for a device, in the profile that tests and lints share.
    pub(super) fn build(device: Device) -> Result<Self> {
        // Not --package, which would choose other features for the dependencies than tests and lints.
        let mut build = repository::cargo(&["build", "--message-format=json-render-diagnostics"]);
        build.args(NAMES.iter().flat_map(|name| ["--bin", name]));
        build.args(device.features());
        println!("$ {}", describe(&build));
        let output = build.stderr(Stdio::inherit()).output().context("could not start cargo")?;
        ensure!(output.status.success(), "the experiment binaries do not build");
        let mut built = Vec::new();
        for message in Message::parse_stream(output.stdout.as_slice()) {
            if let Message::CompilerArtifact(artifact) = message.context("a message of cargo")?
                && let Some(program) = artifact.executable
            {
                built.push((artifact.target.name, program.into_std_path_buf()));
            }
        }
        Ok(Self { built })
    }

    /// A call of the program of this name.
    ///
    /// # Errors
    /// If cargo built none.
    pub(super) fn named(&self, name: &str) -> Result<Command> {
        let found = self.built.iter().find(|(target, _)| target == name);
        let (_, program) = found.with_context(|| format!("cargo built no {name}"))?;
        let mut command = Command::new(program);
        command.current_dir(repository::root());
        Ok(command)
    }
}

impl Children {
    /// From here on Ctrl-C ends the child that runs, and this process after it.
    pub(super) fn listen() -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let raised = Arc::clone(&stop);
        ctrlc::set_handler(move || raised.store(true, Ordering::Relaxed))
            .context("cannot listen for Ctrl-C")?;
        Ok(Self { stop })
    }

    /// Whether Ctrl-C was pressed.
    pub(super) fn are_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Runs a command on this terminal to its end. Ctrl-C in a terminal reaches the child too, which then saves its
    /// state; if the signal came to this process alone, the child goes on and is ended after a while.
    pub(super) fn run(&self, command: &mut Command) -> Result<Ended> {
        const GLANCE: Duration = Duration::from_millis(50);
        let line = describe(command);
        let mut child = command.spawn().with_context(|| format!("could not start: {line}"))?;
        let mut asked_at = None;
        let status = loop {
            if let Some(status) = child.try_wait().context("waiting for a child")? {
                break status;
            }
            if self.are_stopped() {
                let asked_at = *asked_at.get_or_insert_with(Instant::now);
                if asked_at.elapsed() > PATIENCE {
                    // What it wrote is whole: it goes on from its last checkpoint.
                    child.kill().context("ending a child")?;
                }
            }
            sleep(GLANCE);
        };
        match status.code() {
            _ if self.are_stopped() => Ok(Ended::Interrupted),
            Some(0) => Ok(Ended::Well),
            Some(INTERRUPTED) => Ok(Ended::Interrupted),
            _ => bail!("failed with {status}: {line}"),
        }
    }
}
