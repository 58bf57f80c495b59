//! The page about a run, from small samples: a whole one, one that was cut off, hostile ones.

use super::{super::results::of_text, *};

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
        "| configuration | batch | precision | product | sum over edges | host |",
        "| resume | 40 | no | head.weight | 0.000100 |",
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
        "repeat: resume: other bits, first in head.weight",
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
    for end in (0..SAMPLE.len()).step_by(13) {
        if SAMPLE.is_char_boundary(end) {
            let results = of_text(&SAMPLE[..end], "");
            assert!(!missing_or_failed(&results).is_empty() && !page(&results, None).is_empty());
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
