//! What becomes of nets that cannot be read: an error, or they are left out, counted and named.
//!
//! A bad net is damaged, holds NaN, is none of a kind that is read, or leaves open what it computes. Readers do not hide
//! them: [`crate::Source::get`] returns their error. Who goes through a dataset asks [`crate::Dataset::on_bad_net`]:
//! [`crate::Dataset::checked`] before training, [`crate::formats::packed::pack`] and [`crate::formats::folder::write`] while they write.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, Result, bytes::atomic::AtomicFile};

/// What becomes of nets that cannot be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnBadNet {
    /// The first one ends the work.
    #[default]
    Error,
    /// They are left out and listed.
    Skip,
}

/// A net that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// Its name, or its file.
    pub net: String,
    /// What is wrong with it.
    pub why: String,
}

impl OnBadNet {
    /// Whether it is the default, which files of options leave out.
    pub(crate) fn is_error(&self) -> bool {
        *self == Self::Error
    }

    /// The sample, or nothing if it is bad and may be left out: then it is listed under the name that `name` gives.
    ///
    /// # Errors
    /// The error of a bad net that may not be left out; [`Error::Interrupted`] in any case.
    pub fn take<T>(
        self,
        read: Result<T>,
        name: impl FnOnce() -> String,
        skipped: &mut Vec<Skipped>,
    ) -> Result<Option<T>> {
        match read {
            Ok(sample) => Ok(Some(sample)),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(why) if self == Self::Skip => {
                skipped.push(Skipped { net: name(), why: why.without_path() });
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }
}

/// That every net was left out, which is an error whatever was asked for.
///
/// # Errors
/// [`Error::Format`] with what is wrong with the first net.
pub fn refuse_nothing(n_kept: usize, skipped: &[Skipped]) -> Result<()> {
    match skipped.first() {
        Some(Skipped { net, why }) if n_kept == 0 => {
            let found = format!("none of {}; {net}: {why}", skipped.len());
            Err(Error::format(net, "at least one net that can be read", found))
        }
        _ => Ok(()),
    }
}

/// How many nets were left out and what is wrong with the first, if any were.
pub fn note(skipped: &[Skipped]) -> Option<String> {
    let first = skipped.first()?;
    Some(format!("{} net(s) left out, the first: {}: {}", skipped.len(), first.net, first.why))
}

/// Writes what was left out as a table with the columns `net` and `why`.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written.
pub fn write_skipped(path: &Path, skipped: &[Skipped]) -> Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    let failed = |why: csv::Error| Error::io(path)(why.into());
    for one in skipped {
        table.serialize(one).map_err(failed)?;
    }
    let bytes = table.into_inner().map_err(|why| Error::io(path)(std::io::Error::other(why.to_string())))?;
    let mut file = AtomicFile::create(path)?;
    file.write(&bytes)?;
    file.commit()
}
