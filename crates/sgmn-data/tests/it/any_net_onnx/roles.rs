//! Which tensors of a file may move, and why the others may not.

use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::flow::Role;

use super::{
    made::{Model, floats, node, whole},
    open, path,
};

/// Names of parameters, and of fixed tensors.
fn names(file: &FlowFile) -> (Vec<&str>, Vec<&str>) {
    let params = file.net.flow().params().iter().map(|param| param.name.as_str()).collect();
    (params, file.fixed.iter().map(|tensor| tensor.name.as_str()).collect())
}

fn why<'a>(file: &'a FlowFile, name: &str) -> &'a str {
    &file.fixed.iter().find(|tensor| tensor.name == name).unwrap_or_else(|| panic!("{name} moves")).why
}

#[test]
fn names_and_uses_of_parameters_count_more_than_their_numbers() {
    let mut model = Model::new(13);
    model.input("x", &[2, 2]);
    // All uniform: by use, by name, by neither.
    model.tensor(floats("val_3", &[2, 2], &[1.0; 4])).node(node("MatMul", &["x", "val_3"], &["a"], &[]));
    model.tensor(floats("head.bias", &[1], &[0.0])).node(node("Add", &["a", "head.bias"], &["b"], &[]));
    model.tensor(floats("val_4", &[], &[0.125])).node(node("Mul", &["b", "val_4"], &["c"], &[]));
    model.tensor(floats("grid", &[2], &[0.0, 1.0])).node(node("Add", &["c", "grid"], &["d"], &[]));
    model.tensor(floats("mask", &[2], &[0.0, f32::NEG_INFINITY])).node(node(
        "Add",
        &["d", "mask"],
        &["y"],
        &[],
    ));
    let file = open(&model.output("y").file().path);
    assert_eq!(names(&file), (vec!["val_3", "head.bias"], vec!["val_4", "grid", "mask"]));
    assert!(why(&file, "val_4").contains("one number everywhere"));
    assert!(why(&file, "grid").contains("whole numbers only"));
    assert!(why(&file, "mask").contains("infinite"));
}

#[test]
fn tables_of_angles_are_fixed_and_weights_before_a_sine_are_not() {
    let mut model = Model::new(13);
    model.input("x", &[1, 3]).whole_input("position", &[1, 1]);
    model.tensor(floats("w", &[3, 2], &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]));
    model.node(node("MatMul", &["x", "w"], &["h"], &[])).node(node("Sin", &["h"], &["s"], &[]));
    model.tensor(floats("frequencies", &[1, 2], &[1.0, 0.1]));
    model.node(node("Cast", &["position"], &["p"], &[super::int("to", 1)]));
    model.node(node("Mul", &["p", "frequencies"], &["angle"], &[])).node(node(
        "Cos",
        &["angle"],
        &["c"],
        &[],
    ));
    model.node(node("Mul", &["s", "c"], &["y"], &[])).output("y");
    let file = open(&model.file().path);
    assert_eq!(names(&file), (vec!["w"], vec!["frequencies"]));
    assert!(why(&file, "frequencies").contains("sine or cosine"));
}

#[test]
fn folded_tables_of_sines_and_cosines_are_known_by_their_squares() {
    let file = open(&path("llama/dynamo.onnx"));
    let tables: Vec<_> = file.fixed.iter().filter(|tensor| tensor.why.contains("squares")).collect();
    assert_eq!(tables.len(), 2, "{:?}", file.fixed);
}

#[test]
fn statistics_are_known_by_their_use() {
    let file = open(&path("resnet_basic/unfused.onnx"));
    let statistics = file.net.flow().params().iter().filter(|param| param.role == Role::Statistic).count();
    let norms = file.net.flow().params().iter().filter(|param| param.name.ends_with("running_var")).count();
    assert!(norms > 0);
    assert_eq!(statistics, 2 * norms);
}

#[test]
fn tensors_that_an_operator_must_know_are_fixed() {
    let mut model = Model::new(13);
    model.input("x", &[1, 1, 2, 3]).tensor(floats("scale", &[4], &[1.0, 1.0, 2.0, 1.5]));
    model.node(node("Resize", &["x", "", "scale"], &["y"], &[])).output("y");
    let file = model.file();
    assert!(why(&open(&file.path), "scale").contains("must be known when the net is read"));
    let mut options = ReadOptions::default();
    options.trained.push("scale".to_owned());
    let refused = any_net::open(&file.path, &options).unwrap_err().to_string();
    assert!(refused.contains("`trained`"), "{refused}");
}

#[test]
fn the_user_has_the_last_word() {
    let mut model = Model::new(13);
    model.input("x", &[2]).tensor(floats("a.weight", &[2], &[0.5, 0.25])).tensor(floats(
        "val",
        &[2],
        &[2.0, 2.0],
    ));
    model.node(node("Mul", &["x", "a.weight"], &["h"], &[])).node(node("Mul", &["h", "val"], &["y"], &[]));
    let file = model.output("y").file();
    assert_eq!(names(&open(&file.path)), (vec!["a.weight"], vec!["val"]));
    let mut options =
        ReadOptions { fixed: vec!["a.*".to_owned()], trained: vec!["val".to_owned()], ..Default::default() };
    assert_eq!(names(&any_net::open(&file.path, &options).unwrap()), (vec!["val"], vec!["a.weight"]));
    options.fixed[0] = "b".to_owned();
    let refused = any_net::open(&file.path, &options).unwrap_err().to_string();
    assert_eq!(refused, "fixed: expected one of a.weight, val, found \"b\"");
    options.fixed[0] = "v*".to_owned();
    let refused = any_net::open(&file.path, &options).unwrap_err().to_string();
    assert_eq!(refused, "fixed: expected no tensor that is named by `trained` too, found \"val\"");
}

#[test]
fn tensors_that_no_output_needs_are_named() {
    let mut model = Model::new(13);
    model.input("x", &[2]).tensor(floats("lost.weight", &[2], &[0.5, 0.25])).tensor(whole("ids", &[1], &[0]));
    let file = open(&model.node(node("Relu", &["x"], &["y"], &[])).output("y").file().path);
    assert_eq!(why(&file, "lost.weight"), "no output depends on it");
    assert_eq!(file.fixed.len(), 1, "whole numbers never move and are not listed");
}
