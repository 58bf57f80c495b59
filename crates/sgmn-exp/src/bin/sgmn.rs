//! `sgmn`: the toolbox for a person's own nets, images and checkpoints; `sgmn --help` lists what it can do.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sgmn_exp::toolbox::main()
}
