//! Nets in ONNX files: they answer as their writers say, are written back to the byte, and say what may move.

mod hostile;
mod made;
mod made_files;
mod roles;

use std::path::{Path, PathBuf};

use made::{Model, float, floats, int, node};
use safetensors::{Dtype, SafeTensors};
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::flow::{Array, Numbers, run};

/// Every file that is read, by net and writer: two exporters of PyTorch, with batch normalization folded or kept.
const FILES: [&str; 8] = [
    "cnn_flatten/script.onnx",
    "fourier_inr/script.onnx",
    "gpt/dynamo.onnx",
    "llama/dynamo.onnx",
    "lstm/script.onnx",
    "mobilenet_relu/script.onnx",
    "resnet_basic/unfused.onnx",
    "vit/dynamo.onnx",
];

/// Numbers of files are f32; outputs were computed from them in f64, folded norms in f32.
const TOLERANCE: f64 = 1e-5;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/any_net").join(name)
}

fn open(path: &Path) -> FlowFile {
    any_net::open(path, &ReadOptions::default()).unwrap_or_else(|why| panic!("{why}"))
}

/// A tensor of a file with known inputs and outputs.
fn known(io: &SafeTensors<'_>, name: &str) -> Array {
    let view = io.tensor(name).unwrap();
    let bytes = view.data();
    let values = match view.dtype() {
        Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Dtype::F64 => bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("{other:?}"),
    };
    Array::new(view.shape().to_vec(), values).unwrap()
}

/// Where the known inputs and outputs of a net are, and a file with its input's shape bound.
fn open_with_io(name: &str) -> (FlowFile, Array, Array) {
    let path = path(name);
    let bytes = std::fs::read(path.with_file_name("io.safetensors")).unwrap();
    let io = SafeTensors::deserialize(&bytes).unwrap();
    let (x, y) = (known(&io, "x"), known(&io, "y"));
    let mut options = ReadOptions::default();
    options.inputs.insert("x".to_owned(), x.shape().to_vec());
    (any_net::open(&path, &options).unwrap_or_else(|why| panic!("{why}")), x, y)
}

/// The largest difference, relative to the largest number.
fn error(found: &Array, expected: &Array) -> f64 {
    assert_eq!(found.shape(), expected.shape());
    let largest = expected.data().iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let pairs = found.data().iter().zip(expected.data());
    pairs.fold(0.0f64, |worst, (a, b)| worst.max((a - b).abs())) / largest
}

/// The only output of a net.
fn answer(file: &FlowFile, x: Array) -> Array {
    run(file.net.flow(), &file.net, &[x]).unwrap().remove(0)
}

#[test]
fn every_net_answers_as_its_writer_says() {
    for name in FILES {
        let (file, x, y) = open_with_io(name);
        let error = error(&answer(&file, x), &y);
        assert!(error < TOLERANCE, "{name}: {error}");
    }
}

#[test]
fn writing_the_same_numbers_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("again.onnx");
    for name in FILES {
        let file = open(&path(name));
        file.write(&file.net, &out).unwrap();
        assert!(std::fs::read(&out).unwrap() == std::fs::read(path(name)).unwrap(), "{name}");
    }
}

/// The numbers of a net, each times a power of two, which f32 holds exactly.
struct Doubled<'a>(&'a FlowFile);

impl Numbers for Doubled<'_> {
    fn numbers(&self, param: usize) -> std::borrow::Cow<'_, [f64]> {
        self.0.net.numbers(param).iter().map(|value| 2.0 * value).collect()
    }
}

#[test]
fn other_numbers_are_read_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("doubled.onnx");
    for name in FILES {
        let file = open(&path(name));
        file.write(&Doubled(&file), &out).unwrap();
        let again = open(&out);
        assert_eq!(again.net.flow(), file.net.flow(), "{name}");
        for param in 0..file.net.flow().params().len() {
            assert_eq!(again.net.numbers(param), Doubled(&file).numbers(param), "{name}");
        }
        let (old, new) = (std::fs::read(path(name)).unwrap(), std::fs::read(&out).unwrap());
        assert_eq!(old.len(), new.len(), "{name}");
        // Doubling changes the exponent only: one or two bytes of four.
        let changed = old.iter().zip(&new).filter(|(old, new)| old != new).count();
        assert!(changed <= 2 * file.net.flow().n_numbers() * 2, "{name}: {changed} bytes");
    }
}

#[test]
fn operations_of_other_makers_are_refused_by_their_name() {
    let why = any_net::open(&path("resnet_basic/ort.onnx"), &ReadOptions::default()).unwrap_err().to_string();
    let expected = "com.microsoft::FusedConv (node \"node_Conv_95\"): not an operation of the ONNX standard that sgmn reads";
    assert!(why.ends_with(expected), "{why}");
}

#[test]
fn copies_of_a_tensor_are_one_parameter_and_are_written_together() {
    // The writer has stored the table of tokens twice, the second time transposed for the last layer.
    let file = open(&path("gpt/dynamo.onnx"));
    let copies: Vec<_> = file.tensors.iter().filter(|tensor| tensor.transposed).collect();
    assert_eq!((copies.len(), file.tensors.len()), (1, file.net.flow().params().len() + 1));
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("doubled.onnx");
    file.write(&Doubled(&file), &out).unwrap();
    assert_eq!(open(&out).tensors, file.tensors);
}

#[test]
fn versions_of_an_operator_differ_as_the_standard_says() {
    let x = Array::new(vec![2, 2, 2], (0..8).map(f64::from).collect()).unwrap();
    let softmax = |opset: i64| {
        let mut model = Model::new(opset);
        model.input("x", &[2, 2, 2]).node(node("Softmax", &["x"], &["y"], &[])).output("y");
        answer(&open(&model.file().path), x.clone())
    };
    let total = |values: &[f64]| values.iter().sum::<f64>();
    // Along the last axis since version 13, over all axes but the first before.
    assert!((total(&softmax(13).data()[..2]) - 1.0).abs() < 1e-12);
    assert!((total(&softmax(11).data()[..4]) - 1.0).abs() < 1e-12);

    let mut old = Model::new(11);
    old.input("x", &[2, 2, 2])
        .node(node("ReduceSum", &["x"], &["y"], &[made::ints("axes", &[1])]))
        .output("y");
    let mut new = Model::new(13);
    new.input("x", &[2, 2, 2]).tensor(made::whole("axes", &[1], &[1]));
    new.node(node("ReduceSum", &["x", "axes"], &["y"], &[])).output("y");
    assert_eq!(answer(&open(&old.file().path), x.clone()), answer(&open(&new.file().path), x));
}

#[test]
fn attributes_that_no_operator_asked_for_are_refused() {
    let mut model = Model::new(13);
    model.input("x", &[2]).node(node("Relu", &["x"], &["y"], &[int("broadcast", 1)])).output("y");
    let why = any_net::open(&model.file().path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(why.contains("Relu (node \"y\"): attribute \"broadcast\" is not read here"), "{why}");
}

#[test]
fn a_branch_is_taken_where_the_condition_is_known() {
    let branch = |op: &str, out: &str| made::graph(&[node(op, &["x"], &[out], &[])], &[], &[], &[out]);
    let mut model = Model::new(13);
    model.input("x", &[2]).whole_input("rate", &[]).tensor(made::whole("wanted", &[], &[16000]));
    model.node(node("Equal", &["rate", "wanted"], &["slow"], &[]));
    let both = [
        made::subgraph("then_branch", &branch("Relu", "a")),
        made::subgraph("else_branch", &branch("Neg", "b")),
    ];
    model.node(node("If", &["slow"], &["y"], &both)).output("y");
    let file = model.file();
    let why = any_net::open(&file.path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(why.contains("If (node \"y\"): its condition depends on an input"), "{why}");
    for (rate, expected) in [(16000.0, [0.0, 3.0]), (8000.0, [2.0, -3.0])] {
        let mut options = ReadOptions::default();
        options.values.insert("rate".to_owned(), rate);
        let file = any_net::open(&file.path, &options).unwrap();
        let x = Array::new(vec![2], vec![-2.0, 3.0]).unwrap();
        assert_eq!(answer(&file, x).data(), expected);
    }
}

#[test]
fn functions_of_the_file_are_their_nodes() {
    let mut model = Model::new(13);
    let slope = made::reference("alpha", "slope");
    model.function(
        "mine",
        "Leak",
        &["a"],
        &["b"],
        &["slope"],
        &[node("LeakyRelu", &["a"], &["b"], &[slope])],
    );
    model
        .input("x", &[2])
        .node(made::call("mine", "Leak", &["x"], &["y"], &[float("slope", 0.5)]))
        .output("y");
    let x = Array::new(vec![2], vec![-2.0, 3.0]).unwrap();
    assert_eq!(answer(&open(&model.file().path), x).data(), [-1.0, 3.0]);
}

#[test]
fn open_sizes_are_one_unless_they_are_given() {
    let mut model = Model::new(13);
    model.open_input("x", &["batch"], &[3]).node(node("Relu", &["x"], &["y"], &[])).output("y");
    let file = model.file();
    let shape = |options: &ReadOptions| {
        let file = any_net::open(&file.path, options).unwrap();
        file.net.flow().shape(file.net.flow().inputs()[0].value).to_vec()
    };
    let mut options = ReadOptions::default();
    assert_eq!(shape(&options), [1, 3]);
    options.sizes.insert("batch".to_owned(), 5);
    assert_eq!(shape(&options), [5, 3]);
    options.inputs.insert("x".to_owned(), vec![7, 3]);
    assert_eq!(shape(&options), [7, 3]);
    options.inputs.insert("x".to_owned(), vec![7, 4]);
    let why = any_net::open(&file.path, &options).unwrap_err().to_string();
    assert_eq!(why, "inputs.x: expected [batch, 3], found [7, 4]");
    let mut options = ReadOptions::default();
    options.sizes.insert("time".to_owned(), 5);
    let why = any_net::open(&file.path, &options).unwrap_err().to_string();
    assert_eq!(why, "sizes: expected one of batch, found \"time\"");
}

#[test]
fn batch_normalization_is_written_out() {
    let mut model = Model::new(13);
    model.input("x", &[1, 2, 1]);
    let names = ["x", "g", "b", "m", "v"];
    for (name, values) in names[1..].iter().zip([[2.0, 1.0], [0.5, 0.0], [1.0, -1.0], [3.0, 0.0]]) {
        model.tensor(floats(name, &[2], &values));
    }
    model.node(node("BatchNormalization", &names, &["y"], &[float("epsilon", 1.0)])).output("y");
    let file = open(&model.file().path);
    assert_eq!(file.net.flow().params().len(), 4, "uniform or not");
    let x = Array::new(vec![1, 2, 1], vec![3.0, 4.0]).unwrap();
    assert_eq!(answer(&file, x).data(), [(3.0 - 1.0) * 2.0 / 2.0 + 0.5, 5.0]);
}

#[test]
fn states_of_zero_are_left_out_and_given_states_are_not() {
    let steps = |state: bool| {
        let mut model = Model::new(14);
        model.input("x", &[2, 1, 1]);
        model.tensor(floats("W", &[1, 1, 1], &[0.5])).tensor(floats("R", &[1, 1, 1], &[2.0]));
        let mut inputs = vec!["x", "W", "R"];
        if state {
            model.tensor(floats("h", &[1, 1, 1], &[0.25]));
            inputs.extend(["", "", "h"]);
        }
        model.node(node("RNN", &inputs, &["", "y"], &[int("hidden_size", 1)])).output("y");
        let x = Array::new(vec![2, 1, 1], vec![1.0, 2.0]).unwrap();
        answer(&open(&model.file().path), x).data()[0]
    };
    let after = |h: f64| (1.0 + 2.0 * (0.5 + 2.0 * h).tanh()).tanh();
    assert!((steps(false) - after(0.0)).abs() < 1e-15);
    assert!((steps(true) - after(0.25)).abs() < 1e-15);
}
