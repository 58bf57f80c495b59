//! What the two text files of a training say: its settings, and its metrics epoch by epoch.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{Error, Result, beside::text};

/// Settings that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Params {
    /// `model::type`, such as `CNN`.
    pub(super) kind: Option<String>,
    /// `model::nlin`, such as `tanh`.
    pub(super) nonlinearity: Option<String>,
}

impl Params {
    /// Reads `params.json`.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Format`] if it is no JSON object.
    pub(super) fn read(path: &Path) -> Result<Self> {
        const EXPECTED: &str = "a JSON object of settings";
        let Value::Object(settings) = text::json(path, EXPECTED)? else {
            return Err(Error::format(path, EXPECTED, "another value"));
        };
        let word = |key: &str| settings.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { kind: word("model::type"), nonlinearity: word("model::nlin") })
    }
}

/// Reads one metric of `result.json`, which has a JSON object a line, by its `training_iteration`. Epochs whose metric is
/// no finite number have none.
///
/// # Errors
/// [`Error::Io`], and [`Error::Format`] for a line that is no JSON object, or if no line has the metric: then those there
/// are are listed.
pub(super) fn metric(path: &Path, name: &str) -> Result<BTreeMap<u64, f64>> {
    let content = text::read(path)?;
    let lines: Vec<&str> = content.lines().filter(|line| !line.trim().is_empty()).collect();
    let mut metrics = BTreeMap::new();
    let mut known: Vec<String> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let result = match text::parse(line) {
            Ok(Value::Object(result)) => result,
            // A training that was ended leaves half a line.
            Err(_) if at + 1 == lines.len() => break,
            _ => {
                return Err(Error::format(
                    path,
                    "one JSON object a line",
                    format!("another one in line {}", at + 1),
                ));
            }
        };
        if known.is_empty() {
            known =
                result.iter().filter(|(_, value)| value.is_number()).map(|(key, _)| key.clone()).collect();
        }
        let epoch = result.get("training_iteration").and_then(Value::as_u64);
        let value = result.get(name).and_then(Value::as_f64);
        if let (Some(epoch), Some(value)) = (epoch, value) {
            metrics.insert(epoch, value);
        }
    }
    if metrics.is_empty() {
        let expected = format!("the metric {name:?}, the option target, beside training_iteration");
        return Err(Error::format(path, expected, format!("numbers named {}", known.join(", "))));
    }
    Ok(metrics)
}
