//! The page about one run on a GPU: first what is missing or failed, then what was learned. No number in it is written
//! by hand.

use std::{collections::BTreeSet, fmt::Write};

use serde_json::Value;

use super::{
    results::{Results, number, plain_text, word},
    tables::{self, BATCHES, CONFIGS, MODES, PRECISIONS, STEPS, case},
};

/// Status of a step whose time was over.
const OUT_OF_TIME: f64 = 124.0;

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
        &[tables::checks(results)],
    );
    section(
        "Training steps",
        "Forward, loss, backward, clipping and AdamW. Shares are of the measured rates of products and of copies above.",
        &[tables::steps(results, MODES[0])],
    );
    section("Inference", "", &[tables::steps(results, MODES[1])]);
    section(
        "Where a training step's time goes",
        "Milliseconds by kind of operation, from events; `host` is the rest of the time on the clock.",
        &[tables::kinds(results)],
    );
    section("Repeatability", "", &[tables::repeats(results)]);
    section("Fitting meanwhile, on the processor", "", &[tables::fits(results)]);
    let epochs = results.epochs();
    let figure = figure.map(|file| format!("![accuracy by epoch and by time]({file})\n"));
    section("Training", &training(results), &[figure, tables::epochs(&epochs)]);
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

/// What was trained and how good it became.
fn training(results: &Results) -> String {
    let mut text = String::new();
    if let Some(choice) = results.last("train", "choice") {
        let (precision, why) = (plain_text(word(choice, "precision")), plain_text(word(choice, "why")));
        let _ = write!(text, "Precision {precision}: {why}.");
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
    text.trim_start().to_owned()
}

/// Everything that a reader must not overlook, as sentences; of what failed the first error.
pub(super) fn missing_or_failed(results: &Results) -> Vec<String> {
    let mut said = ends(results);
    said.extend(results.unread.iter().map(|line| plain_text(line)));
    said.extend(facts(results));
    said.extend(checks(results));
    said.extend(cases(results));
    said.extend(repeats(results));
    if results.last("fit", "population").is_none() {
        said.push("fit: no population was finished".to_owned());
    }
    if results.last("train", "choice").is_none() {
        said.push("train: no precision was chosen".to_owned());
    }
    if results.epochs().iter().all(|epoch| epoch.accuracy.is_none()) {
        said.push("train: no epoch was finished".to_owned());
    }
    said
}

/// Steps of the script that did not end, or not well. The training ends when the time is over.
fn ends(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for step in STEPS {
        let Some(line) = results.last(step, "ended") else {
            said.push(format!("{step}: did not end, the run was cut off"));
            continue;
        };
        let status = number(line, "status");
        if status == Some(0.0) || (step == "train" && status == Some(OUT_OF_TIME)) {
            continue;
        }
        said.push(format!(
            "{step}: ended with status {} after {} s: {}",
            tables::count(status),
            tables::count(number(line, "seconds")),
            plain_text(word(line, "first_error"))
        ));
    }
    said
}

fn facts(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    if results.last("facts", "device").is_none() {
        said.push("facts: the device is unknown".to_owned());
    }
    for precision in PRECISIONS {
        if !results.of("facts", "product").any(|line| word(line, "precision") == precision) {
            said.push(format!("facts: no rate of products in {precision}"));
        }
    }
    if results.last("facts", "copy").is_none() {
        said.push("facts: no rate of copies".to_owned());
    }
    let failed = results.of("facts", "failed");
    said.extend(failed.map(|line| {
        let said_of = |key| plain_text(word(line, key));
        format!("facts: {}: {}", said_of("of"), said_of("error"))
    }));
    said
}

fn checks(results: &Results) -> Vec<String> {
    if results.last("checks", "check").is_none() {
        return vec!["checks: none was made".to_owned()];
    }
    let failed = results.of("checks", "check").filter(|line| line["passed"] != true);
    failed
        .map(|line| {
            let reason = match word(line, "said") {
                "" => format!(
                    "{} is above {}",
                    tables::shown(number(line, "worst"), 1.0),
                    tables::shown(number(line, "tolerance"), 1.0)
                ),
                said => plain_text(said),
            };
            let name = |key| plain_text(word(line, key));
            format!("check {} of {}: {reason}", name("name"), name("group"))
        })
        .collect()
}

/// Cases of the steps that failed, that were never tried, and trainings that were not stable.
fn cases(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for line in results.of("steps", "failed") {
        let said_of = |key| plain_text(word(line, key));
        said.push(format!("steps: {} of {}: {}", said_of("mode"), named(line), said_of("error")));
    }
    for mode in MODES {
        let known = results.of("steps", mode);
        let failed = results.of("steps", "failed").filter(|line| word(line, "mode") == mode);
        let tried: BTreeSet<_> = known.chain(failed).map(case).collect();
        let n_all = CONFIGS.len() * BATCHES.len() * PRECISIONS.len();
        let (mut n_untried, mut untried) = (0, Vec::new());
        for (c, config) in CONFIGS.iter().enumerate() {
            for (p, precision) in PRECISIONS.iter().enumerate() {
                let wanted = |batch| (c, (*config).to_owned(), batch, p, (*precision).to_owned());
                let batches = BATCHES.into_iter().filter(|batch| !tried.contains(&wanted(*batch)));
                let batches: Vec<String> = batches.map(|batch| batch.to_string()).collect();
                n_untried += batches.len();
                if !batches.is_empty() {
                    untried.push(format!("{config} in {precision} at {}", batches.join(", ")));
                }
            }
        }
        if n_untried == n_all {
            said.push(format!("steps: {mode}: none of {n_all} cases was tried"));
        } else if n_untried > 0 {
            let list = untried.join("; ");
            said.push(format!("steps: {mode}: {n_untried} of {n_all} cases were not tried: {list}"));
        }
    }
    for line in results.of("steps", MODES[0]).filter(|line| line["stable"] != true) {
        said.push(format!("steps: training of {} was not stable", named(line)));
    }
    said
}

/// A case in words.
fn named(line: &Value) -> String {
    let (_, config, batch, _, precision) = case(line);
    format!("{} at {batch} in {}", plain_text(&config), plain_text(&precision))
}

fn repeats(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for what in ["same-seed", "resume"] {
        match results.last("repeat", what) {
            None => said.push(format!("repeat: {what} was not tried")),
            Some(line) if line["same_bits"] != true => said.push(format!(
                "repeat: {what}: other bits, first in {}",
                plain_text(word(line, "first_difference"))
            )),
            Some(_) => {}
        }
    }
    said
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
