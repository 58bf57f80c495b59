//! Which test accuracy does a network reach? A ScaleGMN reads it from the weights.

use std::process::ExitCode;

use sgmn_exp::run::launch::Program;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: Program = Program {
    name: "generalization-prediction",
    about: "Trains a model that predicts the test accuracy of CNNs from their weights, and tests its best epoch.\n\n\
            Ctrl-C saves and exits; `--resume` goes on, on the CPU to the same bits as without the stop.",
    examples: &[
        "--data zoo-relu --model stat-nn --size quick",
        "--data my-nets --labels-from runs.csv --target accuracy --model scalegmn",
        "--experiment cifar10-gs-relu --data-dir data --set train.seed=1",
        "--experiment my.toml --run runs/mine",
        "--experiment cifar10-gs-relu --device cuda --set train.precision=tf32",
        "--resume --run runs/mine",
    ],
};

fn main() -> ExitCode {
    PROGRAM.main()
}
