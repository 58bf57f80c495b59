//! Data of an experiment from outside: published nets in a file each become one file, with nothing changed.

use std::path::Path;

use sgmn_data::{
    Dataset,
    formats::{FormatKind, cnn_zoo::ZooActivation},
};
use sgmn_exp::{
    config::{Data, Files, Trained},
    data::datasets,
};

/// Nets that lie in a file each, as their publishers lay them out.
fn sample() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-data/testdata/formats/mnist-inrs")
}

/// A folder for data with the sample in it, and the request for it.
fn place() -> (tempfile::TempDir, Files) {
    let folder = tempfile::tempdir().unwrap();
    copy(&sample(), &folder.path().join("mnist-inr/mnist-inrs"));
    let files = Files { path: "mnist-inr/mnist-inrs".to_owned(), format: FormatKind::DwsMnist.published() };
    (folder, files)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        match entry.path() {
            folder if folder.is_dir() => copy(&folder, &to),
            file => {
                std::fs::copy(file, to).unwrap();
            }
        }
    }
}

/// The same names, nets and targets in the same order, and the same splits.
fn assert_same(found: &Dataset, expected: &Dataset) {
    let n = expected.source.len();
    assert_eq!((found.source.len(), &found.splits), (n, &expected.splits));
    for i in 0..n {
        assert_eq!(found.source.get(i).unwrap(), expected.source.get(i).unwrap());
    }
}

#[test]
fn nets_in_a_file_each_are_packed_once_and_stay_the_same() {
    let (folder, files) = place();
    let expected = files.format.open(&sample()).unwrap();
    let open = || datasets::open(&Data::Files(files.clone()), folder.path(), &false.into()).unwrap();
    assert_same(&open(), &expected);

    let packed = datasets::packed_path(&files, folder.path()).unwrap();
    let written = std::fs::metadata(&packed).unwrap().modified().unwrap();
    for entry in std::fs::read_dir(folder.path().join(&files.path)).unwrap().map(Result::unwrap) {
        if entry.path().is_dir() {
            std::fs::remove_dir_all(entry.path()).unwrap();
        }
    }
    assert_same(&open(), &expected);
    assert_eq!(std::fs::metadata(&packed).unwrap().modified().unwrap(), written);
    assert_eq!(
        std::fs::read_dir(folder.path().join("packed")).unwrap().count(),
        1,
        "nothing is left beside it"
    );
}

#[test]
fn packing_that_is_stopped_leaves_nothing_behind() {
    let (folder, files) = place();
    let error = datasets::open(&Data::Files(files.clone()), folder.path(), &true.into()).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(sgmn_data::Error::Interrupted)), "{error:#}");
    let packed = datasets::packed_path(&files, folder.path()).unwrap();
    assert_eq!(std::fs::read_dir(packed.parent().unwrap()).unwrap().count(), 0);
}

#[test]
fn another_split_file_is_packed_anew() {
    let (folder, files) = place();
    let open = || datasets::open(&Data::Files(files.clone()), folder.path(), &false.into()).unwrap();
    let published = open();
    assert_eq!(published.splits.val.len(), 1);
    std::fs::remove_file(folder.path().join(&files.path).join("mnist_splits.json")).unwrap();
    let drawn = open();
    assert_same(&drawn, &files.format.open(&folder.path().join(&files.path)).unwrap());
    assert_ne!(drawn.splits, published.splits);
}

#[test]
fn a_zoo_is_trained_once_and_shared_by_both_activations() {
    let folder = tempfile::tempdir().unwrap();
    let both = Trained {
        images: "mini".to_owned(),
        n_nets: 5,
        n_images: None,
        epochs: 1,
        zoo_seed: 0,
        activation: None,
    };
    let open = |activation, stop: bool| {
        let data = Data::Trained(Trained { activation, ..both.clone() });
        datasets::open(&data, folder.path(), &stop.into())
    };
    let error = open(None, true).unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(sgmn_data::Error::Interrupted)), "{error:#}");

    let all = open(None, false).unwrap();
    assert_eq!((all.source.len(), all.splits.train.len(), all.splits.test.len()), (5, 1, 3));
    let path = datasets::trained_path(&both, folder.path());
    let written = std::fs::metadata(path.join("weights.npy")).unwrap().modified().unwrap();
    // Only a stopped request could be told from a finished one: nothing is trained any more.
    let [relu, tanh] =
        [ZooActivation::Relu, ZooActivation::Tanh].map(|activation| open(Some(activation), true).unwrap());
    assert_eq!(relu.source.len() + tanh.source.len(), 5);
    assert!(!relu.source.is_empty() && !tanh.source.is_empty());
    assert_eq!(std::fs::metadata(path.join("weights.npy")).unwrap().modified().unwrap(), written);
    let zoos = std::fs::read_dir(folder.path().join("zoo")).unwrap().count();
    assert_eq!(zoos, 1, "one zoo, and nothing left beside it");

    let other = |change: fn(&mut Trained)| {
        let mut other = both.clone();
        change(&mut other);
        datasets::trained_path(&other, folder.path()) != path
    };
    assert!(other(|t| t.n_nets = 6) && other(|t| t.epochs = 2) && other(|t| t.zoo_seed = 1));
    assert!(!other(|t| t.activation = Some(ZooActivation::Relu)));
}
