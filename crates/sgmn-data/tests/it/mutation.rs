//! How files are mutated: what is changed in them, how often, and how many inputs there are.
//!
//! Every reader is tried with `SGMN_FUZZ` mutated inputs (some hundred by default). Inputs follow from a fixed seed, so a
//! failure tells the number of the input that caused it.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
};

use rand::{Rng, RngExt};
use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

/// Inputs of a reader unless the environment says otherwise.
const DEFAULT: u64 = 300;
/// Numbers that lengths and counts are replaced by.
const NUMBERS: [u64; 10] =
    [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 32, i64::MAX as u64, u64::MAX - 7, u64::MAX];
/// Words and marks that those of texts are replaced by.
const WORDS: [&str; 44] = [
    "",
    "0",
    "-1",
    "-0.0",
    "0.5",
    "3",
    "1e999",
    "1e-400",
    "NaN",
    "Infinity",
    "255",
    "4294967295",
    "4294967296",
    "9007199254740993",
    "18446744073709551615",
    "18446744073709551616",
    "null",
    "true",
    "\"a\"",
    "[]",
    "{}",
    "[",
    "}",
    "\"",
    "\\",
    "..",
    ".",
    "/",
    "\\u0000",
    "\0",
    "\u{feff}",
    "é",
    "e\u{301}",
    "\r\n",
    "\n",
    ",",
    ";",
    "\t",
    "train",
    "valid",
    "label",
    "score",
    "file",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
];

/// How many inputs each reader gets.
#[allow(clippy::disallowed_methods, reason = "how long a person fuzzes is no part of a run")]
pub(crate) fn n_inputs() -> u64 {
    std::env::var("SGMN_FUZZ").ok().and_then(|text| text.parse().ok()).unwrap_or(DEFAULT)
}

/// Says how far it came to who fuzzes by hand (with `--nocapture`), and the most memory that the process has had.
#[allow(clippy::print_stdout, reason = "the numbers are what fuzzing by hand is for")]
pub(crate) fn say(name: &str, n_read: u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("unknown").trim();
    println!("{name}: {} inputs, {n_read} of them read, memory at most {memory}", n_inputs());
}

/// Changes some places of a sample, or puts two samples together.
pub(crate) fn mutate(samples: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = one_of(samples, rng).clone();
    for _ in 0..1 << rng.random_range(0..4u32) {
        if bytes.is_empty() {
            break;
        }
        change(&mut bytes, samples, rng);
    }
    bytes
}

/// As [`mutate`], for texts: words and lines are changed, too.
pub(crate) fn mutate_text(samples: &[Vec<u8>], rng: &mut impl Rng) -> Vec<u8> {
    let mut bytes = one_of(samples, rng).clone();
    for _ in 0..1 << rng.random_range(0..3u32) {
        if bytes.is_empty() {
            break;
        }
        match rng.random_range(0..8) {
            0..4 => change_word(&mut bytes, rng),
            4 => change_line(&mut bytes, rng),
            _ => change(&mut bytes, samples, rng),
        }
    }
    bytes
}

fn one_of<'a, T>(of: &'a [T], rng: &mut impl Rng) -> &'a T {
    &of[rng.random_range(0..of.len())]
}

fn change(bytes: &mut Vec<u8>, samples: &[Vec<u8>], rng: &mut impl Rng) {
    let at = rng.random_range(0..bytes.len());
    let end = (at + rng.random_range(1..32)).min(bytes.len());
    match rng.random_range(0..10) {
        0..3 => bytes[at] ^= 1 << rng.random_range(0..8),
        3 => bytes[at] = rng.random(),
        4 | 5 => {
            let number = *one_of(&NUMBERS, rng);
            let number = if rng.random() { number.to_le_bytes() } else { number.to_be_bytes() };
            let width = [1, 2, 4, 8][rng.random_range(0..4)].min(bytes.len() - at);
            bytes[at..at + width].copy_from_slice(&number[..width]);
        }
        6 => drop(bytes.drain(at..end)),
        7 => {
            let part = bytes[at..end].repeat(rng.random_range(1..64));
            bytes.splice(at..at, part);
        }
        8 => {
            let other = one_of(samples, rng);
            let from = rng.random_range(0..other.len());
            let part = other[from..(from + rng.random_range(1..256)).min(other.len())].to_vec();
            bytes.splice(at..if rng.random() { at } else { end }, part);
        }
        _ => bytes.truncate(if rng.random_range(0..4) == 0 { at } else { bytes.len() }),
    }
}

/// Puts another word in place of one, which may be a number, or puts one in between.
fn change_word(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"._+-".contains(byte);
    let at = rng.random_range(0..bytes.len());
    let start = bytes[..at].iter().rposition(|byte| !is_word(byte)).map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| !is_word(byte)).map_or(bytes.len(), |n| at + n);
    let word = one_of(&WORDS, rng).bytes();
    bytes.splice(start..end.max(start), word);
}

/// Leaves out a line or writes it twice.
fn change_line(bytes: &mut Vec<u8>, rng: &mut impl Rng) {
    let at = rng.random_range(0..bytes.len());
    let start = bytes[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
    let end = bytes[at..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |n| at + n + 1);
    if rng.random() {
        bytes.drain(start..end);
    } else {
        let line = bytes[start..end].to_vec();
        bytes.splice(start..start, line);
    }
}

/// The pickle in an archive of PyTorch, and what makes the archive with another one, with right checksums.
pub(crate) fn pickle_of(archive: &[u8]) -> (Vec<u8>, impl Fn(Vec<u8>) -> Vec<u8> + use<>) {
    let mut entries = BTreeMap::new();
    let mut zip = ZipArchive::new(std::io::Cursor::new(archive)).unwrap();
    for i in 0..zip.len() {
        let mut entry = zip.by_index(i).unwrap();
        let name = entry.name().unwrap().into_owned();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        entries.insert(name, bytes);
    }
    let name = entries.keys().find(|name| name.ends_with("/data.pkl")).unwrap().clone();
    let pickle = entries.remove(&name).unwrap();
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let with = move |pickle: Vec<u8>| {
        let mut zip = ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, bytes) in entries.iter().chain([(&name, &pickle)]) {
            zip.start_file(name.as_str(), options).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    (pickle, with)
}
