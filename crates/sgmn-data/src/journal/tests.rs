//! What a journal survives, and what it refuses.

use std::collections::BTreeMap;

use super::*;

/// A net of two bytes.
#[derive(Debug, PartialEq)]
struct Pair([u8; 2]);

impl Record for Pair {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.0);
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

fn open(path: &Path, recipe: u32, seed: &str) -> Result<Journal<Pair>> {
    let header = BTreeMap::from([("recipe", recipe.to_string()), ("seed", seed.to_owned())]);
    Journal::open(path, &Subject::new(b"SGMNPAIR", &header, 3, 2))
}

fn net(i: u8) -> Pair {
    Pair([i, 7])
}

#[test]
fn a_torn_tail_and_a_flipped_bit_cost_only_their_own_nets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.partial");
    let mut journal = open(&path, 1, "a").unwrap();
    assert_eq!(journal.missing(), [0, 1, 2]);
    for i in [2, 0, 1] {
        journal.append(usize::from(i), &net(i)).unwrap();
    }
    drop(journal);
    let whole = std::fs::read(&path).unwrap();

    let mut journal = open(&path, 1, "a").unwrap();
    assert_eq!(journal.missing(), [0usize; 0]);
    assert_eq!(journal.read(2).unwrap(), Some(net(2)));
    drop(journal);

    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let mut journal = open(&path, 1, "a").unwrap();
    assert_eq!(journal.missing(), [1]);
    journal.append(1, &net(1)).unwrap();
    drop(journal);
    assert_eq!(std::fs::read(&path).unwrap(), whole);

    let mut flipped = whole.clone();
    let middle = whole.len() - 2 * (2 + FRAME) + 5;
    flipped[middle] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    let mut journal = open(&path, 1, "a").unwrap();
    assert_eq!(journal.missing(), [0]);
    assert_eq!(journal.read(0).unwrap(), None);
    assert_eq!(journal.read(1).unwrap(), Some(net(1)));
}

#[test]
fn a_journal_cut_inside_its_header_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.partial");
    drop(open(&path, 1, "a").unwrap());
    let whole = std::fs::read(&path).unwrap();
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(open(&path, 1, "a").unwrap().missing().len(), 3);
        assert_eq!(std::fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn a_journal_of_another_request_is_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.partial");
    drop(open(&path, 1, "a").unwrap());
    let message = open(&path, 2, "b").unwrap_err().to_string();
    assert!(message.contains("differs in recipe, seed"), "{message}");
    std::fs::write(&path, b"something else").unwrap();
    assert!(open(&path, 1, "a").is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"something else");
}

#[test]
fn two_processes_cannot_write_one_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("nets.partial");
    let _held = open(&path, 1, "a").unwrap();
    let message = open(&path, 1, "a").unwrap_err().to_string();
    assert!(message.contains("another process"), "{message}");
}
