//! Members of groups: a tree of tables of symbols in older files, a message for each member in newer ones.

use super::{Fault, Reader, header::Header};

/// Longest name of a member.
const MAX_NAME: usize = 4096;
/// Deepest tree of one group.
const MAX_LEVEL: u64 = 16;

impl Reader<'_> {
    /// Names and addresses of the members of a group.
    pub(super) fn links(&mut self, header: &Header) -> Result<Vec<(String, u64)>, Fault> {
        if header.has_dense_links {
            return Err("groups whose members stand in a table or in messages");
        }
        let mut links = Vec::new();
        if let Some((tree, heap)) = header.symbols {
            let names = self.heap(heap).ok_or("names of members")?;
            self.node(tree, names, MAX_LEVEL, &mut links)?;
        }
        for place in &header.links {
            let link = self.link(place.start).ok_or("whole links")?;
            self.spend(64 + link.as_ref().map_or(0, |(name, _)| name.len()))?;
            links.extend(link);
        }
        Ok(links)
    }

    /// The address of the names of a group.
    fn heap(&self, at: usize) -> Option<usize> {
        let file = &self.file;
        if !file.has(at, b"HEAP") {
            return None;
        }
        file.address(at + 8 + 2 * file.lengths)
    }

    /// A node of the tree of a group, at a level below the given one.
    fn node(
        &mut self,
        at: usize,
        names: usize,
        below: u64,
        links: &mut Vec<(String, u64)>,
    ) -> Result<(), Fault> {
        const DAMAGED: Fault = "whole trees of members";
        let file = self.file;
        if !self.seen.insert(at) {
            return Err("trees of members that are none of each other");
        }
        if file.has(at, b"SNOD") {
            let n = file.uint(at + 6, 2).ok_or(DAMAGED)? as usize;
            let width = 2 * file.offsets + 24;
            const SOFT_LINK: u64 = 2;
            for entry in (0..n).map(|i| at + 8 + i * width) {
                let name = file.uint(entry, file.offsets).and_then(|offset| {
                    let at = names.checked_add(usize::try_from(offset).ok()?)?;
                    self.name(at, MAX_NAME, true)
                });
                let address = file.uint(entry + file.offsets, file.offsets);
                if file.uint(entry + 2 * file.offsets, 4) == Some(SOFT_LINK) {
                    // A path to another member, which has a name of its own.
                    continue;
                }
                let (name, address) = name.zip(address).ok_or(DAMAGED)?;
                self.spend(64 + name.len())?;
                links.push((name, address));
            }
            return Ok(());
        }
        let level = file.uint(at + 5, 1).filter(|level| file.has(at, b"TREE\0") && *level < below);
        let (Some(level), Some(n)) = (level, file.uint(at + 6, 2)) else { return Err(DAMAGED) };
        let first = at + 8 + 2 * file.offsets + file.lengths;
        for i in 0..n as usize {
            let child = file.address(first + i * (file.offsets + file.lengths)).ok_or(DAMAGED)?;
            self.node(child, names, level, links)?;
        }
        Ok(())
    }

    /// A message that names a member; none inside for a link to another place, which is left out.
    fn link(&self, at: usize) -> Option<Option<(String, u64)>> {
        let file = &self.file;
        let flags = file.uint(at + 1, 1)?;
        let mut at = at + 2;
        let is_hard = flags & 8 == 0 || file.uint(at, 1)? == 0;
        at += [(8, 1), (4, 8), (16, 1)]
            .iter()
            .map(|(flag, len)| if flags & flag != 0 { *len } else { 0 })
            .sum::<usize>();
        let width = 1 << (flags & 3);
        let len = usize::try_from(file.uint(at, width)?).ok().filter(|len| *len <= MAX_NAME)?;
        let name = self.name(at + width, len, false)?;
        Some(if is_hard { Some((name, file.uint(at + width + len, file.offsets)?)) } else { None })
    }

    /// A name of a length, or up to a zero.
    fn name(&self, at: usize, len: usize, to_zero: bool) -> Option<String> {
        let rest = self.file.bytes.get(at..)?;
        let len = if to_zero { rest.iter().take(len).position(|byte| *byte == 0)? } else { len };
        Some(String::from_utf8_lossy(rest.get(..len)?).into_owned())
    }
}
