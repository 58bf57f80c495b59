//! The main job from end to end: which runs belong together, how far they are, and the report made from them.
//!
//! ```text
//! Study ──► Plan: one run a model and seed ──► run folders ──► Results ──► report.md, report.html, figures
//!   │                                                             │
//! studies/: our rows and columns                              paper: the published tables beside them
//! ```
//!
//! `cargo xtask reproduce` asks the binary `sgmn-report` for the plan, runs the experiment programs for what is missing
//! while time allows, and has the report written. Everything is found out from the disk, so a call that was stopped
//! is continued by the same call.

mod comparison;
mod examples;
mod nets;
mod page;
pub mod paper;
mod plan;
mod rates;
mod report;
mod results;
mod studies;
mod study;

pub use examples::{Example, Examples, psnr_db};
pub use nets::{Nets, make};
pub use plan::{Plan, PlannedRun, PlannedStudy, Request, RunState};
pub use rates::Grid;
pub use report::{Report, write};
pub use results::{Results, RowResults, RunResult, StudyResults};
pub use study::{Group, Published, Row, Scale, Study};
