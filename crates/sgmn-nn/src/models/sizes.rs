//! Sizes that a configuration may ask for: larger ones are mistakes, refused before memory is taken for them.

use crate::{Error, Result};

/// The largest width or count.
const MOST: usize = 1 << 14;

/// Checks widths and counts, each under its field; of a list every entry.
///
/// # Errors
/// [`Error::Config`] naming the first field that holds zero or an absurd number.
pub(crate) fn check(sizes: &[(&str, &[usize])]) -> Result<()> {
    for (field, values) in sizes {
        if let Some(value) = values.iter().find(|value| !(1..=MOST).contains(*value)) {
            return Err(Error::config(*field, format!("from 1 to {MOST}"), value));
        }
    }
    Ok(())
}

/// Checks a probability of dropping something.
///
/// # Errors
/// [`Error::Config`] naming the field.
pub(crate) fn check_dropout(p: f64) -> Result<()> {
    if (0.0..1.0).contains(&p) {
        return Ok(());
    }
    Err(Error::config("model.dropout", "a probability below 1", p))
}
