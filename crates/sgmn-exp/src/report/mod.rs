//! What happened, and how a person gets to see it: records of a run, figures, tables, one page.

mod html;
mod image;
mod machine;
mod plots;
mod records;
mod tables;
mod tensorboard;

pub use html::{Block, Figure, Page, Section};
pub use image::{GrayImage, ImageGrid};
pub use machine::{MachineFacts, commit};
pub use plots::{Curve, CurvePlot, Svg, confusion_svg, scatter_svg};
pub use records::{RecordLog, RunRecord, Split, read_records};
pub use tables::Table;
pub(crate) use tables::{duration, thousands};
pub use tensorboard::EventLog;
