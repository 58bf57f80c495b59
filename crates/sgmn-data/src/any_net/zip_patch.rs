//! A zip archive again, with other bytes in some entries: every other byte stays as and where it is.
//!
//! Entries that change are not compressed and keep their sizes, so only their content and their checksums differ.

use std::path::Path;

use flate2::Crc;

use crate::{
    Error, Result,
    bytes::zip_entries::{Entries, EntryPlace},
};

/// Bit of the flags of a local header: the checksum follows the content.
const CHECKSUM_FOLLOWS: u16 = 1 << 3;
/// First bytes of the record in which it follows; they may be missing.
const FOLLOWING: [u8; 4] = *b"PK\x07\x08";

/// Changes one entry's bytes: its name, and its content.
pub(crate) type Change<'a> = dyn FnMut(&str, &mut Vec<u8>) -> Result<()> + 'a;

/// Shows the whole archive, with changed entries, to `sink`, piece by piece.
///
/// # Errors
/// Those of `entries`, `change` and `sink`; [`Error::Format`] for headers that contradict each other.
pub(crate) fn patch(
    path: &Path,
    bytes: &[u8],
    entries: &mut Entries,
    names: &[String],
    change: &mut Change<'_>,
    sink: &mut dyn FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    let mut places = Vec::new();
    for name in names {
        places.push((entries.place(name)?, name));
    }
    places.sort_by_key(|(place, _)| place.start);
    let torn =
        |name: &str| Error::format(path, format!("an entry {name} in one piece"), "headers that disagree");
    let mut done = 0;
    let mut checksums = Vec::new();
    for (place, name) in places {
        let (header, content) = split(bytes, place, done).ok_or_else(|| torn(name))?;
        let mut content = content.to_vec();
        change(name, &mut content)?;
        let mut crc = Crc::new();
        crc.update(&content);
        let sum = crc.sum().to_le_bytes();
        sink(&bytes[done..place.header as usize])?;
        let mut header = header.to_vec();
        let follows = u16::from_le_bytes([header[6], header[7]]) & CHECKSUM_FOLLOWS != 0;
        if !follows {
            header[14..18].copy_from_slice(&sum);
        }
        sink(&header)?;
        sink(&content)?;
        done = (place.start + place.size) as usize;
        if follows {
            let signature = bytes[done..].starts_with(&FOLLOWING);
            let at = done + if signature { FOLLOWING.len() } else { 0 };
            sink(&bytes[done..at])?;
            sink(&sum)?;
            done = at + sum.len();
            if done > bytes.len() {
                return Err(torn(name));
            }
        }
        checksums.push((place.central as usize + 16, sum, name));
    }
    checksums.sort_unstable();
    for (at, sum, name) in checksums {
        if at < done || at + sum.len() > bytes.len() {
            return Err(torn(name));
        }
        sink(&bytes[done..at])?;
        sink(&sum)?;
        done = at + sum.len();
    }
    sink(&bytes[done..])
}

/// Local header and content of an entry, if they lie in the archive, in this order, behind what is done.
fn split(bytes: &[u8], place: EntryPlace, done: usize) -> Option<(&[u8], &[u8])> {
    const LEAST_HEADER: usize = 30;
    let start = usize::try_from(place.start).ok()?;
    let header = bytes.get(usize::try_from(place.header).ok()?..start)?;
    let end = start.checked_add(usize::try_from(place.size).ok()?)?;
    let content = bytes.get(start..end)?;
    let follows = bytes.get(end..end.checked_add(4)?).is_some();
    (header.len() >= LEAST_HEADER && place.header >= done as u64 && follows).then_some((header, content))
}
