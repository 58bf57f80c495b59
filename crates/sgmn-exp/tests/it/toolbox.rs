//! The toolbox `sgmn` as a person meets it: arguments in, text and files out.

mod any_net;
mod equal;
mod measure;
mod torch;
mod zoo;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use assert_cmd::Command;
use candle_core::{Device, Tensor};
use sgmn_data::{
    Sample, Source, Target,
    formats::{
        folder,
        idx::{self, Idx},
        packed,
    },
    nets::{self, NetOptions},
    split::Split,
};
use sgmn_graph::{Activation, NetSpec, Seed, eval, testing};
use sgmn_nn::{Checkpoint, golden::Golden};
use tempfile::TempDir;

/// What a call of the toolbox left behind.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn sgmn(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_sgmn")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// A call that must succeed; what it printed.
pub(crate) fn succeed(arguments: &[&str]) -> String {
    let Ran { code, out, err } = sgmn(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    out
}

/// A call that must fail by the caller's fault; its one line of error.
pub(crate) fn refuse(arguments: &[&str]) -> String {
    let Ran { code, err, .. } = sgmn(arguments);
    assert_eq!(code, Some(1), "{arguments:?}: {err}");
    let lines: Vec<&str> = err.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{err}");
    assert!(!err.contains("panicked"), "{err}");
    lines[0].to_owned()
}

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-nn/testdata/golden").join(name)
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Paths below a folder that goes away with the test.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        text(&self.0.path().join(name)).to_owned()
    }
}

/// Writes `n` small images with gentle slopes, and their classes.
fn images(place: &Place, n: usize) -> [String; 2] {
    const SIDE: usize = 6;
    let pixel = |i: usize| (((i * 7919) % 251) / 2 + 60) as u8;
    let pixels = (0..n * SIDE * SIDE).map(pixel).collect();
    let [images, labels] = ["images.idx", "labels.idx"].map(|name| place.path(name));
    idx::write(images.as_ref(), &Idx::new(vec![n, SIDE, SIDE], pixels).unwrap()).unwrap();
    idx::write(labels.as_ref(), &Idx::new(vec![n], (0..n).map(|i| (i % 2) as u8).collect()).unwrap())
        .unwrap();
    [images, labels]
}

#[test]
fn parity_passes_on_every_golden_file_in_both_precisions() {
    let folder = golden("");
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    for (dtype, how) in [("f64", None), ("f32", None), ("f32", Some("--plainly"))] {
        let mut arguments = vec!["parity", "--dtype", dtype];
        arguments.extend(how.into_iter().chain(files.iter().map(|file| text(file))));
        let out = succeed(&arguments);
        let n = files.len();
        assert_eq!(out.lines().filter(|line| line.contains("  pass ")).count(), n, "{out}");
        assert!(out.lines().last().unwrap().starts_with(&format!("{n} of {n} agree in {dtype}")), "{out}");
    }
}

#[test]
fn parity_fails_on_one_changed_number_and_names_its_tensor() {
    let place = Place::new();
    let name = "gnn.readout.rho.fc.1.weight";
    for (tensor, said) in [("output".to_owned(), ", output"), (format!("grad.{name}"), name)] {
        let bytes = std::fs::read(golden("mnist_cls.forward.sign.safetensors")).unwrap();
        let path = place.path("changed.safetensors");
        std::fs::write(&path, with_changed_number(bytes, &tensor)).unwrap();
        let good = golden("fmnist_cls.forward.sign.safetensors");
        let Ran { code, out, .. } = sgmn(&["parity", &path, text(&good)]);
        assert_eq!(code, Some(1), "{out}");
        let row = out.lines().find(|line| line.starts_with("changed")).unwrap();
        assert!(row.contains("FAIL") && row.contains(said), "{out}");
        assert!(out.lines().last().unwrap().starts_with("1 of 2 agree"), "{out}");
    }
}

#[test]
fn parity_reports_an_unreadable_file_and_goes_on() {
    let place = Place::new();
    let bytes = std::fs::read(golden("mnist_cls.forward.sign.safetensors")).unwrap();
    let path = place.path("half.safetensors");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let good = golden("fmnist_cls.forward.sign.safetensors");
    let Ran { code, out, .. } = sgmn(&["parity", &path, text(&good)]);
    assert_eq!(code, Some(1));
    assert!(
        out.contains("ERROR") && out.contains("half.safetensors: ") && out.contains("1 of 2 agree"),
        "{out}"
    );
}

/// The file with one f64 of a tensor doubled, plus one.
fn with_changed_number(mut file: Vec<u8>, tensor: &str) -> Vec<u8> {
    let header_len = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Value = serde_json::from_slice(&file[8..8 + header_len]).unwrap();
    assert_eq!(header[tensor]["dtype"], "F64");
    let start = 8 + header_len + header[tensor]["data_offsets"][0].as_u64().unwrap() as usize;
    let number = f64::from_le_bytes(file[start..start + 8].try_into().unwrap());
    file[start..start + 8].copy_from_slice(&(2.0 * number + 1.0).to_le_bytes());
    file
}

#[test]
fn images_become_nets_that_are_shown_canonicalized_and_converted() {
    let place = Place::new();
    let [images, labels] = images(&place, 6);
    let [fitted, canonical, folder, again] =
        ["a.packed", "b.packed", "nets", "c.packed"].map(|name| place.path(name));
    let fit = ["fit", "--images", &images, "--labels", &labels, "--n", "5", "--hidden", "8", "--steps", "30"];
    let out = succeed(&[&fit[..], &["--shares", "0.6,0.2", "--out", &fitted]].concat());
    assert!(out.contains("fitted 5 nets in ") && out.contains("PSNR: median "), "{out}");

    let out = succeed(&["inspect", &fitted, "--item", "4"]);
    for said in [
        "5 nets",
        "2 classes of 2 to 3 nets",
        "image-4, class 0",
        "2 → 8 → 1, 33 parameters",
        "sign, phase, permutation",
    ] {
        assert!(out.contains(said), "no {said:?} in {out}");
    }
    let out = succeed(&["canonicalize", &fitted, &canonical]);
    assert!(out.contains("wrote 5 nets"), "{out}");
    succeed(&["convert", &canonical, &folder]);
    succeed(&["convert", &folder, &again]);

    let [fitted, canonical, again] =
        [&fitted, &canonical, &again].map(|path| packed::Reader::open(path.as_ref()).unwrap());
    for i in 0..5 {
        let (before, after) = (fitted.get(i).unwrap(), canonical.get(i).unwrap());
        assert_ne!(before.net, after.net);
        let [a, b] = [&before.net, &after.net].map(|net| eval::run(net, &[0.3, -0.7]).unwrap()[0]);
        assert!((a - b).abs() < 1e-5, "f32 parameters keep the function: {a} {b}");
        assert_eq!(after, again.get(i).unwrap(), "a folder of safetensors loses nothing");
        assert_eq!(canonical.split(i), again.split(i));
    }
    assert_eq!(fitted.splits().get(Split::Train).len(), 3);
    assert!(
        canonical.provenance()["canonicalized"].contains("phase")
            && canonical.provenance().contains_key("recipe")
    );
}

#[test]
fn a_fit_that_stands_is_replaced_by_force_only() {
    let place = Place::new();
    let [images, _] = images(&place, 1);
    let out = place.path("a.packed");
    let fit = ["fit", "--images", &images, "--steps", "2", "--hidden", "2", "--out", &out];
    succeed(&fit);
    assert!(refuse(&fit).contains("a.packed: expected nothing there yet"));
    succeed(&[&fit[..], &["--force"]].concat());
    let folder = ["--format", "safetensors", "--force"];
    assert!(refuse(&[&fit[..], &folder].concat()).contains("a folder of nets must be new or empty"));
}

#[test]
fn embedded_digits_are_fitted_by_name() {
    let place = Place::new();
    let out = place.path("digits");
    succeed(&[
        "fit",
        "--images",
        "mini",
        "--n",
        "12",
        "--steps",
        "1",
        "--format",
        "safetensors",
        "--out",
        &out,
    ]);
    let said = succeed(&["inspect", &out]);
    assert!(said.contains("12 nets") && said.contains("train 9, val 1, test 2, in none 0"), "{said}");
}

/// Calls `sgmn` twice with arguments that make `out`: stopped when its journal has passed `n_bytes`, then to the end.
#[cfg(unix)]
fn stop_and_continue(arguments: &[&str], out: &str, n_bytes: u64) {
    let journal = format!("{out}.partial");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_sgmn")).args(arguments).spawn().unwrap();
    while !std::fs::metadata(&journal).is_ok_and(|metadata| metadata.len() > n_bytes) {
        if child.try_wait().unwrap().is_some() {
            break;
        }
        std::thread::yield_now();
    }
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    // A machine that is fast enough finishes before the signal comes; then there is nothing to continue.
    if code != Some(0) {
        assert_eq!(code, Some(130));
        assert!(Path::new(&journal).exists() && !Path::new(out).exists());
        succeed(arguments);
    }
    assert!(!Path::new(&journal).exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_fit_is_continued_to_the_same_bytes() {
    let place = Place::new();
    let [images, _] = images(&place, 24);
    let [whole, parts] = ["whole.packed", "parts.packed"].map(|name| place.path(name));
    // A goal that is never reached makes every net take all its steps.
    let fit = |out| ["fit", "--images", &images, "--steps", "4000", "--goal-db", "500", "--out", out];
    succeed(&fit(&whole));

    stop_and_continue(&fit(&parts), &parts, 1000);
    assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&parts).unwrap());
}

#[test]
fn check_passes_equivariant_models_and_fails_others() {
    let small = ["--set", "model.d_hidden=8", "--set", "model.d_mlp=[8]"];
    let out = succeed(&[&["check", "quick-bidirectional"], &small[..]].concat());
    assert!(
        out.contains("sign, permutation (not checked: phase)") && out.contains("pass: within 1e-9"),
        "{out}"
    );
    let out = succeed(&[&["check", "quick", "--dtype", "f32", "--elements", "2"], &small[..]].concat());
    assert!(out.contains("pass: within 1e-4"), "{out}");

    let fails = |arguments: &[&str], said: &str| {
        let Ran { code, out, .. } = sgmn(arguments);
        assert_eq!(code, Some(1), "{out}");
        assert!(out.contains("FAIL") && out.contains(said), "{out}");
    };
    fails(&["check", "quick-flat-mlp"], "claims no symmetry");
    fails(
        &[&["check", "quick", "--symmetry", "phase"], &small[..]].concat(),
        "phase (not checked: sign, permutation)",
    );
    fails(
        &[&["check", "quick", "--symmetry", "positive"], &small[..]].concat(),
        "no element changed anything",
    );
    let quirk = golden("cifar10_gs.bidirectional.relu.safetensors");
    fails(&["check", text(&quirk)], "published compatibility");
}

#[test]
fn check_measures_positive_scalings_and_editing_models() {
    let place = Place::new();
    let zoo = place.path("zoo.toml");
    let model = "symmetry = \"hetero\"\ndirection = \"bidirectional\"\nd_hidden = 8\nd_mlp = [8]";
    std::fs::write(
        &zoo,
        format!("inherits = \"quick\"\n[data]\nkind = \"cnn_zoo\"\npath = \"zoo\"\n[model]\n{model}\n"),
    )
    .unwrap();
    let out = succeed(&["check", &zoo]);
    assert!(
        out.contains("16 units: positive, permutation") && out.contains("16 units: sign, permutation"),
        "{out}"
    );
    let editing = golden("mnist_editing.bidirectional.sign.safetensors");
    assert!(succeed(&["check", text(&editing)]).contains("equivariance error in f64"));
}

#[test]
fn published_checkpoints_are_imported_number_by_number() {
    let place = Place::new();
    let file = golden("mnist_cls.forward.sign.safetensors");
    let theirs = Golden::read(&file).unwrap();
    let (_, vars) = theirs.build(candle_core::DType::F32, &Device::Cpu).unwrap();
    let vars: Vec<(String, Tensor)> = vars.snapshot().unwrap().into_iter().collect();
    let [archive, nested, config, net, out] =
        ["best.pt", "last.pt", "config.json", "net.safetensors", "model.safetensors"]
            .map(|name| place.path(name));
    torch::write(archive.as_ref(), &[], &vars);
    torch::write(nested.as_ref(), &["model"], &vars);
    let (_, header) = safetensors::SafeTensors::read_metadata(&std::fs::read(&file).unwrap()).unwrap();
    let args = header.metadata().clone().unwrap()["config"].clone();
    std::fs::write(&config, format!("{{\"data\": {{}}, \"scalegmn_args\": {args}}}")).unwrap();
    let sample = Sample { id: "net".to_owned(), net: theirs.nets()[0].clone(), target: Target::None };
    folder::write_net(net.as_ref(), &sample).unwrap();

    for archive in [&archive, &nested] {
        succeed(&[
            "import-checkpoint",
            archive,
            "--config",
            &config,
            "--nets",
            &net,
            "--out",
            &out,
            "--force",
        ]);
        let ours = Checkpoint::read(out.as_ref(), &Device::Cpu).unwrap();
        assert_eq!(&ours.header.model, theirs.config());
        assert_eq!(ours.header.specs, [theirs.nets()[0].spec().as_ref().clone()]);
        assert_eq!(ours.vars.len(), vars.len());
        for (name, expected) in &vars {
            let values = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(values(&ours.vars[name]), values(expected), "{name}");
        }
    }
    let said = succeed(&["inspect", &out]);
    assert!(said.contains("compatibility = \"published\"") && said.contains("gnn.fw_layers.0"), "{said}");
    assert!(succeed(&["inspect", &out, "--variables"]).contains("construct_graph.proj_bias.weight"));
    assert!(succeed(&["check", &out]).contains("pass"));
    assert!(succeed(&["inspect", &nested]).contains("model: "));

    let ((missing, _), fewer) = vars.split_last().unwrap();
    torch::write(archive.as_ref(), &[], fewer);
    let import = ["import-checkpoint", &archive, "--config", &config, "--nets", &net, "--out"];
    let never = place.path("never.safetensors");
    assert!(refuse(&[&import[..], &[&never]].concat()).contains(missing));
    assert!(!Path::new(&never).exists());
    assert!(refuse(&[&import[..], &[&out]].concat()).contains("--force replaces it"));
}

#[test]
fn a_lone_state_dict_is_a_net() {
    let place = Place::new();
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5).unwrap());
    let drawn = testing::random_net(Seed::new(3), &spec);
    let values = |range: std::ops::Range<usize>, shape: &[usize]| {
        let values: Vec<f32> = drawn.params()[range].iter().map(|value| *value as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let tensors: Vec<(String, Tensor)> = (0..2)
        .flat_map(|l| {
            let [weight, bias] = [spec.weight_range(l), spec.bias_range(l)];
            let n_out = bias.len();
            [
                (format!("seq.{l}.weight"), values(weight, &spec.weight_shape(l))),
                (format!("seq.{l}.bias"), values(bias, &[n_out])),
            ]
        })
        .collect();
    let [archive, net] = ["net.pth", "net.safetensors"].map(|name| place.path(name));
    torch::write(archive.as_ref(), &[], &tensors);
    let Ran { code, err, .. } = sgmn(&["convert", &archive, &net]);
    assert_eq!(code, Some(1), "{err}");
    assert!(
        err.contains("the file does not say the activation of its hidden layers (--activation WORD"),
        "{err}"
    );
    let shown = succeed(&["inspect", &archive]);
    assert!(
        shown.contains("the file does not say:") && shown.contains("seq.1") && shown.contains("[1, 3]"),
        "{shown}"
    );
    succeed(&["convert", &archive, &net, "--activation", "sine:30", "--output-offset", "0.5"]);
    let read = nets::open(net.as_ref(), &NetOptions::default()).unwrap().net().unwrap();
    assert_eq!(read.spec(), &spec);
    assert!(read.params().iter().zip(drawn.params()).all(|(a, b)| *a == f64::from(*b as f32)));

    let said = succeed(&["inspect", &archive, "--activation", "tanh", "--output-offset", "0"]);
    assert!(said.contains("tanh") && !said.contains("shifted"), "{said}");
}

#[test]
fn a_net_without_biases_is_shown_canonicalized_and_counted_as_it_is() {
    let place = Place::new();
    let [before, after] = ["before.safetensors", "after.safetensors"].map(|name| place.path(name));
    let spec = Arc::new(NetSpec::mlp(&[2, 6, 1], Activation::Gaussian, 0.0).unwrap().without_biases());
    let net = testing::random_net(Seed::new(3), &spec);
    let sample = Sample { id: "net".into(), net, target: Target::None };
    folder::write_net(before.as_ref(), &sample).unwrap();
    let said = succeed(&["inspect", &before]);
    assert!(said.contains("18 parameters, Gaussian, no biases") && said.contains("no bias |"), "{said}");
    assert!(said.contains("mirror, permutation") && !said.contains("NaN"), "{said}");
    succeed(&["canonicalize", &before, &after]);
    let read = nets::open(after.as_ref(), &NetOptions::default()).unwrap().net().unwrap();
    assert_eq!(read.spec(), &spec);
    let largest =
        |row: &[f64]| row.iter().copied().fold(0.0, |a: f64, b| if b.abs() > a.abs() { b } else { a });
    assert!(read.weight(0).chunks(2).all(|row| largest(row) > 0.0), "{read:?}");
    for at in [[0.3, -0.7], [0.0, 0.0]] {
        let [a, b] = [&sample.net, &read].map(|net| eval::run(net, &at).unwrap()[0]);
        assert!((a - b).abs() < 1e-12, "{a} {b}");
    }
    let said = succeed(&["stats", &before]);
    assert!(!said.contains("NaN"), "{said}");
}

#[test]
fn activations_are_words_in_any_case_and_one_for_each_layer() {
    let place = Place::new();
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 3, 1], Activation::Tanh, 0.0).unwrap());
    let net = testing::random_net(Seed::new(3), &spec);
    let tensors: Vec<(String, Tensor)> = (0..3)
        .flat_map(|l| {
            let tensor = |values: &[f64], shape: Vec<usize>| {
                let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
                Tensor::from_vec(values, shape, &Device::Cpu)
            };
            let bias = net.bias(l);
            [
                (format!("{l}.weight"), tensor(net.weight(l), spec.weight_shape(l)).unwrap()),
                (format!("{l}.bias"), tensor(bias, vec![bias.len()]).unwrap()),
            ]
        })
        .collect();
    let archive = place.path("net.pth");
    torch::write(archive.as_ref(), &[], &tensors);
    let inspect = |word: &str| succeed(&["inspect", &archive, "--output-offset", "0", "--activation", word]);
    assert!(inspect("LeakyReLU(0.1)").contains("leaky ReLU 0.1"));
    assert!(inspect("SIREN").contains("sine 30"));
    assert!(inspect("sine:30,sine:1").contains("sine 30 and sine 1"));
    let three = refuse(&["inspect", &archive, "--activation", "sine:30,sine:1,sine:1"]);
    assert!(
        three.contains("expected 2 words, one for each hidden layer, or one for all, found 3"),
        "{three}"
    );
    let Ran { code, err, .. } = sgmn(&["inspect", &archive, "--activation", "cubic"]);
    assert!(code != Some(0) && err.contains("expected one of elu:1, gaussian, gauss, gelu"), "{err}");
}

#[test]
fn faults_of_the_caller_are_one_line_each() {
    let place = Place::new();
    let [image_file, label_file] = images(&place, 3);
    let text_file = place.path("notes.txt");
    std::fs::write(&text_file, "not a net").unwrap();
    let empty = place.path("empty.safetensors");
    std::fs::write(&empty, "").unwrap();
    let huge = place.path("huge.safetensors");
    std::fs::write(&huge, u64::MAX.to_le_bytes()).unwrap();
    let out = place.path("out.packed");
    for (arguments, said) in [
        (vec!["inspect", "nowhere.packed"], "nowhere.packed: expected a file or folder, found nothing"),
        (vec!["inspect", &text_file], "notes.txt: expected a file of weights"),
        (vec!["inspect", &empty], "empty.safetensors"),
        (vec!["inspect", &huge], "huge.safetensors: expected"),
        (vec!["inspect", "--item", "7", &image_file], "--item"),
        (vec!["check", "quik"], "expected one of cifar, "),
        (vec!["check", "quick", "--set", "model.d_hiden=3"], "model.d_hiden"),
        (vec!["check", &image_file], "expected a checkpoint, a golden file or an experiment, found images"),
        (vec!["check", "quick", "--symmetry", "twist"], "twist"),
        (vec!["fit", "--images", &image_file, "--out", &out, "--n", "4"], "--n: expected at most 3"),
        (vec!["fit", "--images", &image_file, "--out", &out, "--n", "0"], "--n: expected at least 1"),
        (
            vec!["fit", "--images", &image_file, "--labels", &image_file, "--out", &out],
            "labels of one dimension",
        ),
        (vec!["fit", "--images", &image_file, "--shares", "0.9,0.2", "--out", &out], "--shares"),
        (vec!["fit", "--images", &image_file, "--omega", "0", "--out", &out], "omega"),
        (vec!["fit", "--images", &label_file, "--out", &out], "three or four dimensions"),
        (vec!["fit", "--images", "mini", "--n", "3001", "--out", &out], "--n: expected at most 3000"),
        (vec!["convert", &image_file, &out], "expected nets, found images"),
        (vec!["canonicalize", &image_file, &out], "expected nets, found images"),
        (vec!["convert", &text_file, &text_file], "expected nothing there yet"),
        (vec!["list", "--datasets", &text_file], "--datasets: expected a folder"),
        (vec!["parity"], "required"),
        #[cfg(not(feature = "metal"))]
        (vec!["parity", &empty, "--device", "metal"], "--device: expected a build with the feature `metal`"),
        (vec!["--threads", "0", "list"], "--threads"),
        (vec!["dance"], "dance"),
    ] {
        let message = refuse(&arguments);
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn everything_that_has_a_name_is_listed() {
    let datasets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../datasets");
    let out = succeed(&["list", "--datasets", text(&datasets)]);
    for name in [
        "zoo-tanh",
        "ng-gnn",
        "quick",
        "cifar-aug",
        "flat_mlp",
        "permutation",
        "folder",
        "mini",
        "leaky_relu:0.01",
    ] {
        assert!(out.lines().any(|line| line.trim().starts_with(name)), "no {name} in {out}");
    }
    assert!(succeed(&["--help"]).contains("Examples:"));
}
