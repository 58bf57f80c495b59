//! Models against other implementations, against their symmetries, and against themselves.
#![allow(clippy::unwrap_used, reason = "a test that cannot read its data has failed")]
#![allow(clippy::print_stdout, reason = "what was measured is shown with --nocapture")]

mod biases;
mod broken;
mod claims;
mod counts;
mod device_program;
mod dws;
mod editing;
mod exchange;
mod flat_mlp;
mod form;
mod golden;
mod golden_damage;
mod golden_forms;
mod gradients;
mod inr2vec;
mod linear_maps;
mod mixed;
mod nfn;
mod ng_gnn;
mod ng_t;
mod pooling;
mod precision;
mod probes;
mod probing;
mod scalegmn;
mod setup;
mod stat_nn;
mod symmetry;
mod theorem;
mod tolerances;
mod trained;
mod training;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
