//! What carries one net to another: found, said in words, written, and applied again.

use candle_core::{Device, Tensor};
use serde_json::Value;
use sgmn_data::any_net::{self, ReadOptions};
use sgmn_graph::flow::{FlowNet, Numbers};

use super::{Place, Ran, any_net::file, refuse, sgmn, succeed};

/// A net of f64 numbers with a norm, attention and a perceptron, and its architecture.
fn transformer(place: &Place) -> [String; 2] {
    let [net, toml] = [place.path("net.safetensors"), place.path("net.toml")];
    let text = "
        layers = [
            { op = \"linear\", name = \"in\", as = \"x\" },
            { op = \"layer_norm\", name = \"norm\" },
            { op = \"attention\", name = \"attention\", heads = 2, output = \"out_proj\", qkv = [
                \"q_proj\", \"k_proj\", \"v_proj\",
            ] },
            { op = \"add\", with = \"x\" },
            { op = \"linear\", name = \"up\" },
            \"tanh\",
            { op = \"linear\", name = \"out\" },
        ]
        [input]
        tokens = { shape = [\"batch\", 5, 3] }
    ";
    std::fs::write(&toml, text).unwrap();
    let shapes: [(&str, &[usize]); 16] = [
        ("in.weight", &[8, 3]),
        ("in.bias", &[8]),
        ("norm.weight", &[8]),
        ("norm.bias", &[8]),
        ("attention.q_proj.weight", &[8, 8]),
        ("attention.q_proj.bias", &[8]),
        ("attention.k_proj.weight", &[8, 8]),
        ("attention.k_proj.bias", &[8]),
        ("attention.v_proj.weight", &[8, 8]),
        ("attention.v_proj.bias", &[8]),
        ("attention.out_proj.weight", &[8, 8]),
        ("attention.out_proj.bias", &[8]),
        ("up.weight", &[6, 8]),
        ("up.bias", &[6]),
        ("out.weight", &[4, 6]),
        ("out.bias", &[4]),
    ];
    let tensors = shapes.iter().enumerate().map(|(at, (name, shape))| {
        let n: usize = shape.iter().product();
        let numbers: Vec<f64> = (0..n).map(|i| ((i * i + 3 * i + 17 * at + 1) as f64).sin()).collect();
        ((*name).to_owned(), Tensor::from_vec(numbers, *shape, &Device::Cpu).unwrap())
    });
    candle_core::safetensors::save(&tensors.collect(), &net).unwrap();
    [net, toml]
}

fn read(path: &str, toml: Option<&str>) -> FlowNet {
    let options = ReadOptions { architecture: toml.map(Into::into), ..ReadOptions::default() };
    any_net::open(path.as_ref(), &options).unwrap().net
}

/// The largest difference, relative to the largest number of its parameter.
fn apart(a: &FlowNet, b: &FlowNet) -> f64 {
    let of = |param: usize| {
        let (x, y) = (a.numbers(param), b.numbers(param));
        let most = y.iter().fold(1e-300, |most, y| f64::max(most, y.abs()));
        x.iter().zip(y.iter()).fold(0.0, |worst, (x, y)| f64::max(worst, (x - y).abs() / most))
    };
    (0..a.flow().params().len()).map(of).fold(0.0, f64::max)
}

#[test]
fn the_element_from_a_net_to_its_twin_gives_the_numbers_of_the_twin() {
    let place = Place::new();
    let [net, toml] = transformer(&place);
    let [twin, element, again] =
        ["twin.safetensors", "element.json", "again.safetensors"].map(|name| place.path(name));
    let with = ["--architecture", &toml];
    succeed(&[&["twin", &net, "--seed", "3", "--out", &twin][..], &with].concat());
    let out = succeed(&[&["equal", &net, &twin, "--element", &element][..], &with].concat());
    for part in ["equal: ", "what carries A to B", " reordered", "mixed by a matrix of GL(4)", "shift"] {
        assert!(out.contains(part), "{part}: {out}");
    }
    let text: Value = serde_json::from_str(&std::fs::read_to_string(&element).unwrap()).unwrap();
    assert_eq!(text["kind"], "sgmn element 1");
    assert_eq!(text["folded"], false);
    let out = succeed(&[&["twin", &net, "--element", &element, "--out", &again][..], &with].concat());
    assert!(out.contains("numbers changed"), "{out}");
    let [a, b, c] = [&net, &twin, &again].map(|path| read(path, Some(&toml)));
    assert!(apart(&c, &b) < 1e-9, "{:e}", apart(&c, &b));
    assert!(apart(&a, &b) > 0.1);
}

#[test]
fn elements_that_are_none_of_the_group_are_refused_by_their_field() {
    let place = Place::new();
    let a = file("mlp_tanh", "dynamo.onnx");
    let [b, element, out] = ["b.onnx", "element.json", "c.onnx"].map(|name| place.path(name));
    succeed(&["twin", &a, "--seed", "1", "--out", &b]);
    succeed(&["equal", &a, &b, "--element", &element]);
    assert!(refuse(&["equal", &a, &b, "--element", &element]).contains("--force"));
    let good: Value = serde_json::from_str(&std::fs::read_to_string(&element).unwrap()).unwrap();
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 6] = [
        ("kind", |file| file["kind"] = "another".into()),
        ("expected an element", |file| file["more"] = 1.into()),
        ("no.such", |file| file["parameters"][0]["name"] = "no.such".into()),
        ("order of", |file| file["parameters"][0]["parts"][0]["from"][0] = 99.into()),
        ("scalar of", |file| file["parameters"][0]["parts"][0]["scales"][0] = 3.0.into()),
        ("axes", |file| file["parameters"][0]["parts"][0]["axes"][0] = 7.into()),
    ];
    for (said, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        std::fs::write(&element, bad.to_string()).unwrap();
        let line = refuse(&["twin", &a, "--element", &element, "--out", &out]);
        assert!(line.contains(said) && line.contains("element.json"), "{said}: {line}");
    }
}

#[test]
fn chains_are_compared_as_flows_and_their_elements_act() {
    let place = Place::new();
    let net = place.path("net.safetensors");
    let shapes: [(&str, &[usize]); 4] =
        [("0.weight", &[6, 2]), ("0.bias", &[6]), ("1.weight", &[3, 6]), ("1.bias", &[3])];
    let save = |path: &str, number: fn(f64) -> f64| {
        let tensors = shapes.iter().enumerate().map(|(at, (name, shape))| {
            let n: usize = shape.iter().product();
            let numbers: Vec<f64> = (0..n).map(|i| number((i * 5 + at * 11 + 1) as f64)).collect();
            ((*name).to_owned(), Tensor::from_vec(numbers, *shape, &Device::Cpu).unwrap())
        });
        candle_core::safetensors::save(&tensors.collect(), path).unwrap();
    };
    save(&net, f64::cos);
    let [twin, element, again] =
        ["twin.safetensors", "element.json", "again.safetensors"].map(|name| place.path(name));
    let relu = ["--activation", "relu"];
    succeed(&[&["twin", &net, "--seed", "2", "--out", &twin][..], &relu].concat());
    let out = succeed(&["equal", &net, &twin, "--element", &element, "--activation", "relu"]);
    assert!(out.contains("6 units") && out.contains("scales"), "{out}");
    succeed(&[&["twin", &net, "--element", &element, "--out", &again][..], &relu].concat());
    let out = succeed(&["equal", &twin, &again, "--activation", "relu"]);
    assert!(out.contains("nothing: their numbers are the same"), "{out}");
    let other = place.path("other.safetensors");
    save(&other, f64::sin);
    let Ran { code, out, .. } = sgmn(&["equal", &net, &other, "--activation", "relu"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("different: "), "{out}");
}

#[test]
fn sizes_that_nobody_has_said_are_named_where_they_matter() {
    let place = Place::new();
    let [net, toml] = [place.path("net.safetensors"), place.path("net.toml")];
    let text = |op: &str| {
        format!(
            "layers = [ {{ op = \"conv\", name = \"conv\" }}, {op} ]\n\
             [input]\nimage = {{ shape = [\"batch\", 1, \"height\", \"width\"] }}"
        )
    };
    let tensor = |shape: &[usize]| {
        let n: usize = shape.iter().product();
        Tensor::from_vec((0..n).map(|i| (i as f64 + 1.0).sin()).collect::<Vec<f64>>(), shape, &Device::Cpu)
            .unwrap()
    };
    let save = |side: usize| {
        let tensors = [("conv.weight", tensor(&[4, 1, side, side])), ("conv.bias", tensor(&[4]))];
        let tensors = tensors.map(|(name, tensor)| (name.to_owned(), tensor));
        candle_core::safetensors::save(&tensors.into_iter().collect(), &net).unwrap();
    };
    std::fs::write(&toml, text("\"relu\"")).unwrap();
    save(1);
    let out = succeed(&["check", &net, "--architecture", &toml, "--negatives", "0"]);
    assert!(out.contains("note: height, width are left open"), "{out}");
    let sizes = ["--size", "height=3", "--size", "width=3"];
    let out = succeed(&[&["check", &net, "--architecture", &toml, "--negatives", "0"][..], &sizes].concat());
    assert!(!out.contains("left open"), "{out}");
    save(3);
    let line = refuse(&["inspect", &net, "--architecture", &toml]);
    assert!(line.contains("height, width (--size, --input)"), "{line}");
}
