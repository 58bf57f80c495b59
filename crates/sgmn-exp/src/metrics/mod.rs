//! Numbers that say how good a model is, one per file.

mod accuracy;
mod confusion;
mod mean;
mod spread;

pub use accuracy::{Accuracy, argmax};
pub use confusion::Confusion;
pub use mean::Mean;
pub use spread::Spread;
