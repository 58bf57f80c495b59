//! The main job from end to end: which runs belong together, how far they are, and the report made from them.
//!
//! ```text
//! Study ──► Plan: one run a model and seed ──► run folders ──► Results ──► report.md, report.html, figures
//! ```
//!
//! `cargo xtask reproduce` asks the binary `sgmn-report` for the plan, runs `inr-classification` for what is missing
//! while time allows, and has the report written. Everything is found out from the disk, so a call that was stopped
//! is continued by the same call.

mod examples;
mod inrs;
mod page;
mod plan;
mod report;
mod results;
mod study;

pub use examples::{Example, Examples, psnr_db};
pub use inrs::{Inrs, fit};
pub use plan::{Plan, PlannedRun, Request, RunState};
pub use report::{Report, write};
pub use results::{ModelResults, Results, RunResult};
pub use study::{Published, STUDIES, Study, StudyModel};
