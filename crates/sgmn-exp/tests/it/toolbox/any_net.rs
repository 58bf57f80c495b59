//! Nets of any architecture: what the toolbox says of them, and nets of which the truth is known.

use std::path::{Path, PathBuf};

use serde_json::Value;
use sgmn_data::any_net;
use sgmn_exp::any_net::oracle;
use sgmn_graph::{
    Seed,
    flow::{Numbers, random_inputs, run},
};

use super::{Place, Ran, refuse, sgmn, succeed, text};

fn folder(net: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/oracle").join(net)
}

pub(super) fn file(net: &str, name: &str) -> String {
    text(&folder(net).join(name)).to_owned()
}

#[test]
fn a_net_with_its_graph_is_known_whatever_it_is_called() {
    let place = Place::new();
    let (onnx, other) = (file("mlp_tanh", "dynamo.onnx"), place.path("net.bin"));
    std::fs::copy(&onnx, &other).unwrap();
    assert_eq!(succeed(&["inspect", &other]), succeed(&["inspect", &onnx]));
    // What begins as gzip is no image for that.
    let packed = place.path("net.tar.gz");
    std::fs::write(&packed, b"\x1f\x8b\x08 no archive").unwrap();
    assert!(refuse(&["inspect", &packed]).contains("found a compressed file; unpack it"));
}

/// A folder of the oracle with its truth changed at a path of keys.
fn with_truth(place: &Place, net: &str, change: impl Fn(&mut Value)) -> String {
    let copy = place.path("net");
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(folder(net)).unwrap() {
        let entry = entry.unwrap().path();
        std::fs::copy(&entry, Path::new(&copy).join(entry.file_name().unwrap())).unwrap();
    }
    let path = Path::new(&copy).join("truth.json");
    let mut truth: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut truth);
    std::fs::write(&path, truth.to_string()).unwrap();
    copy
}

#[test]
fn every_file_of_every_net_with_a_known_truth_is_as_it_should_be() {
    let mut n_files = 0;
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        for proof in oracle::prove(&path).unwrap() {
            let wrong: Vec<_> = proof.facts.iter().filter(|fact| !fact.holds).collect();
            assert!(wrong.is_empty(), "{}: {wrong:?}", proof.file.display());
            n_files += 1;
        }
    }
    assert_eq!(n_files, 49, "all files beside the truths are looked at");
}

#[test]
fn a_truth_that_is_wrong_is_not_proven() {
    type Change = fn(&mut Value);
    let changes: [(&str, &str, &str, Change); 7] = [
        ("an order that is not there", "mlp_tanh", "spaces: ", |truth| {
            truth["params"]["2.bias"]["axes"] = ["6"].into();
        }),
        ("an order of another size", "mlp_tanh", "orders: ", |truth| truth["orders"]["h0"]["n"] = 7.into()),
        ("a scale that is too large", "mlp_tanh", "spaces: ", |truth| {
            truth["scales"]["h0"]["group"] = "nonzero".into();
        }),
        ("a scale that is too small", "cnn_flatten", "spaces: ", |truth| {
            truth["scales"]["c0"]["group"] = "sign".into();
        }),
        ("a scale on the wrong side", "cnn_flatten", "spaces: ", |truth| {
            truth["params"]["net.2.weight"]["axes"][1] = "c0 ^c0".into();
        }),
        ("matrices of another kind", "resmlp_plain", "matrices: ", |truth| {
            truth["matrices"]["s"]["kind"] = "rope".into();
        }),
        ("a dimension too many", "resmlp_ln", "dimensions: all: 132, expected 133", |truth| {
            truth["continuous"]["predicted"] = 133.into();
        }),
    ];
    for (what, net, said, change) in changes {
        let place = Place::new();
        let copy = with_truth(&place, net, change);
        let Ran { code, out, .. } = sgmn(&["prove", &copy]);
        assert_eq!(code, Some(1), "{what}: {out}");
        let line = out.lines().find(|line| line.contains("dynamo.onnx: FAILED: ")).unwrap_or_default();
        assert!(line.contains(said), "{what}: {out}");
    }
}

#[test]
fn a_negative_that_is_none_and_a_twin_that_is_none_are_found() {
    let place = Place::new();
    let copy = with_truth(&place, "mlp_tanh", |_| {});
    let [twins, negatives] = ["twins", "negatives"].map(|name| format!("{copy}/{name}.safetensors"));
    std::fs::rename(&twins, place.path("kept")).unwrap();
    std::fs::rename(&negatives, &twins).unwrap();
    std::fs::rename(place.path("kept"), &negatives).unwrap();
    let Ran { code, out, .. } = sgmn(&["prove", &copy]);
    assert_eq!(code, Some(1));
    assert!(out.contains("FAILED: twin ") && out.contains("negative \"monomial\""), "{out}");
}

#[test]
fn prove_says_which_folder_is_none() {
    assert!(refuse(&["prove", "no/such/folder"]).contains("no/such/folder: expected a folder"));
    let place = Place::new();
    assert!(refuse(&["prove", &place.path("")]).contains("truth.json"));
}

#[test]
fn inspect_shows_file_and_spaces_of_a_net() {
    let out = succeed(&["inspect", &file("resnet_basic", "dynamo.onnx")]);
    for part in [
        "ONNX, written by pytorch",
        " Conv",
        "inputs: x [2, 3,",
        "units that may be reordered: 4 orders",
        "positive",
    ] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let json = succeed(&["inspect", &file("resnet_basic", "unfused.onnx"), "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["orders"].as_array().unwrap().len(), 4);
    assert_eq!(json["container"], "ONNX");
    assert!(json["n_statistics"].as_u64().unwrap() > 0);
    let out = succeed(&["inspect", &file("mlp_tanh", "export.pt2"), "--all"]);
    assert!(out.contains(".pt2 of torch.export") && out.contains("sign"), "{out}");
}

#[test]
fn inspect_refuses_foreign_operations_and_unknown_tensors_in_one_line() {
    let line = refuse(&["inspect", &file("gpt", "ort.onnx")]);
    assert!(line.contains("FusedMatMul") && line.contains("ort.onnx"), "{line}");
    let line = refuse(&["inspect", &file("mlp_tanh", "dynamo.onnx"), "--fixed", "no.such.tensor"]);
    assert!(line.contains("no.such.tensor"), "{line}");
    let line = refuse(&["inspect", &file("mlp_tanh", "dynamo.onnx"), "--size", "batch"]);
    assert!(line.contains("NAME="), "{line}");
    let line = refuse(&["inspect", text(&folder("")), "--all"]);
    assert!(line.contains("expected a net of any architecture"), "{line}");
}

#[test]
fn check_passes_on_a_net_and_sees_what_is_not_allowed() {
    let place = Place::new();
    let [json, table] = [place.path("checked.jsonl"), place.path("any-net.md")];
    let [a, b] = [file("llama", "dynamo.onnx"), file("lstm", "export.pt2")];
    let out = succeed(&["check", &a, &b, "--json", &json, "--save", &table]);
    assert_eq!(out.matches("pass: within 1e-9").count(), 2, "{out}");
    assert!(out.contains("not allowed: units reordered in one parameter only"), "{out}");
    let lines: Vec<Value> = std::fs::read_to_string(json)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(line["worst"].as_f64().unwrap() < 1e-12 && line["seconds"]["derive"].is_number(), "{line}");
        let negatives = line["negatives"].as_array().unwrap();
        assert!(negatives.len() > 5 && negatives.iter().all(|n| n["seen"] == true), "{line}");
    }
    let table = std::fs::read_to_string(table).unwrap();
    assert!(table.contains("| dynamo.onnx |") && table.contains("| export.pt2  |"), "{table}");
}

#[test]
fn a_file_among_many_that_cannot_be_read_is_a_row_and_a_failure() {
    let Ran { code, out, .. } = sgmn(&["check", &file("mlp_tanh", "dynamo.onnx"), &file("gpt", "ort.onnx")]);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("pass: within 1e-9") && out.contains("REFUSED: ") && out.contains("FusedMatMul"),
        "{out}"
    );
    let line = refuse(&["check", &file("gpt", "ort.onnx")]);
    assert!(line.contains("FusedMatMul"), "{line}");
    let line = refuse(&["check", &file("mlp_tanh", "dynamo.onnx"), "quick"]);
    assert!(line.contains("expected one model, or files of nets only"), "{line}");
}

#[test]
fn a_twin_has_other_numbers_and_the_same_answers_and_nothing_is_overwritten() {
    let place = Place::new();
    for (net, name) in [("vgg_bn", "export.pt2"), ("gpt", "script.onnx")] {
        let twin = place.path(&format!("twin-{name}"));
        let original = file(net, name);
        let out = succeed(&["twin", &original, "--seed", "3", "--out", &twin]);
        assert!(out.contains("numbers changed"), "{out}");
        assert!(refuse(&["twin", &original, "--out", &twin]).contains("--force"));
        let [a, b] =
            [&original, &twin].map(|path| any_net::open(path.as_ref(), &Default::default()).unwrap().net);
        assert_eq!(a.flow(), b.flow());
        assert!((0..a.flow().params().len()).any(|i| a.numbers(i) != b.numbers(i)));
        let inputs = random_inputs(a.flow(), Seed::new(9));
        let [ya, yb] = [&a, &b].map(|net| run(net.flow(), net, &inputs).unwrap());
        let size = ya[0].data().iter().fold(0.0, |size, y| f64::max(size, y.abs()));
        let worst =
            ya[0].data().iter().zip(yb[0].data()).fold(0.0, |worst, (a, b)| f64::max(worst, (a - b).abs()));
        assert!(worst < 1e-5 * size, "{net}: {worst} of {size}");
    }
}
