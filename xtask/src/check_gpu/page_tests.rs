//! The page about a run, from small samples: a whole one, one that was cut off, hostile ones.

use super::{
    super::{results::of_text, tables::STEPS},
    *,
};

/// A run in which little was tried, and a case and a check failed.
const SAMPLE: &str = include_str!("testdata/results.jsonl");
const RECORDS: &str = include_str!("testdata/records.jsonl");

#[test]
fn a_page_shows_what_was_measured() {
    let page = page(&of_text(SAMPLE, RECORDS), Some("gpu-accuracy.svg"));
    // However wide the columns are.
    let words: Vec<&str> = page.split(' ').filter(|word| !word.is_empty()).collect();
    let page = words.join(" ");
    for part in [
        "Date: 2026-12-01 09:00 UTC.",
        "Device: NVIDIA H100 80GB HBM3.",
        "| memory, GB ",
        "| 16384 × 128 × 128 | 40.0 | 250 | – |",
        "| golden | 2 | 1 | 2.0e-4 | 1.0e-4 |",
        "| mnist | 64 | f32 | 4000 | 16.0 | 1.50 | 30 % |",
        "| configuration | batch | precision | product | sum over edges | other | host |",
        "| mnist | 64 | f32 | 9.00 (200) | 2.00 (40) | (120) | -5.00 |",
        "| resume | f32 | 40 | no | head.weight | 0.000100 |",
        "| same-seed | tf32 | 40 | yes |",
        "from second 1 to second 111 of the run; this was measured from second 30 to second 150.",
        "![accuracy by epoch and by time](gpu-accuracy.svg)",
        "Precision bf16: the fastest that was stable.",
        "Best on the validation nets: 95.00 % after epoch 2 and 18.5 s.",
        "| 2 | 0.200 | 95.00 % | 6100 | 0.100 | 8.50 |",
    ] {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
}

#[test]
fn what_is_missing_or_failed_stands_first() {
    let results = of_text(SAMPLE, RECORDS);
    let said = missing_or_failed(&results);
    for sentence in [
        "steps: ended with status 124 after 120 s: stopped after 120 s: its time was over",
        "facts: no rate of products in bf16",
        "facts: bf16 16384: out of memory",
        "check linear.safetensors of golden: 0.000200 is above 0.000100",
        "check sign of symmetry: error: out of memory",
        "steps: training of editing at 512 in f32: out of memory",
        "steps: inference: none of 60 cases was tried",
        "steps: training of cnn-zoo-relu at 32 in bf16 was not stable",
        "repeat: resume in f32: other bits, first in head.weight",
        "repeat: resume in tf32 was not tried",
        "the file log.txt is missing",
    ] {
        assert!(said.iter().any(|said| said == sentence), "no {sentence:?} in {said:#?}");
    }
    assert!(
        said.iter()
            .any(|said| said.starts_with("steps: training: 57 of 60 cases were not tried: mnist in f32 at 32, 128, 256, 512; mnist in tf32 at 32, "))
    );
    // The training ends when the time is over, and epochs were finished.
    assert!(!said.iter().any(|said| said.starts_with("train")), "{said:#?}");
    let page = page(&results, None);
    assert!(page.find("## Missing or failed") < page.find("## Device"));
}

#[test]
fn an_empty_run_says_that_everything_is_missing() {
    let results = of_text("", "");
    let said = missing_or_failed(&results);
    for step in STEPS {
        assert!(said.contains(&format!("{step}: did not end, the run was cut off")), "{said:#?}");
    }
    let page = page(&results, None);
    assert!(page.contains("Device: unknown.") && !page.contains("## Device"), "{page}");
}

#[test]
fn a_run_that_was_cut_off_anywhere_can_be_read() {
    // Of these lines what the page says of them, once the whole line is there.
    let known = [
        ("NVIDIA H100", "Device: NVIDIA H100 80GB HBM3."),
        ("\"precision\":\"f32\",\"rows\"", "16384 × 128 × 128"),
        ("linear.safetensors", "check linear.safetensors of golden: 0.000200 is above 0.000100"),
        ("\"nets_per_second\":4000", "| mnist "),
        ("\"config\":\"editing\"", "training of editing at 512 in f32: out of memory"),
        ("\"first_difference\":\"head.weight\"", "other bits, first in head.weight"),
        ("the fastest that was stable", "Precision bf16: the fastest that was stable."),
    ];
    for end in (0..SAMPLE.len()).step_by(13) {
        if SAMPLE.is_char_boundary(end) {
            let before = &SAMPLE[..end];
            let page = page(&of_text(before, ""), None);
            for (line, said) in known {
                let is_whole = before.find(line).is_some_and(|at| before[at..].contains('\n'));
                assert!(!is_whole || page.contains(said), "no {said:?} after {end} bytes in\n{page}");
            }
        }
    }
}

#[test]
fn words_in_place_of_numbers_and_tables_in_names_do_no_harm() {
    let hostile = r#"{"step":"facts","what":"device","name":"a|b\n\n# Title","memory_bytes":"many","x":{"y":[1]}}
{"step":"facts","what":"product","precision":"f8","rows":-1,"flop_per_second":1e999}
{"step":"checks","what":"check","group":7,"name":null,"passed":"yes","worst":1,"tolerance":0}
{"step":"steps","what":"training","config":["mnist"],"batch":1e30,"precision":"<b>"}
{"step":"steps","what":"kind","config":"mnist","kind":"|"}
{"step":"train","what":"ended","status":"none","first_error":{"a":1}}"#;
    let page = page(&of_text(hostile, "{\"epoch\":18446744073709551615,\"split\":\"val\"}"), None);
    assert!(!page.contains("\n# Title") && !page.contains("<b>") && !page.contains("a|b"), "{page}");
    assert!(page.contains("line 2 of results.jsonl is no result"), "{page}");
}

#[test]
fn a_run_that_turned_against_its_kernels_says_so_first() {
    let text = r#"{"step":"checks","what":"ended","status":1,"seconds":9,"limit":90,"first_error":"1 failed"}
{"step":"checks","what":"without_kernels","why":"CUDA_ERROR_ILLEGAL_ADDRESS"}
{"step":"checks","what":"check","group":"golden","name":"a","passed":false,"worst":2,"tolerance":1,"said":""}
{"step":"checks-plain","what":"ended","status":1,"seconds":9,"limit":45,"first_error":"1 failed"}
{"step":"checks","what":"check","group":"kernels","name":"gather","passed":false,"worst":2,"tolerance":1,"said":""}
{"step":"kernels","what":"kernel","name":"gather","status":1,"first_error":"0 passed, 1 failed"}
{"step":"kernels","what":"kernel","name":"matrix","status":0,"first_error":""}"#;
    let results = of_text(text, "");
    let said = missing_or_failed(&results);
    assert_eq!(said[0], "checks: all that came after went without kernels: CUDA\\_ERROR\\_ILLEGAL\\_ADDRESS");
    assert_eq!(said[1], "kernel gather alone: 0 passed, 1 failed");
    let has = |sentence: &str| said.iter().any(|said| said == sentence);
    assert!(has("check a of golden without kernels: 2.00 is above 1.00"), "{said:#?}");
    assert!(has("kernels: did not end, the run was cut off"), "{said:#?}");
    assert!(!said.iter().any(|said| said.contains("matrix") || said.contains("check gather")), "{said:#?}");
    assert!(page(&results, None).contains("## Parity without kernels, and of each kernel alone"));
    // A whole run says nothing of these steps.
    let said = missing_or_failed(&of_text(SAMPLE, RECORDS)).join("\n");
    assert!(!said.contains("kernel") && !said.contains("again"), "{said}");
}

#[test]
fn what_was_not_asked_for_is_not_missed() {
    let began = "{\"step\":\"run\",\"what\":\"began\",\"asked\":\"checks\"}\n";
    let said = missing_or_failed(&of_text(began, ""));
    for step in ["fit", "facts", "steps", "repeat", "train"] {
        let of_step: Vec<_> = said.iter().filter(|said| said.starts_with(&format!("{step}:"))).collect();
        assert_eq!(of_step, [&format!("{step}: was not asked for")], "{said:#?}");
    }
    assert!(said.contains(&"checks: did not end, the run was cut off".to_owned()), "{said:#?}");
}

#[test]
fn a_training_that_was_begun_again_is_told_twice() {
    let choice = |precision: &str, why: &str| {
        format!(
            "{{\"step\":\"train\",\"what\":\"choice\",\"precision\":\"{precision}\",\"why\":\"{why}\"}}\n"
        )
    };
    let results = of_text(&(choice("bf16", "fast") + &choice("f32", "once more")), RECORDS);
    assert!(page(&results, None).contains("Precision bf16: fast. Precision f32: once more. Best"));
    let said = missing_or_failed(&results);
    assert!(said.contains(&"train-again: did not end, the run was cut off".to_owned()), "{said:#?}");
}
