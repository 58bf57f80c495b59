//! The program of checks on a device (`tests/device`): what it takes for a failure, what it writes, which options it knows.

#[allow(dead_code, reason = "the program uses all of it")]
#[path = "../device/check.rs"]
mod check;
#[allow(dead_code, reason = "the program uses all of it")]
#[path = "../device/options.rs"]
mod options;

use serde_json::{Value, json};

use self::{
    check::{Check, Finding, Log},
    options::Options,
};

fn options(words: &[&str]) -> Result<Options, String> {
    Options::parse(words.iter().map(|word| (*word).to_owned()))
}

#[test]
fn errors_panics_and_numbers_above_their_tolerance_are_failures_and_each_is_a_line() {
    let error = |worst| Ok(Finding::Error { worst, tolerance: 1e-3 });
    let checks = [
        Check::new("ops", "small", move || error(1e-3)),
        Check::new("ops", "large", move || error(2e-3)),
        Check::new("ops", "nan", move || error(f64::NAN)),
        Check::new("models", "holds", || Ok(Finding::Holds)),
        Check::new("models", "errs", || Err("first\nsecond".to_owned())),
        Check::new("models", "panics", || panic!("on purpose\nmore")),
    ];
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "{\"step\":\"facts\"}\n").unwrap();
    let mut log = Log::open(Some(file.path())).unwrap();
    for check in checks {
        let (group, name) = (check.group, check.name.clone());
        log.write(group, &name, &check.run()).unwrap();
    }
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"step": "facts"}), "what was there stays");
    let found: Vec<_> =
        lines[1..].iter().map(|line| (line["name"].as_str().unwrap(), line["passed"] == true)).collect();
    let expected = [("small", true), ("large", false), ("nan", false), ("holds", true), ("errs", false)];
    assert_eq!(found, [&expected[..], &[("panics", false)]].concat());
    assert_eq!(
        lines[2],
        json!({"step": "checks", "what": "check", "group": "ops", "name": "large", "passed": false, "worst": 2e-3,
            "tolerance": 1e-3, "said": ""})
    );
    let said = |i: usize| lines[i]["said"].as_str().unwrap();
    assert_eq!([said(3), said(5), said(6)], ["the largest error is NaN", "first", "panicked: on purpose"]);
    assert_eq!(lines[3]["worst"], Value::Null);
    let nowhere = tempfile::tempdir().unwrap().path().join("gone/results.jsonl");
    assert!(Log::open(Some(&nowhere)).err().unwrap().starts_with("--json "));
}

#[test]
fn options_of_other_test_programs_do_no_harm_and_own_ones_are_checked() {
    let parsed =
        options(&["--nocapture", "--test-threads", "1", "--format=json", "-Z", "unstable-options", "golden"]);
    let parsed = parsed.unwrap();
    assert!(parsed.wants("golden/mnist") && !parsed.wants("ops/abs f32") && !parsed.list);
    assert!(options(&["--list", "--test-threads=1"]).unwrap().list);
    assert!(options(&[]).unwrap().wants("ops/abs f32"));
    assert!(!options(&["ops/abs", "--exact"]).unwrap().wants("ops/abs f32"));
    assert!(!options(&["--ignored"]).unwrap().wants("ops/abs f32"), "no check is left out of a usual run");
    let own = options(&["--device", "cuda", "--golden=files", "--json", "out"]).unwrap();
    assert_eq!((own.device.as_str(), own.golden.to_str()), ("cuda", Some("files")));
    assert_eq!(
        options(&["--device", "tpu"]).unwrap_err(),
        "--device: expected cpu, cuda or metal, found tpu"
    );
    assert_eq!(options(&["--json"]).unwrap_err(), "--json: expected a value behind it, found nothing");
}
