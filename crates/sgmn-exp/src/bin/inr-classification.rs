//! Which class does an INR draw? A ScaleGMN reads it from the weights.

use std::process::ExitCode;

use sgmn_exp::run::launch::Program;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: Program = Program {
    name: "inr-classification",
    about: "Trains a model that classifies INRs by their weights, and tests its best epoch.\n\n\
            Ctrl-C saves and exits; `--resume` goes on, on the CPU to the same bits as without the stop.",
    examples: &[
        "--data mini-inrs --model ng-gnn --size quick",
        "--data my.packed --model scalegmn --size wide",
        "--experiment mnist --data-dir data --set train.seed=1",
        "--experiment my.toml --run runs/mine",
        "--experiment mnist --device cuda --set train.precision=tf32",
        "--resume --run runs/mine",
    ],
};

fn main() -> ExitCode {
    PROGRAM.main()
}
