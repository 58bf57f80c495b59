//! Golden files of other forms than the 24, and damaged ones: what fits is read, what does not is refused in one line.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use candle_core::{DType, Device, Tensor};
use rand::RngExt;
use serde_json::{Value, json};
use sgmn_graph::{Activation, LayerMap, LayerSpec, NetSpec, Reading, Seed};
use sgmn_nn::{Normalization, golden::Golden, models::from_published};

use crate::setup::build;

/// A golden file in memory, to be changed and written.
#[derive(Clone)]
struct Form {
    tensors: BTreeMap<String, Tensor>,
    metadata: BTreeMap<String, String>,
}

impl Form {
    /// One of the 24 files.
    fn of(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/golden").join(format!("{name}.safetensors"));
        let bytes = std::fs::read(path).unwrap();
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        Self {
            tensors: candle_core::safetensors::load_buffer(&bytes, &Device::Cpu).unwrap().into_iter().collect(),
            metadata: header.metadata().clone().unwrap().into_iter().collect(),
        }
    }

    /// The file with a key of its configuration changed; `a.b` names key b below a, and null removes.
    fn with(mut self, key: &str, value: Value) -> Self {
        let mut config: Value = serde_json::from_str(&self.metadata["config"]).unwrap();
        let (folder, key) = key.rsplit_once('.').unwrap_or(("", key));
        let place = if folder.is_empty() { &mut config } else { config.get_mut(folder).unwrap() };
        match value {
            Value::Null => drop(place.as_object_mut().unwrap().shift_remove(key)),
            value => place[key] = value,
        }
        self.metadata.insert("config".to_owned(), config.to_string());
        self
    }

    fn with_metadata(mut self, key: &str, value: &str) -> Self {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    fn without_metadata(mut self, key: &str) -> Self {
        self.metadata.remove(key);
        self
    }

    fn without(mut self, tensor: &str) -> Self {
        self.tensors.remove(tensor).unwrap();
        self
    }

    fn with_tensor(mut self, name: &str, values: impl Fn(usize) -> f64, shape: &[usize]) -> Self {
        let values: Vec<f64> = (0..shape.iter().product()).map(values).collect();
        self.tensors.insert(name.to_owned(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        self
    }

    /// The architecture of the file's nets.
    fn specs(&self) -> Vec<Arc<NetSpec>> {
        let widths: Vec<usize> = serde_json::from_str(&self.metadata["layer_layout"]).unwrap();
        let map = |(l, pair): (usize, &[usize])| match *self.tensors[&format!("input.0.weight.{l}")].dims() {
            [n_out, n_in, kh, kw] => {
                LayerMap::Conv { n_in, n_out, kernel: [kh, kw], stride: [1, 1], padding: [0, 0] }
            }
            _ => {
                let after_conv = l > 0 && self.tensors[&format!("input.0.weight.{}", l - 1)].rank() == 4;
                let reading = if after_conv { Reading::GlobalAverage } else { Reading::Direct };
                LayerMap::Linear { n_in: pair[0], n_out: pair[1], reading }
            }
        };
        let layer = |pair| LayerSpec { map: map(pair), activation: Activation::Relu };
        vec![Arc::new(NetSpec::new(widths.windows(2).enumerate().map(layer).collect(), 0.0).unwrap())]
    }

    fn bytes(&self) -> Vec<u8> {
        let metadata = self.metadata.clone().into_iter().collect();
        safetensors::serialize(&self.tensors, Some(metadata)).unwrap()
    }

    fn write(&self, folder: &Path) -> PathBuf {
        let path = folder.join("form.safetensors");
        std::fs::write(&path, self.bytes()).unwrap();
        path
    }

    /// What comparing the file with the model built from it says.
    fn compare(&self) -> Result<f64, String> {
        self.parity().map(|(output, gradient)| output.max(gradient))
    }

    /// The errors of outputs and of gradients.
    fn parity(&self) -> Result<(f64, f64), String> {
        let folder = tempfile::tempdir().unwrap();
        let golden = Golden::read(&self.write(folder.path())).map_err(|error| error.to_string())?;
        let parity = golden.compare(DType::F64).map_err(|error| error.to_string())?;
        Ok((parity.output.error, parity.gradient.error))
    }
}

/// A file of random numbers for a configuration and a layout: input shapes as `weights` says, variables as the model
/// wants them. Its outputs are zeros, so only reading, building and running are put to the test.
fn synthetic(base: &str, changes: &[(&str, Value)], widths: &[usize], kernels: &[Option<[usize; 2]>]) -> Form {
    let mut form = Form::of(base);
    form.tensors.clear();
    for (key, value) in changes {
        form = form.with(key, value.clone());
    }
    form.metadata.insert("layer_layout".to_owned(), json!(widths).to_string());
    form.metadata.insert("networks".to_owned(), "2".to_owned());
    let mut rng = Seed::new(1).child(base).rng();
    let numbers: Vec<f64> = (0..1000).map(|_| rng.random_range(-1.0..1.0)).collect();
    let random = |i: usize| numbers[i % numbers.len()];
    for net in 0..2 {
        for (l, pair) in widths.windows(2).enumerate() {
            let kernel = kernels.get(l).copied().flatten().map_or(vec![], |kernel| kernel.to_vec());
            let shape = [vec![pair[1], pair[0]], kernel].concat();
            form = form.with_tensor(&format!("input.{net}.weight.{l}"), |i| random(i + net + l), &shape);
            form = form.with_tensor(&format!("input.{net}.bias.{l}"), |i| random(i + 5 * net + l), &[pair[1]]);
        }
    }
    form
}

/// Adds the variables that the configuration asks for, zeros for their gradients, and outputs and cotangents of the
/// shapes that the errors ask for, one after the other: whoever writes such a file needs no more than the messages.
fn completed(mut form: Form) -> Form {
    let config = from_published(&serde_json::from_str(&form.metadata["config"]).unwrap()).unwrap();
    let specs: Vec<_> = form.specs();
    let (_, vars, _) = build(&config, &specs, Normalization::none(), DType::F64);
    for (name, var) in vars.iter() {
        let name = format!("param.{name}");
        if !form.tensors.contains_key(&name) {
            form = form.with_tensor(&name, |i| ((i * 37 % 19) as f64 - 9.0) / 20.0, var.dims());
        }
        let dims = form.tensors[&name].dims().to_vec();
        form = form.with_tensor(&name.replacen("param", "grad", 1), |_| 0.0, &dims);
    }
    for _ in 0..20 {
        let message = match form.compare() {
            Ok(_) => return form,
            Err(message) => message,
        };
        let (_, rest) = message.split_once("variable ").unwrap_or_else(|| panic!("{message}"));
        let (name, shape) = rest.split_once(": expected shape ").unwrap_or_else(|| panic!("{message}"));
        let shape = shape.strip_suffix(", found nothing").unwrap_or_else(|| panic!("{message}"));
        form = form.with_tensor(name, |i| 1.0 + i as f64, &serde_json::from_str::<Vec<usize>>(shape).unwrap());
    }
    panic!("the file asks for ever more tensors");
}

/// A file to start from, changes of its configuration, widths, kernels.
type Row<'a> = (&'a str, Vec<(&'a str, Value)>, &'a [usize], &'a [Option<[usize; 2]>]);

#[test]
fn other_widths_depths_and_options_are_read_built_and_run() {
    let inr = "mnist_cls.forward.sign";
    let inr_b = "mnist_cls.bidirectional.sign";
    let cnn = "cifar10_gs.forward.relu";
    let k3 = Some([3, 3]);
    let rows: [Row<'_>; 12] = [
        (inr, vec![], &[3, 7, 1], &[]),
        (inr, vec![], &[2, 3, 4, 5, 6, 3], &[]),
        (inr_b, vec![("edge_pos_embed", json!(true))], &[2, 5, 3], &[]),
        (inr, vec![("d_hid", json!(6)), ("mlp_args.d_k", json!([5, 7]))], &[2, 4, 1], &[]),
        (inr_b, vec![("mlp_args.d_k", json!([]))], &[2, 4, 3, 2], &[]),
        (inr_b, vec![("readout_args.d_rho", json!(3)), ("concat_mlp_directions", json!(true))], &[2, 4, 1], &[]),
        (inr, vec![("num_layers", json!(1)), ("gnn_args.message_fn_layers", json!(2))], &[2, 4, 1], &[]),
        (cnn, vec![], &[1, 3, 2, 4], &[k3, k3]),
        (cnn, vec![("_max_kernel_height", json!(5)), ("_max_kernel_width", json!(5))], &[1, 3, 2, 4], &[k3, k3]),
        (cnn, vec![("_max_kernel_height", json!(7)), ("_max_kernel_width", json!(7))], &[3, 2, 4], &[Some([5, 5])]),
        (cnn, vec![("_max_kernel_height", Value::Null)], &[1, 2, 2, 4], &[Some([1, 3]), k3]),
        ("mnist_editing.bidirectional.sign", vec![("num_layers", json!(2))], &[3, 4, 2], &[]),
    ];
    for (base, mut changes, widths, kernels) in rows {
        let what = format!("{base} {changes:?} {widths:?}");
        if base == cnn {
            // The first projection is what tells how large kernels may be.
            let size = |key: &str| changes.iter().find(|(name, _)| *name == key).and_then(|(_, size)| size.as_u64());
            let columns = size("_max_kernel_height").unwrap_or(3) * size("_max_kernel_width").unwrap_or(3);
            changes.push(("d_hid", json!(8)));
            let form = synthetic(base, &changes, widths, kernels);
            let projection = "param.construct_graph.proj_weight.weight";
            let form = form.with_tensor(projection, |i| i as f64 / 50.0, &[8, columns as usize]);
            assert!(completed(form).compare().unwrap() > 0.0, "{what}");
        } else {
            assert!(completed(synthetic(base, &changes, widths, kernels)).compare().unwrap() > 0.0, "{what}");
        }
    }
}

#[test]
fn keys_without_meaning_may_be_absent_and_padding_changes_nothing() {
    let form = Form::of("svhn_gs.forward.relu");
    assert!(form.compare().unwrap() < 1e-9);
    let silent = ["reciprocal", "concat_mlp_directions", "edge_pos_embed", "equivariant", "_max_kernel_width"];
    let silent_below = ["gnn_args.layer_norm", "gnn_args.pos_embed_msg", "mlp_args.skip", "positional_encodings.equiv_net"];
    let reduced = silent.iter().chain(&silent_below).fold(form.clone(), |form, key| form.with(key, Value::Null));
    let reduced = reduced.without_metadata("activation").without_metadata("convolutional").without_metadata("loss");
    assert!(reduced.compare().unwrap() < 1e-9);
    // Kernels of 3×3 stand in the middle of 5×5 and dense weights at position 0 of either: a projection with the same
    // columns there is the same model. Elsewhere its columns may be anything.
    let projection = |kind: &str| format!("{kind}.construct_graph.proj_weight.weight");
    let values = form.tensors[&projection("param")].to_dtype(DType::F64).unwrap();
    let values = values.flatten_all().unwrap().to_vec1::<f64>().unwrap();
    let at = move |i: usize| match (i / 25, i % 25 / 5, i % 5) {
        (d, 0, 0) => values[d * 9],
        (d, row @ 1..4, column @ 1..4) => values[d * 9 + (row - 1) * 3 + column - 1],
        _ => 7.0,
    };
    let padded = form.with_tensor(&projection("param"), at, &[8, 25]).with_tensor(&projection("grad"), |_| 1.0, &[8, 25]);
    let padded = padded.with("_max_kernel_height", json!(5)).with("_max_kernel_width", json!(5));
    assert!(padded.parity().unwrap().0 < 1e-9);
}

#[test]
fn a_wrong_output_or_gradient_is_measured() {
    let form = Form::of("mnist_cls.forward.sign");
    let dims = form.tensors["output"].dims().to_vec();
    let error = form.clone().with_tensor("output", |i| i as f64, &dims).compare().unwrap();
    assert!(error > 0.1, "{error}");
    let grad = "grad.gnn.fw_layers.0.w_e.weight";
    let error = form.with_tensor(grad, |_| 1.0, &[8, 8]).compare().unwrap();
    assert!(error > 0.1, "{error}");
}

#[test]
fn damaged_files_are_refused_in_one_line_that_names_the_file() {
    let form = Form::of("mnist_cls.forward.sign");
    let hetero = Form::of("cifar10_gs.forward.hetero");
    let cnn = Form::of("cifar10_gs.forward.relu");
    let grad = "grad.gnn.readout.rho.fc.0.weight";
    let rows = [
        (form.clone().without("output"), "variable output: expected shape [3, 10], found nothing"),
        (form.clone().without("cotangent"), "variable cotangent: expected shape [3, 10], found nothing"),
        (form.clone().without(grad), "variable grad.gnn.readout.rho.fc.0.weight: expected shape [8, 8], found nothing"),
        (form.clone().without("param.gnn.readout.rho.fc.0.weight"), "gnn.readout.rho.fc.0.weight: expected shape [8, 8], found nothing"),
        (form.clone().without("input.1.bias.2"), "input.1.bias.2: expected shape [1], found nothing"),
        (form.clone().without("input.2.weight.0"), "input.2.weight.0: expected a tensor, found nothing"),
        (form.clone().with_tensor("input.0.weight.1", |_| f64::NAN, &[4, 5]), "input.0.weight.1: expected finite numbers"),
        (form.clone().with_tensor("param.gnn.readout.rho.fc.0.bias", |_| f64::INFINITY, &[8]), "expected finite numbers"),
        (form.clone().with_tensor("grad.gnn.readout.rho.fc.0.bias", |_| f64::NAN, &[8]), "expected finite numbers"),
        (form.clone().with_tensor("input.0.weight.1", |_| 1.0, &[5, 5]), "by `layer_layout`, found [5, 5]"),
        (form.clone().with_tensor("input.0.weight.1", |_| 1.0, &[20]), "by `layer_layout`, found [20]"),
        (form.clone().with_tensor("param.other", |_| 1.0, &[2]), "variable other: expected no such variable in this model"),
        (form.clone().with_metadata("layer_layout", "[]"), "expected a list of two widths or more, found []"),
        (form.clone().with_metadata("layer_layout", "[2, -5]"), "expected a list of two widths or more"),
        (form.clone().with_metadata("networks", "0"), "expected a count of at least 1, found 0"),
        (form.clone().with_metadata("networks", "1000000000000000"), "input.3.weight.0: expected a tensor"),
        (form.clone().with_metadata("convolutional", "true"), "expected false from the weights, found true"),
        (form.clone().with_metadata("config", "{"), "metadata `config`: EOF"),
        (form.clone().with_metadata("config", "[]"), "expected an object, found no object around it"),
        (form.clone().without_metadata("config"), "expected metadata `config`, found none"),
        (form.clone().without_metadata("layer_layout"), "expected metadata `layer_layout`, found none"),
        (form.clone().without_metadata("networks"), "expected metadata `networks`, found none"),
        (form.clone().with_metadata("parameters_without_gradient", "3"), "expected names"),
        (form.clone().with("d_hid", json!(9)), "expected shape [9, 1], found shape [8, 1]"),
        (form.clone().with("d_hid", json!(4_000_000_000_000u64)), "learned numbers, found shape [4000000000000, 1]"),
        (form.clone().with("num_layers", json!(4_000_000_000_000u64)), "learned numbers"),
        (form.clone().with("gnn_args.message_fn_layers", json!(4_000_000_000_000u64)), "learned numbers"),
        (form.clone().with("readout_args.d_rho", json!(u64::MAX)), "learned numbers"),
        (form.clone().with("mlp_args.d_k", json!([8, 0])), "model.d_mlp: expected at least 1, found 0"),
        (form.clone().with("gnn_args.aggregator", json!("mean")), "gnn_args.aggregator: expected \"add\", found \"mean\""),
        (form.clone().with("symmetry", json!("mirror")), "expected sign or scale or hetero or permutation"),
        (form.with("mlp_args", Value::Null), "scalegmn_args.mlp_args: expected an object, found nothing"),
        (hetero.clone().with_metadata("activation", "null"), "expected a name for each net, found null"),
        (hetero.clone().with_metadata("activation", r#"["tanh", "relu"]"#), "expected a list of 3 names"),
        (hetero.with_metadata("activation", r#"["tanh", "relu", "step"]"#), "found \"step\""),
        (cnn.clone().with("_max_kernel_height", json!(2)), "_max_kernel_height: expected 3 or more, found 2"),
        (cnn.clone().with("_max_kernel_width", json!(u64::MAX)), "expected a column for each value of a kernel"),
        (cnn.with("_max_kernel_height", json!(5)), "expected a column for each value of a kernel [5, 3], found Some(9)"),
    ];
    for (form, expected) in rows {
        let message = form.compare().unwrap_err();
        let is_one_line = message.contains("form.safetensors: ") && !message.contains('\n');
        assert!(is_one_line && message.contains(expected), "expected {expected}\nfound    {message}");
    }
}

#[test]
fn truncated_and_flipped_files_are_refused_or_read_but_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("form.safetensors");
    let bytes = Form::of("mnist_cls.forward.scale").bytes();
    let header_end = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    for end in [0, 1, 7, 8, 9, header_end / 2, header_end, header_end + 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..end]).unwrap();
        let message = Golden::read(&path).unwrap_err().to_string();
        assert!(message.contains("form.safetensors") && !message.contains('\n'), "{end}: {message}");
    }
    let mut rng = Seed::new(7).rng();
    for _ in 0..200 {
        let mut flipped = bytes.clone();
        flipped[rng.random_range(0..header_end)] ^= 1 << rng.random_range(0..8);
        std::fs::write(&path, &flipped).unwrap();
        // A flip in a name or a number of the configuration may leave another valid file.
        if let Err(error) = Golden::read(&path).and_then(|golden| golden.build(DType::F32)) {
            assert!(error.to_string().contains("form.safetensors"), "{error}");
        }
    }
    assert!(Golden::read(&folder.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
}
