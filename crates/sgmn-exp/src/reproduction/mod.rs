//! The main job from end to end: which runs belong together, how far they are, and the report made from them.
//!
//! ```text
//! Study ──► Plan: one run a model and seed ──► run folders ──► Results ──► report.md, report.html, figures
//!   │                                                             │
//! studies/: our rows and columns                              paper: the published tables beside them
//! ```
//!
//! `run` makes what is missing with the experiment programs while time allows. Everything is found out from the disk, so
//! a call that was stopped is continued by the same call. `cargo xtask reproduce` builds the programs and hands its
//! words over to `sgmn-report run`.

pub mod commands;
mod compare;
mod comparison;
mod examples;
mod items;
mod nets;
mod page;
pub mod paper;
mod plan;
mod rates;
mod report;
mod results;
mod run;
mod studies;
mod study;

pub use compare::{Compared, Comparison, Entrant};
pub use examples::{Example, Examples, psnr_db};
pub use items::{RunItem, make_items};
pub use nets::{Nets, make as make_nets};
pub use plan::{Plan, PlannedRun, PlannedStudy, Request, RunState};
pub use rates::Grid;
pub use report::{Report, write};
pub use results::{Results, RowResults, RunResult, StudyResults};
pub use run::{Wishes, clock, run, run_grid};
pub use study::{Published, ReportPart, Row, Scale, Study};
