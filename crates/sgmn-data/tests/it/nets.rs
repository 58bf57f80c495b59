//! One net from one file, as people have them: read as what it is, or asked about.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use sgmn_data::{
    Error,
    any_net::{self, ReadOptions},
    containers::Value,
    nets::{self, Convolution, Label, LayerOrder, NetFile, NetOptions},
};
use sgmn_graph::{
    Activation, Net, PoolWords, eval,
    flow::{Array, run},
};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
}

fn open(name: &str, options: &NetOptions) -> NetFile {
    nets::open(&case(name), options).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What says that nothing is pooled.
fn none_pooled() -> Option<PoolWords> {
    Some("none".parse().unwrap())
}

fn words(text: &str) -> NetOptions {
    NetOptions { activation: Some(text.parse().unwrap()), ..NetOptions::default() }
}

fn net(name: &str, options: &NetOptions) -> Net {
    open(name, options).net().unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What is asked about a file, in one text.
fn asked(name: &str, options: &NetOptions) -> String {
    match open(name, options).net() {
        Err(Error::Unsaid { unsaid, .. }) => {
            unsaid.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        }
        other => panic!("{name}: expected questions, found {other:?}"),
    }
}

#[test]
fn a_siren_whose_last_layer_has_a_word_is_read_alike_from_both_containers() {
    #[derive(serde::Deserialize)]
    struct Truth {
        x: Vec<Vec<f64>>,
        y: Vec<Vec<f64>>,
    }
    let truth: Truth =
        serde_json::from_slice(&std::fs::read(case("01-lucidrains-siren/flow_2to2.truth.json")).unwrap())
            .unwrap();
    let options = words("sine:30,sine:1,sine:1");
    let nets = ["pth", "safetensors"]
        .map(|ending| net(&format!("01-lucidrains-siren/flow_2to2.{ending}"), &options));
    assert_eq!(nets[0], nets[1]);
    assert_eq!(nets[0].spec().widths(), [2, 16, 16, 16, 2]);
    for (x, y) in truth.x.iter().zip(&truth.y) {
        let found = eval::run(&nets[0], x).unwrap();
        assert!(found.iter().zip(y).all(|(a, b)| (a - b).abs() < 1e-5), "{found:?} for {y:?}");
    }
}

#[test]
fn the_order_in_which_a_net_was_built_is_read_and_sorted_files_are_asked() {
    let built = open("02-scalegmn3-order/words6.pth", &words("sine:30"));
    let names: Vec<String> = built.layers().into_iter().map(|layer| layer.name).collect();
    assert_eq!(names, ["enc", "mid_b", "mid_a", "mid_c", "out"]);
    let questions = asked("02-scalegmn3-order/words6.safetensors", &NetOptions::default());
    assert!(
        questions.contains("the order of its layers: enc,mid_a,mid_b,mid_c,out or ")
            && questions.contains("--order"),
        "{questions}"
    );
    let order = LayerOrder::from("enc,mid_b,mid_a,mid_c,out".to_owned());
    let told = NetOptions { order: Some(order), ..words("sine:30") };
    assert_eq!(net("02-scalegmn3-order/words6.safetensors", &told), built.net().unwrap());
    let wrong = NetOptions { order: Some(LayerOrder::from("enc,out".to_owned())), ..words("sine:30") };
    let error = nets::open(&case("02-scalegmn3-order/words6.safetensors"), &wrong).unwrap_err().to_string();
    assert!(
        error.contains("expected an order of the layers enc,mid_a,mid_b,mid_c,out, found enc,out"),
        "{error}"
    );
}

#[test]
fn numbers_and_words_put_layers_in_order_whatever_the_order_of_the_keys() {
    let first = open("02-scalegmn3-order/final_first.pth", &words("relu"));
    let names: Vec<String> = first.layers().into_iter().map(|layer| layer.name).collect();
    assert_eq!(names, ["hidden.0", "hidden.1", "hidden.2", "final"]);
    let sorted = open("02-scalegmn3-order/sorted_layers_13_layers.pth", &words("relu"));
    let numbers: Vec<String> = sorted.layers().into_iter().map(|layer| layer.name).collect();
    assert_eq!(numbers[1..4], ["net.1.linear", "net.2.linear", "net.3.linear"]);
    assert_eq!(numbers[12], "net.12");
}

#[test]
fn the_net_in_a_training_checkpoint_is_found_and_what_stands_beside_it_is_left_alone() {
    for (name, inside) in [
        ("model_key.pth", "model"),
        ("lightning.ckpt", "state_dict"),
        ("numpy_scalar.pth", "model_state_dict"),
        ("namespace.pth", "model_state_dict"),
    ] {
        let file = open(&format!("03-nested-checkpoints/{name}"), &words("relu"));
        assert_eq!(file.inside, inside, "{name}");
        assert!(file.net().is_ok(), "{name}");
    }
    let named = NetOptions { under: Some("model_state_dict".into()), ..words("relu") };
    assert_eq!(
        net("03-nested-checkpoints/namespace.pth", &named),
        net("03-nested-checkpoints/namespace.pth", &words("relu"))
    );
    let other = NetOptions { under: Some("ema".into()), ..words("relu") };
    let error = nets::open(&case("03-nested-checkpoints/namespace.pth"), &other).unwrap_err().to_string();
    assert!(error.contains("weights under \"ema\", found model_state_dict"), "{error}");
    let labelled = open("03-nested-checkpoints/with_string_label.pth", &words("sine:30"));
    assert_eq!(labelled.facts.label, Some(Label::Text("cat".into())));
}

#[test]
fn older_files_scripts_and_whole_modules_are_read_as_data() {
    for name in ["04-legacy-torch-save/legacy.pth", "04-legacy-torch-save/legacy.bin"] {
        assert!(open(name, &words("tanh")).net().is_ok(), "{name}");
    }
    let nets = ["scripted.pt", "whole_module.pth"]
        .map(|name| net(&format!("11-torchscript-module/{name}"), &words("tanh")));
    assert_eq!(nets[0].spec(), nets[1].spec());
    for name in ["model_best_checkpoint.pth", "mnist_train_label5_001.pth"] {
        assert!(open(&format!("20-stem-21/{name}"), &words("relu")).net().is_ok(), "{name}");
    }
}

#[test]
fn a_bare_file_is_asked_for_its_activation_and_never_taken_for_a_sine_net() {
    let questions = asked("03-nested-checkpoints/model_key.pth", &NetOptions::default());
    assert!(questions.contains("the activation of its hidden layers (--activation WORD"), "{questions}");
}

#[test]
fn convolutions_are_asked_for_what_weights_do_not_tell() {
    let questions = asked("05-modelzoo-cnn/cnn.pth", &words("tanh"));
    for asked in ["--channels 1", "--stride N --padding N", "--pool none"] {
        assert!(questions.contains(asked), "{questions}");
    }
    let convolution = Some(Convolution { stride: [1, 1], padding: [0, 0] });
    let pool = none_pooled();
    let told = NetOptions { channels: Some(1), convolution, pool: pool.clone(), ..words("tanh") };
    let nets = ["pth", "safetensors"].map(|ending| net(&format!("05-modelzoo-cnn/cnn.{ending}"), &told));
    assert_eq!(nets[0].spec(), nets[1].spec(), "one architecture, two nets");
    let grouped =
        asked("05-modelzoo-cnn/depthwise.safetensors", &NetOptions { convolution, ..words("relu") });
    assert!(
        grouped.contains("whether 0 reads images of one channel, or each of several channels by itself"),
        "{grouped}"
    );
    let four = NetOptions { channels: Some(4), ..told.clone() };
    let error = nets::open(&case("05-modelzoo-cnn/depthwise.safetensors"), &four).unwrap_err().to_string();
    assert!(error.contains("groups, which --architecture FILE.toml describes"), "{error}");
    let pooled = Some("max:2:after".parse().unwrap());
    let sequences =
        net("05-modelzoo-cnn/conv1d.safetensors", &NetOptions { convolution, pool: pooled, ..words("relu") });
    assert_eq!(sequences.spec().weight_shape(0), [8, 2, 1, 3]);
    let pool = sequences.spec().layers()[0].pool.unwrap();
    assert_eq!(pool.to_string(), "max:1x2:after", "sequences have one row");
}

#[test]
fn norms_are_folded_when_that_is_said_and_other_norms_are_no_chain() {
    let convolution = Some(Convolution { stride: [1, 1], padding: [1, 1] });
    let questions = asked("07-batchnorm/conv_bn.pth", &NetOptions { convolution, ..words("relu") });
    assert!(questions.contains("--fold") && questions.contains("--epsilon NUMBER"), "{questions}");
    let fold =
        NetOptions { fold: true, epsilon: Some(1e-5), convolution, pool: none_pooled(), ..words("relu") };
    let folded = net("07-batchnorm/conv_bn.pth", &fold);
    assert_eq!(folded, net("07-batchnorm/conv_bn.safetensors", &fold));
    assert!(folded.spec().layers().iter().all(|layer| layer.bias), "the shift of a norm is a bias");
    assert!(
        net("07-batchnorm/weight_norm_new.pth", &NetOptions { fold: true, ..words("relu") })
            .spec()
            .layers()
            .len()
            == 2
    );
    let questions = asked("07-batchnorm/mlp_ln.pth", &words("relu"));
    assert!(
        questions.contains("such as layer norms, do in a chain of layers: 1 (--architecture")
            && questions.contains("--architecture"),
        "{questions}"
    );
}

#[test]
fn residual_parts_are_never_read_as_a_plain_chain_in_silence() {
    for name in ["residual_mlp.pth", "residual_mlp.safetensors"] {
        let questions = asked(&format!("07-batchnorm/{name}"), &words("relu"));
        assert!(
            questions.contains("whether parts such as \"blocks.0\" add their input to their output"),
            "{questions}"
        );
    }
    let chain = NetOptions { chain: true, ..words("relu") };
    assert_eq!(net("07-batchnorm/residual_mlp.pth", &chain).spec().widths(), [2, 16, 16, 16, 16, 1]);
}

#[test]
fn absent_biases_are_absent() {
    let nets =
        ["pth", "safetensors"].map(|ending| net(&format!("08-no-bias/nobias.{ending}"), &words("relu")));
    assert_eq!(nets[0], nets[1]);
    assert_eq!(nets[0].params().len(), 32 * 2 + 32 * 32 + 32);
    assert!(nets[0].spec().layers().iter().all(|layer| !layer.bias));
}

#[test]
fn storage_is_read_exactly() {
    let file = open("09-strided/tied.safetensors", &NetOptions::default());
    assert_eq!(file.notes, ["a is a second name of another layer and is left out"]);
    let tied = file.net().unwrap();
    assert_eq!(tied.spec().widths(), [2, 16, 16, 16, 1]);
    assert_eq!(tied.weight(1), tied.weight(2));
    let expanded = net("09-strided/expanded_bias.pth", &words("sine:30"));
    assert!(expanded.bias(0).windows(2).all(|pair| pair[0] == pair[1]));
    assert!(open("09-strided/sliced.pth", &words("relu")).net().is_ok());
    assert!(open("09-strided/bfloat16.safetensors", &NetOptions::default()).net().is_ok());
    let error = open("09-strided/complex64_wire.pth", &words("sine:30")).net().unwrap_err().to_string();
    assert!(error.contains("complex64"), "{error}");
}

#[test]
fn other_frameworks_are_read_with_outputs_first() {
    let flax = net("15-other-frameworks/flax.safetensors", &NetOptions::default());
    assert_eq!(flax.spec().widths(), [2, 16, 1]);
    let keras = net("15-other-frameworks/keras.weights.h5", &words("relu"));
    assert_eq!(keras.spec().widths(), [2, 16, 1]);
    let sharded = net("15-other-frameworks/sharded/model.safetensors.index.json", &words("tanh"));
    assert_eq!(sharded.spec().widths(), [2, 16, 16, 16, 1]);
    assert!(open("15-other-frameworks/torchlike.npz", &words("relu")).net().is_ok());
}

#[test]
fn one_language_of_activations_in_metadata_and_options() {
    let of = |name: &str| net(&format!("17-inr-conventions/{name}/a.safetensors"), &NetOptions::default());
    assert_eq!(of("act_ReLU").spec().layers()[0].activation, Activation::Relu);
    assert_eq!(of("act_sigmoid").spec().layers()[0].activation, Activation::Sigmoid);
    assert_eq!(of("act_cli_form").spec().layers()[1].activation, Activation::Sine { omega: 30.0 });
    let mixed = of("spec_mixed_omega");
    let omegas: Vec<Activation> = mixed.spec().layers().iter().map(|layer| layer.activation).collect();
    assert_eq!(
        omegas,
        [Activation::Sine { omega: 30.0 }, Activation::Sine { omega: 1.0 }, Activation::Identity]
    );
}

#[test]
fn a_folded_net_computes_what_the_net_with_its_norms_does() {
    let convolution = Some(Convolution { stride: [1, 1], padding: [1, 1] });
    let fold =
        NetOptions { fold: true, epsilon: Some(1e-5), convolution, pool: none_pooled(), ..words("relu") };
    let folded = net("07-batchnorm/conv_bn.safetensors", &fold);
    let place = tempfile::tempdir().unwrap();
    let description = place.path().join("net.toml");
    let text = r#"
        unused = ["*num_batches_tracked"]
        layers = [
            { op = "conv", name = "0", padding = 1 }, { op = "batch_norm", name = "1" }, "relu",
            { op = "conv", name = "3", padding = 1 }, { op = "batch_norm", name = "4" }, "relu",
            { op = "mean", axes = [2, 3] }, { op = "linear", name = "8" },
        ]
        [input]
        image = { shape = [1, 3, 6, 5] }
    "#;
    std::fs::write(&description, text).unwrap();
    let options = ReadOptions { architecture: Some(description), ..ReadOptions::default() };
    let flow = any_net::open(&case("07-batchnorm/conv_bn.safetensors"), &options).unwrap();
    let image: Vec<f64> = (0..3 * 6 * 5).map(|i| f64::from(i).sin()).collect();
    let expected =
        run(flow.net.flow(), &flow.net, &[Array::new(vec![1, 3, 6, 5], image.clone()).unwrap()]).unwrap();
    let found = eval::run_image(&folded, &image, [6, 5]).unwrap();
    assert_eq!(found.len(), 10);
    for (a, b) in found.iter().zip(expected[0].data()) {
        assert!((a - b).abs() < 1e-12, "{found:?}");
    }
}

#[test]
fn weights_given_by_length_and_direction_or_by_a_singular_value_are_computed() {
    let name = "07-batchnorm/weight_norm_new.pth";
    let file = open(name, &NetOptions { fold: true, ..words("relu") });
    let lengths = file.tree().root.get("0.parametrizations.weight.original0").unwrap();
    let Value::Tensor(lengths) = lengths else { panic!() };
    let lengths = file.tree().tensor(lengths).unwrap();
    let folded = file.net().unwrap();
    let n_in = folded.spec().widths()[0];
    for (row, length) in folded.weight(0).chunks(n_in).zip(lengths.floats().unwrap()) {
        let norm = row.iter().map(|w| w * w).sum::<f64>().sqrt();
        assert!((norm - length.abs()).abs() < 1e-12);
    }
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("spectral.npz");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let arrays: [(&str, &str, &[f32]); 4] = [
        ("0.weight_orig", "(2, 2)", &[3.0, 0.0, 0.0, 1.0]),
        ("0.weight_u", "(2,)", &[1.0, 0.0]),
        ("0.weight_v", "(2,)", &[1.0, 0.0]),
        ("0.bias", "(2,)", &[0.5, 0.25]),
    ];
    for (name, shape, values) in arrays {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}\n");
        zip.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"\x93NUMPY\x01\x00").unwrap();
        zip.write_all(&u16::try_from(text.len()).unwrap().to_le_bytes()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        values.iter().for_each(|value| zip.write_all(&value.to_le_bytes()).unwrap());
    }
    zip.finish().unwrap();
    let file = nets::open(&path, &NetOptions { fold: true, ..NetOptions::default() }).unwrap();
    assert_eq!(file.net().unwrap().params(), [1.0, 0.0, 0.0, 1.0 / 3.0, 0.5, 0.25]);
}
