//! Published folders: read, run, written again, and refused.

use std::{
    fs,
    path::{Path, PathBuf},
};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde_json::{Value, json};
use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_graph::flow::{Array, Numbers, run};

use super::any_net_files::{Doubled, numbers_of};

/// Sums in another order than PyTorch's, in f64.
const ROUNDING: f64 = 1e-12;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/families").join(name)
}

fn folders() -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> =
        fs::read_dir(folder("")).unwrap().map(|entry| entry.unwrap().path()).collect();
    all.retain(|path| path.is_dir());
    all.sort();
    all
}

/// Inputs and outputs by name.
fn examples(folder: &Path, kind: &str) -> Vec<(String, Array)> {
    let bytes = fs::read(folder.join("io.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let of_kind = |(name, view): (String, TensorView<'_>)| {
        Some((name.strip_prefix(kind)?.to_owned(), numbers_of(&view)))
    };
    file.tensors().into_iter().filter_map(of_kind).collect()
}

/// The file of the settings of a folder.
fn settings(folder: &Path) -> PathBuf {
    let files = ["config.json", "adapter_config.json"].map(|file| folder.join(file));
    files.into_iter().find(|file| file.is_file()).unwrap()
}

fn options(folder: &Path) -> ReadOptions {
    let inputs = examples(folder, "in.").into_iter().map(|(name, array)| (name, array.shape().to_vec()));
    ReadOptions { inputs: inputs.collect(), ..ReadOptions::default() }
}

fn open(folder: &Path) -> FlowFile {
    any_net::open(folder, &options(folder)).unwrap()
}

/// By how much answers differ from those of `transformers`, relative to the largest number of each.
fn error(folder: &Path, file: &FlowFile) -> f64 {
    let (given, expected) = (examples(folder, "in."), examples(folder, "out."));
    let flow = file.net.flow();
    let of = |list: &[(String, Array)], name: &str| {
        list.iter().find(|(known, _)| known == name).map(|(_, array)| array.clone()).unwrap()
    };
    let inputs: Vec<Array> = flow.inputs().iter().map(|input| of(&given, &input.name)).collect();
    let answers = run(flow, &file.net, &inputs).unwrap();
    assert_eq!(answers.len(), expected.len(), "{}", folder.display());
    let mut worst = 0.0f64;
    for (output, answer) in flow.outputs().iter().zip(&answers) {
        let expected = of(&expected, &output.name);
        assert_eq!(answer.shape(), expected.shape(), "{} {}", folder.display(), output.name);
        let largest = expected.data().iter().fold(0.0f64, |most, value| most.max(value.abs()));
        let apart = answer.data().iter().zip(expected.data()).map(|(a, b)| (a - b).abs() / largest);
        worst = apart.fold(worst, f64::max);
    }
    worst
}

#[test]
fn nets_of_every_family_answer_as_transformers_does() {
    let folders = folders();
    assert!(folders.len() >= 16, "{folders:?}");
    for folder in folders {
        let error = error(&folder, &open(&folder));
        assert!(error < ROUNDING, "{}: {error:e}", folder.display());
    }
}

#[test]
fn a_folder_is_its_settings_and_is_written_with_the_same_bytes_or_other_numbers() {
    let scratch = tempfile::tempdir().unwrap();
    for folder in folders() {
        let name = folder.file_name().unwrap();
        let file = any_net::open(&settings(&folder), &options(&folder)).unwrap();
        let same = scratch.path().join(name);
        file.write(&file.net, &same).unwrap();
        for entry in fs::read_dir(&same).unwrap() {
            let entry = entry.unwrap().path();
            let before = fs::read(folder.join(entry.file_name().unwrap())).unwrap();
            assert!(fs::read(&entry).unwrap() == before, "{}", entry.display());
        }
        assert_eq!(fs::read_dir(&same).unwrap().count() + 1, fs::read_dir(&folder).unwrap().count());
        let message = file.write(&file.net, &same).unwrap_err().to_string();
        assert!(message.contains("found a folder that is there"), "{message}");

        let other = scratch.path().join(format!("{}-other", name.display()));
        file.write(&Doubled(&file.net), &other).unwrap();
        let again = any_net::open(&other, &options(&folder)).unwrap();
        for param in 0..file.net.flow().params().len() {
            assert_eq!(again.net.numbers(param), Doubled(&file.net).numbers(param), "{}", folder.display());
        }
    }
}

/// A copy of a folder with one thing changed.
struct Copy(tempfile::TempDir);

impl Copy {
    fn of(name: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(folder(name)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, scratch.path().join(path.file_name().unwrap())).unwrap();
        }
        Self(scratch)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Settings with keys replaced; null takes a key away.
    fn with(self, changes: &[(&str, Value)]) -> Self {
        let file = settings(self.0.path());
        let mut said: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        let entries = said.as_object_mut().unwrap();
        for (key, value) in changes {
            match value {
                Value::Null => drop(entries.remove(*key)),
                value => drop(entries.insert((*key).to_owned(), value.clone())),
            }
        }
        fs::write(file, said.to_string()).unwrap();
        self
    }

    /// Tensors as `change` makes them of those that are there: name, type, shape, bytes.
    fn with_tensors(self, change: impl Fn(&mut Vec<Raw>)) -> Self {
        let path = self.path("model.safetensors");
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let raw = |(name, view): (String, TensorView<'_>)| {
            (name, view.dtype(), view.shape().to_vec(), view.data().to_vec())
        };
        let mut tensors: Vec<Raw> = file.tensors().into_iter().map(raw).collect();
        change(&mut tensors);
        let views = tensors
            .iter()
            .map(|(name, dtype, shape, data)| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
        let out = safetensors::serialize(views, None).unwrap();
        fs::write(path, out).unwrap();
        self
    }

    fn open(&self) -> sgmn_data::Result<FlowFile> {
        any_net::open(self.0.path(), &ReadOptions::default())
    }

    fn refused(&self) -> String {
        self.open().unwrap_err().to_string()
    }
}

type Raw = (String, Dtype, Vec<usize>, Vec<u8>);

#[test]
fn what_settings_say_and_is_not_read_is_refused_by_its_key() {
    let cases = [
        ("llama", "model_type", json!("mamba"), "one of bert, gpt2, llama"),
        ("llama", "model_type", json!(7), "a word under model_type"),
        (
            "llama",
            "architectures",
            json!(["LlamaForTokenClassification"]),
            "one of LlamaModel, LlamaForCausalLM",
        ),
        ("llama", "architectures", json!([]), "under architectures, found []"),
        ("llama", "architectures", json!(null), "under architectures, found none"),
        (
            "llama",
            "hidden_size",
            json!(-16),
            "a whole number from 1 to 16777216 under hidden_size, found -16",
        ),
        ("llama", "hidden_size", json!("16"), "under hidden_size, found \"16\""),
        ("llama", "hidden_size", json!(16.5), "under hidden_size, found 16.5"),
        ("llama", "hidden_size", json!(1e300), "under hidden_size"),
        ("llama", "hidden_size", json!(null), "under hidden_size, found none"),
        ("llama", "num_hidden_layers", json!(1_000_000_000_000_u64), "under num_hidden_layers"),
        ("llama", "num_hidden_layers", json!(5000), "at most 4096 blocks under num_hidden_layers"),
        ("llama", "num_key_value_heads", json!(3), "a divisor of 4 heads under num_key_value_heads, found 3"),
        ("llama", "head_dim", json!(3), "an even number"),
        (
            "llama",
            "rope_parameters",
            json!({"rope_type": "yarn", "factor": 4.0}),
            "a rope_type default, linear or llama3",
        ),
        ("llama", "rope_parameters", json!({"rope_type": "linear"}), "a positive number factor"),
        ("llama", "rope_parameters", json!({"rope_type": "default", "beta": 4.0}), "\"beta\""),
        ("llama", "rope_parameters", json!([1]), "an object under rope_parameters"),
        ("llama", "rope_scaling", json!({"type": "linear"}), "not both, under rope_parameters"),
        ("llama", "quantization_config", json!({"bits": 4}), "\"quantization_config\""),
        ("llama", "attention_bias", json!(1), "true or false under attention_bias, found 1"),
        ("llama", "hidden_act", json!("xielu"), "one of gelu,"),
        ("llama", "tie_word_embeddings", json!(true), "the numbers of \"model.embed_tokens.weight\""),
        ("llama", "mlp_bias", json!(true), "a tensor \"model.layers.0.mlp.down_proj.bias\" of shape [16]"),
        ("mistral", "sliding_window", json!(0), "under sliding_window, found 0"),
        ("mistral", "sliding_window", json!(null), "null for all, under sliding_window, found none"),
        ("mistral", "num_key_value_heads", json!(null), "under num_key_value_heads"),
        ("gpt2", "add_cross_attention", json!(true), "false under add_cross_attention, found true"),
        ("gpt2", "n_head", json!(5), "a divisor of n_embd = 16 under n_head, found 5"),
        ("bert", "position_embedding_type", json!("relative_key"), "absolute under position_embedding_type"),
        ("bert", "is_decoder", json!(true), "false under is_decoder"),
        ("vit", "patch_size", json!([4, 4, 4]), "a size, or height and width under patch_size"),
        ("vit", "patch_size", json!(16), "within an image of 12 by 12"),
        ("vit", "id2label", json!({}), "under id2label"),
        ("resnet", "depths", json!([2]), "a number for each of 2 hidden_sizes"),
        ("resnet", "depths", json!([2, 16_777_216]), "at most 4096 blocks in all"),
        ("resnet", "layer_type", json!("wide"), "bottleneck or basic under layer_type"),
        ("resnet_bottleneck", "hidden_sizes", json!([8, 10]), "multiples of 4"),
    ];
    for (net, key, value, expected) in cases {
        let message = Copy::of(net).with(&[(key, value)]).refused();
        assert!(message.contains(expected), "{net} {key}: {message}");
        assert!(message.contains("config.json") || message.contains("model.safetensors"), "{message}");
    }
    let layers = [("layer_types", json!(["full_attention"]))];
    assert!(sharded(&layers).contains("2 words full_attention or sliding_attention"));
    let layers = [("layer_types", json!(null)), ("max_window_layers", json!("x"))];
    assert!(sharded(&layers).contains("under max_window_layers, found \"x\""));
}

fn sharded(changes: &[(&str, Value)]) -> String {
    Copy::of("qwen2").with(changes).refused()
}

#[test]
fn settings_of_older_files_say_the_same() {
    let net = Copy::of("llama_tied");
    let newer = net.open().unwrap();
    let rope = json!({"type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32});
    let changes = [("rope_parameters", json!(null)), ("rope_theta", json!(500.0)), ("rope_scaling", rope)];
    let older = net.with(&changes).open().unwrap();
    assert_eq!(newer.net.flow(), older.net.flow());
    let none = Copy::of("qwen2").with(&[("layer_types", json!(null))]).open().unwrap();
    assert_eq!(none.net.flow(), Copy::of("qwen2").open().unwrap().net.flow());
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let wider = Copy::of("gpt2").with(&[("n_inner", json!(60))]).refused();
    let expected = "expected a tensor \"transformer.h.0.mlp.c_fc.bias\" of shape [60], as";
    assert!(wider.contains(expected) && wider.contains("found [64]"), "{wider}");
    let fewer = Copy::of("gpt2").with(&[("n_layer", json!(1))]).refused();
    assert!(
        fewer.contains("transformer.h.1.") && fewer.contains("and 4 more, which it does not have"),
        "{fewer}"
    );
    let more = Copy::of("gpt2").with(&[("n_layer", json!(3))]).refused();
    assert!(more.contains("transformer.h.2.") && more.contains("none of that name"), "{more}");
    let renamed =
        Copy::of("vit").with_tensors(|tensors| tensors.retain(|(name, ..)| !name.contains("cls_token")));
    assert!(renamed.refused().contains("a tensor vit.embeddings.cls_token or embeddings.cls_token"));
}

#[test]
fn a_tied_tensor_may_be_stored_twice_and_is_written_twice() {
    let twice = |tensors: &mut Vec<Raw>| {
        let table = tensors.iter().find(|(name, ..)| name == "transformer.wte.weight").unwrap().clone();
        tensors.push(("lm_head.weight".to_owned(), table.1, table.2, table.3));
    };
    let net = Copy::of("gpt2").with_tensors(twice);
    let file = net.open().unwrap();
    assert_eq!(file.net.flow(), Copy::of("gpt2").open().unwrap().net.flow());
    let scratch = tempfile::tempdir().unwrap();
    let to = scratch.path().join("other");
    file.write(&Doubled(&file.net), &to).unwrap();
    assert!(any_net::open(&to, &ReadOptions::default()).is_ok(), "both copies have the new numbers");
}

#[test]
fn older_names_and_tensors_without_use_are_known() {
    let renamed = Copy::of("bert_masked").with_tensors(|tensors| {
        for (name, ..) in tensors.iter_mut() {
            *name = name
                .replace("LayerNorm.weight", "LayerNorm.gamma")
                .replace("LayerNorm.bias", "LayerNorm.beta");
        }
        let ids = ("bert.embeddings.position_ids".to_owned(), Dtype::I64, vec![1, 2], vec![0; 16]);
        let pooler = ("bert.pooler.dense.bias".to_owned(), Dtype::F32, vec![2], vec![0; 8]);
        tensors.extend([ids, pooler]);
    });
    let file = renamed.open().unwrap();
    assert_eq!(file.fixed.len(), 1, "{:?}", file.fixed);
    assert_eq!(
        (&file.fixed[0].name[..], &file.fixed[0].why[..]),
        ("bert.pooler.dense.bias", "no output depends on it")
    );
    assert_eq!(file.net.flow().n_numbers(), Copy::of("bert_masked").open().unwrap().net.flow().n_numbers());
}

#[test]
fn damaged_folders_are_refused() {
    let without = |net: &str, file: &str| {
        let copy = Copy::of(net);
        fs::remove_file(copy.path(file)).unwrap();
        copy.refused()
    };
    assert!(without("llama", "model.safetensors").contains("one of both, beside config.json, found none"));
    assert!(without("llama", "config.json").contains("a folder without settings"));
    assert!(
        without("qwen2", "model-00002-of-00003.safetensors")
            .contains("the part model-00002-of-00003.safetensors")
    );
    let both = Copy::of("qwen2");
    fs::copy(both.path("model-00001-of-00003.safetensors"), both.path("model.safetensors")).unwrap();
    assert!(both.refused().contains("found both"));
    let index = Copy::of("qwen2");
    fs::write(index.path("model.safetensors.index.json"), r#"{"weight_map": {"a": "../other"}}"#).unwrap();
    assert!(index.refused().contains("the plain name of a file beside the index"));
    // Settings and tensors that end early or are something else.
    for net in ["llama", "resnet"] {
        let copy = Copy::of(net);
        let (config, tensors) = (copy.path("config.json"), copy.path("model.safetensors"));
        let (text, bytes) = (fs::read(&config).unwrap(), fs::read(&tensors).unwrap());
        for at in (0..text.len()).step_by(37) {
            fs::write(&config, &text[..at]).unwrap();
            assert!(copy.open().is_err(), "{at}");
            assert!(any_net::open(&config, &ReadOptions::default()).is_err(), "{at}");
        }
        fs::write(&config, &text).unwrap();
        for at in (0..bytes.len()).step_by(977) {
            fs::write(&tensors, &bytes[..at]).unwrap();
            assert!(copy.open().is_err(), "{at}");
        }
        for other in ["[]", "{}", "null", "{\"model_type\": \"llama\"}", &"[".repeat(100_000)] {
            fs::write(&config, other).unwrap();
            assert!(any_net::open(&config, &ReadOptions::default()).is_err());
        }
    }
}

#[test]
fn every_key_may_hold_anything_without_a_panic() {
    let values = [
        json!(-1),
        json!(0),
        json!(1),
        json!(u64::MAX),
        json!(1e308),
        json!("x"),
        json!([1, -1]),
        json!({"a": 1}),
        json!(true),
    ];
    for net in ["gpt2", "llama", "vit", "resnet", "bert_masked", "lora"] {
        let said: Value = serde_json::from_slice(&fs::read(settings(&folder(net))).unwrap()).unwrap();
        for key in said.as_object().unwrap().keys() {
            for value in &values {
                // Most are refused; what is read is a net.
                drop(Copy::of(net).with(&[(key, value.clone())]).open());
            }
        }
    }
}

#[test]
fn adapters_say_what_they_change_in_a_larger_net() {
    let file = open(&folder("lora"));
    let scales: Vec<(&str, f64)> =
        file.updates().iter().map(|update| (update.target.as_str(), update.scale)).collect();
    let at = |layer, part| format!("model.layers.{layer}.self_attn.{part}_proj");
    // alpha 6 and rank 3; alpha 5 of all values; rank 2 of the last queries.
    let names = [at(0, "q"), at(0, "v"), at(1, "q"), at(1, "v")];
    let expected = [2.0, 5.0 / 3.0, 3.0, 5.0 / 3.0];
    assert_eq!(scales, names.iter().map(String::as_str).zip(expected).collect::<Vec<_>>());
    assert!(open(&folder("llama")).updates().is_empty());
}

#[test]
fn adapters_that_are_more_than_pairs_are_refused() {
    let cases = [
        ("peft_type", json!("IA3"), "LORA under peft_type"),
        ("use_dora", json!(true), "false under use_dora"),
        ("bias", json!("all"), "none under bias"),
        ("modules_to_save", json!(["score"]), "\"modules_to_save\""),
        ("layer_replication", json!([[0, 2]]), "\"layer_replication\""),
        ("r", json!(4), "of shape [4, 16], as"),
        ("r", json!(0), "under r, found 0"),
        ("r", json!(null), "under r, found none"),
        ("rank_pattern", json!({"(": 2}), "regular expressions"),
        ("rank_pattern", json!({"v_proj": -1}), "a whole number of 1 or more for each"),
        (
            "alpha_pattern",
            json!({"v_proj": 1, "layers.0.self_attn.v_proj": 2}),
            "one value for model.layers.0.self_attn.v_proj",
        ),
        ("alpha_pattern", json!(5), "an object under alpha_pattern"),
    ];
    for (key, value, expected) in cases {
        let message = Copy::of("lora").with(&[(key, value)]).refused();
        assert!(message.contains(expected), "{key}: {message}");
    }
    let both = Copy::of("lora");
    fs::copy(folder("llama").join("config.json"), both.path("config.json")).unwrap();
    assert!(both.refused().contains("say which by the name of its file, config.json or adapter_config.json"));
    assert!(any_net::open(&both.path("adapter_config.json"), &ReadOptions::default()).is_ok());
}
