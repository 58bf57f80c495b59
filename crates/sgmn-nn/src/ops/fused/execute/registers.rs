//! Where the values of a block of rows are while it is computed.

use std::{collections::BTreeMap, ops::Range};

use crate::ops::{
    EdgeAxis,
    cpu::{Buffer, Element},
};

/// Values of one register, for the rows of one block.
#[derive(Debug)]
pub(crate) enum Slot<'a, T: Element> {
    Empty,
    /// In memory that others have written.
    Read(&'a [T]),
    /// In memory that others will read.
    Write(&'a mut [T]),
    /// In memory of this block only, in cache.
    Own(Buffer<T>),
}

impl<T: Element> Slot<'_, T> {
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// The first values of the slot.
    pub(crate) fn values(&self, n_values: usize) -> &[T] {
        match self {
            Self::Empty => unreachable!("a register is written before it is read"),
            Self::Read(values) => &values[..n_values],
            Self::Write(values) => &values[..n_values],
            Self::Own(values) => &values[..n_values],
        }
    }

    /// The first values of the slot, to be changed.
    pub(crate) fn values_mut(&mut self, n_values: usize) -> &mut [T] {
        match self {
            Self::Empty | Self::Read(_) => unreachable!("only writable slots are written"),
            Self::Write(values) => &mut values[..n_values],
            Self::Own(values) => &mut values[..n_values],
        }
    }
}

/// Memory of a part's blocks that no register holds, by width. What was released last is still in cache.
#[derive(Debug)]
pub(crate) struct Scratch<T: Element> {
    free: BTreeMap<usize, Vec<Buffer<T>>>,
    rows_per_block: usize,
}

impl<T: Element> Scratch<T> {
    pub(crate) fn new(rows_per_block: usize) -> Self {
        Self { free: BTreeMap::new(), rows_per_block }
    }

    /// A register's memory, whatever it held before.
    pub(crate) fn slot<'a>(&mut self, width: usize) -> Slot<'a, T> {
        let free = self.free.get_mut(&width).and_then(Vec::pop);
        Slot::Own(free.unwrap_or_else(|| Buffer::stale(self.rows_per_block * width)))
    }

    /// Takes the memory back, if it is the block's own.
    pub(crate) fn release(&mut self, slot: Slot<'_, T>) {
        if let Slot::Own(buffer) = slot {
            self.free.entry(buffer.len() / self.rows_per_block).or_default().push(buffer);
        }
    }
}

/// The rows of a block and the nodes at their ends.
#[derive(Debug)]
pub(crate) struct Block {
    /// Counted over all nets of the batch.
    pub(crate) rows: Range<usize>,
    /// Counted over the nets of the part.
    pub(crate) rows_of_part: Range<usize>,
    receivers: Vec<u32>,
    senders: Vec<u32>,
}

impl Block {
    /// Rows of a part that begins with the given net, of nets with `r` receivers and `s` senders.
    pub(crate) fn new(rows: Range<usize>, first_net: usize, [r, s]: [usize; 2]) -> Self {
        let first_row = first_net * r * s;
        let (mut receivers, mut senders) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        for row in rows.clone() {
            let row = row - first_row;
            let (receiver, net) = (row / s, row / (r * s));
            // All rows of a batch are less than 2^32, which was checked when operands were packed.
            receivers.push(receiver as u32);
            senders.push((net * s + row % s) as u32);
        }
        Self { rows_of_part: rows.start - first_row..rows.end - first_row, rows, receivers, senders }
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// The node at one end of each row, counted over the part's nets.
    pub(crate) fn at(&self, axis: EdgeAxis) -> &[u32] {
        match axis {
            EdgeAxis::Receivers => &self.receivers,
            EdgeAxis::Senders => &self.senders,
        }
    }

    /// The values of the block's rows among those of the part.
    pub(crate) fn of_part(&self, width: usize) -> Range<usize> {
        self.rows_of_part.start * width..self.rows_of_part.end * width
    }

    /// The values of the block's rows among those of the batch.
    pub(crate) fn of_batch(&self, width: usize) -> Range<usize> {
        self.rows.start * width..self.rows.end * width
    }
}
