//! Checks of single values of an experiment file; each failure names key, expectation and finding.

use std::fmt::Display;

use anyhow::{Result, bail};

/// The value must be `minimum` or more.
pub(super) fn at_least<T: PartialOrd + Display>(key: &str, minimum: T, found: T) -> Result<()> {
    if found >= minimum { Ok(()) } else { bail!("{key}: expected at least {minimum}, found {found}") }
}

/// The value must be a number above zero.
pub(super) fn positive(key: &str, found: f64) -> Result<()> {
    if found > 0.0 && found.is_finite() {
        Ok(())
    } else {
        bail!("{key}: expected a number above 0, found {found}")
    }
}

/// The value must be zero or a number above zero.
pub(super) fn not_negative(key: &str, found: f64) -> Result<()> {
    if found >= 0.0 && found.is_finite() { Ok(()) } else { bail!("{key}: expected 0 or more, found {found}") }
}

/// The value must lie in [0, 1).
pub(super) fn fraction_below_one(key: &str, found: f64) -> Result<()> {
    if (0.0..1.0).contains(&found) {
        Ok(())
    } else {
        bail!("{key}: expected a number from 0 up to, but not including, 1, found {found}")
    }
}

/// The value must lie in [0, 1].
pub(super) fn fraction(key: &str, found: f64) -> Result<()> {
    if (0.0..=1.0).contains(&found) {
        Ok(())
    } else {
        bail!("{key}: expected a number in [0, 1], found {found}")
    }
}

/// The value must be usable as one component of a path on every system.
pub(super) fn name(key: &str, found: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !found.is_empty() && !found.starts_with('.') && found.chars().all(allowed) {
        Ok(())
    } else {
        bail!("{key}: expected letters, digits, '-', '_' and '.', found {found:?}")
    }
}

/// The value must be a path that stays below the folder it is relative to.
pub(super) fn inner_path(key: &str, found: &str) -> Result<()> {
    use std::path::{Component, Path};
    let inner = Path::new(found).components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if !found.is_empty() && inner {
        Ok(())
    } else {
        bail!("{key}: expected a path below the data folder, without '..', found {found:?}")
    }
}
