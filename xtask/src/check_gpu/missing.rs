//! What is missing or failed in a run: the sentences at the top of the page, so that nobody overlooks them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    results::{Results, number, plain_text, word},
    tables::{
        self, AGAIN, BATCHES, CONFIGS, MODES, PRECISIONS, REPEATED, REPEATS, STEPS, WITHOUT_KERNELS, case,
    },
};

/// Status of a step whose time was over.
const OUT_OF_TIME: f64 = 124.0;

/// Everything that a reader must not overlook, as sentences; of what failed the first error.
pub(super) fn missing_or_failed(results: &Results) -> Vec<String> {
    let asked = |step: &str| results.asked_for(step);
    let mut said = without_kernels(results);
    said.extend(ends(results));
    said.extend(results.unread.iter().map(|line| plain_text(line)));
    if asked("facts") {
        said.extend(facts(results));
    }
    if asked("checks") {
        said.extend(checks(results));
    }
    if asked("steps") {
        said.extend(cases(results));
    }
    if asked("repeat") {
        said.extend(repeats(results));
    }
    if asked("fit") && results.last("fit", "population").is_none() {
        said.push("fit: no population was finished".to_owned());
    }
    if asked("train") {
        said.extend(training(results));
    }
    said
}

/// Whether the script turned against the kernels, and which of them failed alone.
fn without_kernels(results: &Results) -> Vec<String> {
    let whys = results.of("checks", "without_kernels");
    let mut said: Vec<String> = whys
        .map(|line| {
            format!("checks: all that came after went without kernels: {}", plain_text(word(line, "why")))
        })
        .collect();
    let failed = results.of("kernels", "kernel").filter(|line| number(line, "status") != Some(0.0));
    said.extend(failed.map(|line| {
        let said_of = |key| plain_text(word(line, key));
        format!("kernel {} alone: {}", said_of("name"), said_of("first_error"))
    }));
    said
}

/// Steps of the script that were not asked for, that did not end, or not well.
fn ends(results: &Results) -> Vec<String> {
    let turned = results.last("checks", "without_kernels").is_some();
    let again = results.of("train", "choice").count() > 1;
    let mut said = Vec::new();
    for step in STEPS {
        if !results.asked_for(step) {
            said.push(format!("{step}: was not asked for"));
            continue;
        }
        said.extend(end(results, step));
        if step == "checks" && turned {
            said.extend(WITHOUT_KERNELS.into_iter().filter_map(|step| end(results, step)));
        }
    }
    if again {
        said.extend(end(results, AGAIN));
    }
    said
}

/// How a step ended, unless it ended well. A training ends when the time is over.
fn end(results: &Results, step: &str) -> Option<String> {
    let Some(line) = results.last(step, "ended") else {
        return Some(format!("{step}: did not end, the run was cut off"));
    };
    let status = number(line, "status");
    if status == Some(0.0) || (["train", AGAIN].contains(&step) && status == Some(OUT_OF_TIME)) {
        return None;
    }
    Some(format!(
        "{step}: ended with status {} after {} s: {}",
        tables::count(status),
        tables::count(number(line, "seconds")),
        plain_text(word(line, "first_error"))
    ))
}

fn training(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    if results.last("train", "choice").is_none() {
        said.push("train: no precision was chosen".to_owned());
    }
    let fewer = results.last("train", "nets");
    said.extend(fewer.map(|line| format!("train: {}", plain_text(word(line, "why")))));
    if results.epochs().iter().all(|epoch| epoch.accuracy.is_none()) {
        said.push("train: no epoch was finished".to_owned());
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
    let mut said = Vec::new();
    if results.last("checks", "check").is_none() {
        said.push("checks: none was made".to_owned());
    }
    // Of the kernels alone their own lines tell.
    for (step, how) in [("checks", ""), (WITHOUT_KERNELS[0], " without kernels")] {
        for line in results.of(step, "check").filter(|line| line["passed"] != true) {
            let reason = match word(line, "said") {
                "" => format!(
                    "{} is above {}",
                    tables::shown(number(line, "worst"), 1.0),
                    tables::shown(number(line, "tolerance"), 1.0)
                ),
                said => plain_text(said),
            };
            let name = |key| plain_text(word(line, key));
            said.push(format!("check {} of {}{how}: {reason}", name("name"), name("group")));
        }
    }
    said
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
    for precision in REPEATED {
        for what in REPEATS {
            let lines = results.of("repeat", what).filter(|line| word(line, "precision") == precision);
            match lines.last() {
                None => said.push(format!("repeat: {what} in {precision} was not tried")),
                Some(line) if line["same_bits"] != true => said.push(format!(
                    "repeat: {what} in {precision}: other bits, first in {}",
                    plain_text(word(line, "first_difference"))
                )),
                Some(_) => {}
            }
        }
    }
    said
}
