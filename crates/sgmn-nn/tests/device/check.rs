//! A check, its finding, and how findings are told.

use std::{
    fs::File,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use serde_json::{Value, json};

/// What a check found where nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Finding {
    /// An error that must not be larger than a tolerance.
    Error { worst: f64, tolerance: f64 },
    /// Something that is so.
    Holds,
}

type Run = Box<dyn FnOnce() -> Result<Finding, String>>;

/// A check that is still to be run.
pub(crate) struct Check {
    pub(crate) group: &'static str,
    pub(crate) name: String,
    run: Run,
}

impl Check {
    pub(crate) fn new(
        group: &'static str,
        name: impl Into<String>,
        run: impl FnOnce() -> Result<Finding, String> + 'static,
    ) -> Self {
        Self { group, name: name.into(), run: Box::new(run) }
    }

    pub(crate) fn title(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }

    /// The finding, or the first line of what went wrong, a panic too.
    pub(crate) fn run(self) -> Result<Finding, String> {
        match catch_unwind(AssertUnwindSafe(self.run)) {
            Ok(result) => result.map_err(|why| first_line(&why)),
            Err(panic) => {
                let said = panic.downcast_ref::<String>().cloned();
                let said = said.or_else(|| panic.downcast_ref::<&str>().map(|said| (*said).to_owned()));
                Err(format!("panicked: {}", first_line(&said.unwrap_or_default())))
            }
        }
    }
}

impl Finding {
    /// Whether it is as it should be; an error that is no number is not.
    fn passes(self) -> bool {
        match self {
            Self::Error { worst, tolerance } => worst <= tolerance,
            Self::Holds => true,
        }
    }
}

/// The result of anything that errs, with its error as text.
pub(crate) fn said<T, E: std::fmt::Display>(result: Result<T, E>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// A backtrace may follow what happened.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// Where findings are told: the standard output, and a file of JSON lines.
pub(crate) struct Log(Option<File>);

impl Log {
    pub(crate) fn open(path: Option<&Path>) -> Result<Self, String> {
        let Some(path) = path else { return Ok(Self(None)) };
        let file = File::options().create(true).append(true).open(path);
        file.map(|file| Self(Some(file))).map_err(|error| format!("--json {}: {error}", path.display()))
    }

    /// Tells a finding; returns whether the check passed.
    pub(crate) fn write(
        &mut self,
        group: &str,
        name: &str,
        found: &Result<Finding, String>,
    ) -> Result<bool, String> {
        let passed = found.as_ref().is_ok_and(|finding| finding.passes());
        let mark = if passed { "ok  " } else { "FAIL" };
        let mut line = json!({"step": "checks", "what": "check", "group": group, "name": name, "passed": passed,
            "worst": Value::Null, "tolerance": Value::Null, "said": ""});
        match found {
            Ok(Finding::Error { worst, tolerance }) => {
                println!("{mark} {group}/{name}: {worst:.1e} (at most {tolerance:.0e})");
                (line["worst"], line["tolerance"]) = (json!(worst), json!(tolerance));
                if !worst.is_finite() {
                    line["said"] = json!(format!("the largest error is {worst}"));
                }
            }
            Ok(Finding::Holds) => println!("{mark} {group}/{name}"),
            Err(why) => {
                println!("{mark} {group}/{name}: {why}");
                line["said"] = json!(why);
            }
        }
        if let Some(file) = &mut self.0 {
            // One call a line: nothing of it is left in memory if the program dies on the next check.
            file.write_all(format!("{line}\n").as_bytes()).map_err(|error| format!("--json: {error}"))?;
        }
        Ok(passed)
    }
}
