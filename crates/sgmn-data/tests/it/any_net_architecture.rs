//! Weights with an architecture file: read, run, written again, and refused.

use std::{
    fs,
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::flow::{Array, Numbers, Role, run};
use zip::ZipArchive;

use super::any_net_files::{Doubled, error, example, folder, folders_with};

/// Sums in another order than PyTorch's, in f64.
const ROUNDING: f64 = 1e-12;
/// The answers of nets with a rotary code were computed with frequencies of f32.
const ROUNDED_ANGLES: f64 = 1e-8;

fn open(folder: &Path) -> FlowFile {
    let mut options =
        ReadOptions { architecture: Some(folder.join("architecture.toml")), ..ReadOptions::default() };
    options.inputs.insert("x".to_owned(), example(folder, "x").shape().to_vec());
    any_net::open(&folder.join("params.safetensors"), &options).unwrap()
}

#[test]
fn described_nets_answer_as_pytorch_does() {
    let folders = folders_with("architecture.toml");
    assert!(folders.len() >= 5, "{folders:?}");
    for folder in folders {
        let error = error(&folder, &open(&folder));
        let bound = if folder.ends_with("llama") { ROUNDED_ANGLES } else { ROUNDING };
        assert!(error < bound, "{}: {error:e}", folder.display());
    }
}

#[test]
fn safetensors_are_written_with_the_same_bytes_or_other_numbers() {
    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("again.safetensors");
    for folder in folders_with("architecture.toml") {
        let file = open(&folder);
        file.write(&file.net, &to).unwrap();
        let before = fs::read(folder.join("params.safetensors")).unwrap();
        assert!(before == fs::read(&to).unwrap(), "{}", folder.display());
        file.write(&Doubled(&file.net), &to).unwrap();
        let options = ReadOptions {
            architecture: Some(folder.join("architecture.toml")),
            inputs: [("x".to_owned(), example(&folder, "x").shape().to_vec())].into(),
            ..ReadOptions::default()
        };
        let other = any_net::open(&to, &options).unwrap();
        for param in 0..file.net.flow().params().len() {
            assert_eq!(other.net.numbers(param), Doubled(&file.net).numbers(param), "{}", folder.display());
        }
    }
}

#[test]
fn statistics_are_known_by_their_names() {
    let file = open(&folder("resnet_basic"));
    let role = |name: &str| file.net.flow().params().iter().find(|param| param.name == name).unwrap().role;
    assert_eq!((role("bn1.running_mean"), role("bn1.weight")), (Role::Statistic, Role::Trained));
}

/// A net of two layers and its weights in a folder of their own.
struct Small {
    scratch: tempfile::TempDir,
}

const SMALL: &str = r#"
layers = [{ op = "linear", name = "a" }, "relu", { op = "linear", name = "b" }]

[input]
x = { shape = ["batch", 2] }
"#;

impl Small {
    fn new(architecture: &str, tensors: &[(&str, &[usize])]) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        fs::write(scratch.path().join("net.toml"), architecture).unwrap();
        let bytes: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .enumerate()
            .map(|(at, (name, shape))| {
                // Numbers that differ everywhere and are of a size to which nets are used.
                let number = |i: usize| ((i * 7 + at * 3) % 11) as f32 / 11.0 + 0.05;
                let count = shape.iter().product();
                (
                    (*name).to_owned(),
                    shape.to_vec(),
                    (0..count).flat_map(|i| number(i).to_le_bytes()).collect(),
                )
            })
            .collect();
        let views = bytes
            .iter()
            .map(|(name, shape, data)| (name, TensorView::new(Dtype::F32, shape.clone(), data).unwrap()));
        let file = safetensors::serialize(views, None).unwrap();
        fs::write(scratch.path().join("net.safetensors"), file).unwrap();
        Self { scratch }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn open(&self) -> sgmn_data::Result<FlowFile> {
        let options = ReadOptions { architecture: Some(self.path("net.toml")), ..ReadOptions::default() };
        any_net::open(&self.path("net.safetensors"), &options)
    }
}

const TENSORS: [(&str, &[usize]); 4] =
    [("a.weight", &[3, 2]), ("a.bias", &[3]), ("b.weight", &[1, 3]), ("b.bias", &[1])];

/// What an architecture for the small weights is told.
fn refused(architecture: &str) -> String {
    Small::new(architecture, &TENSORS).open().unwrap_err().to_string()
}

#[test]
fn faults_of_architecture_files_are_named_with_their_place() {
    Small::new(SMALL, &TENSORS).open().unwrap();
    let cases = [
        ("\"relu\"", "\"rleu\"", "the op \"rleu\"; known are"),
        ("name = \"b\" }", "name = \"b\", transposd = true }", "unknown field `transposd`"),
        ("name = \"b\" }", "nam = \"b\" }", "layers[2]"),
        ("name = \"b\" }", "name = \"c\" }", "a tensor \"c.weight\" in the weights"),
        ("name = \"b\" }", "name = \"b.{i}\" }", "\"b.{i}\""),
        ("name = \"b\" }", "name = \"b\", from = \"z\" }", "the name of an earlier value"),
        (", { op = \"linear\", name = \"b\" }", "", "[\"b.bias\", \"b.weight\"]"),
        ("layers = [", "unused = [\"z.*\"]\nlayers = [", "\"z.*\", which fits none"),
        ("layers = [", "fixed = [\"z\"]\nlayers = [", "\"z\", which fits none"),
        ("layers = [", "outputs = [\"z\"]\nlayers = [", "\"z\""),
        ("layers = [", "under = [\"model\"]\nlayers = [", "found safetensors"),
        ("layers = [", "layer = 3\nlayers = [", "unknown field `layer`"),
        ("layers = [", "layers = [{ repeat = 9000000, layers = [\"relu\"] }, ", "repetitions in layers[0]"),
        (
            "layers = [",
            "layers = [{ repeat = 300, layers = [{ repeat = 300, layers = [\"relu\"] }] }, ",
            "at most 65536 layers",
        ),
        ("layers = [", "layers = [3, ", "a word or a table in layers[0]"),
        ("shape = [\"batch\", 2]", "shape = [\"batch\", -2]", "input.x"),
        ("shape = [\"batch\", 2]", "shape = [\"batch\", 5]", "layers[0] (linear a)"),
        ("shape = [\"batch\", 2]", "shape = 2", "input.x"),
        ("\"relu\"", "{ op = \"add\" }", "other values under `with`"),
        ("\"relu\"", "{ op = \"relu\", slope = 3 }", "no options of relu, found \"slope\""),
        ("\"relu\"", "{ op = \"reshape\", shape = [7, -1] }", "layers[1] (reshape)"),
        ("\"relu\"", "{ op = \"select\", axis = 9, place = 0 }", "an axis of 2, found 9"),
        ("layers = [", "layers = [[[", "an architecture file"),
    ];
    for (from, to, expected) in cases {
        assert!(SMALL.contains(from), "{from}");
        let why = refused(&SMALL.replacen(from, to, 1));
        assert!(why.contains(expected), "{to}: expected {expected:?} in {why}");
        assert!(why.contains("net.toml") || why.contains("net.safetensors"), "{why}");
    }
    let nested =
        (0..6).fold("\"relu\"".to_owned(), |inner, _| format!("{{ repeat = 1, layers = [{inner}] }}"));
    assert!(refused(&SMALL.replacen("\"relu\"", &nested, 1)).contains("nested at most"));
}

#[test]
fn weights_without_an_architecture_say_what_is_missing() {
    let small = Small::new(SMALL, &TENSORS);
    let why = any_net::open(&small.path("net.safetensors"), &ReadOptions::default()).unwrap_err().to_string();
    assert!(why.contains("an architecture file"), "{why}");
}

#[test]
fn damaged_weights_are_errors_not_panics() {
    let small = Small::new(SMALL, &TENSORS);
    let bytes = fs::read(small.path("net.safetensors")).unwrap();
    for len in 0..bytes.len() {
        fs::write(small.path("net.safetensors"), &bytes[..len]).unwrap();
        assert!(small.open().is_err(), "{len} bytes");
    }
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0x55;
        fs::write(small.path("net.safetensors"), &bytes).unwrap();
        let _ = small.open();
    }
}

#[test]
fn archives_of_pytorch_are_read_and_written_again() {
    // The archive of a state dict stands inside of one of the older layouts of programs.
    let folder = folder("layout_2_8");
    let mut outer = ZipArchive::new(Cursor::new(fs::read(folder.join("export.pt2")).unwrap())).unwrap();
    let mut archive = Vec::new();
    outer.by_name("m/data/weights/model.pt").unwrap().read_to_end(&mut archive).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let [weights, architecture, again] =
        ["net.pth", "net.toml", "again.pth"].map(|name| scratch.path().join(name));
    fs::write(&weights, &archive).unwrap();
    let text = r#"
        unused = ["*.num_batches_tracked"]
        layers = [
            { op = "linear", name = "0" },
            { op = "batch_norm", name = "1" },
            "relu",
            { op = "linear", name = "3" },
        ]
        input.x.shape = ["batch", 3]
    "#;
    fs::write(&architecture, text).unwrap();
    let options = ReadOptions {
        architecture: Some(architecture),
        sizes: [("batch".to_owned(), 3)].into(),
        ..ReadOptions::default()
    };
    let file = any_net::open(&weights, &options).unwrap();
    let error = error(&folder, &file);
    assert!(error < ROUNDING, "{error:e}");
    file.write(&file.net, &again).unwrap();
    assert!(fs::read(&again).unwrap() == archive);
    file.write(&Doubled(&file.net), &again).unwrap();
    let other = any_net::open(&again, &options).unwrap();
    for param in 0..file.net.flow().params().len() {
        assert_eq!(other.net.numbers(param), Doubled(&file.net).numbers(param));
    }
}

/// Names of layers with a weight and a bias of these shapes.
fn both(tensors: &mut Vec<(String, Vec<usize>)>, name: &str, shape: &[usize]) {
    tensors.push((format!("{name}.weight"), shape.to_vec()));
    tensors.push((format!("{name}.bias"), vec![shape[0]]));
}

fn norm(tensors: &mut Vec<(String, Vec<usize>)>, name: &str, n: usize) {
    for ending in ["weight", "bias", "running_mean", "running_var"] {
        tensors.push((format!("{name}.{ending}"), vec![n]));
    }
    tensors.push((format!("{name}.num_batches_tracked"), vec![]));
}

/// Runs one of the published examples on made-up weights.
fn answers(name: &str, tensors: &[(String, Vec<usize>)], sizes: &[(&str, usize)]) -> Vec<Vec<usize>> {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("architectures").join(name);
    let text = fs::read_to_string(example).unwrap();
    let tensors: Vec<(&str, &[usize])> =
        tensors.iter().map(|(name, shape)| (&name[..], &shape[..])).collect();
    let small = Small::new(&text, &tensors);
    let options = ReadOptions {
        architecture: Some(small.path("net.toml")),
        sizes: sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect(),
        ..ReadOptions::default()
    };
    let file = any_net::open(&small.path("net.safetensors"), &options).unwrap();
    let flow = file.net.flow();
    let inputs: Vec<Array> =
        flow.inputs().iter().map(|input| Array::full(flow.shape(input.value).to_vec(), 1.0)).collect();
    let out = run(flow, &file.net, &inputs).unwrap();
    assert!(out.iter().all(|out| out.data().iter().all(|value| value.is_finite())), "{name}");
    out.iter().map(|out| out.shape().to_vec()).collect()
}

#[test]
fn the_examples_that_people_copy_fit_weights_of_their_names() {
    let mut crepe = Vec::new();
    both(&mut crepe, "conv1", &[2, 1, 512, 1]);
    norm(&mut crepe, "conv1_BN", 2);
    for i in 2..7 {
        both(&mut crepe, &format!("conv{i}"), &[2, 2, 64, 1]);
        norm(&mut crepe, &format!("conv{i}_BN"), 2);
    }
    both(&mut crepe, "classifier", &[360, 8]);
    assert_eq!(answers("crepe.toml", &crepe, &[("batch", 2)]), [[2, 360]]);

    let mut gpt2 = vec![("wte.weight".to_owned(), vec![7, 12]), ("wpe.weight".to_owned(), vec![9, 12])];
    for i in 0..12 {
        for (name, shape) in [
            ("ln_1.weight", vec![12]),
            ("ln_1.bias", vec![12]),
            ("ln_2.weight", vec![12]),
            ("ln_2.bias", vec![12]),
            ("attn.bias", vec![1, 1, 9, 9]),
            ("attn.c_attn.weight", vec![12, 36]),
            ("attn.c_attn.bias", vec![36]),
            ("attn.c_proj.weight", vec![12, 12]),
            ("attn.c_proj.bias", vec![12]),
            ("mlp.c_fc.weight", vec![12, 5]),
            ("mlp.c_fc.bias", vec![5]),
            ("mlp.c_proj.weight", vec![5, 12]),
            ("mlp.c_proj.bias", vec![12]),
        ] {
            gpt2.push((format!("h.{i}.{name}"), shape));
        }
    }
    both(&mut gpt2, "ln_f", &[12]);
    assert_eq!(answers("gpt2.toml", &gpt2, &[("length", 6)]), [[1, 6, 7]]);

    let mut bert = Vec::new();
    for (name, rows) in [("word", 7), ("position", 9), ("token_type", 2)] {
        bert.push((format!("embeddings.{name}_embeddings.weight"), vec![rows, 12]));
    }
    bert.push(("embeddings.position_ids".to_owned(), vec![1, 9]));
    both(&mut bert, "embeddings.LayerNorm", &[12]);
    for i in 0..6 {
        let name = |part: &str| format!("encoder.layer.{i}.{part}");
        for part in ["self.query", "self.key", "self.value", "output.dense"] {
            both(&mut bert, &name(&format!("attention.{part}")), &[12, 12]);
        }
        both(&mut bert, &name("attention.output.LayerNorm"), &[12]);
        both(&mut bert, &name("intermediate.dense"), &[5, 12]);
        both(&mut bert, &name("output.dense"), &[12, 5]);
        both(&mut bert, &name("output.LayerNorm"), &[12]);
    }
    both(&mut bert, "pooler.dense", &[12, 12]);
    assert_eq!(answers("minilm.toml", &bert, &[("length", 4)]), [vec![1, 4, 12], vec![1, 12]]);

    let mut resnet = vec![("conv1.weight".to_owned(), vec![2, 3, 7, 7])];
    norm(&mut resnet, "bn1", 2);
    for stage in 1..5 {
        for block in 0..2 {
            let name = |part: &str| format!("layer{stage}.{block}.{part}");
            for i in 1..3 {
                resnet.push((name(&format!("conv{i}.weight")), vec![2, 2, 3, 3]));
                norm(&mut resnet, &name(&format!("bn{i}")), 2);
            }
            if stage > 1 && block == 0 {
                resnet.push((name("downsample.0.weight"), vec![2, 2, 1, 1]));
                norm(&mut resnet, &name("downsample.1"), 2);
            }
        }
    }
    both(&mut resnet, "fc", &[4, 2]);
    assert_eq!(answers("resnet18.toml", &resnet, &[("height", 40), ("width", 33)]), [[1, 4]]);

    let mut llama: Vec<(String, Vec<usize>)> = vec![
        ("model.embed_tokens.weight".to_owned(), vec![7, 8]),
        ("model.norm.weight".to_owned(), vec![8]),
        ("lm_head.weight".to_owned(), vec![7, 8]),
    ];
    for i in 0..2 {
        for (name, shape) in [
            ("input_layernorm", vec![8]),
            ("post_attention_layernorm", vec![8]),
            ("self_attn.q_proj", vec![8, 8]),
            ("self_attn.k_proj", vec![4, 8]),
            ("self_attn.v_proj", vec![4, 8]),
            ("self_attn.o_proj", vec![8, 8]),
            ("mlp.up_proj", vec![5, 8]),
            ("mlp.gate_proj", vec![5, 8]),
            ("mlp.down_proj", vec![8, 5]),
        ] {
            llama.push((format!("model.layers.{i}.{name}.weight"), shape));
        }
    }
    assert_eq!(answers("llama.toml", &llama, &[("length", 5)]), [[1, 5, 7]]);
}

#[test]
fn every_file_of_the_examples_is_tried_here_or_read_from_an_archive() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("architectures");
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let known = ["crepe.toml", "gpt2.toml", "llama.toml", "minilm.toml", "resemblyzer.toml", "resnet18.toml"];
    assert_eq!(names, known);
}

#[test]
fn a_tensor_of_a_safetensors_file_keeps_its_bits_beside_those_that_change() {
    let architecture = SMALL.replacen("layers", "unused = [\"other\"]\nlayers", 1);
    let small = Small::new(&architecture, &[&TENSORS[..], &[("other", &[4][..])]].concat());
    let file = small.open().unwrap();
    file.write(&Doubled(&file.net), &small.path("again.safetensors")).unwrap();
    let read = |name: &str| {
        let bytes = fs::read(small.path(name)).unwrap();
        SafeTensors::deserialize(&bytes).unwrap().tensor("other").unwrap().data().to_vec()
    };
    assert_eq!(read("net.safetensors"), read("again.safetensors"));
}
