//! The tables of the page: what was measured, group by group, in a fixed order.

use std::collections::BTreeMap;

use serde_json::Value;

use super::results::{Epoch, Results, number, plain_text, word};
use crate::bench::table::{short, table};

/// The steps of the script.
pub(super) const STEPS: [&str; 6] = ["fit", "facts", "checks", "steps", "repeat", "train"];
/// Those that come in between when something went wrong.
pub(super) const WITHOUT_KERNELS: [&str; 2] = ["checks-plain", "kernels"];
pub(super) const AGAIN: &str = "train-again";
/// What is measured: every configuration at every batch in every precision, as training and as inference.
pub(super) const CONFIGS: [&str; 4] = ["mnist", "mnist-bidirectional", "cnn-zoo-relu", "editing"];
pub(super) const BATCHES: [u64; 5] = [32, 64, 128, 256, 512];
pub(super) const PRECISIONS: [&str; 3] = ["f32", "tf32", "bf16"];
pub(super) const MODES: [&str; 2] = ["training", "inference"];
/// What is repeated, in which precisions.
pub(super) const REPEATS: [&str; 2] = ["same-seed", "resume"];
pub(super) const REPEATED: [&str; 2] = ["f32", "tf32"];

/// A case of the steps: configuration and precision by their places in the lists above, unknown ones last, then names.
type Case = (usize, String, u64, usize, String);

/// The case that a line is about.
pub(super) fn case(line: &Value) -> Case {
    let (config, precision) = (word(line, "config"), word(line, "precision"));
    let place = |list: &[&str], name| list.iter().position(|known| *known == name).unwrap_or(list.len());
    (
        place(&CONFIGS, config),
        config.to_owned(),
        line["batch"].as_u64().unwrap_or(0),
        place(&PRECISIONS, precision),
        precision.to_owned(),
    )
}

/// A number in a unit, or a dash.
pub(super) fn shown(value: Option<f64>, unit: f64) -> String {
    value.map_or_else(|| "–".to_owned(), |value| short(value / unit))
}

/// A whole number, or a dash.
pub(super) fn count(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{:.0} %", 100.0 * value))
}

/// A table, if it has a row.
fn filled(header: &[&str], rows: &[Vec<String>]) -> Option<String> {
    (!rows.is_empty()).then(|| table(header, rows))
}

/// Everything that is known of the device.
pub(super) fn device(results: &Results) -> Option<String> {
    let device = results.last("facts", "device")?.as_object()?;
    let rows =
        device.iter().filter(|(key, value)| !matches!(key.as_str(), "step" | "what") && !value.is_null());
    let rows = rows.map(|(key, value)| {
        let (what, unit) = match key.rsplit_once('_') {
            Some((what, "bytes")) => (format!("{what}, GB"), 1e9),
            Some((what, "hz")) => (format!("{what}, MHz"), 1e6),
            _ => (key.clone(), 1.0),
        };
        let value = match value {
            Value::String(text) => plain_text(text),
            value if unit > 1.0 => shown(value.as_f64(), unit),
            value => plain_text(&value.to_string()),
        };
        vec![plain_text(&what.replace('_', " ")), value]
    });
    filled(&["what", "value"], &rows.collect::<Vec<_>>())
}

/// Rates of products at the model's shapes, a row for each number of rows.
pub(super) fn rates(results: &Results) -> Option<String> {
    let mut rates: BTreeMap<u64, [Option<f64>; PRECISIONS.len()]> = BTreeMap::new();
    for line in results.of("facts", "product") {
        let precision = PRECISIONS.iter().position(|known| *known == word(line, "precision"));
        if let (Some(precision), Some(rows)) = (precision, line["rows"].as_u64()) {
            rates.entry(rows).or_default()[precision] = number(line, "flop_per_second");
        }
    }
    let rows: Vec<Vec<String>> = rates
        .into_iter()
        .map(|(rows, rates)| {
            let cells = rates.iter().map(|rate| shown(*rate, 1e12));
            [format!("{rows} × 128 × 128")].into_iter().chain(cells).collect()
        })
        .collect();
    filled(&["product, TFLOP/s", "f32", "tf32", "bf16"], &rows)
}

/// Rates of copies, bytes read and written counted.
pub(super) fn copies(results: &Results) -> Option<String> {
    let rows: Vec<Vec<String>> = results
        .of("facts", "copy")
        .map(|line| vec![shown(number(line, "bytes"), 1e6), shown(number(line, "bytes_per_second"), 1e9)])
        .collect();
    filled(&["copy of MB", "GB/s"], &rows)
}

/// Checks by group: how many passed, and which came closest to its tolerance.
pub(super) fn checks(results: &Results, step: &str) -> Option<String> {
    let mut groups: Vec<(&str, Vec<&Value>)> = Vec::new();
    for line in results.of(step, "check") {
        let group = word(line, "group");
        match groups.iter_mut().find(|(name, _)| *name == group) {
            Some((_, lines)) => lines.push(line),
            None => groups.push((group, vec![line])),
        }
    }
    let share =
        |line: &&&Value| Some(number(line, "worst")? / number(line, "tolerance").filter(|t| *t > 0.0)?);
    let rows: Vec<Vec<String>> = groups
        .iter()
        .map(|(group, lines)| {
            let n_passed = lines.iter().filter(|line| line["passed"] == true).count();
            let closest = lines
                .iter()
                .filter(|line| share(line).is_some())
                .max_by(|a, b| share(a).partial_cmp(&share(b)).unwrap_or(std::cmp::Ordering::Equal));
            let of = |key: &str| match closest.and_then(|line| number(line, key)) {
                Some(value) => format!("{value:.1e}"),
                None => "–".to_owned(),
            };
            vec![
                plain_text(group),
                lines.len().to_string(),
                n_passed.to_string(),
                of("worst"),
                of("tolerance"),
                closest.map_or_else(|| "–".to_owned(), |line| plain_text(word(line, "name"))),
            ]
        })
        .collect();
    filled(&["group", "checks", "passed", "worst", "its tolerance", "its name"], &rows)
}

/// Rates, memory and shares of all cases of training or of inference.
pub(super) fn steps(results: &Results, mode: &str) -> Option<String> {
    let cases: BTreeMap<Case, &Value> = results.of("steps", mode).map(|line| (case(line), line)).collect();
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|((_, config, batch, _, precision), line)| {
            let mut row = vec![
                plain_text(config),
                batch.to_string(),
                plain_text(precision),
                shown(number(line, "nets_per_second"), 1.0),
                shown(number(line, "seconds"), 1e-3),
                shown(number(line, "memory_bytes"), 1e9),
                percent(number(line, "product_share")),
                percent(number(line, "memory_share")),
                count(number(line, "launches")),
            ];
            if mode == MODES[0] {
                let loss = |key| shown(number(line, key), 1.0);
                row.push(format!("{} → {}", loss("loss_first"), loss("loss_last")));
                row.push(if line["stable"] == true { "yes" } else { "no" }.to_owned());
            }
            row
        })
        .collect();
    let mut header = vec![
        "configuration",
        "batch",
        "precision",
        "nets/s",
        "ms",
        "memory, GB",
        "of product rate",
        "of memory rate",
        "launches",
    ];
    if mode == MODES[0] {
        header.extend(["loss", "stable"]);
    }
    filled(&header, &rows)
}

/// Milliseconds of a training step by kind of operation, a column for each kind, with launches in brackets.
pub(super) fn kinds(results: &Results) -> Option<String> {
    let mut kinds: Vec<&str> = Vec::new();
    let mut cases: BTreeMap<Case, BTreeMap<&str, &Value>> = BTreeMap::new();
    for line in results.of("steps", "kind") {
        let kind = word(line, "kind");
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        cases.entry(case(line)).or_default().insert(kind, line);
    }
    let names: Vec<String> = kinds.iter().map(|kind| plain_text(&kind.replace('_', " "))).collect();
    let header: Vec<&str> =
        ["configuration", "batch", "precision"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|((_, config, batch, _, precision), lines)| {
            let cells = kinds.iter().map(|kind| match lines.get(kind) {
                Some(line) => time_and_launches(kind, line),
                None => "–".to_owned(),
            });
            [plain_text(config), batch.to_string(), plain_text(precision)].into_iter().chain(cells).collect()
        })
        .collect();
    filled(&header, &rows)
}

/// A cell of that table; `other` has no time of its own, `host` no launches.
fn time_and_launches(kind: &str, line: &Value) -> String {
    let time = if kind == "other" { String::new() } else { shown(number(line, "seconds"), 1e-3) };
    match number(line, "launches").filter(|launches| *launches > 0.0) {
        Some(launches) => format!("{time} ({launches})").trim_start().to_owned(),
        None => time,
    }
}

/// Whether equal runs gave equal bits: a row for each precision and kind.
pub(super) fn repeats(results: &Results) -> Option<String> {
    let mut lines: Vec<(&str, &str, &Value)> = Vec::new();
    for line in REPEATS.into_iter().flat_map(|what| results.of("repeat", what)) {
        let (precision, what) = (word(line, "precision"), word(line, "what"));
        match lines.iter_mut().find(|known| (known.0, known.1) == (precision, what)) {
            Some(known) => known.2 = line,
            None => lines.push((precision, what, line)),
        }
    }
    lines.sort_by_key(|(precision, _, _)| PRECISIONS.iter().position(|known| known == precision));
    let rows: Vec<Vec<String>> = lines
        .into_iter()
        .map(|(precision, what, line)| {
            let first = word(line, "first_difference");
            vec![
                what.to_owned(),
                if precision.is_empty() { "–".to_owned() } else { plain_text(precision) },
                count(number(line, "n_steps")),
                if line["same_bits"] == true { "yes" } else { "no" }.to_owned(),
                if first.is_empty() { "–".to_owned() } else { plain_text(first) },
                shown(number(line, "largest_difference"), 1.0),
            ]
        })
        .collect();
    filled(&["two runs", "precision", "steps", "same bits", "first difference", "largest"], &rows)
}

/// The fits that ran on the processor meanwhile.
pub(super) fn fits(results: &Results) -> Option<String> {
    let rows: Vec<Vec<String>> = results
        .of("fit", "population")
        .map(|line| {
            vec![
                count(number(line, "n_nets")),
                shown(number(line, "seconds"), 1.0),
                shown(number(line, "nets_per_second"), 1.0),
                shown(number(line, "psnr_db_median"), 1.0),
                percent(number(line, "share_reached")),
            ]
        })
        .collect();
    filled(&["nets", "seconds", "nets/s", "median PSNR, dB", "at goal"], &rows)
}

/// The epochs of the training.
pub(super) fn epochs(epochs: &[Epoch]) -> Option<String> {
    let mut before = Some(0.0);
    let rows: Vec<Vec<String>> = epochs
        .iter()
        .map(|epoch| {
            let took = epoch.seconds.zip(before).map(|(now, before)| now - before);
            before = epoch.seconds;
            vec![
                epoch.number.to_string(),
                shown(epoch.train_loss, 1.0),
                epoch.accuracy.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", 100.0 * share)),
                shown(epoch.nets_per_second, 1.0),
                shown(epoch.waited, 1.0),
                shown(took, 1.0),
                shown(epoch.seconds, 1.0),
            ]
        })
        .collect();
    let header = [
        "epoch",
        "training loss",
        "validation accuracy",
        "nets/s",
        "waited, s",
        "took, s",
        "since the start, s",
    ];
    filled(&header, &rows)
}

/// How the steps of the script ended.
pub(super) fn ends(results: &Results) -> Option<String> {
    let order =
        ["fit", "facts", "checks", WITHOUT_KERNELS[0], WITHOUT_KERNELS[1], "steps", "repeat", "train", AGAIN];
    let rows: Vec<Vec<String>> = order
        .into_iter()
        .filter_map(|step| Some((step, results.last(step, "ended")?)))
        .map(|(step, line)| {
            let cell = |key| count(number(line, key));
            vec![step.to_owned(), cell("status"), cell("began"), cell("seconds"), cell("limit")]
        })
        .collect();
    filled(&["step", "status", "began at", "seconds", "limit"], &rows)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn upkeep_has_no_time_of_its_own_and_the_host_may_be_below_zero() {
        let cell = |kind, seconds: f64, launches: u64| {
            time_and_launches(kind, &json!({"seconds": seconds, "launches": launches}))
        };
        assert_eq!(cell("product", 0.009, 200), "9.00 (200)");
        assert_eq!(cell("other", 0.0, 120), "(120)");
        assert_eq!(cell("host", -0.002, 0), "-2.00");
        assert_eq!(time_and_launches("product", &json!({})), "–");
    }
}
