//! What the tests of nets from files share: folders of nets, what they answer, and other numbers.

use std::{
    borrow::Cow,
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sgmn_data::any_net::{self, FlowFile};
use sgmn_graph::flow::{Array, FlowNet, Numbers, run};

/// The folder of a net.
pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/any_net").join(name)
}

/// Folders that have a file of this name.
pub(crate) fn folders_with(file: &str) -> Vec<PathBuf> {
    let folders = fs::read_dir(folder("")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.join(file).exists()).collect();
    folders.sort();
    folders
}

/// A tensor of `io.safetensors`: `x` or `y`.
pub(crate) fn example(folder: &Path, name: &str) -> Array {
    let bytes = fs::read(folder.join("io.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    numbers_of(&file.tensor(name).unwrap())
}

/// The numbers of a tensor of floats or whole numbers.
pub(crate) fn numbers_of(tensor: &TensorView<'_>) -> Array {
    let data = tensor.data();
    let numbers = match tensor.dtype() {
        Dtype::F32 => data.as_chunks().0.iter().map(|b| f64::from(f32::from_le_bytes(*b))).collect(),
        Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect(),
        Dtype::I64 => data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f64).collect(),
        other => panic!("{other:?}"),
    };
    Array::new(tensor.shape().to_vec(), numbers).unwrap()
}

/// By how much a net's answer differs from the one that was computed in f64, relative to the largest number.
pub(crate) fn error(folder: &Path, file: &FlowFile) -> f64 {
    let (x, y) = (example(folder, "x"), example(folder, "y"));
    let out = run(file.net.flow(), &file.net, &[x]).unwrap();
    assert_eq!(out[0].shape(), y.shape());
    let largest = y.data().iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let differences = out[0].data().iter().zip(y.data()).map(|(out, y)| (out - y).abs() / largest);
    differences.fold(0.0, f64::max)
}

/// A net with all numbers times −2, which every number type holds.
pub(crate) struct Doubled<'a>(pub(crate) &'a FlowNet);

impl Numbers for Doubled<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        self.0.numbers(param).iter().map(|value| -2.0 * value).collect()
    }
}

#[test]
fn nets_with_their_graph_are_known_by_what_is_in_them() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")];
    let (mut n_graphs, mut n_others) = (0, 0);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let is_graph = path.extension().is_some_and(|ending| ending == "onnx" || ending == "pt2")
                || path.ends_with("config.json")
                || path.ends_with("adapter_config.json");
            assert_eq!(any_net::has_graph(&path), is_graph, "{}", path.display());
            if is_graph { n_graphs += 1 } else { n_others += 1 }
        }
    }
    assert!(n_graphs > 10 && n_others > 100, "{n_graphs} {n_others}");
}
