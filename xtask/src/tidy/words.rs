//! Words that may stand in some files only.

use super::{Complaint, TextFile, code};

/// Where unsafe code may stand: kernels, the products of flows, the one memory map, and calls into the allocator.
const UNSAFE_ALLOWED: &[&str] = &[
    "crates/sgmn-graph/src/flow/product.rs",
    "crates/sgmn-nn/src/ops/",
    "crates/sgmn-data/src/bytes/mmap.rs",
    "crates/sgmn-data/src/fit/",
    "crates/sgmn-exp/src/any_net/facts.rs",
];
/// Libraries that never print; `sgmn-exp` and `xtask` do.
const SILENT: &[&str] =
    &["crates/sgmn-graph/src/", "crates/sgmn-symmetry/src/", "crates/sgmn-nn/src/", "crates/sgmn-data/src/"];
const PRINTS: &[&str] = &["println", "eprintln", "print", "eprint", "dbg"];

fn starts_with_any(path: &str, starts: &[&str]) -> bool {
    starts.iter().any(|start| path.starts_with(start))
}

/// `unsafe` and the permission for it outside the places where it may stand.
pub(super) fn unsafe_code(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".rs") && !starts_with_any(&f.path, UNSAFE_ALLOWED))
    {
        let code = code::only(&file.text);
        for line in code::lines_with(&code, "unsafe") {
            complaints.push(Complaint::at(file, line, "unsafe code may not stand here"));
        }
        for (i, line) in code.lines().enumerate() {
            if line.contains("allow(unsafe_code") || line.contains("expect(unsafe_code") {
                complaints.push(Complaint::at(file, i + 1, "unsafe code may not be allowed here"));
            }
        }
    }
    complaints
}

/// Prints in libraries.
pub(super) fn prints(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| starts_with_any(&f.path, SILENT)) {
        let code = code::only(&file.text);
        for word in PRINTS {
            for line in code::lines_with(&code, word) {
                if code.lines().nth(line - 1).is_some_and(|text| text.contains(&format!("{word}!"))) {
                    complaints.push(Complaint::at(file, line, format!("a library does not call {word}!")));
                }
            }
        }
    }
    complaints
}

/// The attribute that switches a test off, in parts so that a search for it does not end here.
const SILENCER: &str = concat!("#[", "ignore");

/// Tests that are switched off.
pub(super) fn silenced_tests(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|f| f.path.ends_with(".rs")) {
        for (i, line) in code::only(&file.text).lines().enumerate() {
            let line = line.trim_start();
            if line.strip_prefix(SILENCER).is_some_and(|rest| rest.starts_with([']', ' '])) {
                complaints.push(Complaint::at(file, i + 1, "a test that never runs proves nothing"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    #[test]
    fn unsafe_code_is_found_outside_the_kernels_only() {
        let files = [
            file("crates/sgmn-nn/src/ops/cpu.rs", "unsafe { x }"),
            file("crates/sgmn-nn/src/field.rs", "// unsafe\nfn f() { unsafe { x } }"),
            file("crates/sgmn-graph/src/net.rs", "#![allow(unsafe_code)]\nlet s = \"unsafe\";"),
        ];
        let places: Vec<String> = unsafe_code(&files).into_iter().map(|c| c.place).collect();
        assert_eq!(places, ["crates/sgmn-nn/src/field.rs:2", "crates/sgmn-graph/src/net.rs:1"]);
    }

    #[test]
    fn a_library_that_prints_is_found() {
        let files = [
            file("crates/sgmn-data/src/a.rs", "/// println!(\"x\")\nprintln!(\"x\");"),
            file("crates/sgmn-exp/src/a.rs", "println!(\"x\");"),
        ];
        assert_eq!(prints(&files).len(), 1);
    }

    #[test]
    fn a_silenced_test_is_found() {
        let text = format!("#[test]\n{SILENCER}]\nfn f() {{}}");
        assert_eq!(silenced_tests(&[file("a.rs", &text)]).len(), 1);
    }
}
