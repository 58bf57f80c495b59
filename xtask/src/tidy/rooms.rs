//! Inside a crate the arrows go down too: a room may use those that stand before it in the crate's list.

use super::{Complaint, TextFile, code};

/// The rooms of a crate from the cellar to the roof, as far as their order is fixed; the map in `docs/architecture.md`
/// tells what each is for. Names that are not in the list may be used, and use, anything.
const CRATES: &[(&str, &[&str])] = &[(
    "crates/sgmn-exp/src",
    &[
        "metrics",
        "any_net",
        "config",
        "show",
        "files",
        "data",
        "editing",
        "tasks",
        "run",
        "apply",
        "reproduction",
        "toolbox",
        "bin",
    ],
)];

/// Arrows that go up, and rooms of a listed crate that are not in its list.
pub(super) fn go_down(files: &[TextFile]) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (source, rooms) in CRATES {
        let floor = |room: &str| rooms.iter().position(|known| *known == room);
        for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
            let Some(inner) = file.path.strip_prefix(&format!("{source}/")) else { continue };
            let Some((room, _)) = inner.split_once('/') else { continue };
            let Some(here) = floor(room) else {
                complaints.push(Complaint::at(
                    file,
                    1,
                    format!("the room {room} is not on the map of rooms"),
                ));
                continue;
            };
            let code = code::only(&file.text);
            for (line, used) in used(&code) {
                if floor(used).is_some_and(|there| there > here) {
                    complaints.push(Complaint::at(
                        file,
                        line,
                        format!("{room} may not use {used}, above it"),
                    ));
                }
            }
        }
    }
    complaints
}

/// The rooms behind every `crate::` of the code, with the lines of their names.
fn used(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, root) in code.match_indices("crate::") {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let start = at + root.len();
        if !code[start..].starts_with('{') {
            found.push((start, word(&code[start..])));
            continue;
        }
        // Only the first names of the braces are rooms; what stands in inner braces is theirs.
        let mut depth = 0;
        let mut begins = false;
        for (offset, c) in code[start..].char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            match c {
                '{' | ',' => begins = depth == 1,
                c if begins && (c.is_alphabetic() || c == '_') => {
                    found.push((start + offset, word(&code[start + offset..])));
                    begins = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.into_iter().map(|(at, name)| (1 + code[..at].matches('\n').count(), name)).collect()
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::{super::file, *};

    fn said(path: &str, text: &str) -> Vec<String> {
        go_down(&[file(path, text)]).into_iter().map(|c| format!("{}: {}", c.place, c.what)).collect()
    }

    #[test]
    fn an_arrow_that_goes_up_is_found_in_any_form() {
        let place = "crates/sgmn-exp/src/show/a.rs";
        assert!(
            said(place, "use crate::{\n    config::{run, toolbox},\n    metrics,\n};\nuse crate::show::b;")
                .is_empty()
        );
        let up = "crates/sgmn-exp/src/show/a.rs:2: show may not use run, above it";
        assert_eq!(said(place, "use crate::{config::{a, b},\n    run::folder};"), [up]);
        assert_eq!(said(place, "\nlet x = crate::run::folder();"), [up]);
        assert!(said(place, "// crate::run\nlet x = other_crate::run;").is_empty());
    }

    #[test]
    fn a_room_that_is_not_on_the_map_is_found() {
        assert_eq!(said("crates/sgmn-exp/src/cellar/a.rs", "").len(), 1);
        assert!(said("crates/sgmn-exp/src/lib.rs", "").is_empty());
    }
}
