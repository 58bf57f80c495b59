//! The page about one run on a GPU: first what is missing or failed, then what was learned. No number in it is written
//! by hand.

use std::fmt::Write;

use super::{
    missing::missing_or_failed,
    results::{Results, number, plain_text, word},
    tables::{self, MODES, WITHOUT_KERNELS},
};

/// The page in Markdown; `figure` is the name of the figure's file beside it, if there is one.
pub(super) fn page(results: &Results, figure: Option<&str>) -> String {
    let mut text = String::from("# On a GPU\n\n");
    text += &head(results);
    let missed = missing_or_failed(results);
    text += "\n## Missing or failed\n\n";
    if missed.is_empty() {
        text += "Nothing.\n";
    }
    for sentence in missed {
        let _ = writeln!(text, "- {sentence}");
    }
    let clock = clock(results);
    // Only beneath a table.
    let with_clock = |table: Option<String>| {
        let clock = table.is_some().then(|| clock.clone()).flatten();
        [table, clock]
    };
    let mut section = |title: &str, about: &str, parts: &[Option<String>]| {
        let parts: Vec<&str> = parts.iter().flatten().map(String::as_str).collect();
        if !parts.is_empty() {
            let about = if about.is_empty() { String::new() } else { format!("{about}\n\n") };
            let _ = write!(text, "\n## {title}\n\n{about}{}", parts.join("\n"));
        }
    };
    section("Device", "", &[tables::device(results), tables::rates(results), tables::copies(results)]);
    section(
        "Parity",
        "Of each group the check that came closest to its tolerance is named.",
        &[tables::checks(results, "checks")],
    );
    section(
        "Parity without kernels, and of each kernel alone",
        "What follows went without kernels.",
        &WITHOUT_KERNELS.map(|step| tables::checks(results, step)),
    );
    section(
        "Training steps",
        "Forward, loss, backward, clipping and AdamW. Shares are of the measured rates of products and of copies above.",
        &with_clock(tables::steps(results, MODES[0])),
    );
    section("Inference", "", &with_clock(tables::steps(results, MODES[1])));
    section(
        "Where a training step's time goes",
        "Milliseconds of the device by kind of operation, and launches in brackets. `host` is the rest of the time on the \
         clock, in which the device waits for it; taken from another step, it may be a little below zero. `other` is \
         upkeep of candle's graph and has no time of its own.",
        &[tables::kinds(results)],
    );
    section("Repeatability", "", &[tables::repeats(results)]);
    section("Fitting meanwhile, on the processor", "", &[tables::fits(results)]);
    let epochs = results.epochs();
    let figure = figure.map(|file| format!("![accuracy by epoch and by time]({file})\n"));
    section("Training", "", &[training(results), figure, tables::epochs(&epochs)]);
    section("The training that ended early", "", &[tables::epochs(&results.epochs_of_first())]);
    section("Steps of the script", "", &[tables::ends(results)]);
    text
}

/// When, where, and of which commit.
fn head(results: &Results) -> String {
    let unknown = |text: &str| if text.is_empty() { "unknown".to_owned() } else { plain_text(text) };
    let date = results.last("run", "began").map_or("", |line| word(line, "date"));
    let device = results.last("facts", "device").map_or("", |line| word(line, "name"));
    let bundle = &results.bundle;
    let changed = if bundle["is_changed"] == true { ", with changes that were not committed" } else { "" };
    format!(
        "Made by `cargo xtask check-gpu --read` of what `run.sh` measured.\n\nDate: {}.\nDevice: {}.\n\
         Bundle: commit {}{changed}, built {} with {} and {}.\n",
        unknown(date),
        unknown(device),
        unknown(word(bundle, "commit")),
        unknown(word(bundle, "date")),
        unknown(word(bundle, "compiler")),
        unknown(word(bundle, "nvcc")),
    )
}

/// When nets were fitted beside, which takes processors and memory from what is measured meanwhile.
fn clock(results: &Results) -> Option<String> {
    let fits = results.last("fit", "clock")?;
    let mut text = format!(
        "On the processor nets were fitted beside, from second {} to second {} of the run",
        tables::count(number(fits, "began")),
        tables::count(number(fits, "ended"))
    );
    let steps = results.last("steps", "ended");
    if let Some((began, took)) = steps.and_then(|line| number(line, "began").zip(number(line, "seconds"))) {
        let _ = write!(text, "; this was measured from second {began} to second {}", began + took);
    }
    Some(text + ".\n")
}

/// What was trained and how good it became.
fn training(results: &Results) -> Option<String> {
    let mut text = String::new();
    for choice in results.of("train", "choice") {
        let (precision, why) = (plain_text(word(choice, "precision")), plain_text(word(choice, "why")));
        let _ = write!(text, " Precision {precision}: {why}.");
    }
    let epochs = results.epochs();
    let best = epochs.iter().filter_map(|epoch| Some((epoch.accuracy?, epoch)));
    if let Some((accuracy, epoch)) = best.max_by(|a, b| a.0.total_cmp(&b.0)) {
        let _ = write!(
            text,
            " Best on the validation nets: {:.2} % after epoch {} and {} s.",
            100.0 * accuracy,
            epoch.number,
            tables::shown(epoch.seconds, 1.0)
        );
    }
    (!text.is_empty()).then(|| format!("{}\n", text.trim_start()))
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
