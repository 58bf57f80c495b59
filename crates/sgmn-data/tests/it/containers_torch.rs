//! PyTorch's archives: every kind of value.

use sgmn_data::containers::{self, ElementType, Key, Tensor, Tree, Value, Values};

use crate::formats::testdata;

fn tensor(tree: &Tree, value: &Value, name: &str) -> Tensor {
    match value.get(name) {
        Some(Value::Tensor(tensor)) => tree.tensor(tensor).unwrap(),
        other => panic!("{name} is {other:?}"),
    }
}

#[test]
fn tensors_of_every_type_and_layout_are_read_exactly() {
    for name in ["archive_protocol2.pth", "archive_protocol5_deflated.pth"] {
        let tree = containers::read(&testdata(name)).unwrap();
        let check = |name: &str, element, shape: &[usize], values| {
            assert_eq!(
                tensor(&tree, &tree.root, name),
                Tensor { element, shape: shape.to_vec(), values },
                "{name}"
            );
        };
        let float = |values: Vec<i32>| Values::Float(values.into_iter().map(f64::from).collect());
        let by_column: Vec<i32> = (0..4).flat_map(|row| (0..6).map(move |column| row + 4 * column)).collect();
        check("transposed", ElementType::F32, &[4, 6], float(by_column));
        check("same storage", ElementType::F32, &[3], float(vec![6, 8, 10]));
        let mut permuted = Vec::new();
        for i in 0..4 {
            for j in 0..2 {
                permuted.extend((0..3).map(|k| f64::from(i + 12 * j + 4 * k) / 7.0));
            }
        }
        check("permuted", ElementType::F64, &[4, 2, 3], Values::Float(permuted));
        let every_other =
            (0..3).flat_map(|row| (0..4).map(move |column| 1 + 8 * row + 2 * column - (1 << 40)));
        check("every other", ElementType::I64, &[3, 4], Values::Int(every_other.collect()));
        check("scalar", ElementType::I32, &[], Values::Int(vec![-7]));
        check("empty", ElementType::I16, &[0, 5], Values::Int(vec![]));
        check(
            "half",
            ElementType::F16,
            &[3],
            Values::Float(vec![0.333_251_953_125, -65504.0, 2f64.powi(-24)]),
        );
        check("bfloat", ElementType::Bf16, &[3], Values::Float(vec![1.0, -3.140_625, 2f64.powi(-133)]));
        check("char", ElementType::I8, &[2], Values::Int(vec![-128, 127]));
        check("byte", ElementType::U8, &[2], Values::Int(vec![0, 255]));
        check("bool", ElementType::Bool, &[3], Values::Bool(vec![true, false, true]));

        let model = tree.root.get("model").unwrap();
        let weight = [0.1f32, -2.5, 3e-39, 1e30].map(f64::from).to_vec();
        assert_eq!(tensor(&tree, model, "layer.weight").floats(), Some(&weight[..]));
    }
}

#[test]
fn plain_values_keep_type_and_order() {
    for name in ["archive_protocol2.pth", "archive_protocol5_deflated.pth"] {
        let value = containers::read(&testdata(name)).unwrap().root;
        let get = |name| value.get(name).unwrap().clone();
        assert_eq!(get("none"), Value::None);
        assert_eq!((get("yes"), get("no")), (Value::Bool(true), Value::Bool(false)));
        assert_eq!(
            (get("small"), get("large"), get("negative")),
            (Value::Int(5), Value::Int(1 << 62), Value::Int(-300))
        );
        assert_eq!((get("real"), get("text")), (Value::Float(0.1), Value::Text("é".into())));
        let inner = Value::Dict(vec![(Key::Text("inner".into()), Value::Text("x".into()))]);
        let pair = Value::List(vec![Value::Float(2.5), Value::List(vec![])]);
        assert_eq!(get("list"), Value::List(vec![Value::Int(1), pair, inner]));
        assert_eq!(get("size"), Value::List(vec![Value::Int(3), Value::Int(4)]));
        let Value::Dict(optimizer) = get("optimizer") else { panic!() };
        assert_eq!(
            optimizer.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(),
            [Key::Int(0), Key::Int(1)]
        );
        let Value::Dict(entries) = value else { panic!() };
        let first: Vec<&Key> = entries.iter().take(3).map(|(key, _)| key).collect();
        assert_eq!(
            first,
            [&Key::Text("model".into()), &Key::Text("transposed".into()), &Key::Text("permuted".into())]
        );
    }
}

#[test]
fn a_label_may_be_a_tensor_of_one_number() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    std::fs::create_dir(place("train")).unwrap();
    std::fs::copy(testdata("archive_label_tensor.pth"), place("train/model_0.pth")).unwrap();
    std::fs::write(place("fmnist_splits.json"), r#"{"train": ["train/model_0.pth"], "val": [], "test": []}"#)
        .unwrap();
    let dataset = sgmn_data::formats::detect(folder.path()).unwrap().published().open(folder.path()).unwrap();
    assert_eq!(dataset.source.get(0).unwrap().target, sgmn_data::Target::Class(3));
}
