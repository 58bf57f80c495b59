//! Files of `torch.export.save`: read, run, written again, and refused.

use std::{
    fs,
    io::{Cursor, Read, Write},
    path::{Path, PathBuf},
};

use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::flow::{Numbers, Role};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::any_net_files::{Doubled, error, example, folder, folders_with};

/// Sums in another order than PyTorch's, in f64.
const ROUNDING: f64 = 1e-12;

fn open(path: &Path) -> FlowFile {
    any_net::open(path, &ReadOptions::default()).unwrap()
}

fn open_example(folder: &Path) -> FlowFile {
    let mut options = ReadOptions::default();
    if folder.ends_with("open_sizes") {
        options.inputs.insert("ids".to_owned(), example(folder, "x").shape().to_vec());
    }
    any_net::open(&folder.join("export.pt2"), &options).unwrap()
}

#[test]
fn exported_programs_of_every_layout_answer_as_pytorch_does() {
    let folders = folders_with("export.pt2");
    assert!(folders.len() >= 8, "{folders:?}");
    for folder in folders {
        let error = error(&folder, &open_example(&folder));
        assert!(error < ROUNDING, "{}: {error:e}", folder.display());
    }
}

#[test]
fn the_same_numbers_give_the_same_bytes() {
    let scratch = tempfile::tempdir().unwrap();
    for folder in folders_with("export.pt2") {
        let (from, to) = (folder.join("export.pt2"), scratch.path().join("again.pt2"));
        let file = open_example(&folder);
        file.write(&file.net, &to).unwrap();
        assert!(fs::read(&from).unwrap() == fs::read(&to).unwrap(), "{}", folder.display());
    }
}

#[test]
fn other_numbers_come_back_and_everything_else_stays() {
    let scratch = tempfile::tempdir().unwrap();
    for folder in folders_with("export.pt2") {
        let (from, to) = (folder.join("export.pt2"), scratch.path().join("other.pt2"));
        let file = open_example(&folder);
        file.write(&Doubled(&file.net), &to).unwrap();
        let other = open(&to);
        for param in 0..file.net.flow().params().len() {
            assert_eq!(other.net.numbers(param), Doubled(&file.net).numbers(param), "{}", folder.display());
        }
        let (before, after) = (entries(&from), entries(&to));
        assert_eq!(before.len(), after.len());
        for ((name, old), (again, new)) in before.iter().zip(&after) {
            assert_eq!(name, again);
            let weights = name.contains("weights/") || name.contains("state_dict");
            assert!(old == new || weights, "{name} of {}", folder.display());
        }
    }
}

#[test]
fn the_file_says_what_is_learned_what_is_gathered_and_what_stays() {
    let norms = open(&folder("vgg_bn").join("export.pt2"));
    let role = |name: &str| norms.net.flow().params().iter().find(|param| param.name == name).unwrap().role;
    assert_eq!(role("features.1.running_var"), Role::Statistic);
    assert_eq!(role("features.1.weight"), Role::Trained);

    let path = folder("fourier_inr").join("export.pt2");
    let fixed = open(&path).fixed;
    assert_eq!((fixed[0].name.as_str(), fixed[0].why.as_str()), ("frequencies", "a buffer"));
    let options = ReadOptions { trained: vec!["frequencies".to_owned()], ..ReadOptions::default() };
    let file = any_net::open(&path, &options).unwrap();
    assert!(file.fixed.is_empty());
    assert_eq!(file.net.flow().params().len(), 5);
}

#[test]
fn open_sizes_are_bound_by_name_or_by_shape() {
    let path = folder("open_sizes").join("export.pt2");
    let refused = |options: &ReadOptions| any_net::open(&path, options).unwrap_err().to_string();
    let mut options = ReadOptions::default();
    options.inputs.insert("ids".to_owned(), vec![1, 9]);
    let file = any_net::open(&path, &options).unwrap();
    let flow = file.net.flow();
    assert_eq!(flow.shape(flow.outputs()[0].value), [1, 17, 5]);
    options.inputs.insert("ids".to_owned(), vec![9]);
    assert!(refused(&options).contains("expected 2 sizes, found [9]"));
    options.inputs.clear();
    options.sizes.insert("nobody".to_owned(), 3);
    assert!(refused(&options).contains("\"nobody\""));
}

/// Entries of an archive in order.
fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut zip = ZipArchive::new(Cursor::new(fs::read(path).unwrap())).unwrap();
    let n = zip.len();
    let one = |at: usize| {
        let mut entry = zip.by_index(at).unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.name().unwrap().into_owned(), bytes)
    };
    (0..n).map(one).collect()
}

/// The archive of a net with changed entries, and what reading it says.
fn damaged(name: &str, change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> String {
    let (_scratch, path) = rebuilt(name, CompressionMethod::Stored, change);
    any_net::open(&path, &ReadOptions::default()).unwrap_err().to_string()
}

fn rebuilt(
    name: &str,
    method: CompressionMethod,
    change: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>,
) -> (tempfile::TempDir, PathBuf) {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("damaged.pt2");
    let mut zip = ZipWriter::new(fs::File::create(&path).unwrap());
    for (entry, bytes) in entries(&folder(name).join("export.pt2")) {
        if let Some(bytes) = change(&entry, bytes) {
            zip.start_file(entry, SimpleFileOptions::default().compression_method(method)).unwrap();
            zip.write_all(&bytes).unwrap();
        }
    }
    zip.finish().unwrap();
    (scratch, path)
}

/// The same with a text of the graph replaced.
fn with_graph(name: &str, from: &str, to: &str) -> String {
    damaged(name, |entry, bytes| {
        if !entry.ends_with("models/model.json") {
            return Some(bytes);
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{from}");
        Some(text.replacen(from, to, 1).into_bytes())
    })
}

/// The same with a text of the list of weights replaced.
fn with_list(from: &str, to: &str) -> String {
    damaged("siren", |entry, bytes| {
        if !entry.ends_with("weights_config.json") {
            return Some(bytes);
        }
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains(from), "{from}");
        Some(text.replacen(from, to, 1).into_bytes())
    })
}

#[test]
fn calls_and_versions_that_are_not_known_are_refused_by_name() {
    let why =
        with_graph("vgg_bn", "torch.ops.aten.max_pool2d.default", "torch.ops.aten.max_nonsense.default");
    assert!(why.contains("torch.ops.aten.max_nonsense.default") && why.contains("\"max_pool2d\""), "{why}");
    let why = with_graph("siren", "torch.ops.aten.sin.default", "os.system");
    assert!(why.contains("os.system"), "{why}");
    let why = with_graph("siren", "\"major\": 8", "\"major\": 9");
    assert!(why.contains("expected a graph of schema 8, found 9."), "{why}");
    let train = "\"training\", \"arg\": {\"as_bool\": false}";
    let why = with_graph("vgg_bn", train, &train.replace("false", "true"));
    assert!(why.contains("call eval() before the export"), "{why}");
}

#[test]
fn graphs_that_contradict_themselves_are_refused_with_the_node() {
    let why = with_graph("siren", "\"as_int\": 8}, {\"as_int\": 2}", "\"as_int\": 4}, {\"as_int\": 4}");
    assert!(why.contains("\"net.0.linear.weight\" of shape [4, 4], found [8, 2]"), "{why}");
    let operand = "\"input\", \"arg\": {\"as_tensor\": {\"name\": \"x\"}}";
    let why = with_graph("siren", operand, &operand.replace("\"x\"", "\"nobody\""));
    assert!(why.contains("linear (torch.ops.aten.linear.default)") && why.contains("nobody"), "{why}");
    let why = with_graph("lstm", "\"as_int\": -1", "\"as_int\": -100");
    assert!(why.contains("select") && why.contains("-100"), "{why}");
    let why = with_graph("siren", "\"as_float\": 30.0", "\"as_float\": \"thirty\"");
    assert!(why.contains("mul (torch.ops.aten.mul.Tensor): expected a number"), "{why}");
    let why = with_graph("siren", "{\"graph\"", &format!("{}{{\"graph\"", "[".repeat(100_000)));
    assert!(why.contains("model.json"), "{why}");
}

#[test]
fn numbers_that_are_missing_or_lie_elsewhere_are_refused() {
    let why = damaged("siren", |entry, bytes| (!entry.ends_with("weight_0")).then_some(bytes));
    assert!(why.contains("weight_0"), "{why}");
    let why = damaged("siren", |entry, mut bytes| {
        bytes.truncate(if entry.ends_with("weight_0") { 60 } else { bytes.len() });
        Some(bytes)
    });
    assert!(why.contains("weight_0") && why.contains("60 bytes"), "{why}");
    let why = damaged("siren", |entry, bytes| (!entry.ends_with("weights_config.json")).then_some(bytes));
    assert!(why.contains("data/weights/model.pt"), "{why}");
    assert!(with_list("\"weight_0\"", "\"../weight_0\"").contains("a plain name of an entry"));
    assert!(with_list("\"use_pickle\": false", "\"use_pickle\": true").contains("pickled object"));
    assert!(with_list("\"dtype\": 7", "\"dtype\": 9").contains("numbers of type 9"));
    assert!(with_list("\"layout\": 7", "\"layout\": 1").contains("layout 1"));
    assert!(with_list("{\"as_int\": 8}", "{\"as_int\": -8}").contains("none negative"));
    assert!(with_list("{\"as_int\": 8}", "{\"as_int\": 9000000000000000000}").contains("inside of"));
    assert!(with_list("\"net.0.linear.weight\"", "\"another\"").contains("net.0.linear.weight"));
}

#[test]
fn tensors_that_share_a_part_of_their_numbers_are_refused() {
    let why = with_list("\"weight_1\"", "\"weight_0\"");
    assert!(why.contains("share some of their numbers"), "{why}");
}

#[test]
fn a_small_file_cannot_ask_for_all_memory() {
    let bomb = |entry: &str, bytes: Vec<u8>| {
        Some(if entry.ends_with("weight_0") { vec![0; 65 << 20] } else { bytes })
    };
    let (_scratch, path) = rebuilt("siren", CompressionMethod::Deflated, bomb);
    let why = any_net::open(&path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(why.contains("at most") && why.contains("weight_0"), "{why}");
}

#[test]
fn truncated_files_and_flipped_bytes_are_errors_not_panics() {
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("broken.pt2");
    for name in ["siren", "layout_2_7"] {
        let bytes = fs::read(folder(name).join("export.pt2")).unwrap();
        for len in (0..bytes.len()).step_by(487) {
            fs::write(&path, &bytes[..len]).unwrap();
            assert!(any_net::open(&path, &ReadOptions::default()).is_err(), "{name} of {len} bytes");
        }
        for at in (0..bytes.len()).step_by(61) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x55;
            fs::write(&path, &bytes).unwrap();
            // Some bytes matter to nobody; none may make the reader stumble.
            if let Ok(file) = any_net::open(&path, &ReadOptions::default()) {
                let _ = file.write(&file.net, &scratch.path().join("again.pt2"));
            }
        }
    }
}

#[test]
fn compressed_numbers_are_read_but_not_written() {
    let (scratch, path) = rebuilt("siren", CompressionMethod::Deflated, |_, bytes| Some(bytes));
    let file = open(&path);
    let why = file.write(&file.net, &scratch.path().join("again.pt2")).unwrap_err().to_string();
    assert!(why.contains("save the file again in PyTorch"), "{why}");
    assert!(!scratch.path().join("again.pt2").exists());
}

#[test]
fn numbers_that_the_file_cannot_hold_are_refused_by_name() {
    struct Huge<'a>(&'a sgmn_graph::flow::FlowNet);
    impl Numbers for Huge<'_> {
        fn numbers(&self, param: usize) -> std::borrow::Cow<'_, [f64]> {
            self.0.numbers(param).iter().map(|_| 1e39).collect()
        }
    }
    let scratch = tempfile::tempdir().unwrap();
    let file = open(&folder("siren").join("export.pt2"));
    let why = file.write(&Huge(&file.net), &scratch.path().join("huge.pt2")).unwrap_err().to_string();
    assert!(why.contains("net.0.linear.weight") && why.contains("F32"), "{why}");
}
