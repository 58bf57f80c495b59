//! Ctrl-C, and what schedulers send: the first signal asks a program to stop where nothing is lost, the second one ends
//! it at once.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// Exit status of a program that was asked to stop; the shell's custom.
pub const INTERRUPTED: u8 = 130;

/// What arrives this soon after the first signal is the same request: schedulers signal a process and its group too.
const ONE_REQUEST: Duration = Duration::from_secs(1);

/// A flag that Ctrl-C raises, saying `notice` if there is one; a second Ctrl-C ends the process.
///
/// SIGTERM, which clusters send before they end a job, and SIGHUP, which a closed terminal sends, count as Ctrl-C.
///
/// # Errors
/// If the handler cannot be installed; a process has one.
pub fn stop_on_interrupt(notice: Option<&'static str>) -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let mut first: Option<Instant> = None;
    ctrlc::set_handler(move || {
        let began = *first.get_or_insert_with(Instant::now);
        if raised.swap(true, Ordering::Relaxed) {
            if began.elapsed() < ONE_REQUEST {
                return;
            }
            std::process::exit(INTERRUPTED.into());
        }
        if let Some(notice) = notice {
            eprintln!("{notice}");
        }
    })
    .context("the handler of Ctrl-C")?;
    Ok(stop)
}

/// The exit status of a program that ended with an error: [`INTERRUPTED`] if the error is that it was asked to stop.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref() {
        Some(sgmn_data::Error::Interrupted) => ExitCode::from(INTERRUPTED),
        _ => ExitCode::FAILURE,
    }
}
