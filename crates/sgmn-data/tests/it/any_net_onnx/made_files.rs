//! Number types, payloads in typed fields, and data in files beside the model.

use sgmn_data::any_net::{self, ReadOptions};
use sgmn_graph::flow::Numbers;

use super::{
    Doubled,
    made::{Model, ModelFile, field, floats, node, number, tensor, varint},
    open,
};

/// `x · weight` with a weight of three numbers, given as a tensor.
fn scaling(weight: Vec<u8>) -> Model {
    let mut model = Model::new(13);
    model.input("x", &[3]).tensor(weight);
    model.node(node("Mul", &["x", "weight"], &["y"], &[])).output("y");
    model
}

#[test]
fn every_float_type_and_way_to_store_it_is_read_and_written() {
    let values = [1.5f32, -0.25, 3.0];
    let halves = [0x3e00u16, 0xb400, 0x4200];
    let bytes = |values: &[u16]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let packed_floats: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let single_floats: Vec<u8> =
        values.iter().flat_map(|value| [vec![4 << 3 | 5], value.to_le_bytes().to_vec()].concat()).collect();
    let doubles: Vec<u8> = values.iter().flat_map(|value| f64::from(*value).to_le_bytes()).collect();
    let brains: Vec<u16> = values.iter().map(|value| (value.to_bits() >> 16) as u16).collect();
    let packed_halves: Vec<u8> = halves.iter().flat_map(|value| varint(u64::from(*value))).collect();
    let single_halves: Vec<u8> = halves.iter().flat_map(|value| number(5, i64::from(*value))).collect();
    let ways = [
        (1, field(9, &packed_floats)),
        (1, field(4, &packed_floats)),
        (1, single_floats),
        (11, field(9, &doubles)),
        (11, field(10, &doubles)),
        (10, field(9, &bytes(&halves))),
        (10, field(5, &packed_halves)),
        (10, single_halves),
        (16, field(9, &bytes(&brains))),
    ];
    for (at, (kind, payload)) in ways.into_iter().enumerate() {
        let model = scaling(tensor("weight", &[3], kind, &payload)).file();
        let file = open(&model.path);
        assert_eq!(file.net.numbers(0).as_ref(), [1.5, -0.25, 3.0], "way {at}");
        let out = model.folder.path().join("out.onnx");
        file.write(&file.net, &out).unwrap();
        assert_eq!(std::fs::read(&out).unwrap(), std::fs::read(&model.path).unwrap(), "way {at}");
        match file.write(&Doubled(&file), &out) {
            Ok(()) => assert_eq!(open(&out).net.numbers(0).as_ref(), [3.0, -0.5, 6.0], "way {at}"),
            // Halves as varints take as many bytes as they need; only what fits is written in their place.
            Err(why) => {
                assert!(kind == 10 && why.to_string().contains("as many bytes as before"), "way {at}: {why}")
            }
        }
    }
}

/// A net with one number, another one each time.
struct Constant(f64);

impl Numbers for Constant {
    fn numbers(&self, _param: usize) -> std::borrow::Cow<'_, [f64]> {
        vec![self.0; 3].into()
    }
}

#[test]
fn numbers_are_rounded_to_the_type_of_the_file_and_those_beyond_it_refused() {
    let model = scaling(tensor("weight", &[3], 10, &field(9, &[0, 0x3e, 0, 0xb4, 0, 0x42]))).file();
    let file = open(&model.path);
    let out = model.folder.path().join("out.onnx");
    file.write(&Constant(1.0 + 2f64.powi(-12)), &out).unwrap();
    let mut options = ReadOptions::default();
    options.trained.push("weight".to_owned());
    assert_eq!(any_net::open(&out, &options).unwrap().net.numbers(0).as_ref(), [1.0; 3]);
    let old = std::fs::read(&out).unwrap();
    let why = file.write(&Constant(1e6), &out).unwrap_err().to_string();
    assert!(why.ends_with("expected a number that f16 holds, for tensor \"weight\", found 1000000"), "{why}");
    assert_eq!(std::fs::read(&out).unwrap(), old, "a file appears whole or not at all");
}

fn external(entries: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(key, value): &(&str, &str)| {
        field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat())
    };
    let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
    tensor("weight", &[3], 1, &[entries, number(14, 1)].concat())
}

#[test]
fn data_beside_the_model_is_read_and_written_into_another_folder() {
    let model = scaling(external(&[("location", "model.data"), ("offset", "4"), ("length", "12")])).file();
    let values: Vec<u8> =
        [9.0f32, 1.5, -0.25, 3.0, 9.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(model.folder.path().join("model.data"), &values).unwrap();
    let file = open(&model.path);
    assert_eq!(file.net.numbers(0).as_ref(), [1.5, -0.25, 3.0]);

    let why = file.write(&file.net, &model.folder.path().join("other.onnx")).unwrap_err().to_string();
    assert!(why.contains("model.data: expected no file of this name yet"), "{why}");

    let elsewhere = tempfile::tempdir().unwrap();
    let out = elsewhere.path().join("other.onnx");
    file.write(&Doubled(&file), &out).unwrap();
    assert_eq!(open(&out).net.numbers(0).as_ref(), [3.0, -0.5, 6.0]);
    let written = std::fs::read(elsewhere.path().join("model.data")).unwrap();
    assert_eq!((&written[..4], &written[16..]), (&values[..4], &values[16..]), "bytes around stay");
}

#[test]
fn data_is_looked_for_in_the_folder_of_the_model_only() {
    let why =
        |model: &ModelFile| any_net::open(&model.path, &ReadOptions::default()).unwrap_err().to_string();
    for name in ["../model.data", "/etc/hostname", "sub/model.data", "..", ".", "", "c:\\model.data", "a\\b"]
    {
        let model = scaling(external(&[("location", name)])).file();
        let why = why(&model);
        assert!(why.contains("expected a data file in the same folder for tensor \"weight\""), "{why}");
    }
    let missing = scaling(external(&[("location", "none.data")])).file();
    assert!(why(&missing).contains("none.data"), "{}", why(&missing));
    for entries in
        [[("offset", "8"), ("length", "12")], [("offset", "18446744073709551615"), ("length", "12")]]
    {
        let model = scaling(external(&[&[("location", "model.data")], &entries[..]].concat())).file();
        std::fs::write(model.folder.path().join("model.data"), [0; 16]).unwrap();
        assert!(why(&model).contains("which has 16"), "{}", why(&model));
    }
    let wordy = scaling(external(&[("location", "model.data"), ("offset", "-1")])).file();
    assert!(why(&wordy).contains("expected a number as offset"), "{}", why(&wordy));
}

#[cfg(unix)]
#[test]
fn a_link_to_another_folder_is_not_followed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("secret");
    std::fs::write(&secret, [0; 12]).unwrap();
    let model = scaling(external(&[("location", "model.data")])).file();
    std::os::unix::fs::symlink(&secret, model.folder.path().join("model.data")).unwrap();
    let why = any_net::open(&model.path, &ReadOptions::default()).unwrap_err().to_string();
    assert!(why.contains("found a link to another folder"), "{why}");
}

#[test]
fn equal_tensors_of_a_few_numbers_are_not_one() {
    let values = [1.5, -0.25, 3.0];
    let mut model = Model::new(13);
    model.input("x", &[3]).tensor(floats("a.weight", &[3], &values)).tensor(floats(
        "b.weight",
        &[3],
        &values,
    ));
    model.node(node("Mul", &["x", "a.weight"], &["h"], &[])).node(node(
        "Mul",
        &["h", "b.weight"],
        &["y"],
        &[],
    ));
    model.output("y");
    assert_eq!(open(&model.file().path).net.flow().params().len(), 2);
}
