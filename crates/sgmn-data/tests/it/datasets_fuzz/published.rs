//! Mutated datasets of published forms: zoos, collections and INRs.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sgmn_data::formats::{Epochs, Format, FormatKind, cnn_park, model_zoo, nfn_cifar};

use super::{Folder, Kind};
use crate::{datasets::case, formats::testdata};

/// Zoos of a few rows, and what stands in their files.
fn zoo(text: &str, files: &[&str]) -> Folder {
    let files: Vec<_> =
        files.iter().map(|file| (*file, case("12-cnn-zoo-variants/plain_csv").join(file))).collect();
    Folder::new(Format::CnnZoo(toml::from_str(text).unwrap()), &files)
}

const ZOO: [&str; 4] = ["weights.npy", "layout.csv", "metrics.csv", "x_split.csv"];

#[test]
fn mutated_texts_of_the_cnn_zoo() {
    let zoo = zoo("", &ZOO);
    for (what, file) in
        [("layouts of a zoo", ZOO[1]), ("metrics of a zoo", ZOO[2]), ("row numbers of a zoo", ZOO[3])]
    {
        let sample = fs::read(zoo.folder.path().join(file)).unwrap();
        assert!(zoo.fuzz((what, file), Kind::Text, &[sample], &|bytes| bytes) > 0);
    }
}

#[test]
fn mutated_tables_of_the_cnn_zoo() {
    let folder = zoo("", &ZOO);
    let whole = fs::read(folder.folder.path().join(ZOO[0])).unwrap();
    let (header, numbers) = whole.split_at(128);
    let wrap = |header: Vec<u8>| [&header, numbers].concat();
    assert!(folder.fuzz(("headers of a zoo", ZOO[0]), Kind::Text, &[header.to_vec()], &wrap) > 0);
    let folder = zoo("draw = { seed = 1 }\non_bad_net = \"skip\"\nstep = 86", &["weights.npy", "layout.csv"]);
    let metrics = fs::read(case("12-cnn-zoo-variants/keras3/metrics.csv.gz")).unwrap();
    assert!(folder.fuzz(("packed metrics", "metrics.csv.gz"), Kind::Bytes, &[metrics], &|bytes| bytes) > 0);
}

/// One training of a model zoo.
fn collection(text: &str) -> (Folder, String) {
    let name = "NN_tune_trainable_00001_1_seed=1_2022-01-02_10-00-00";
    let from = case("05-modelzoo-cnn/zoo").join(name);
    let training = "NN_tune_trainable_1";
    let at = |file: &str| (format!("{training}/{file}"), from.join(file));
    let files: Vec<(String, PathBuf)> =
        ["params.json", "result.json", "checkpoint_000050/checkpoints"].map(at).into();
    let files: Vec<_> = files.iter().map(|(to, from)| (to.as_str(), from.clone())).collect();
    let options: model_zoo::Options = toml::from_str(text).unwrap();
    (Folder::new(Format::ModelZoo(options), &files), training.to_owned())
}

#[test]
fn mutated_texts_of_a_model_zoo() {
    let (folder, training) = collection("");
    let [params, result] = ["params.json", "result.json"].map(|file| format!("{training}/{file}"));
    let sample = r#"{"model::nlin": "leakyrelu", "model::type": "CNN", "model::channels_in": 1, "seed": 1}"#;
    folder.fuzz_text(("settings of a model zoo", &params), &[sample]);
    let epoch =
        |n: u32| format!("{{\"training_iteration\": {n}, \"test_acc\": 0.{n}, \"config\": {{\"a\": 0}}}}\n");
    let sample = [epoch(49), epoch(50), epoch(51)].concat();
    folder.fuzz_text(("results of a model zoo", &result), &[&sample]);
}

#[test]
fn mutated_checkpoints_of_a_model_zoo() {
    let (folder, training) = collection("on_bad_net = \"skip\"");
    folder.fuzz_pickle("checkpoints of a model zoo", &format!("{training}/checkpoint_000050/checkpoints"));
    let (folder, training) = collection("epochs = \"all\"");
    folder.fuzz_name("names in a model zoo", &format!("{training}/checkpoint_000050/checkpoints"));
}

#[test]
fn mutated_files_of_the_cnn_park() {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cnn_park");
    let nets = [10, 20]
        .map(|step| format!("cifar10_zooV2/NN_tune_trainable_00000/checkpoint_0000{step}/checkpoint.pt"));
    let list = |i: usize| format!(r#"{{"path": ["{}"], "score": [0.5], "step": [{}0]}}"#, nets[i], i + 1);
    let splits = format!(r#"{{"train": {}, "val": {}, "test": []}}"#, list(0), list(1));
    let files = [(nets[0].as_str(), from.join(&nets[0])), (nets[1].as_str(), from.join(&nets[1]))];
    let folder = Folder::new(Format::CnnPark(cnn_park::Options::default()), &files);
    let last = cnn_park::Options { steps: Epochs::Last, ..Default::default() };
    let of_last = Folder::new(Format::CnnPark(last), &files);
    for (what, folder) in [("split files of the park", &folder), ("last steps of the park", &of_last)] {
        folder.fuzz_text((what, "cnn_park_splits.json"), &[&splits]);
    }
    fs::write(folder.folder.path().join("cnn_park_splits.json"), &splits).unwrap();
    folder.fuzz_pickle("checkpoints of the park", &nets[1]);
}

#[test]
fn mutated_files_of_mnist_inrs() {
    let net = |folder: &str| format!("{folder}/checkpoints/model_final.pth");
    let nets = [net("mnist_png_training_1_40"), net("mnist_png_testing_9_4")];
    let from = testdata("mnist-inrs").join(net("mnist_png_training_1_40"));
    let files = [(nets[0].as_str(), from.clone()), (nets[1].as_str(), from)];
    let folder = Folder::new(FormatKind::DwsMnist.published(), &files);
    folder.fuzz_pickle("MNIST INRs", &nets[0]);
    let splits = format!(
        r#"{{"train": {{"path": ["./data\\{}"], "label": ["1"]}}, "val": ["{}"], "test": []}}"#,
        nets[0].replace('/', "\\\\"),
        nets[1]
    );
    folder.fuzz_text(("split files of MNIST INRs", "mnist_splits.json"), &[&splits]);
    folder.fuzz_name("names of MNIST INRs", &nets[0]);
}

#[test]
fn mutated_files_of_fashion_inrs() {
    let from = testdata("fmnist_inrs");
    let files = ["train/model_8.pth", "test/model_10.pth"].map(|name| (name, from.join(name)));
    let folder = Folder::new(FormatKind::DwsFmnist.published(), &files);
    let splits = r#"{"train": ["/some/where/train/model_8.pth"], "val": [], "test": ["test/model_10.pth"]}"#;
    folder.fuzz_text(("split files of Fashion INRs", "fmnist_splits.json"), &[splits]);
    fs::write(folder.folder.path().join("fmnist_splits.json"), splits).unwrap();
    folder.fuzz_pickle("Fashion INRs", "train/model_8.pth");
}

#[test]
fn mutated_files_of_cifar_inrs() {
    let from = testdata("siren_cifar_wts");
    let files = [
        "randinit_smaller_3s/net14.pth",
        "randinit_smaller_4s/net0.pth",
        "randinit_smaller_aug0_3s/net14.pth",
    ];
    let files = files.map(|name| (name, from.join(name)));
    let options = nfn_cifar::Options { augmentations: 1, ..Default::default() };
    let folder = Folder::new(Format::NfnCifar(options), &files);
    folder.fuzz_pickle("CIFAR INRs", files[0].0);
    folder.fuzz_name("names of CIFAR INRs", files[0].0);
}
