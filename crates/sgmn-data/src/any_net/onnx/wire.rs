//! The wire format of protobuf: a message is a row of fields, each a number and a value; nothing is believed.

/// What is wrong with a message, and where in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What was expected.
    pub(super) expected: String,
    /// What stands there, with message and byte.
    pub(super) found: String,
}

/// Shorthand for results of parsing.
pub(super) type Parsed<T> = Result<T, Fault>;

/// A message inside a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    /// The name of its kind, for messages to people.
    kind: &'static str,
    /// The whole file.
    file: &'a [u8],
    /// The next byte to be read, counted in the file.
    at: usize,
    /// The byte behind the message.
    end: usize,
}

/// A field of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Its number in the schema.
    pub(super) number: u64,
    /// Its value.
    value: Value,
    message: Message<'a>,
}

/// A value by its wire type.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// A whole number.
    Varint(u64),
    /// Eight or four bytes, from here.
    Fixed(usize, usize),
    /// Bytes, from here up to there: a text, a message, or packed numbers.
    Bytes(usize, usize),
}

impl<'a> Message<'a> {
    /// A whole file as a message.
    pub(super) fn whole(kind: &'static str, file: &'a [u8]) -> Self {
        Self { kind, file, at: 0, end: file.len() }
    }

    /// The whole file.
    pub(super) fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The next field.
    ///
    /// # Errors
    /// A message that is cut or has a field that protobuf does not know.
    pub(super) fn next(&mut self) -> Parsed<Option<Field<'a>>> {
        if self.at == self.end {
            return Ok(None);
        }
        let start = self.at;
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.skip(8).map(|at| Value::Fixed(at, 8))?,
            2 => {
                let len = self.varint()?;
                let at = self.skip(len)?;
                Value::Bytes(at, self.at)
            }
            5 => self.skip(4).map(|at| Value::Fixed(at, 4))?,
            other => {
                return Err(self.fault(start, "a field of wire type 0, 1, 2 or 5", format!("type {other}")));
            }
        };
        if key >> 3 == 0 {
            return Err(self.fault(start, "a field number above 0", "0"));
        }
        Ok(Some(Field { number: key >> 3, value, message: Self { at: start, ..*self } }))
    }

    /// A fault at a byte of this message.
    pub(super) fn fault(
        &self,
        at: usize,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
    ) -> Fault {
        Fault { expected: expected.into(), found: format!("{found} at byte {at} ({})", self.kind) }
    }

    fn varint(&mut self) -> Parsed<u64> {
        let start = self.at;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(byte) = self.file.get(self.at).filter(|_| self.at < self.end) else {
                return Err(self.fault(start, "a whole number", "the end of the message"));
            };
            self.at += 1;
            if shift == 63 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(self.fault(start, "a whole number of at most 64 bits", "a longer one"))
    }

    fn skip(&mut self, len: u64) -> Parsed<usize> {
        let start = self.at;
        let left = self.end - self.at;
        match usize::try_from(len).ok().filter(|len| *len <= left) {
            Some(len) => {
                self.at += len;
                Ok(start)
            }
            None => Err(self.fault(start, format!("{len} bytes"), format!("the end after {left} bytes"))),
        }
    }
}

impl<'a> Field<'a> {
    /// The value as a signed whole number.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn int(&self) -> Parsed<i64> {
        match self.value {
            Value::Varint(value) => Ok(value.cast_signed()),
            _ => Err(self.fault("a whole number")),
        }
    }

    /// The value as one f32.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn float(&self) -> Parsed<f32> {
        match self.value {
            Value::Fixed(at, 4) => Ok(f32::from_le_bytes(self.chunk(at))),
            _ => Err(self.fault("a number of 4 bytes")),
        }
    }

    /// Where the value's bytes are in the file.
    ///
    /// # Errors
    /// A value that has no bytes.
    pub(super) fn range(&self) -> Parsed<std::ops::Range<usize>> {
        match self.value {
            Value::Bytes(start, end) => Ok(start..end),
            _ => Err(self.fault("bytes")),
        }
    }

    /// The value as bytes.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn bytes(&self) -> Parsed<&'a [u8]> {
        Ok(&self.message.file[self.range()?])
    }

    /// The value as text, of at most 64 KiB.
    ///
    /// # Errors
    /// Another kind of value, or bytes that are not UTF-8.
    pub(super) fn text(&self) -> Parsed<String> {
        const MOST_BYTES: usize = 1 << 16;
        let text = std::str::from_utf8(self.bytes()?).ok().filter(|text| text.len() <= MOST_BYTES);
        text.map(str::to_owned).ok_or_else(|| self.fault("a text of at most 64 KiB"))
    }

    /// The value as a message.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn message(&self, kind: &'static str) -> Parsed<Message<'a>> {
        let range = self.range()?;
        Ok(Message { kind, file: self.message.file, at: range.start, end: range.end })
    }

    /// Adds whole numbers: one, or many packed.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn ints(&self, into: &mut Vec<i64>) -> Parsed<()> {
        match self.value {
            Value::Varint(value) => into.push(value.cast_signed()),
            Value::Bytes(start, end) => {
                let mut packed = Message { at: start, end, ..self.message };
                while packed.at < packed.end {
                    into.push(packed.varint()?.cast_signed());
                }
            }
            Value::Fixed(..) => return Err(self.fault("whole numbers")),
        }
        Ok(())
    }

    /// Where numbers of `size` bytes lie, one or many packed.
    ///
    /// # Errors
    /// Another kind of value, or bytes that are not whole numbers of them.
    pub(super) fn fixed(&self, size: usize) -> Parsed<std::ops::Range<usize>> {
        match self.value {
            Value::Fixed(at, found) if found == size => Ok(at..at + size),
            Value::Bytes(start, end) if (end - start) % size == 0 => Ok(start..end),
            _ => Err(self.fault(&format!("numbers of {size} bytes"))),
        }
    }

    /// Where whole numbers lie, one or many packed.
    ///
    /// # Errors
    /// Another kind of value.
    pub(super) fn varints(&self) -> Parsed<std::ops::Range<usize>> {
        match self.value {
            Value::Bytes(start, end) => Ok(start..end),
            Value::Varint(_) => {
                // The key stands before the number.
                let mut after = self.message;
                after.varint()?;
                let start = after.at;
                after.varint()?;
                Ok(start..after.at)
            }
            Value::Fixed(..) => Err(self.fault("whole numbers")),
        }
    }

    /// A fault at this field.
    pub(super) fn fault(&self, expected: &str) -> Fault {
        self.message.fault(self.message.at, expected, format!("something else in field {}", self.number))
    }

    fn chunk<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut chunk = [0; N];
        chunk.copy_from_slice(&self.message.file[at..at + N]);
        chunk
    }
}

/// The next number of packed varints, and how many bytes it takes; `None` if it is cut or too long.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut message = Message::whole("numbers", bytes);
    let value = message.varint().ok()?;
    Some((value, message.at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_ten_bytes_are_read_and_longer_ones_refused() {
        let mut bytes = vec![0x08];
        bytes.extend([0xff; 9]);
        bytes.push(1);
        let field = Message::whole("test", &bytes).next().unwrap().unwrap();
        assert_eq!((field.number, field.int().unwrap()), (1, -1));
        *bytes.last_mut().unwrap() = 2;
        assert!(Message::whole("test", &bytes).next().is_err(), "65 bits");
        bytes.pop();
        bytes.extend([0x80, 0]);
        assert!(Message::whole("test", &bytes).next().is_err(), "eleven bytes");
    }

    #[test]
    fn a_length_beyond_the_message_is_an_error_with_its_place() {
        let fault = Message::whole("test", &[0x0a, 5, 1, 2]).next().unwrap_err();
        assert_eq!(fault.expected, "5 bytes");
        assert_eq!(fault.found, "the end after 2 bytes at byte 2 (test)");
    }
}
