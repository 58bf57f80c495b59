//! The experiments that travel inside the binary: one line per file of `experiments/`, sorted.

/// An experiment file that was embedded when the crate was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedExperiment {
    /// File name without its ending.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! embed {
    ($($name:literal,)*) => {
        /// All embedded experiments, sorted by name.
        pub const EMBEDDED: &[EmbeddedExperiment] = &[$(EmbeddedExperiment {
            name: $name,
            text: include_str!(concat!("../../experiments/", $name, ".toml")),
        },)*];
    };
}

embed! {
    "cifar",
    "cifar-aug",
    "cifar-aug-bidirectional",
    "cifar-bidirectional",
    "cifar-contrast",
    "cifar-contrast-bidirectional",
    "cifar10-gs-hetero",
    "cifar10-gs-hetero-bidirectional",
    "cifar10-gs-relu",
    "cifar10-gs-relu-bidirectional",
    "cifar10-gs-tanh",
    "cifar10-gs-tanh-bidirectional",
    "fmnist",
    "fmnist-bidirectional",
    "mnist",
    "mnist-bidirectional",
    "mnist-editing",
    "mnist-editing-averaged-8",
    "mnist-editing-bidirectional",
    "quick",
    "quick-bidirectional",
    "quick-bidirectional-published",
    "quick-canonical",
    "quick-editing",
    "quick-editing-averaged-2",
    "quick-editing-averaged-4",
    "quick-editing-averaged-8",
    "quick-editing-bidirectional",
    "quick-flat-mlp",
    "quick-inr2vec",
    "quick-inr2vec-architecture",
    "quick-no-edge-embedding",
    "quick-permutation",
    "quick-permutation-augmented",
    "quick-phases",
    "quick-symmetrized",
    "quick-zoo-hetero",
    "quick-zoo-hetero-bidirectional",
    "quick-zoo-hetero-stat-nn",
    "quick-zoo-relu",
    "quick-zoo-relu-bidirectional",
    "quick-zoo-relu-permutation",
    "quick-zoo-relu-permutation-augmented",
    "quick-zoo-relu-quirks",
    "quick-zoo-relu-reciprocal",
    "quick-zoo-relu-reversed-published",
    "quick-zoo-relu-stat-nn",
    "quick-zoo-tanh",
    "quick-zoo-tanh-bidirectional",
    "quick-zoo-tanh-stat-nn",
    "small",
    "small-bidirectional",
    "small-editing",
    "small-editing-averaged-8",
    "small-editing-bidirectional",
    "small-flat-mlp",
    "small-inr2vec",
    "small-permutation",
    "small-zoo-relu",
    "small-zoo-relu-bidirectional",
    "small-zoo-relu-stat-nn",
    "small-zoo-tanh",
    "small-zoo-tanh-bidirectional",
    "small-zoo-tanh-stat-nn",
    "svhn-gs-relu",
    "svhn-gs-relu-bidirectional",
    "svhn-gs-tanh",
    "svhn-gs-tanh-bidirectional",
}
