//! TensorBoard event files: the records of a run once more, as TensorBoard reads them.
//!
//! An event file is a row of frames, `length u64 | crc(length) u32 | data | crc(data) u32`, all little-endian.
//! The data of a frame is one protobuf message `Event`; only the few fields that scalars need are written here.
//! The checksum is CRC-32C, rotated and shifted ("masked") so that a checksum of a checksum stays a good one.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use super::RunRecord;
use super::save::write_atomic;

/// The open event file of a run.
#[derive(Debug)]
pub struct EventLog {
    file: File,
}

impl EventLog {
    /// Writes an event file with these records, in place of any old one, and keeps it open for more.
    ///
    /// A run that is resumed hands in the records that it keeps, so that the two logs always agree.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn create(path: &Path, records: &[RunRecord]) -> Result<Self> {
        let started = records.first().map_or(0.0, |record| record.unix_time);
        let mut bytes = frame(&version_event(started));
        for record in records {
            bytes.extend(frame(&scalar_event(record)));
        }
        write_atomic(path, &bytes)?;
        let file = OpenOptions::new().append(true).open(path);
        Ok(Self { file: file.with_context(|| path.display().to_string())? })
    }

    /// Appends the metrics of one record; each becomes a curve named `metric/split`.
    ///
    /// # Errors
    /// If the frame cannot be written.
    pub fn append(&mut self, record: &RunRecord) -> Result<()> {
        self.file.write_all(&frame(&scalar_event(record))).context("appending to the TensorBoard events")
    }
}

fn frame(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut bytes = Vec::with_capacity(data.len() + 16);
    bytes.extend(length);
    bytes.extend(masked_crc(&length).to_le_bytes());
    bytes.extend(data);
    bytes.extend(masked_crc(data).to_le_bytes());
    bytes
}

/// `Event { wall_time = 1: double, file_version = 3: string }`, which every file begins with.
fn version_event(wall_time: f64) -> Vec<u8> {
    let mut event = Vec::new();
    put_double(&mut event, 1, wall_time);
    put_bytes(&mut event, 3, b"brain.Event:2");
    event
}

/// `Event { wall_time = 1: double, step = 2: int64, summary = 5: Summary }`,
/// `Summary { value = 1: repeated Value }`, `Value { tag = 1: string, simple_value = 2: float }`.
fn scalar_event(record: &RunRecord) -> Vec<u8> {
    let mut summary = Vec::new();
    for (metric, &value) in &record.metrics {
        let mut entry = Vec::new();
        // Curves of one metric share a panel: TensorBoard groups by what stands before the slash.
        put_bytes(&mut entry, 1, format!("{metric}/{}", record.split.name()).as_bytes());
        put_key(&mut entry, 2, WireType::Fixed32);
        entry.extend((value as f32).to_le_bytes());
        put_bytes(&mut summary, 1, &entry);
    }
    let mut event = Vec::new();
    put_double(&mut event, 1, record.unix_time);
    put_key(&mut event, 2, WireType::Varint);
    put_varint(&mut event, record.step);
    put_bytes(&mut event, 5, &summary);
    event
}

/// How the value of a protobuf field is laid out.
#[derive(Clone, Copy)]
enum WireType {
    Varint = 0,
    Fixed64 = 1,
    Bytes = 2,
    Fixed32 = 5,
}

fn put_key(bytes: &mut Vec<u8>, field: u64, wire_type: WireType) {
    put_varint(bytes, field << 3 | wire_type as u64);
}

fn put_double(bytes: &mut Vec<u8>, field: u64, value: f64) {
    put_key(bytes, field, WireType::Fixed64);
    bytes.extend(value.to_le_bytes());
}

fn put_bytes(bytes: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_key(bytes, field, WireType::Bytes);
    put_varint(bytes, value.len() as u64);
    bytes.extend(value);
}

/// Seven bits a byte, lowest first; the high bit says that more follow.
fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn masked_crc(data: &[u8]) -> u32 {
    // The constant is part of the format.
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: some hundred bytes an evaluation need no table.
fn crc32c(data: &[u8]) -> u32 {
    const POLYNOMIAL_REVERSED: u32 = 0x82f6_3b78;
    !data.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL_REVERSED } else { crc >> 1 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    #[test]
    fn a_frame_is_the_one_that_tensorboard_writes() {
        // The first frame of every file that TensorBoard's own writer makes, with its wall time set to zero.
        let written = frame(&version_event(0.0));
        let data = b"\x09\0\0\0\0\0\0\0\0\x1a\x0dbrain.Event:2";
        assert_eq!(written[..8], 24u64.to_le_bytes());
        assert_eq!(&written[12..36], data);
        assert_eq!(written[36..], masked_crc(data).to_le_bytes());
        assert_eq!(written.len(), 40);
    }

    #[test]
    fn large_numbers_take_several_bytes() {
        let mut bytes = Vec::new();
        for value in [0, 127, 128, 300, u64::MAX] {
            put_varint(&mut bytes, value);
        }
        let longest = [[0xff; 9].as_slice(), &[1]].concat();
        assert_eq!(bytes, [[0, 127, 0x80, 1, 0xac, 2].as_slice(), &longest].concat());
    }
}
