//! An item has one public path: what stands in a public module is not re-exported beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Complaint, TextFile, code};

/// Re-exports of what a public module of the same file, or of the crate's root, already shows.
pub(super) fn to_every_item(files: &[TextFile]) -> Vec<Complaint> {
    let sources = files.iter().filter(|file| file.path.ends_with(".rs") && file.path.contains("/src/"));
    let sources: Vec<(&TextFile, String)> = sources.map(|file| (file, code::only(&file.text))).collect();
    let roots: BTreeMap<&str, BTreeSet<&str>> = sources
        .iter()
        .filter_map(|(file, code)| Some((file.path.strip_suffix("/src/lib.rs")?, public_modules(code))))
        .collect();
    let mut complaints = Vec::new();
    for (file, code) in &sources {
        let here = public_modules(code);
        let root = file.path.split_once("/src/").and_then(|(of_crate, _)| roots.get(of_crate));
        for (at, path) in re_exports(code) {
            let (modules, first) = match path.split_once("::") {
                Some(("crate", rest)) => (root, rest),
                Some(("self", rest)) => (Some(&here), rest),
                _ => (Some(&here), path.as_str()),
            };
            let module = first.split("::").next().unwrap_or_default();
            if modules.is_some_and(|modules| modules.contains(module)) {
                let line = 1 + code[..at].matches('\n').count();
                let what = format!("{path} is public in {module}: one path is enough");
                complaints.push(Complaint::at(file, line, what));
            }
        }
    }
    complaints
}

/// The modules that a file declares as public to everybody.
fn public_modules(code: &str) -> BTreeSet<&str> {
    let names = code.lines().filter_map(|line| line.trim_start().strip_prefix("pub mod "));
    names.map(|name| name.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_')).collect()
}

/// The paths behind every `pub use`, without what they are renamed to, and where the statement begins.
fn re_exports(code: &str) -> Vec<(usize, String)> {
    const USE: &str = "pub use ";
    let mut found = Vec::new();
    for (at, _) in code.match_indices(USE) {
        let tree = code[at + USE.len()..].split(';').next().unwrap_or_default();
        let mut prefixes: Vec<String> = vec![String::new()];
        let mut path = String::new();
        for part in tree.split_inclusive(['{', ',', '}']) {
            let (name, end) = part.split_at(part.trim_end_matches(['{', ',', '}']).len());
            path += name.split(" as ").next().unwrap_or_default().trim();
            let whole = format!("{}{path}", prefixes.last().map_or("", String::as_str));
            if end == "{" {
                prefixes.push(whole);
            } else if !path.is_empty() {
                found.push((at, whole));
            }
            if end == "}" && prefixes.len() > 1 {
                prefixes.pop();
            }
            path.clear();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        let files: Vec<TextFile> = files.iter().map(|(path, text)| file(path, text)).collect();
        to_every_item(&files).into_iter().map(|c| format!("{}: {}", c.place, c.what)).collect()
    }

    #[test]
    fn a_second_path_is_found_in_any_form() {
        let root = "crates/a/src/lib.rs";
        for form in [
            "pub use x::Y;",
            "pub use self::x::Y;",
            "pub use {z::A, x::{B as C, Y}};",
            "pub use crate::x::Y;",
        ] {
            let found = said(&[(root, &format!("pub mod x;\nmod z;\n{form}"))]);
            assert!(
                !found.is_empty() && found[0].starts_with("crates/a/src/lib.rs:3: "),
                "{form}: {found:?}"
            );
            assert!(
                found.iter().all(|line| line.ends_with(" is public in x: one path is enough")),
                "{found:?}"
            );
        }
        let deeper = [(root, "pub mod x;\nmod z;"), ("crates/a/src/z.rs", "pub use crate::x::Y;")];
        assert_eq!(said(&deeper).len(), 1);
    }

    #[test]
    fn private_modules_are_shown_by_re_exports_and_uses_are_no_re_exports() {
        let text = "mod x;\npub(crate) mod y;\npub use x::{Y, Z};\npub use y::A;\npub mod b;\nuse b::C;\n// pub use b::D;";
        assert!(said(&[("crates/a/src/lib.rs", text)]).is_empty());
        let elsewhere =
            [("crates/a/src/lib.rs", "pub mod x;"), ("crates/b/src/lib.rs", "mod x;\npub use x::Y;")];
        assert!(said(&elsewhere).is_empty());
    }
}
