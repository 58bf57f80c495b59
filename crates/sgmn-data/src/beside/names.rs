//! Names of nets, as split files and tables write them: with or without folders, endings and leading zeros, from any system.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

/// The names of the nets of a folder, to be found however they are written.
#[derive(Debug)]
pub(crate) struct Names {
    /// Whole names, with ending and without.
    whole: BTreeMap<String, Vec<usize>>,
    /// Every end of a whole name that begins at a part of it.
    ends: BTreeMap<String, Vec<usize>>,
    /// Names that are whole numbers, by value.
    numbers: BTreeMap<u64, Vec<usize>>,
}

/// What a written name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// The net at this place.
    One(usize),
    /// No net.
    None,
    /// More than one; two of them.
    Several(usize, usize),
}

/// A name as it is compared: letters composed (NFC), parts separated by `/`, nothing before the first part.
pub(crate) fn normal(name: &str) -> String {
    let parts = name.trim().split(['/', '\\']).enumerate();
    let is_drive = |i: usize, part: &str| i == 0 && part.len() == 2 && part.ends_with(':');
    let kept = parts.filter(|(i, part)| !(matches!(*part, "" | ".") || is_drive(*i, part)));
    kept.map(|(_, part)| part.nfc().collect::<String>()).collect::<Vec<_>>().join("/")
}

impl Names {
    /// Names of files, as paths below their folder; what is given is (name without ending, name with it), both [`normal`].
    pub(crate) fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut names = Self { whole: BTreeMap::new(), ends: BTreeMap::new(), numbers: BTreeMap::new() };
        for (i, (plain, ended)) in files.into_iter().enumerate() {
            for name in [plain, ended] {
                push(names.whole.entry(name.to_owned()).or_default(), i);
                for end in ends(name).skip(1) {
                    push(names.ends.entry(end.to_owned()).or_default(), i);
                }
            }
            if let Some(number) = plain.rsplit('/').next().and_then(number) {
                push(names.numbers.entry(number).or_default(), i);
            }
        }
        names
    }

    /// The net that a written name means.
    ///
    /// It is the whole name of a net, or the end of one, or ends in one: split files often hold the paths of their
    /// authors' machines. A whole number also means the net whose name has this value.
    pub(crate) fn find(&self, written: &str) -> Found {
        let name = normal(written);
        if let Some(nets) = self.whole.get(&name) {
            return one_of(nets);
        }
        if let Some(nets) = self.ends.get(&name) {
            return one_of(nets);
        }
        if let Some(nets) = ends(&name).find_map(|end| self.whole.get(end)) {
            return one_of(nets);
        }
        number(&name).and_then(|number| self.numbers.get(&number)).map_or(Found::None, |nets| one_of(nets))
    }
}

/// The ends of a name that begin at a part: `a/b/c`, `b/c`, `c`.
fn ends(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |end| end.split_once('/').map(|(_, rest)| rest))
}

fn number(name: &str) -> Option<u64> {
    name.parse().ok().filter(|_| name.bytes().all(|byte| byte.is_ascii_digit()))
}

fn push(nets: &mut Vec<usize>, i: usize) {
    if nets.last() != Some(&i) {
        nets.push(i);
    }
}

fn one_of(nets: &[usize]) -> Found {
    match nets {
        [] => Found::None,
        [one] => Found::One(*one),
        [a, b, ..] => Found::Several(*a, *b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names::new([
            ("a/0007", "a/0007.pth"),
            ("b/0008", "b/0008.pth"),
            ("b/x", "b/x.pt"),
            ("a/x", "a/x.pt"),
            ("café", "café.pth"),
        ])
    }

    #[test]
    fn a_net_is_found_however_its_name_is_written() {
        let names = names();
        for written in [
            "a/0007",
            "a/0007.pth",
            "0007.pth",
            "0007",
            "7",
            "./a/0007",
            "C:\\data\\a\\0007.pth",
            "/sets/mine/a/0007",
        ] {
            assert_eq!(names.find(written), Found::One(0), "{written}");
        }
        assert_eq!(names.find("cafe\u{301}"), Found::One(4), "NFD");
        assert_eq!(names.find("data/café.pth"), Found::One(4));
    }

    #[test]
    fn a_name_of_two_nets_or_of_none_is_not_guessed() {
        let names = names();
        assert_eq!(names.find("x"), Found::Several(2, 3));
        assert_eq!(names.find("b/x"), Found::One(2));
        let alike = Names::new([("a", "a.pt"), ("a.pt", "a.pt.pth")]);
        assert_eq!(alike.find("a.pt"), Found::Several(0, 1));
        for written in ["c/0007", "9", "", "0007.npz", "-7", "a"] {
            assert_eq!(names.find(written), Found::None, "{written}");
        }
    }

    #[test]
    fn names_are_compared_without_the_traces_of_systems() {
        for (written, expected) in
            [("C:\\a\\b", "a/b"), ("./a//b/", "a/b"), (" a ", "a"), ("e\u{301}", "é"), ("a:/b", "b")]
        {
            assert_eq!(normal(written), expected);
        }
        assert_eq!(normal("x/a:"), "x/a:", "a drive stands first");
    }
}
