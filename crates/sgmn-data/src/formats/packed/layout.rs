//! The bytes of packed files: header and index records, written and read in one place.

use flate2::Crc;

use crate::{Target, split::Split};

/// First bytes of every packed file of chains.
pub(in crate::formats) const MAGIC: [u8; 8] = *b"SGMNPACK";
/// Version of the layout; a reader refuses any other.
pub(in crate::formats) const VERSION: u32 = 1;
/// Rows begin at multiples of this many bytes: a cache line, and the widest vector register.
pub(in crate::formats) const ALIGNMENT: usize = 64;
/// Bytes of the header.
pub(in crate::formats) const HEADER_LEN: usize = 64;
/// Bytes of the index per row.
pub(in crate::formats) const RECORD_LEN: usize = 32;

/// What stands at the start of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::formats) struct Header {
    pub(in crate::formats) n_rows: u64,
    pub(in crate::formats) index_start: u64,
    pub(in crate::formats) index_len: u64,
    pub(in crate::formats) index_crc: u32,
}

/// What the index says about one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::formats) struct Record {
    /// Byte at which the row begins.
    pub(in crate::formats) start: u64,
    /// Position in the list of architectures.
    pub(in crate::formats) spec: u32,
    /// Checksum of the row and the padding after it.
    pub(in crate::formats) crc: u32,
    /// What is to be predicted.
    pub(in crate::formats) target: Target,
    /// End of the row's name among the names; it begins where the name before it ends.
    pub(in crate::formats) name_end: u32,
    /// The row's split, if any.
    pub(in crate::formats) split: Option<Split>,
}

/// CRC-32 of some bytes.
pub(in crate::formats) fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// Bytes of a row of `n_params` numbers, padding included.
pub(in crate::formats) fn padded_len(n_params: usize) -> usize {
    (n_params * size_of::<f32>()).next_multiple_of(ALIGNMENT)
}

impl Header {
    pub(in crate::formats) fn to_bytes(self, magic: [u8; 8]) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&magic);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.n_rows.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.index_start.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.index_len.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.index_crc.to_le_bytes());
        let crc = crc32(&bytes[..HEADER_LEN - 4]);
        bytes[HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of a file with these first bytes, or says (expected, found).
    pub(in crate::formats) fn from_bytes(file: &[u8], magic: [u8; 8]) -> Result<Self, (String, String)> {
        let fault = |expected: &str, found: String| Err((expected.to_owned(), found));
        let Some(bytes) = file.first_chunk::<HEADER_LEN>() else {
            return fault("a header of 64 bytes", format!("a file of {} bytes", file.len()));
        };
        if bytes[..8] != magic {
            let expected = format!("the magic bytes {}", magic.escape_ascii());
            return fault(&expected, format!("{:?}", bytes[..8].escape_ascii().to_string()));
        }
        let version = u32_at(bytes, 8);
        if version != VERSION {
            return fault(&format!("version {VERSION} of the packed format"), format!("version {version}"));
        }
        let (stored, computed) = (u32_at(bytes, HEADER_LEN - 4), crc32(&bytes[..HEADER_LEN - 4]));
        if stored != computed {
            return fault(&format!("header checksum {stored:08x}"), format!("{computed:08x}"));
        }
        Ok(Self {
            n_rows: u64_at(bytes, 16),
            index_start: u64_at(bytes, 24),
            index_len: u64_at(bytes, 32),
            index_crc: u32_at(bytes, 40),
        })
    }
}

impl Record {
    pub(in crate::formats) fn to_bytes(self) -> [u8; RECORD_LEN] {
        let (kind, payload) = match self.target {
            Target::None => (0, 0),
            Target::Class(class) => (1, u64::from(class)),
            Target::Score(score) => (2, score.to_bits()),
        };
        let split = self.split.map_or(0, |split| split as u8 + 1);
        let mut bytes = [0; RECORD_LEN];
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.spec.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&payload.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.name_end.to_le_bytes());
        bytes[28] = kind;
        bytes[29] = split;
        bytes
    }

    /// Reads a record, or says (expected, found).
    pub(in crate::formats) fn from_bytes(bytes: &[u8; RECORD_LEN]) -> Result<Self, (String, String)> {
        let payload = u64_at(bytes, 16);
        let target = match bytes[28] {
            0 => Some(Target::None),
            1 => u32::try_from(payload).ok().map(Target::Class),
            2 => Some(Target::Score(f64::from_bits(payload))).filter(|target| match target {
                Target::Score(score) => score.is_finite(),
                _ => true,
            }),
            _ => None,
        };
        let split = match bytes[29] {
            0 => Some(None),
            code => Split::ALL.get(usize::from(code) - 1).copied().map(Some),
        };
        let (Some(target), Some(split)) = (target, split) else {
            let found = format!("target kind {} with value {payload:#x}, split {}", bytes[28], bytes[29]);
            return Err(("a known kind of target and split".to_owned(), found));
        };
        let (start, spec, crc) = (u64_at(bytes, 0), u32_at(bytes, 8), u32_at(bytes, 12));
        Ok(Self { start, spec, crc, target, name_end: u32_at(bytes, 24), split })
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the caller's array is longer than the fields of the layout"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("the caller's array is longer than the fields of the layout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_and_headers_survive_their_bytes() {
        for target in [Target::None, Target::Class(u32::MAX), Target::Score(-0.25)] {
            for split in [None, Some(Split::Train), Some(Split::Val), Some(Split::Test)] {
                let record = Record { start: 1 << 40, spec: 3, crc: 0xdead_beef, target, name_end: 77, split };
                assert_eq!(Record::from_bytes(&record.to_bytes()).unwrap(), record);
            }
        }
        let header = Header { n_rows: 5, index_start: 1 << 33, index_len: 7, index_crc: 9 };
        assert_eq!(Header::from_bytes(&header.to_bytes(MAGIC), MAGIC).unwrap(), header);
    }

    #[test]
    fn a_score_that_is_not_a_number_is_refused() {
        let record =
            Record { start: 0, spec: 0, crc: 0, target: Target::Score(f64::NAN), name_end: 0, split: None };
        assert!(Record::from_bytes(&record.to_bytes()).is_err());
    }
}
