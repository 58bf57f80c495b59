//! How must the weights of an INR change so that it draws the edited image? A ScaleGMN says it from the weights.

use std::process::ExitCode;

use sgmn_exp::run::launch::Program;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PROGRAM: Program = Program {
    name: "inr-editing",
    about: "Trains a model that edits images by changing the weights of INRs, and tests its best epoch.\n\n\
            The edited test nets are kept as edited.packed in the folder of the run, pictures of some as \
            plots/edited.png. Ctrl-C saves and exits; `--resume` goes on, on the CPU to the same bits as without the stop.",
    examples: &[
        "--data mini-inrs --model bidirectional --size quick",
        "--data mini-inrs --model averaged-4 --set train.seed=1",
        "--data my.packed --set task.edit=contrast --set task.target=drawing --set task.size=[28,28]",
        "--experiment mnist-editing --data-dir data --set train.seed=1",
        "--experiment mnist-editing-bidirectional --device cuda --set train.precision=tf32",
        "--resume --run runs/mine",
    ],
};

fn main() -> ExitCode {
    PROGRAM.main()
}
