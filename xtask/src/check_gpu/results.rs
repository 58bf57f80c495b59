//! What came back from the machine with the GPU: lines of JSON, believed only as far as they can be read.
//!
//! Every line of `results.jsonl` names its `step` and `what` it is; unknown ones are passed over. A run that was cut
//! off leaves half a line at the end, or files that are missing: all of that is said and none of it is an error.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The files that a whole run leaves.
const FILES: [&str; 6] =
    ["results.jsonl", "log.txt", "bundle.json", "records.jsonl", "resolved.toml", "best.safetensors"];

/// Those of them that only training leaves.
const OF_TRAINING: [&str; 3] = ["records.jsonl", "resolved.toml", "best.safetensors"];

/// The file that only a run leaves whose training was begun again.
const FIRST_RECORDS: &str = "records-first.jsonl";

/// Everything that could be read.
#[derive(Debug, Default)]
pub(super) struct Results {
    lines: Vec<Value>,
    records: Vec<Value>,
    /// Of a training that ended early and was begun again.
    records_first: Vec<Value>,
    /// What the bundle was, null if that is unknown.
    pub(super) bundle: Value,
    /// Files that are not there and lines that are none, as sentences.
    pub(super) unread: Vec<String>,
}

/// One epoch of the training.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Epoch {
    pub(super) number: u64,
    /// Working time since the training began.
    pub(super) seconds: Option<f64>,
    pub(super) train_loss: Option<f64>,
    /// Share of the validation nets that are read rightly.
    pub(super) accuracy: Option<f64>,
    /// Nets trained on a second.
    pub(super) nets_per_second: Option<f64>,
    /// Seconds in which training waited for batches.
    pub(super) waited: Option<f64>,
}

impl Results {
    /// Reads the folder that the script wrote.
    ///
    /// # Errors
    /// It cannot be read, or there is nothing of a run in it.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let mut results = Self::default();
        let mut n_missing = 0;
        let names = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let names: Vec<_> = names.flatten().map(|entry| entry.file_name()).collect();
        for file in FILES {
            if !names.iter().any(|name| name == file) {
                n_missing += 1;
                // The results are read first, and say what was asked for.
                if results.asked_for("train") || !OF_TRAINING.contains(&file) {
                    results.unread.push(format!("the file {file} is missing"));
                }
                continue;
            }
            // Only these three are read; the others are for people and programs.
            match file {
                "results.jsonl" => results.lines = results.lines_of(folder, file)?,
                "records.jsonl" => results.records = results.lines_of(folder, file)?,
                "bundle.json" => {
                    let bytes = fs::read(folder.join(file)).with_context(|| file.to_owned())?;
                    results.bundle = serde_json::from_slice(&bytes).unwrap_or_default();
                    if !results.bundle.is_object() {
                        results.unread.push("bundle.json is not the description of a bundle".to_owned());
                    }
                }
                _ => {}
            }
        }
        if names.iter().any(|name| name == FIRST_RECORDS) {
            results.records_first = results.lines_of(folder, FIRST_RECORDS)?;
        }
        tell_apart(&mut results.lines);
        if n_missing == FILES.len() {
            bail!("{}: expected the files that run.sh writes, found none of them", folder.display());
        }
        Ok(results)
    }

    fn lines_of(&mut self, folder: &Path, file: &str) -> Result<Vec<Value>> {
        let bytes = fs::read(folder.join(file)).with_context(|| file.to_owned())?;
        let mut lines = Vec::new();
        for (place, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let text = String::from_utf8_lossy(line);
            if text.trim().is_empty() {
                continue;
            }
            match serde_json::from_str::<Value>(&text) {
                Ok(value) if value.is_object() => lines.push(value),
                _ => self.unread.push(format!("line {} of {file} is no result", place + 1)),
            }
        }
        Ok(lines)
    }

    /// The lines of one step that are of one kind, in the order in which they were written.
    pub(super) fn of<'a>(&'a self, step: &'a str, what: &'a str) -> impl Iterator<Item = &'a Value> {
        self.lines.iter().filter(move |line| line["step"] == step && line["what"] == what)
    }

    /// The last of them.
    pub(super) fn last<'a>(&'a self, step: &'a str, what: &'a str) -> Option<&'a Value> {
        self.of(step, what).last()
    }

    /// Whether the script was asked for a step: for all of them unless it says otherwise.
    pub(super) fn asked_for(&self, step: &str) -> bool {
        match self.last("run", "began").and_then(|line| line["asked"].as_str()) {
            Some(asked) => asked.split_whitespace().any(|word| word == step),
            None => true,
        }
    }

    /// The epochs of the training, the last one if there were two.
    pub(super) fn epochs(&self) -> Vec<Epoch> {
        epochs_of(&self.records)
    }

    /// The epochs of a training that ended early and was begun again.
    pub(super) fn epochs_of_first(&self) -> Vec<Epoch> {
        epochs_of(&self.records_first)
    }
}

/// The epochs of which something is known, ascending.
fn epochs_of(records: &[Value]) -> Vec<Epoch> {
    let mut epochs: BTreeMap<u64, Epoch> = BTreeMap::new();
    for record in records {
        let Some(number) = record["epoch"].as_u64() else { continue };
        let epoch = epochs.entry(number).or_insert_with(|| Epoch { number, ..Epoch::default() });
        match record["split"].as_str() {
            Some("train") => {
                epoch.train_loss = self::number(&record["metrics"], "loss");
                epoch.nets_per_second = self::number(record, "nets_per_second");
                epoch.waited = self::number(record, "waited_seconds");
            }
            Some("val") => {
                epoch.accuracy = self::number(&record["metrics"], "accuracy");
                epoch.seconds = self::number(record, "seconds");
            }
            _ => {}
        }
    }
    epochs.into_values().collect()
}

/// The program of the checks names its step `checks` whenever it runs. Which time it was is told by what the script
/// wrote between: once it has turned against the kernels come the checks without them, and then each kernel alone.
fn tell_apart(lines: &mut [Value]) {
    let mut step = "checks";
    for line in lines {
        match (line["step"].as_str(), line["what"].as_str()) {
            (Some("checks"), Some("without_kernels")) => step = "checks-plain",
            (Some("checks-plain"), Some("ended")) => step = "kernels",
            (Some("checks"), Some("check")) => line["step"] = step.into(),
            _ => {}
        }
    }
}

/// A number of a line, if it is there and finite.
pub(super) fn number(line: &Value, key: &str) -> Option<f64> {
    line[key].as_f64().filter(|number| number.is_finite())
}

/// A word of a line, empty if there is none.
pub(super) fn word<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_default()
}

/// A text from outside as part of a page: one line, not too long, nothing in it that Markdown or HTML would take for
/// its own.
pub(super) fn plain_text(text: &str) -> String {
    const MOST: usize = 240;
    let mut plain = String::new();
    for (place, c) in text.trim().chars().enumerate() {
        match c {
            _ if place == MOST => {
                plain += " …";
                break;
            }
            '<' => plain += "&lt;",
            '|' | '[' | ']' | '*' | '_' | '`' | '\\' | '!' | '#' => plain.extend(['\\', c]),
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// Results of given lines, for the tests of what is made of them.
#[cfg(test)]
pub(super) fn of_text(results: &str, records: &str) -> Results {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("results.jsonl"), results).unwrap();
    fs::write(folder.path().join("records.jsonl"), records).unwrap();
    Results::read(folder.path()).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_line_and_unknown_lines_cost_nothing_else() {
        let results = of_text(
            "{\"step\":\"facts\",\"what\":\"copy\",\"bytes\":8}\n\n[1]\n{\"no\":\"step\"}\n\
             {\"step\":\"facts\",\"what\":\"of the future\"}\n{\"step\":\"facts\",\"wh",
            "{\"split\":\"val\",\"epoch\":1,\"seconds\":9.5,\"metrics\":{\"accuracy\":0.5}}\n\
             {\"split\":\"val\",\"epoch\":-3}\n{\"split\":\"train\",\"epoch\":1,\"metrics\":{\"loss\":\"NaN\"}}\n",
        );
        assert_eq!(results.of("facts", "copy").count(), 1);
        let said = results.unread.join("; ");
        assert!(
            said.contains("line 3 of results.jsonl") && said.contains("line 6 of results.jsonl"),
            "{said}"
        );
        assert!(said.contains("best.safetensors is missing") && !said.contains("records.jsonl"), "{said}");
        let epoch = Epoch { number: 1, accuracy: Some(0.5), seconds: Some(9.5), ..Epoch::default() };
        assert_eq!(results.epochs(), [epoch]);
    }

    #[test]
    fn bytes_that_are_no_text_are_no_result_and_no_panic() {
        let folder = tempfile::tempdir().unwrap();
        let deep = "[".repeat(100_000);
        fs::write(folder.path().join("results.jsonl"), [b"\xff\xfe\0{\n", deep.as_bytes()].concat()).unwrap();
        fs::write(folder.path().join("bundle.json"), "7").unwrap();
        let results = Results::read(folder.path()).unwrap();
        assert!(results.lines.is_empty() && results.unread.len() == 2 + 1 + 4, "{:?}", results.unread);
    }

    #[test]
    fn checks_are_told_apart_by_what_stands_between() {
        let check = "{\"step\":\"checks\",\"what\":\"check\"}\n";
        let without = "{\"step\":\"checks\",\"what\":\"without_kernels\"}\n";
        let plain = "{\"step\":\"checks-plain\",\"what\":\"ended\"}\n";
        let results = of_text(&format!("{check}{check}{check}{without}{check}{check}{plain}{check}"), "");
        let n_of = ["checks", "checks-plain", "kernels"].map(|step| results.of(step, "check").count());
        assert_eq!(n_of, [3, 2, 1]);
    }

    #[test]
    fn all_steps_were_asked_for_unless_the_run_says_which() {
        assert!(of_text("", "").asked_for("steps"));
        let some = of_text("{\"step\":\"run\",\"what\":\"began\",\"asked\":\"fit train\"}", "");
        assert!(some.asked_for("fit") && some.asked_for("train"));
        assert!(!some.asked_for("steps") && !some.asked_for("rain"));
        let checks = of_text("{\"step\":\"run\",\"what\":\"began\",\"asked\":\"checks\"}", "");
        let missing = ["the file log.txt is missing", "the file bundle.json is missing"];
        assert_eq!(checks.unread, missing, "nothing of a training is missed");
        assert!(some.unread.contains(&"the file best.safetensors is missing".to_owned()));
    }

    #[test]
    fn a_folder_with_nothing_of_a_run_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("other.txt"), "").unwrap();
        let error = Results::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains("expected the files that run.sh writes, found none"), "{error}");
        assert!(Results::read(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn texts_from_outside_stay_texts() {
        assert_eq!(plain_text("a|b\n<script> [x](y) "), "a\\|b &lt;script> \\[x\\](y)");
        assert!(plain_text(&"x".repeat(1000)).chars().count() < 250);
    }
}
