//! Golden files of other forms than the 24: other widths, depths, kernels and options are read, built and run.

use candle_core::DType;
use rand::RngExt;
use serde_json::{Value, json};
use sgmn_graph::Seed;
use sgmn_nn::{Normalization, models::from_published, tolerance::GOLDEN_OUTPUT_F64};

use crate::{form::Form, setup::build};

/// A file of random numbers for a configuration and a layout: input shapes as `weights` says, variables as the model
/// wants them. Its outputs are zeros, so only reading, building and running are put to the test.
fn synthetic(
    base: &str,
    changes: &[(&str, Value)],
    widths: &[usize],
    kernels: &[Option<[usize; 2]>],
) -> Form {
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
            form =
                form.with_tensor(&format!("input.{net}.bias.{l}"), |i| random(i + 5 * net + l), &[pair[1]]);
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
        form =
            form.with_tensor(name, |i| 1.0 + i as f64, &serde_json::from_str::<Vec<usize>>(shape).unwrap());
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
        (inr_b, vec![("readout_args.d_rho", json!(3))], &[2, 4, 1], &[]),
        (inr, vec![("num_layers", json!(1)), ("gnn_args.message_fn_layers", json!(2))], &[2, 4, 1], &[]),
        (cnn, vec![], &[1, 3, 2, 4], &[k3, k3]),
        (
            cnn,
            vec![("_max_kernel_height", json!(5)), ("_max_kernel_width", json!(5))],
            &[1, 3, 2, 4],
            &[k3, k3],
        ),
        (
            cnn,
            vec![("_max_kernel_height", json!(7)), ("_max_kernel_width", json!(7))],
            &[3, 2, 4],
            &[Some([5, 5])],
        ),
        (cnn, vec![("_max_kernel_height", Value::Null)], &[1, 2, 2, 4], &[Some([1, 3]), k3]),
        ("mnist_editing.bidirectional.sign", vec![("num_layers", json!(2))], &[3, 4, 2], &[]),
    ];
    for (base, mut changes, widths, kernels) in rows {
        let what = format!("{base} {changes:?} {widths:?}");
        if base == cnn {
            // The first projection is what tells how large kernels may be.
            let size =
                |key: &str| changes.iter().find(|(name, _)| *name == key).and_then(|(_, size)| size.as_u64());
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
    assert!(form.compare().unwrap() < GOLDEN_OUTPUT_F64);
    let silent =
        ["reciprocal", "concat_mlp_directions", "edge_pos_embed", "equivariant", "_max_kernel_width"];
    let silent_below =
        ["gnn_args.layer_norm", "gnn_args.pos_embed_msg", "mlp_args.skip", "positional_encodings.equiv_net"];
    let reduced =
        silent.iter().chain(&silent_below).fold(form.clone(), |form, key| form.with(key, Value::Null));
    let reduced =
        reduced.without_metadata("activation").without_metadata("convolutional").without_metadata("loss");
    assert!(reduced.compare().unwrap() < GOLDEN_OUTPUT_F64);
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
    let padded = form.with_tensor(&projection("param"), at, &[8, 25]).with_tensor(
        &projection("grad"),
        |_| 1.0,
        &[8, 25],
    );
    let padded = padded.with("_max_kernel_height", json!(5)).with("_max_kernel_width", json!(5));
    assert!(padded.parity().unwrap().0 < GOLDEN_OUTPUT_F64);
}
