//! `sgmn measure` and the other subcommands that add lines of JSON to a file of results.

use serde_json::{Value, json};

use super::{Place, images, refuse, sgmn, succeed};

/// The lines of a file of results.
fn lines(path: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The lines of a step, of one kind.
fn of<'a>(lines: &'a [Value], step: &str, what: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["step"] == step && line["what"] == what).collect()
}

fn is_positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|value| value > 0.0)
}

/// Facts, then steps that read them, into one file.
#[test]
fn facts_and_steps_are_lines_of_one_file_and_a_table() {
    let place = Place::new();
    let path = place.path("results.jsonl");
    let said = succeed(&["measure", "facts", "--rows", "16", "--copy-mib", "1", "--json", &path]);
    assert!(said.contains("processors") && said.contains("tf32      not measured: "), "{said}");
    let facts = lines(&path);
    let device = of(&facts, "facts", "device");
    assert_eq!(device.len(), 1);
    for key in ["name", "driver", "compute_capability", "memory_bytes", "clock_hz", "memory_clock_hz"] {
        assert!(device[0].get(key).is_some(), "{key} is there, if only as null");
    }
    let products = of(&facts, "facts", "product");
    let rows: Vec<u64> = products.iter().map(|line| line["rows"].as_u64().unwrap()).collect();
    assert_eq!(rows, [16, 32, 64, 128, 256]);
    assert!(products.iter().all(|line| line["precision"] == "f32" && is_positive(&line["flop_per_second"])));
    let copy = of(&facts, "facts", "copy");
    assert_eq!((copy.len(), copy[0]["bytes"].as_u64()), (1, Some(2 << 20)));

    let said = succeed(&[
        "measure",
        "steps",
        "--configs",
        "mnist",
        "--batches",
        "1",
        "--precisions",
        "f32,bf16",
        "--seconds",
        "60",
        "--json",
        &path,
    ]);
    assert!(
        said.contains("of product") && said.lines().filter(|l| l.starts_with("mnist")).count() == 4,
        "{said}"
    );
    let all = lines(&path);
    assert_eq!(all[..facts.len()], facts, "what was there stays");
    for what in ["training", "inference"] {
        let found = of(&all, "steps", what);
        let cases: Vec<_> =
            found.iter().map(|line| json!([line["config"], line["batch"], line["precision"]])).collect();
        assert_eq!(cases, [json!(["mnist", 1, "f32"]), json!(["mnist", 1, "bf16"])]);
        for line in found {
            assert!(is_positive(&line["nets_per_second"]) && is_positive(&line["seconds"]), "{line}");
            assert_eq!(line["memory_bytes"], Value::Null, "the CPU does not tell");
            // Passes of the CPU may go uncounted, operations that round run one by one; bf16 has no rate here.
            let counted = line["precision"] == "bf16";
            for key in ["flop", "bytes", "launches", "memory_share"] {
                assert!(is_positive(&line[key]) || line[key].is_null() && !counted, "{key}: {line}");
            }
            assert!(line["product_share"].is_null() || !counted, "{line}");
        }
    }
    for line in of(&all, "steps", "training") {
        assert_eq!(line["stable"], true, "{line}");
        assert!(is_positive(&line["loss_first"]) && line["loss_last"].is_f64(), "{line}");
    }
    let kinds: Vec<_> = of(&all, "steps", "kind");
    assert!(
        kinds.iter().any(|line| line["kind"] == "product") && kinds.iter().any(|line| line["kind"] == "host")
    );
}

#[test]
fn a_case_that_fails_is_a_line_and_the_next_goes_on() {
    let place = Place::new();
    let path = place.path("results.jsonl");
    // The CPU has no tf32.
    let arguments =
        ["--configs", "cnn-zoo-relu", "--batches", "1", "--precisions", "tf32,f32", "--json", &path];
    let said = succeed(&[&["measure", "steps"][..], &arguments].concat());
    assert!(said.contains("2 failed"), "{said}");
    let found = lines(&path);
    let failed = of(&found, "steps", "failed");
    let modes: Vec<_> = failed.iter().map(|line| line["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["training", "inference"]);
    assert!(failed[0]["error"].as_str().unwrap().contains("only a CUDA device has tf32"), "{}", failed[0]);
    assert_eq!(of(&found, "steps", "training").len(), 1);
    // No time: the first case alone.
    let said = succeed(&[&["measure", "steps", "--seconds", "0"][..], &arguments].concat());
    assert!(said.contains("1 cases were not measured"), "{said}");
    assert_eq!(of(&lines(&path), "steps", "left_out").len(), 1);
}

#[test]
fn two_runs_of_a_seed_and_one_that_was_stopped_have_the_same_bits() {
    let place = Place::new();
    let path = place.path("results.jsonl");
    let arguments =
        ["--nets", "10", "--width", "8", "--fit-steps", "2", "--precisions", "f32,bf16", "--json", &path];
    let said = succeed(&[&["measure", "repeat"][..], &arguments].concat());
    assert_eq!(said.matches("the same bits").count(), 4, "{said}");
    for line in lines(&path) {
        assert_eq!((&line["step"], &line["same_bits"]), (&json!("repeat"), &json!(true)), "{line}");
        assert_eq!(
            (&line["first_difference"], &line["largest_difference"]),
            (&Value::Null, &json!(0.0)),
            "{line}"
        );
        assert_eq!(line["n_steps"], 4, "{line}");
    }
    let whats: Vec<_> = lines(&path).iter().map(|line| line["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(whats, ["same-seed", "resume", "same-seed", "resume"]);
}

#[test]
fn the_fastest_stable_format_is_one_word() {
    let place = Place::new();
    let [path, choice] = ["results.jsonl", "choice.jsonl"].map(|name| place.path(name));
    let line = |precision: &str, rate: f64, stable: bool| {
        json!({"step": "steps", "what": "training", "config": "mnist", "batch": 128, "precision": precision,
            "nets_per_second": rate, "stable": stable})
    };
    std::fs::write(&path, format!("{}\n{}\n{{\"torn", line("tf32", 9.0, true), line("bf16", 11.0, false)))
        .unwrap();
    assert_eq!(succeed(&["measure", "fastest", &path, "--json", &choice]), "tf32\n");
    let found = lines(&choice);
    assert_eq!((&found[0]["what"], &found[0]["precision"]), (&json!("choice"), &json!("tf32")));
    std::fs::write(&path, "").unwrap();
    assert_eq!(succeed(&["measure", "fastest", &path]), "f32\n");
    assert!(refuse(&["measure", "fastest", &place.path("none.jsonl")]).contains("none.jsonl: "));
}

#[test]
fn wrong_options_and_files_that_cannot_be_written_are_refused_before_anything_is_measured() {
    let place = Place::new();
    let nowhere = place.path("no/results.jsonl");
    for what in ["facts", "steps", "repeat"] {
        let said = refuse(&["measure", what, "--json", &nowhere]);
        assert!(said.contains("--json: ") && said.contains("no/results.jsonl"), "{what}: {said}");
        #[cfg(not(feature = "cuda"))]
        assert_eq!(
            refuse(&["measure", what, "--device", "cuda"]),
            "error: --device: expected a build with the feature `cuda` to run on cuda, found one without it"
        );
    }
    let said = refuse(&["measure", "steps", "--configs", "mnist,mnist-2"]);
    assert!(
        said.contains("--configs: expected some of mnist, mnist-bidirectional, cnn-zoo-relu, editing"),
        "{said}"
    );
    assert!(refuse(&["measure", "steps", "--batches", "0"]).contains("--batches: expected 1 to 65536"));
    assert!(refuse(&["measure", "repeat", "--precisions", "tf32"]).contains("--precisions: "));
    let ran = sgmn(&["measure", "steps", "--precisions", "f16"]);
    assert!(ran.code != Some(0) && ran.err.contains("expected f32, tf32 or bf16"), "{}", ran.err);
    let [images, _] = images(&place, 1);
    let out = place.path("a.packed");
    let said = refuse(&["fit", "--images", &images, "--steps", "1", "--out", &out, "--json", &nowhere]);
    assert!(said.contains("--json: ") && !std::path::Path::new(&out).exists(), "{said}");
}

#[test]
fn a_fit_adds_a_line_about_all_its_nets() {
    let place = Place::new();
    let [images, _] = images(&place, 3);
    let [out, path] = ["a.packed", "results.jsonl"].map(|name| place.path(name));
    succeed(&["fit", "--images", &images, "--steps", "2", "--hidden", "2", "--out", &out, "--json", &path]);
    let [line] = <[Value; 1]>::try_from(lines(&path)).unwrap();
    assert_eq!(
        (&line["step"], &line["what"], &line["n_nets"], &line["n_fitted_now"]),
        (&json!("fit"), &json!("population"), &json!(3), &json!(3))
    );
    for key in ["seconds", "nets_per_second", "psnr_db_median"] {
        assert!(is_positive(&line[key]), "{key}: {line}");
    }
    assert!(line["share_reached"].is_f64(), "{line}");
}
