//! The published formats, on files that PyTorch and NumPy wrote.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::Deserialize;
use sgmn_data::{
    Dataset, Target,
    formats::{
        self, Format, FormatKind,
        cnn_zoo::{self, Header, ZooActivation},
        idx, nfn_cifar,
    },
    split::Split,
};
use sgmn_graph::{Activation, Net, eval};

pub(crate) fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/formats").join(name)
}

pub(crate) fn open(kind: FormatKind, name: &str) -> Dataset {
    kind.published().open(&testdata(name)).unwrap()
}

fn ids(dataset: &Dataset, split: Split) -> Vec<String> {
    dataset.splits.get(split).iter().map(|&i| dataset.source.get(i).unwrap().id).collect()
}

fn json<T: for<'de> Deserialize<'de>>(name: &str) -> T {
    serde_json::from_slice(&std::fs::read(testdata(name)).unwrap()).unwrap()
}

/// Mean squared error of a rendered net against an image; x runs along columns, y along rows, both over [-1, 1].
fn fit_error(net: &Net, image: &[u8], side: usize) -> f64 {
    let at = |i: usize| 2.0 * i as f64 / (side - 1) as f64 - 1.0;
    let error = |(p, &byte): (usize, &u8)| {
        let grey = eval::run(net, &[at(p % side), at(p / side)]).unwrap()[0];
        (grey - f64::from(byte) / 255.0).powi(2)
    };
    image.iter().enumerate().map(error).sum::<f64>() / image.len() as f64
}

#[test]
fn mnist_nets_render_their_images_to_the_published_errors() {
    let dataset = open(FormatKind::DwsMnist, "mnist-inrs");
    assert_eq!(
        [Split::Train, Split::Val, Split::Test].map(|split| dataset.splits.get(split)),
        [&[0, 1][..], &[2], &[3]]
    );
    let images = idx::read_images(&testdata("mnist_images.idx.gz")).unwrap();
    let labels = idx::read_labels(&testdata("mnist_labels.idx")).unwrap();
    assert_eq!((images.shape(), labels.shape()), (&[4, 28, 28][..], &[4][..]));
    for (i, expected) in json::<Vec<f64>>("mnist_fit_error.json").into_iter().enumerate() {
        let sample = dataset.source.get(i).unwrap();
        assert_eq!(sample.target, Target::Class(labels.item(i)[0].into()));
        let error = fit_error(&sample.net, images.item(i), 28);
        // The published errors were computed in f32.
        assert!((error / expected - 1.0).abs() < 1e-5, "{}: {error} instead of {expected}", sample.id);
    }
    let first = dataset.source.get(0).unwrap();
    assert_eq!(first.id, "mnist_png_training_5_0");
    assert_eq!(first.net.spec().widths(), [2, 32, 32, 1]);
    assert!(
        Arc::ptr_eq(first.net.spec(), dataset.source.get(3).unwrap().net.spec()),
        "one architecture is shared"
    );
}

#[test]
fn fashion_labels_come_from_inside_the_files() {
    let dataset = open(FormatKind::DwsFmnist, "fmnist_inrs");
    let samples: Vec<_> = (0..3).map(|i| dataset.source.get(i).unwrap()).collect();
    assert_eq!(
        samples.iter().map(|sample| sample.id.as_str()).collect::<Vec<_>>(),
        ["train/model_0", "train/model_8", "test/model_10"]
    );
    assert!(samples.iter().all(|sample| matches!(sample.target, Target::Class(0..10))));
    assert!(samples.iter().all(|sample| sample.net.spec().output_offset() == 0.5));
    assert_eq!(
        dataset.splits.assignment(3).unwrap(),
        [Some(Split::Train), Some(Split::Val), Some(Split::Test)]
    );
}

#[test]
fn cifar_copies_join_the_training_set_only() {
    let options = nfn_cifar::Options { val_from: 10, test_from: 20, ..Default::default() };
    let plain = Format::NfnCifar(options.clone()).open(&testdata("siren_cifar_wts")).unwrap();
    assert_eq!(
        [Split::Train, Split::Val, Split::Test].map(|split| ids(&plain, split)),
        [["net0"], ["net14"], ["net20"]]
    );
    let options = nfn_cifar::Options { augmentations: 1, ..options };
    let augmented = Format::NfnCifar(options.clone()).open(&testdata("siren_cifar_wts")).unwrap();
    assert_eq!(ids(&augmented, Split::Train), ["net0", "aug0/net0"]);
    assert_eq!(augmented.source.len(), 4);
    for i in 0..4 {
        let sample = augmented.source.get(i).unwrap();
        assert_eq!(
            (sample.net.spec().widths(), sample.net.spec().output_offset()),
            (vec![2, 32, 32, 3], 0.0)
        );
    }
    assert_eq!(augmented.source.get(3).unwrap().target, Target::Class(4));

    let missing = nfn_cifar::Options { augmentations: 2, ..options };
    let message = Format::NfnCifar(missing).open(&testdata("siren_cifar_wts")).unwrap_err().to_string();
    assert!(message.contains("randinit_smaller_aug1_{label}s"), "{message}");
}

#[derive(Deserialize)]
struct ZooExpected {
    published: BTreeMap<String, BTreeMap<Split, Vec<usize>>>,
    exact: BTreeMap<String, BTreeMap<Split, Vec<usize>>>,
    logits: Vec<Vec<f64>>,
}

#[test]
fn the_zoo_is_split_as_the_published_code_does() {
    let expected: ZooExpected = json("smallcnnzoo_expected.json");
    for (header, expected) in [(Header::Published, &expected.published), (Header::Exact, &expected.exact)] {
        let activations =
            [("none", None), ("relu", Some(ZooActivation::Relu)), ("tanh", Some(ZooActivation::Tanh))];
        for (word, activation) in activations {
            let options = cnn_zoo::Options { header, activation, ..Default::default() };
            let dataset = Format::CnnZoo(options).open(&testdata("smallcnnzoo")).unwrap();
            for split in Split::ALL {
                let rows: Vec<usize> = ids(&dataset, split).iter().map(|id| row(id)).collect();
                assert_eq!(rows, expected[word][&split], "{header:?} {word} {split:?}");
            }
        }
    }
}

#[test]
fn a_zoo_without_rows_of_the_step_names_the_steps_it_has() {
    let options = cnn_zoo::Options { step: 85, ..Default::default() };
    let message = Format::CnnZoo(options).open(&testdata("smallcnnzoo")).unwrap_err().to_string();
    assert!(message.contains("expected rows of step 85, the option `step`"), "{message}");
    assert!(message.contains("86"), "{message}");
}

/// The row of `row7` or `row0-header`.
fn row(id: &str) -> usize {
    id.trim_start_matches("row").trim_end_matches("-header").parse().unwrap()
}

#[test]
fn the_header_line_puts_row_zero_into_the_zoo_twice() {
    let dataset = open(FormatKind::CnnZoo, "smallcnnzoo");
    let zeros: Vec<String> = (0..dataset.source.len())
        .map(|i| dataset.source.get(i).unwrap().id)
        .filter(|id| row(id) == 0)
        .collect();
    assert_eq!(zeros, ["row0-header", "row0"]);
}

#[test]
fn zoo_nets_compute_what_tensorflow_order_computes() {
    let expected: ZooExpected = json("smallcnnzoo_expected.json");
    let dataset = open(FormatKind::CnnZoo, "smallcnnzoo");
    let images = idx::read_images(&testdata("mnist_images.idx.gz")).unwrap();
    let image: Vec<f64> = images.item(0).iter().map(|&byte| f64::from(byte) / 255.0).collect();
    let mut kinds = [0, 0];
    for i in 0..dataset.source.len() {
        let sample = dataset.source.get(i).unwrap();
        assert!(matches!(sample.target, Target::Score(accuracy) if (0.0..=1.0).contains(&accuracy)));
        kinds[usize::from(sample.net.spec().layers()[0].activation == Activation::Tanh)] += 1;
        let logits = eval::run(&sample.net, &image).unwrap();
        let expected = &expected.logits[row(&sample.id)];
        let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
        for (found, expected) in logits.iter().zip(expected) {
            assert!(
                (found - expected).abs() <= 1e-12 * largest,
                "{}: {found} instead of {expected}",
                sample.id
            );
        }
    }
    assert!(kinds[0] > 0 && kinds[1] > 0, "both activations were tried");
}

#[test]
fn every_folder_is_recognized_by_its_content() {
    let folders = [
        ("mnist-inrs", FormatKind::DwsMnist),
        ("fmnist_inrs", FormatKind::DwsFmnist),
        ("siren_cifar_wts", FormatKind::NfnCifar),
        ("smallcnnzoo", FormatKind::CnnZoo),
    ];
    for (name, kind) in folders {
        assert_eq!(formats::detect(&testdata(name)).unwrap(), kind);
    }
    assert_eq!(formats::detect(&testdata("")).unwrap(), FormatKind::Folder, "nets in folders of all kinds");
    for name in ["mnist_labels.idx", "no such file"] {
        let message = formats::detect(&testdata(name)).unwrap_err().to_string();
        assert!(
            message.contains(
                "cnn_park, cnn_zoo, dws_fmnist, dws_mnist, flows, folder, model_zoo, nfn_cifar, packed"
            ),
            "{message}"
        );
    }
}

#[test]
fn formats_and_their_options_are_read_from_text_and_unknown_words_refused() {
    let read = |text: &str| serde_json::from_str::<Format>(text);
    assert_eq!(read(r#"{"kind": "dws_mnist"}"#).unwrap(), FormatKind::DwsMnist.published());
    let Format::NfnCifar(options) = read(r#"{"kind": "nfn_cifar", "augmentations": 20}"#).unwrap() else {
        panic!()
    };
    assert_eq!((options.augmentations, options.val_from, options.test_from), (20, 45_000, 50_000));
    assert!(read(r#"{"kind": "nfn_cifar", "augmentation": 20}"#).is_err());
    assert!(read(r#"{"kind": "packed", "x": 1}"#).is_err());
    assert!(read(r#"{"kind": "unknown"}"#).is_err());
    for kind in formats::ALL {
        assert_eq!(kind.name().parse::<FormatKind>().unwrap(), *kind);
        let format = kind.published();
        assert_eq!(read(&serde_json::to_string(&format).unwrap()).unwrap(), format);
    }
    assert!("png".parse::<FormatKind>().unwrap_err().to_string().contains("one of cnn_park, "));
}
