//! Headers of objects: messages about type, shape, place of the data, and members.

use std::ops::Range;

use super::{
    super::tensor::{ElementType, View},
    Fault, File,
};

/// Most messages of an object, and most pieces of its header.
const MAX_MESSAGES: usize = 4096;
/// Most dimensions.
const MAX_DIMS: usize = 32;

/// What the messages of an object say.
#[derive(Debug, Default)]
pub(super) struct Header {
    /// Type of numbers, and whether the highest byte stands first.
    pub(super) element: Option<(ElementType, bool)>,
    shape: Option<Vec<usize>>,
    pub(super) layout: Option<Layout>,
    /// Addresses of the tree of names and of the names.
    pub(super) symbols: Option<(usize, usize)>,
    /// Places of the messages that name a member each.
    pub(super) links: Vec<Range<usize>>,
    pub(super) n_messages: usize,
    /// Whether it says something about members.
    has_link_info: bool,
    /// Whether members stand in a heap of their own, where they are not looked for.
    pub(super) has_dense_links: bool,
}

/// Where data stand.
#[derive(Debug)]
pub(super) enum Layout {
    At(Range<usize>),
    Chunks,
}

/// A piece of a header with messages.
struct Block {
    range: Range<usize>,
    is_new: bool,
    /// Whether each message tells when it was made.
    has_order: bool,
}

impl Header {
    /// Reads the header at an address.
    pub(super) fn read(file: &File<'_>, at: usize) -> Result<Self, Fault> {
        const DAMAGED: Fault = "whole headers of objects";
        let first = Self::first_block(file, at).ok_or(DAMAGED)?;
        let (is_new, has_order) = (first.is_new, first.has_order);
        let mut header = Self::default();
        let mut blocks = vec![first];
        while let Some(Block { range, .. }) = blocks.pop() {
            let mut at = range.start;
            let lead = if is_new { 4 + if has_order { 2 } else { 0 } } else { 8 };
            while at + lead <= range.end {
                header.n_messages += 1;
                if header.n_messages > MAX_MESSAGES {
                    return Err("at most 4096 messages for an object");
                }
                let kind = file.uint(at, if is_new { 1 } else { 2 }).ok_or(DAMAGED)?;
                let len = file.uint(at + if is_new { 1 } else { 2 }, 2).ok_or(DAMAGED)? as usize;
                let message = at + lead..at + lead + len;
                if message.end > range.end {
                    return Err(DAMAGED);
                }
                at = message.end;
                if kind == 0x10 {
                    blocks.push(Self::next_block(file, message.start, is_new, has_order).ok_or(DAMAGED)?);
                } else {
                    header.message(file, kind, message);
                }
            }
        }
        Ok(header)
    }

    fn first_block(file: &File<'_>, at: usize) -> Option<Block> {
        if !file.has(at, b"OHDR") {
            // Version 1: version, padding, number of messages, references, size, padding.
            let is_first = file.uint(at, 1)? == 1;
            let start = at.checked_add(16)?;
            let end = start.checked_add(usize::try_from(file.uint(at + 8, 4)?).ok()?)?;
            let range = start..end;
            return (is_first && end <= file.bytes.len()).then_some(Block {
                range,
                is_new: false,
                has_order: false,
            });
        }
        let flags = file.uint(at + 5, 1)?;
        let times = if flags & 0x20 != 0 { 16 } else { 0 };
        let counts = if flags & 0x10 != 0 { 4 } else { 0 };
        let width = 1 << (flags & 3);
        let size_at = at + 6 + times + counts;
        let start = size_at + width;
        let end = start.checked_add(usize::try_from(file.uint(size_at, width)?).ok()?)?;
        (end <= file.bytes.len()).then_some(Block {
            range: start..end,
            is_new: true,
            has_order: flags & 4 != 0,
        })
    }

    fn next_block(file: &File<'_>, at: usize, is_new: bool, has_order: bool) -> Option<Block> {
        let start = file.address(at)?;
        let end = start.checked_add(file.length(at + file.offsets)?)?;
        // Newer ones have a signature before the messages and a checksum behind them.
        let range = if is_new { start.checked_add(4)?..end.checked_sub(4)? } else { start..end };
        (end <= file.bytes.len() && range.start <= range.end).then_some(Block { range, is_new, has_order })
    }

    fn message(&mut self, file: &File<'_>, kind: u64, place: Range<usize>) {
        let at = place.start;
        match kind {
            0x01 => self.shape = shape(file, at),
            0x02 => {
                self.has_link_info = true;
                let order = if file.uint(at + 1, 1).is_some_and(|flags| flags & 1 != 0) { 8 } else { 0 };
                self.has_dense_links = file.address(at + 2 + order).is_some();
            }
            0x03 => self.element = element(file, at),
            0x06 => self.links.push(place),
            0x08 => self.layout = layout(file, at),
            0x11 => self.symbols = file.address(at).zip(file.address(at + file.offsets)),
            _ => {}
        }
    }

    /// Whether the object has members, or could have some.
    pub(super) fn is_group(&self) -> bool {
        self.symbols.is_some() || self.has_link_info || !self.links.is_empty()
    }

    /// The whole of a dataset.
    pub(super) fn view(&self) -> Option<View> {
        self.shape.clone().map(View::contiguous)
    }
}

fn shape(file: &File<'_>, at: usize) -> Option<Vec<usize>> {
    let (version, rank) = (file.uint(at, 1)?, usize::try_from(file.uint(at + 1, 1)?).ok()?);
    let sizes_at = match version {
        1 => at + 8,
        // The kind 2 has no elements at all.
        2 if file.uint(at + 3, 1)? < 2 => at + 4,
        _ => return None,
    };
    if rank > MAX_DIMS {
        return None;
    }
    (0..rank).map(|axis| file.length(sizes_at + axis * file.lengths)).collect()
}

fn element(file: &File<'_>, at: usize) -> Option<(ElementType, bool)> {
    let (class, flags, size) = (file.uint(at, 1)? & 0x0f, file.uint(at + 1, 1)?, file.uint(at + 4, 4)?);
    let is_big = flags & 1 != 0 && size > 1;
    let element = match (class, size) {
        (0, _) => match (size, flags & 8 != 0) {
            (1, true) => ElementType::I8,
            (2, true) => ElementType::I16,
            (4, true) => ElementType::I32,
            (8, true) => ElementType::I64,
            (1, false) => ElementType::U8,
            (2, false) => ElementType::U16,
            (4, false) => ElementType::U32,
            (8, false) => ElementType::U64,
            _ => return None,
        },
        (1, _) => match (size, file.uint(at + 13, 1)?, file.uint(at + 15, 1)?) {
            (8, 11, 52) => ElementType::F64,
            (4, 8, 23) => ElementType::F32,
            (2, 5, 10) => ElementType::F16,
            (2, 8, 7) => ElementType::Bf16,
            _ => return None,
        },
        _ => return None,
    };
    Some((element, is_big))
}

fn layout(file: &File<'_>, at: usize) -> Option<Layout> {
    let (version, class) = (file.uint(at, 1)?, file.uint(at + 1, 1)?);
    let range = match (version, class) {
        (3 | 4, 0) => {
            let len = usize::try_from(file.uint(at + 2, 2)?).ok()?;
            at + 4..at + 4 + len
        }
        (3 | 4, 1) => {
            let start = file.address(at + 2)?;
            start..start.checked_add(file.length(at + 2 + file.offsets)?)?
        }
        _ => return Some(Layout::Chunks),
    };
    (range.end <= file.bytes.len()).then_some(Layout::At(range))
}
