//! The files that travel inside the binary: published experiments, and the parts that others are composed of; one line
//! a file of `experiments/`, sorted.

/// A file that was embedded when the crate was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedded {
    /// File name without its ending.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

impl Embedded {
    /// The first sentence of the comment at the top of the file.
    pub fn sentence(&self) -> String {
        sentence(self.text)
    }
}

/// The first sentence of the comment at the top of a file, without its dot; empty where there is none.
pub(super) fn sentence(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let comment = lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    comment.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

macro_rules! embed {
    ($(#[doc = $doc:literal] $visibility:vis $list:ident in $folder:literal: $($name:literal,)*;)*) => {
        $(
            #[doc = $doc]
            $visibility const $list: &[Embedded] = &[$(Embedded {
                name: $name,
                text: include_str!(concat!("../../experiments/", $folder, "/", $name, ".toml")),
            },)*];
        )*

        /// All lists by their folders.
        #[cfg(test)]
        const FOLDERS: &[(&str, &[Embedded])] = &[$(($folder, $list)),*];
    };
}

embed! {
    /// The published configurations, each a whole experiment, sorted by name.
    pub PUBLISHED in "published":
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
        "svhn-gs-relu",
        "svhn-gs-relu-bidirectional",
        "svhn-gs-tanh",
        "svhn-gs-tanh-bidirectional",
    ;
    /// Data: which nets are read, and what can be asked about them.
    pub(super) DATA in "data":
        "fmnist-inrs-full",
        "fmnist-zoo-relu-full",
        "fmnist-zoo-tanh-full",
        "mini-inrs",
        "mnist-inrs-full",
        "wild",
        "wild-held-out",
        "wild-labels",
        "wild-optimizer",
        "zoo-hetero",
        "zoo-hetero-full",
        "zoo-relu",
        "zoo-relu-full",
        "zoo-tanh",
        "zoo-tanh-full",
    ;
    /// Models that are compared with each other.
    pub(super) MODELS in "models":
        "bidirectional",
        "dws",
        "flat-mlp",
        "gmn",
        "gmn-augmented",
        "inr2vec",
        "inr2vec-architecture",
        "nfn-hnp",
        "nfn-np",
        "ng-gnn",
        "ng-gnn-probes",
        "ng-t",
        "ng-t-probes",
        "probes",
        "scalegmn",
        "scalegmn-direct",
        "scalegmn-probes",
        "stat-nn",
    ;
    /// Models in one setting other than those: what is that setting worth?
    pub(super) VARIANTS in "variants":
        "averaged-2",
        "averaged-4",
        "averaged-8",
        "bidirectional-published",
        "canonical",
        "no-edge-embedding",
        "permutation",
        "permutation-augmented",
        "phases",
        "reciprocal",
        "reversed-published",
        "symmetrized",
    ;
    /// Sizes: how much work.
    pub(super) SIZES in "sizes":
        "best",
        "best-10k",
        "best-10k-adamw",
        "best-10k-constant",
        "best-10k-last",
        "best-10k-noise",
        "best-10k-plain",
        "best-10k-still",
        "quick",
        "small",
        "small-10k",
        "small-1k",
        "small-30k",
        "small-3k",
        "wide",
    ;
    /// What several parts share, and no part by itself.
    pub(super) PIECES in "pieces":
        "answers",
        "augmented",
        "equal-terms",
        "linear-layers",
        "moved",
        "sines",
        "with-probes",
    ;
}

/// The learning rates of all compositions.
pub(super) const RATES: Embedded =
    Embedded { name: "rates", text: include_str!("../../experiments/rates.toml") };

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_list_is_its_folder_and_sorted() {
        let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("experiments");
        let names = |folder: &Path| {
            let entries = std::fs::read_dir(folder).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        for (folder, list) in FOLDERS {
            let mut listed: Vec<String> = list.iter().map(|file| format!("{}.toml", file.name)).collect();
            assert!(list.is_sorted_by_key(|file| file.name), "{folder}");
            listed.sort();
            assert_eq!(listed, names(&experiments.join(folder)), "{folder}");
        }
        let mut folders: Vec<String> = FOLDERS.iter().map(|(folder, _)| (*folder).to_owned()).collect();
        folders.push("rates.toml".to_owned());
        folders.sort();
        assert_eq!(folders, names(&experiments));
    }

    #[test]
    fn every_file_begins_with_a_sentence() {
        assert_eq!(sentence("# One thing,\n# said. More.\nkey = 1\n"), "One thing, said");
        for file in FOLDERS.iter().flat_map(|(_, list)| *list) {
            assert!(file.sentence().len() > 20, "{}", file.name);
        }
    }
}
