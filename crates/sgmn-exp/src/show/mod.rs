//! What a person sees: progress, records of a run, TensorBoard events, figures, statistics of nets, tables, one page.

mod architecture;
mod escape;
mod html;
mod image;
mod machine;
mod markdown;
mod plots;
pub mod progress;
mod records;
pub mod save;
pub mod statistics;
mod tables;
mod tensorboard;

pub(crate) use architecture::{describe_kind, describe_map, describe_nonlinearity, describe_spec};
pub use html::{Block, Figure, Page, Section};
pub use image::{Colors, Image, ImageGrid, byte};
pub use machine::{MachineFacts, commit, host};
pub use plots::{
    Bar, Curve, CurvePlot, DistributionAxis, DistributionPlot, DistributionRow, Svg, XAxis, confusion_svg,
    scatter_svg,
};
pub use records::{RecordLog, RunRecord, read_records};
pub use tables::Table;
pub(crate) use tables::{duration, thousands};
pub use tensorboard::EventLog;
