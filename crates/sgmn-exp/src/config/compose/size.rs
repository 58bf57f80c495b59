//! A size as a part: how large models are, how long they are trained, and how many nets a zoo that is made here has.

use anyhow::Result;

use super::part::{Part, SIZE_ROOM};
use crate::config::embedded::SIZES;

/// How much work.
#[derive(Debug, Clone)]
pub struct SizePart {
    pub(super) part: Part,
    pub(super) home: Option<String>,
}

impl SizePart {
    /// The size that goes without saying.
    pub const USUAL: &str = "quick";

    /// The size of this name, or of a part in a TOML file.
    ///
    /// # Errors
    /// An unknown name lists the known ones; a file that is no part of this kind is explained.
    pub fn open(name_or_path: &str) -> Result<Self> {
        let part = Part::open(&SIZE_ROOM, name_or_path)?;
        let home = part.own("home")?;
        Ok(Self { part, home })
    }

    /// Those that come with the program.
    pub fn all() -> impl Iterator<Item = Self> {
        SIZES.iter().map(|file| Self::open(file.name).expect("tests open every part"))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.part.name
    }

    /// What it is, in a sentence.
    pub fn sentence(&self) -> &str {
        &self.part.sentence
    }
}
