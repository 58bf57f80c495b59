//! Tensors of a zip archive that share their numbers: which are one, which are another view of one, how all are read
//! once and written once.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use sgmn_graph::flow::{Array, Stored};

use super::{
    Known,
    payload::{Content, Slot},
    zip_patch,
};
use crate::{
    Error, Result,
    bytes::{atomic::AtomicFile, mmap::MappedFile, zip_entries::Entries},
    containers::View,
};

/// A tensor that is a record, or a record with its axes in another order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Share {
    /// The record.
    pub(crate) record: usize,
    /// For each axis of the tensor the axis of the record; empty if they are the same.
    pub(crate) order: Vec<usize>,
}

/// What a name stands for.
pub(crate) enum Found {
    /// Whole numbers or truth values.
    Whole(Array),
    /// Real numbers; the first tensor that has them brings them.
    Real {
        /// The record and the order of its axes.
        share: Share,
        /// Present for the first tensor: the record itself.
        first: Option<(Slot, Known, Stored)>,
    },
}

/// Reads the numbers of tensors, each entry once. Records are counted in the order in which they are found.
///
/// # Errors
/// [`Error::Format`] for numbers that are missing or lie outside of their entry; [`Error::Unsupported`] for tensors that
/// share some of their numbers but not all.
pub(crate) fn read(
    path: &Path,
    entries: &mut Entries,
    wanted: &[(String, Slot, Known)],
) -> Result<Vec<(String, Found)>> {
    // For each entry the records in it: number, name, place.
    let mut firsts: BTreeMap<(&Option<String>, &str), Vec<First<'_>>> = BTreeMap::new();
    let mut source = Source { path, outer: entries, inner: None };
    let mut found = Vec::new();
    let mut n_records = 0;
    // By entry, so that archives inside are unpacked once; then back to the order of the file.
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|i| (&wanted[*i].1.inside, *i));
    for i in order {
        let (name, slot, known) = &wanted[i];
        let others = firsts.entry((&slot.inside, &slot.entry)).or_default();
        let shared = others.iter().find_map(|(record, _, first)| {
            let order = reordered(&first.view, &slot.view)?;
            (first.element == slot.element).then_some(Share { record: *record, order })
        });
        if let Some(share) = shared {
            found.push((i, name.clone(), Found::Real { share, first: None }));
            continue;
        }
        if let Some((_, other, _)) = others.iter().find(|(_, _, first)| overlap(first, slot)) {
            let what = format!("the tensors {other:?} and {name:?} share some of their numbers, not all");
            return Err(Error::Unsupported { path: path.to_owned(), what });
        }
        let content = {
            let bytes = source.lend(slot)?;
            slot.read(&bytes).ok_or_else(|| {
                let expected = format!("the numbers of {name:?} inside of {}", slot.entry);
                Error::format(path, expected, format!("{:?} of {} bytes", slot.view, bytes.len()))
            })?
        };
        found.push((
            i,
            name.clone(),
            match content {
                Content::Whole(array) => Found::Whole(array),
                Content::Real(numbers) => {
                    others.push((n_records, name, slot));
                    n_records += 1;
                    let share = Share { record: n_records - 1, order: Vec::new() };
                    Found::Real { share, first: Some((slot.clone(), known.clone(), numbers)) }
                }
            },
        ));
    }
    Ok(found.into_iter().map(|(_, name, found)| (name, found)).collect())
}

/// The first tensor that has some numbers: its record, name and place.
type First<'a> = (usize, &'a str, &'a Slot);

/// The archive, and the one inside that is open.
struct Source<'a> {
    path: &'a Path,
    outer: &'a mut Entries,
    inner: Option<(String, Entries)>,
}

impl Source<'_> {
    fn lend(&mut self, slot: &Slot) -> Result<Cow<'_, [u8]>> {
        let Some(inside) = &slot.inside else {
            return self.outer.lend(&slot.entry, u64::MAX);
        };
        if self.inner.as_ref().is_none_or(|(name, _)| name != inside) {
            let bytes = self.outer.read(inside, u64::MAX)?;
            self.inner = Some((inside.clone(), Entries::inside(bytes, self.path, "an archive inside")?));
        }
        match &mut self.inner {
            Some((_, inner)) => inner.lend(&slot.entry, u64::MAX),
            None => self.outer.lend(&slot.entry, u64::MAX),
        }
    }
}

/// The order of axes in which `other` shows the very numbers of `first`.
fn reordered(first: &View, other: &View) -> Option<Vec<usize>> {
    if first == other {
        return Some(Vec::new());
    }
    if first.offset != other.offset || first.shape.len() != other.shape.len() {
        return None;
    }
    let mut order = Vec::new();
    for axis in 0..other.shape.len() {
        let same = |at: &usize| {
            !order.contains(at)
                && (first.shape[*at], first.strides[*at]) == (other.shape[axis], other.strides[axis])
        };
        order.push((0..first.shape.len()).find(same)?);
    }
    Some(order)
}

/// Whether two tensors of one entry may share numbers: whether their first and last bytes overlap.
fn overlap(a: &Slot, b: &Slot) -> bool {
    let range = |slot: &Slot| {
        let View { offset, shape, strides } = &slot.view;
        if shape.contains(&0) {
            return (0, 0);
        }
        let far: usize =
            shape.iter().zip(strides).map(|(size, stride)| (size - 1).saturating_mul(*stride)).sum();
        let size = slot.element.size();
        (offset.saturating_mul(size), offset.saturating_add(far).saturating_add(1).saturating_mul(size))
    };
    let ((a, a_end), (b, b_end)) = (range(a), range(b));
    a < b_end && b < a_end
}

/// Writes the archive again with other numbers in its records.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] for an entry that is compressed or a number that its type cannot hold.
pub(crate) fn write(
    path: &Path,
    mut entries: Entries,
    slots: &[Slot],
    names: &[String],
    numbers: &dyn Fn(usize) -> Option<Vec<f64>>,
    out: &Path,
) -> Result<()> {
    let bytes = MappedFile::open(path)?;
    let mut records: BTreeMap<Option<&str>, BTreeMap<&str, Vec<usize>>> = BTreeMap::new();
    for (i, slot) in slots.iter().enumerate() {
        let entry = records.entry(slot.inside.as_deref()).or_default().entry(&slot.entry).or_default();
        entry.push(i);
    }
    let put = |records: &[usize], content: &mut Vec<u8>| -> Result<()> {
        for i in records {
            let Some(values) = numbers(*i) else { continue };
            slots[*i].write(content, &values).map_err(|(at, value)| {
                let expected =
                    format!("a number that {:?} holds at {at} of {}", slots[*i].element, names[*i]);
                Error::format(PathBuf::from(out), expected, value.to_string())
            })?;
        }
        Ok(())
    };
    // Entries outside, and archives inside, which are entries too.
    let flat = records.remove(&None).unwrap_or_default();
    let changed: Vec<String> =
        flat.keys().copied().chain(records.keys().filter_map(|inside| *inside)).map(str::to_owned).collect();
    let mut change = |name: &str, content: &mut Vec<u8>| match records.get(&Some(name)) {
        None => put(&flat[name], content),
        Some(inner) => {
            let mut entries = Entries::inside(content.clone(), path, "an archive inside")?;
            let names: Vec<String> = inner.keys().map(|name| (*name).to_owned()).collect();
            let mut patched = Vec::with_capacity(content.len());
            let mut change = |name: &str, content: &mut Vec<u8>| put(&inner[name], content);
            zip_patch::patch(path, content, &mut entries, &names, &mut change, &mut |piece| {
                patched.extend_from_slice(piece);
                Ok(())
            })?;
            *content = patched;
            Ok(())
        }
    };
    let mut file = AtomicFile::create(out)?;
    zip_patch::patch(path, bytes.bytes(), &mut entries, &changed, &mut change, &mut |piece| {
        file.write(piece)
    })?;
    file.commit()
}
