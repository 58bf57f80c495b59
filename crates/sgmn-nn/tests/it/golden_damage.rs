//! Golden files that are wrong or damaged: what differs is measured, what does not fit is refused in one line.

use candle_core::DType;
use rand::RngExt;
use serde_json::{Value, json};
use sgmn_graph::Seed;
use sgmn_nn::golden::Golden;

use crate::form::Form;

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
        (
            form.clone().without(grad),
            "variable grad.gnn.readout.rho.fc.0.weight: expected shape [8, 8], found nothing",
        ),
        (
            form.clone().without("param.gnn.readout.rho.fc.0.weight"),
            "gnn.readout.rho.fc.0.weight: expected shape [8, 8], found nothing",
        ),
        (form.clone().without("input.1.bias.2"), "input.1.bias.2: expected shape [1], found nothing"),
        (form.clone().without("input.2.weight.0"), "input.2.weight.0: expected a tensor, found nothing"),
        (
            form.clone().with_tensor("input.0.weight.1", |_| f64::NAN, &[4, 5]),
            "input.0.weight.1: expected finite numbers",
        ),
        (
            form.clone().with_tensor("param.gnn.readout.rho.fc.0.bias", |_| f64::INFINITY, &[8]),
            "expected finite numbers",
        ),
        (
            form.clone().with_tensor("grad.gnn.readout.rho.fc.0.bias", |_| f64::NAN, &[8]),
            "expected finite numbers",
        ),
        (form.clone().with_tensor("input.0.weight.1", |_| 1.0, &[5, 5]), "by `layer_layout`, found [5, 5]"),
        (form.clone().with_tensor("input.0.weight.1", |_| 1.0, &[20]), "by `layer_layout`, found [20]"),
        (
            form.clone().with_tensor("param.other", |_| 1.0, &[2]),
            "variable other: expected no such variable in this model",
        ),
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
        (
            form.clone().with("d_hid", json!(4_000_000_000_000u64)),
            "learned numbers, found shape [4000000000000, 1]",
        ),
        (form.clone().with("num_layers", json!(4_000_000_000_000u64)), "learned numbers"),
        (form.clone().with("gnn_args.message_fn_layers", json!(4_000_000_000_000u64)), "learned numbers"),
        (form.clone().with("readout_args.d_rho", json!(u64::MAX)), "learned numbers"),
        (form.clone().with("mlp_args.d_k", json!([8, 0])), "model.d_mlp: expected at least 1, found 0"),
        (
            form.clone().with("gnn_args.aggregator", json!("mean")),
            "gnn_args.aggregator: expected \"add\", found \"mean\"",
        ),
        (form.clone().with("symmetry", json!("mirror")), "expected sign or scale or hetero or permutation"),
        (form.with("mlp_args", Value::Null), "scalegmn_args.mlp_args: expected an object, found nothing"),
        (hetero.clone().with_metadata("activation", "null"), "expected a name for each net, found null"),
        (hetero.clone().with_metadata("activation", r#"["tanh", "relu"]"#), "expected a list of 3 names"),
        (hetero.with_metadata("activation", r#"["tanh", "relu", "step"]"#), "found \"step\""),
        (cnn.clone().with("_max_kernel_height", json!(2)), "_max_kernel_height: expected 3 or more, found 2"),
        (
            cnn.clone().with("_max_kernel_width", json!(u64::MAX)),
            "expected a column for each value of a kernel",
        ),
        (
            cnn.with("_max_kernel_height", json!(5)),
            "expected a column for each value of a kernel [5, 3], found Some(9)",
        ),
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
        if let Err(error) =
            Golden::read(&path).and_then(|golden| golden.build(DType::F32, &candle_core::Device::Cpu))
        {
            assert!(error.to_string().contains("form.safetensors"), "{error}");
        }
    }
    assert!(Golden::read(&folder.path().join("nowhere")).unwrap_err().to_string().contains("nowhere"));
}
