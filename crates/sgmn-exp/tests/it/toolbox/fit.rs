//! `sgmn fit`: images become nets; what stands is kept, what was stopped goes on.

use sgmn_data::{Source, formats::packed, split::Split};
use sgmn_graph::eval;

use super::{Place, images, refuse, stop_and_continue, succeed};

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
