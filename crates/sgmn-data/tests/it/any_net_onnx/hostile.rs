//! Damaged and malicious models: one clear error or a net, never a panic, and never more memory or time than a budget.

use rand::RngExt;
use sgmn_data::{
    Error,
    any_net::{self, FlowFile, ReadOptions},
};
use sgmn_graph::Seed;

use super::{
    FILES,
    made::{Model, ModelFile, call, field, floats, graph, int, node, number, subgraph, tensor, text, whole},
    path,
};
use crate::formats_hostile::{lengths, survive};

/// What reading these bytes gives.
fn read(what: &str, bytes: &[u8]) -> Result<FlowFile, Error> {
    ModelFile::of(bytes).read_again(what, bytes)
}

impl ModelFile {
    /// What reading other bytes in this file gives.
    fn read_again(&self, what: &str, bytes: &[u8]) -> Result<FlowFile, Error> {
        std::fs::write(&self.path, bytes).unwrap();
        survive(what, || any_net::open(&self.path, &ReadOptions::default()))
    }
}

/// The error of a model.
fn refusal(model: &Model) -> String {
    read("a model", &model.bytes()).expect_err("a model that cannot be read").to_string()
}

#[test]
fn cut_files_are_refused_or_read_without_a_panic() {
    for name in FILES {
        let bytes = std::fs::read(path(name)).unwrap();
        let file = ModelFile::of(&bytes);
        for len in lengths(bytes.len()) {
            let _ = file.read_again(&format!("{name} cut to {len} bytes"), &bytes[..len]);
        }
    }
    // A small one at every length.
    let bytes = std::fs::read(path("fourier_inr/script.onnx")).unwrap();
    let file = ModelFile::of(&bytes);
    for len in 0..bytes.len() {
        let _ = file.read_again(&format!("cut to {len} bytes"), &bytes[..len]);
    }
}

#[test]
fn changed_bytes_are_refused_or_read_without_a_panic() {
    let mut rng = Seed::new(7).child("bytes").rng();
    for name in FILES {
        let bytes = std::fs::read(path(name)).unwrap();
        let file = ModelFile::of(&bytes);
        for round in 0..400 {
            let mut changed = bytes.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..changed.len());
                changed[at] = rng.random();
            }
            let _ = file.read_again(&format!("{name} changed, round {round}"), &changed);
        }
    }
}

#[test]
fn changed_heads_of_small_models_are_refused_or_read_without_a_panic() {
    // Where a file has little but structure, most changes hit it.
    let mut rng = Seed::new(8).child("bytes").rng();
    for name in ["fourier_inr/script.onnx", "cnn_flatten/script.onnx", "lstm/script.onnx"] {
        let bytes = std::fs::read(path(name)).unwrap();
        let file = ModelFile::of(&bytes);
        for round in 0..1500 {
            let mut changed = bytes.clone();
            let at = rng.random_range(0..changed.len());
            match round % 3 {
                0 => changed[at] ^= 1 << rng.random_range(0..8u32),
                1 => drop(changed.remove(at)),
                _ => changed.insert(at, rng.random()),
            }
            let _ = file.read_again(&format!("{name} changed at {at}, round {round}"), &changed);
        }
    }
}

#[test]
fn numbers_that_are_too_long_are_refused_with_their_place() {
    let mut bytes = vec![0x08];
    bytes.extend([0xff; 10]);
    bytes.push(1);
    let why = read("a varint of eleven bytes", &bytes).unwrap_err().to_string();
    assert!(
        why.contains("expected a whole number of at most 64 bits, found a longer one at byte 1 (ModelProto)"),
        "{why}"
    );
}

#[test]
fn nesting_has_an_end() {
    let mut inner = graph(&[node("Relu", &["x"], &["y"], &[])], &[], &[], &["y"]);
    for _ in 0..1000 {
        inner = graph(&[node("If", &["c"], &["y"], &[subgraph("then_branch", &inner)])], &[], &[], &["y"]);
    }
    let bytes = [number(1, 8), field(7, &inner), field(8, &number(2, 13))].concat();
    let why = read("deep nesting", &bytes).unwrap_err().to_string();
    assert!(why.contains("graphs inside of each other"), "{why}");
}

#[test]
fn functions_that_call_themselves_are_refused() {
    let mut model = Model::new(13);
    let again = call("mine", "F", &["a"], &["b"], &[]);
    model.function("mine", "F", &["a"], &["b"], &[], &[again]);
    model.input("x", &[2]).node(call("mine", "F", &["x"], &["y"], &[])).output("y");
    let why = refusal(&model);
    assert!(why.contains("functions inside of each other"), "{why}");

    // Each function calls the one before it twice: 2³⁰ nodes from thirty.
    let mut model = Model::new(13);
    model.function("mine", "F0", &["a"], &["b"], &[], &[node("Relu", &["a"], &["b"], &[])]);
    for i in 1..30 {
        let before = format!("F{}", i - 1);
        let twice = [call("mine", &before, &["a"], &["c"], &[]), call("mine", &before, &["c"], &["b"], &[])];
        model.function("mine", &format!("F{i}"), &["a"], &["b"], &[], &twice);
    }
    model.input("x", &[1]).node(call("mine", "F29", &["x"], &["y"], &[])).output("y");
    let why = refusal(&model);
    assert!(why.contains("nodes") || why.contains("steps"), "{why}");
}

#[test]
fn sizes_are_believed_only_as_far_as_there_are_bytes() {
    let tensors = [
        (vec![i64::MAX, 4], "sizes of tensor \"w\" that can be counted"),
        (vec![-1, 2], "sizes of tensor \"w\" that can be counted"),
        (vec![1 << 40], "numbers of f32 (4 bytes each), found 8 bytes"),
        (vec![3], "expected 3 numbers of f32 (4 bytes each), found 8 bytes"),
    ];
    for (dims, expected) in tensors {
        let mut model = Model::new(13);
        model.input("x", &[2]).tensor(floats("w", &dims, &[1.0, 2.0]));
        model.node(node("Mul", &["x", "w"], &["y"], &[])).output("y");
        let why = refusal(&model);
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn constants_have_a_budget() {
    let shapes = [vec![1 << 40], vec![1 << 20, 1 << 20, 1 << 20], vec![i64::MAX], vec![-5]];
    for shape in shapes {
        let n = shape.len() as i64;
        let mut model = Model::new(13);
        model.input("x", &[1]).tensor(whole("shape", &[n], &shape));
        model.node(node("ConstantOfShape", &["shape"], &["c"], &[])).node(node(
            "Mul",
            &["x", "c"],
            &["y"],
            &[],
        ));
        let why = refusal(model.output("y"));
        assert!(why.contains("expected smaller constants") || why.contains("expected a size"), "{why}");
    }
    // Small ones that grow: each node squares the size.
    let mut model = Model::new(13);
    model.input("x", &[1]).tensor(whole("repeats", &[1], &[1 << 20])).tensor(whole("seed", &[1], &[3]));
    let mut last = "seed".to_owned();
    for i in 0..8 {
        let next = format!("t{i}");
        model.node(node("Tile", &[&last, "repeats"], &[&next], &[]));
        last = next;
    }
    let why = refusal(model.node(node("Cast", &[&last], &["y"], &[int("to", 1)])).output("y"));
    assert!(why.contains("expected"), "{why}");
}

#[test]
fn contradictions_of_a_graph_are_named() {
    let faults: [(&str, Vec<Vec<u8>>, &str); 9] = [
        (
            "undefined",
            vec![node("Relu", &["z"], &["y"], &[])],
            "expected a value that was made before, found \"z\"",
        ),
        (
            "a circle",
            vec![
                node("Relu", &["b"], &["a"], &[]),
                node("Relu", &["a"], &["b"], &[]),
                node("Relu", &["a"], &["y"], &[]),
            ],
            "Relu (node \"a\"): expected a value that was made before, found \"b\"",
        ),
        (
            "twice",
            vec![node("Relu", &["x"], &["y"], &[]), node("Neg", &["x"], &["y"], &[])],
            "Neg (node \"y\"): expected each name to be made once, found \"y\" again",
        ),
        (
            "unknown",
            vec![node("Frobnicate", &["x"], &["y"], &[])],
            "Frobnicate (node \"y\"): not an operation that sgmn reads",
        ),
        (
            "too few",
            vec![node("Add", &["x"], &["y"], &[])],
            "Add (node \"y\"): expected operand 1, found 1 operands",
        ),
        ("a loop", vec![node("Loop", &["x"], &["y"], &[])], "Loop (node \"y\"): loops are not read"),
        (
            "a text for a number",
            vec![node("Elu", &["x"], &["y"], &[text("alpha", "1")])],
            "expected a number as alpha",
        ),
        ("shapes", vec![node("MatMul", &["x", "wide"], &["y"], &[])], "expected axes 0 and 0 of one size"),
        (
            "no axis",
            vec![node("Concat", &["x", "x"], &["y"], &[int("axis", 1)])],
            "expected an axis of 1 axes, found 1",
        ),
    ];
    for (what, nodes, expected) in faults {
        let mut model = Model::new(13);
        model.input("x", &[2]).tensor(floats("wide", &[3, 1], &[1.0, 2.0, 3.5]));
        for node in nodes {
            model.node(node);
        }
        let why = refusal(model.output("y"));
        assert!(why.contains(expected), "{what}: {why}");
    }
}

#[test]
fn names_that_stand_twice_are_refused() {
    let mut model = Model::new(13);
    model.input("x", &[2]).tensor(floats("w", &[2], &[1.0, 2.5])).tensor(floats("w", &[2], &[1.0, 2.5]));
    model.node(node("Mul", &["x", "w"], &["y"], &[])).output("y");
    let why = refusal(&model);
    assert!(why.contains("expected each name to be made once, found \"w\" again"), "{why}");
}

#[test]
fn a_nan_among_weights_is_refused_by_name() {
    let mut model = Model::new(13);
    model.input("x", &[2]).tensor(floats("fc.weight", &[2, 2], &[1.0, 2.5, f32::NAN, 0.5]));
    model.node(node("MatMul", &["x", "fc.weight"], &["y"], &[])).output("y");
    let why = refusal(&model);
    assert!(why.ends_with("fc.weight: value 2 is NaN, expected a finite number"), "{why}");
}

#[test]
fn texts_as_tensors_matter_only_where_they_are_asked_for() {
    let words = tensor("words", &[1], 8, &field(6, b"cat"));
    let mut model = Model::new(13);
    model.input("x", &[2]).tensor(words).node(node("Relu", &["x"], &["y"], &[]));
    assert!(read("texts", &model.output("y").bytes()).is_ok());
    let why = refusal(model.node(node("Identity", &["words"], &["z"], &[])).output("z"));
    assert!(why.contains("tensor \"words\": expected numbers, found text"), "{why}");
}
