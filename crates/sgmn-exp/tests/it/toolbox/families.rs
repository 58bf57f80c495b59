//! Published folders and adapters: their groups, the proof, and what the toolbox does with them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sgmn_data::any_net::{self, FlowFile, ReadOptions};
use sgmn_exp::any_net::{
    adapter::{apart, touched},
    check::{Trials, check},
    compare::{Comparison, Verdict},
    description::{Description, Order},
    twin,
};
use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers},
};

use super::{Place, refuse, succeed, text};

fn folder(net: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sgmn-data/tests/data/families").join(net)
}

fn open(path: &Path) -> FlowFile {
    any_net::open(path, &ReadOptions::default()).unwrap()
}

/// Groups of matrices, each with how often it is there, blocks counted.
fn matrices(net: &Description) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for space in &net.matrices {
        *counts.entry(space.group.clone()).or_default() += space.blocks;
    }
    counts
}

#[test]
fn families_have_the_groups_of_their_architectures() {
    let pairs = "a complex number for each of 2 pairs";
    let centred = "O(16) keeping (1, …, 1)";
    let cases: [(&str, &[(&str, usize)]); 16] = [
        // Two blocks with four heads: queries with keys, values with the output.
        ("gpt2", &[("GL(4)", 16)]),
        ("gpt2_stem", &[("GL(4)", 16)]),
        ("bert", &[("GL(4)", 16)]),
        ("bert_masked", &[("GL(4)", 16)]),
        ("bert_classes", &[("GL(4)", 16)]),
        ("vit", &[("GL(4)", 16), (centred, 1)]),
        ("vit_stem", &[("GL(4)", 16)]),
        // Two blocks with two heads of keys; the stream turns where no table is tied.
        ("llama", &[("GL(4)", 4), ("O(16)", 1), (pairs, 4)]),
        ("llama_tied", &[("GL(4)", 4), (pairs, 4)]),
        ("mistral", &[("GL(6)", 4), ("O(16)", 1), ("a complex number for each of 3 pairs", 4)]),
        ("qwen2", &[("GL(4)", 4), ("O(16)", 1), (pairs, 4)]),
        ("resnet", &[]),
        ("resnet_bottleneck", &[]),
        ("lora", &[("GL(2)", 1), ("GL(3)", 3)]),
        ("lora_tables", &[("GL(2)", 3)]),
        ("lora_images", &[("GL(2)", 3)]),
    ];
    for (net, expected) in cases {
        let found = matrices(&Description::of(&open(&folder(net))));
        let expected = expected.iter().map(|(group, n)| ((*group).to_owned(), *n)).collect();
        assert_eq!(found, expected, "{net}");
    }
}

/// Whether a net has an order of so many units in so many sets, of which this is said.
fn has(net: &Description, n: usize, sets: usize, what: impl Fn(&Order) -> bool) -> bool {
    net.orders.iter().any(|order| (order.n, order.sets) == (n, sets) && what(order))
}

#[test]
fn units_of_families_are_reordered_and_scaled_as_they_should() {
    let has_sign = |order: &Order| order.scalars.iter().any(|scalar| scalar == "sign");
    for net in ["llama", "llama_tied", "qwen2"] {
        let net = Description::of(&open(&folder(net)));
        assert!(has(&net, 16, 1, has_sign), "the stream has a sign for each unit: {:?}", net.orders);
        assert!(has(&net, 2, 1, |order| order.over.is_empty()), "heads of keys: {:?}", net.orders);
        assert!(has(&net, 2, 2, |order| order.over.len() == 1), "heads of queries in each: {:?}", net.orders);
        assert!(has(&net, 24, 1, |order| order.scalars == ["nonzero"]), "gated units: {:?}", net.orders);
    }
    for (net, signs) in [("gpt2", 1), ("vit", 1), ("bert_classes", 5)] {
        let net = Description::of(&open(&folder(net)));
        // Units of a pooler with tanh have signs of their own; those of the stream, which hold gains, do not.
        assert!(!has(&net, 16, 1, |order| has_sign(order) && !order.held_by.is_empty()), "{:?}", net.orders);
        let shared = net.scalars.iter().filter(|scalars| (scalars.n, scalars.group) == (1, "sign"));
        assert!(shared.count() >= signs, "one sign for each stretch: {:?}", net.scalars);
        assert!(has(&net, 4, 1, |order| order.over.is_empty()), "heads: {:?}", net.orders);
    }
    let net = Description::of(&open(&folder("resnet")));
    let positive = |order: &Order| order.scalars.iter().any(|scalar| scalar == "positive");
    assert!(net.orders.iter().all(positive) && net.orders.len() == 5, "{:?}", net.orders);
}

#[test]
fn every_element_keeps_what_a_family_answers() {
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let path = entry.unwrap().path();
        let trials = Trials { elements: 3, negatives: 8, questions: 2, seed: Seed::new(1) };
        let report = check(&open(&path).net, 0.0, &trials).unwrap();
        assert!(report.holds() && report.n_moved > 0, "{}: {:e}", path.display(), report.worst());
    }
}

#[test]
fn every_twin_of_a_family_is_equal_and_a_net_with_other_numbers_is_not() {
    const TOLERANCE: f64 = 1e-6;
    for entry in std::fs::read_dir(folder("")).unwrap() {
        let path = entry.unwrap().path();
        let net = open(&path).net;
        for seed in [Seed::new(1), Seed::new(2)] {
            let twin = twin::drawn(&net, seed).unwrap();
            let found = Comparison::of(&net, &twin, TOLERANCE, seed).unwrap();
            assert_eq!(found.verdict(TOLERANCE), Verdict::Equal, "{}: {:?}", path.display(), found.forms);
            assert_eq!(found.forms.repairs, 0, "{}", path.display());
            let other = Comparison::of(&net, &with_other_numbers(&twin), TOLERANCE, seed).unwrap();
            assert_eq!(other.verdict(TOLERANCE), Verdict::Different, "{}", path.display());
            assert!(!other.forms.meets(), "{}", path.display());
        }
    }
}

/// The net with every third number of its largest parameter a little larger.
fn with_other_numbers(net: &FlowNet) -> FlowNet {
    let mut stored = net.stored().to_vec();
    let largest = (0..stored.len()).max_by_key(|param| stored[*param].len()).unwrap();
    let mut numbers = net.numbers(largest).into_owned();
    numbers.iter_mut().step_by(3).for_each(|number| *number *= 1.001);
    stored[largest] = numbers.into();
    FlowNet::new(net.flow().clone(), stored).unwrap()
}

#[test]
fn a_twin_of_a_folder_is_a_folder_that_is_equal() {
    let place = Place::new();
    for net in ["gpt2", "bert_masked", "bert_classes", "llama", "mistral", "qwen2", "vit", "resnet", "lora"] {
        let (original, twin) = (folder(net), place.path(net));
        let out = succeed(&["twin", text(&original), "--seed", "3", "--out", &twin]);
        assert!(out.contains("numbers changed"), "{out}");
        let out = succeed(&["equal", text(&original), &twin]);
        assert!(out.starts_with("equal: ") && out.contains("what carries A to B"), "{net}: {out}");
        assert!(refuse(&["twin", text(&original), "--out", &twin]).contains("--force"));
        let again = refuse(&["twin", text(&original), "--out", &twin, "--force"]);
        assert!(again.contains("the free name of a folder"), "{again}");
    }
    let to = place.path("form.safetensors");
    let refused = refuse(&["canonicalize", text(&folder("llama")), &place.path("form")]);
    assert!(refused.contains("norms of the net are folded"), "{refused}");
    succeed(&["canonicalize", text(&folder("llama")), &to]);
}

#[test]
fn inspect_says_what_an_adapter_adds() {
    let out = succeed(&["inspect", text(&folder("lora"))]);
    let file = open(&folder("lora"));
    assert!(out.starts_with("folder of the family LORA"), "{out}");
    assert!(out.contains("what it adds in a larger net, in 4 layers:"), "{out}");
    assert!(
        out.contains("model.layers.1.self_attn.q_proj.weight [16, 16]: 3 · B A of rank 2, norm "),
        "{out}"
    );
    let touched = touched(&file);
    assert_eq!(touched[1].singular_values.len(), 3);
    let squares: f64 = touched[1].singular_values.iter().map(|value| value * value).sum();
    assert!((squares.sqrt() - touched[1].norm).abs() < 1e-9 * touched[1].norm);
    let json = succeed(&["inspect", text(&folder("lora_images")), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["touched"][0]["shape"], serde_json::json!([12, 72]), "a kernel counts with its inputs");
}

#[test]
fn the_distance_of_adapters_is_that_of_their_updates() {
    let place = Place::new();
    let (a, twin) = (folder("lora"), place.path("twin"));
    succeed(&["twin", text(&a), "--out", &twin]);
    let found = apart(&open(&a), &open(Path::new(&twin))).unwrap();
    assert!(found.iter().all(|one| one.distance < 1e-5 * one.norms[0]), "{found:?}");
    let out = succeed(&["distance", text(&a), &twin]);
    assert!(out.starts_with("distance ") && out.contains("exact: of the updates B A"), "{out}");
    // Adapters of other matrices: each is as far from nothing as it is long.
    let found = apart(&open(&a), &open(&folder("lora_tables"))).unwrap();
    assert_eq!(found.len(), 7);
    assert!(found.iter().all(|one| one.distance == one.norms[0].max(one.norms[1])), "{found:?}");
}

#[test]
fn both_factors_of_a_canonical_adapter_have_the_roots_of_the_singular_values() {
    let place = Place::new();
    let to = place.path("form");
    succeed(&["canonicalize", text(&folder("lora")), &to]);
    let file = open(Path::new(&to));
    let numbers = |name: &str| {
        let flow = file.net.flow();
        let param = flow.params().iter().position(|param| param.name == *name).unwrap();
        file.net.numbers(param).into_owned()
    };
    for (update, touched) in file.updates().iter().zip(touched(&file)) {
        let (a, b, rank) = (numbers(&update.a), numbers(&update.b), touched.rank);
        let n = a.len() / rank;
        for i in 0..rank {
            for j in 0..rank {
                let rows: f64 = (0..n).map(|k| a[i * n + k] * a[j * n + k]).sum();
                let columns: f64 = b.chunks(rank).map(|row| row[i] * row[j]).sum();
                let expected = if i == j { touched.singular_values[i] / update.scale } else { 0.0 };
                let largest = touched.singular_values[0] / update.scale;
                assert!(
                    (rows - expected).abs() < 1e-5 * largest,
                    "{} {i} {j}: {rows} {expected}",
                    update.target
                );
                assert!((columns - expected).abs() < 1e-5 * largest, "{} {i} {j}", update.target);
            }
        }
    }
}
