//! `sgmn check` on models that respect the symmetries of their nets, and on others.

use super::{Place, Ran, golden, sgmn, succeed, text};

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
