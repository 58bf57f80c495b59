//! The programs that train models, run one after the other so that Ctrl-C ends them first.

use std::{
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use sgmn_data::Error;

use crate::run::interrupt::INTERRUPTED;

/// A program that saves its state after Ctrl-C needs at most about this long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The children of this process.
pub(super) struct Children<'a> {
    /// Where their programs stand.
    folder: PathBuf,
    /// Raised when this process is asked to stop.
    stop: &'a AtomicBool,
}

impl<'a> Children<'a> {
    /// Programs that stand beside the one that runs, as cargo builds and installs them.
    ///
    /// # Errors
    /// If the system does not say where the running program stands.
    pub(super) fn beside_this(stop: &'a AtomicBool) -> Result<Self> {
        let this = std::env::current_exe().context("where this program stands")?;
        let folder = this.parent().context("where this program stands")?.to_owned();
        Ok(Self { folder, stop })
    }

    /// A call of the program of this name.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn command(&self, name: &str, arguments: &[String]) -> Result<Command> {
        let program = self.folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        ensure!(
            program.is_file(),
            "{}: expected a program, found none; `cargo build -p sgmn-exp --bins` makes it",
            program.display()
        );
        let mut command = Command::new(program);
        command.args(arguments);
        Ok(command)
    }

    /// Runs a command on this terminal to its end.
    ///
    /// Ctrl-C in a terminal reaches the child too, which then saves its state. If the signal came to this process alone,
    /// the child goes on and is ended after a while.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if this process or the child was asked to stop; another if the child fails.
    pub(super) fn run(&self, command: &mut Command) -> Result<()> {
        const GLANCE: Duration = Duration::from_millis(50);
        let line = typed(command);
        let mut child = command.spawn().with_context(|| format!("could not start: {line}"))?;
        let mut asked_at = None;
        let status = loop {
            if let Some(status) = child.try_wait().context("waiting for a child")? {
                break status;
            }
            if self.stop.load(Ordering::Relaxed) {
                let asked_at = *asked_at.get_or_insert_with(Instant::now);
                if asked_at.elapsed() > PATIENCE {
                    // What it wrote is whole: it goes on from its last checkpoint.
                    child.kill().context("ending a child")?;
                }
            }
            sleep(GLANCE);
        };
        match status.code() {
            _ if self.stop.load(Ordering::Relaxed) => Err(Error::Interrupted.into()),
            Some(0) => Ok(()),
            Some(code) if code == i32::from(INTERRUPTED) => Err(Error::Interrupted.into()),
            _ => bail!("failed with {status}: {line}"),
        }
    }
}

/// A command as a person types it who has the programs on the path.
pub(super) fn typed(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args()).map(|word| word.to_string_lossy());
    words.collect::<Vec<_>>().join(" ")
}
