//! What can be asked for on the command line.

use std::path::{Path, PathBuf};

/// The options of one call.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) device: String,
    pub(crate) golden: PathBuf,
    pub(crate) json: Option<PathBuf>,
    pub(crate) list: bool,
    pub(crate) step_by_step: bool,
    pub(crate) without_kernels: bool,
    words: Vec<String>,
    exact: bool,
}

/// Options of Rust's own test programs that a value follows; all others stand alone.
const WITH_VALUE: &[&str] =
    &["--format", "--test-threads", "--color", "--skip", "--logfile", "--shuffle-seed", "-Z"];

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// An option of this program without its value, or a device that is not known.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            device: "cpu".to_owned(),
            golden: Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden"),
            json: None,
            list: false,
            step_by_step: false,
            without_kernels: false,
            words: Vec::new(),
            exact: false,
        };
        while let Some(argument) = arguments.next() {
            let (option, value) = match argument.split_once('=') {
                Some((option, value)) if option.starts_with("--") => (option, Some(value.to_owned())),
                _ => (argument.as_str(), None),
            };
            let mut value = || {
                let value = value.clone().or_else(|| arguments.next());
                value.ok_or_else(|| format!("{option}: expected a value behind it, found nothing"))
            };
            match option {
                "--device" => options.device = value()?,
                "--golden" => options.golden = value()?.into(),
                "--json" => options.json = Some(value()?.into()),
                "--list" => options.list = true,
                "--without-kernels" => options.without_kernels = true,
                "--step-by-step" => options.step_by_step = true,
                "--exact" => options.exact = true,
                // No check is left out of a usual run.
                "--ignored" => options.words.push("\0".to_owned()),
                other if WITH_VALUE.contains(&other) => drop(value()?),
                other if other.starts_with('-') => {}
                word => options.words.push(word.to_owned()),
            }
        }
        if !["cpu", "cuda", "metal"].contains(&options.device.as_str()) {
            return Err(format!("--device: expected cpu, cuda or metal, found {}", options.device));
        }
        Ok(options)
    }

    /// Whether a check of this title was asked for.
    pub(crate) fn wants(&self, title: &str) -> bool {
        let fits = |word: &String| if self.exact { title == word } else { title.contains(word.as_str()) };
        self.words.is_empty() || self.words.iter().any(fits)
    }
}
