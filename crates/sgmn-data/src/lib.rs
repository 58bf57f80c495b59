//! Files to nets: manifest → source → samples → split, and a fitter that makes populations of nets itself.

pub mod error;
pub mod fetch;
pub mod fit;
pub mod formats;
pub mod manifest;
pub mod sample;
pub mod source;
pub mod split;

pub use error::{Error, Result};
pub use sample::{Sample, Target};
pub use source::Source;
