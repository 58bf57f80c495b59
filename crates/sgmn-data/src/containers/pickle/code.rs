//! The instructions, of all protocols from 0 to 5. Codes are those of Python's `pickletools`.

use super::{Dict, Fault, Object, machine::Machine};

/// Longest name of a module or class; scripted modules have long ones.
const MAX_NAME: usize = 4096;

impl Machine<'_> {
    /// One instruction.
    pub(super) fn step(&mut self, code: u8) -> Result<(), Fault> {
        match code {
            0x80 => {
                let [protocol] = self.take()?;
                if protocol > 5 {
                    return self.fault("pickle protocol 0 to 5", protocol.to_string());
                }
            }
            0x95 => drop(self.take::<8>()?), // FRAME: a hint for buffered readers.
            b'N' => self.push(Object::None),
            0x88 => self.push(Object::Bool(true)),
            0x89 => self.push(Object::Bool(false)),
            b'K' => {
                let [value] = self.take()?;
                self.push(Object::Int(value.into()));
            }
            b'M' => {
                let value = u16::from_le_bytes(self.take()?);
                self.push(Object::Int(value.into()));
            }
            b'J' => {
                let value = i32::from_le_bytes(self.take()?);
                self.push(Object::Int(value.into()));
            }
            b'G' => {
                let value = f64::from_be_bytes(self.take()?);
                self.push(Object::Float(value));
            }
            0x8a | 0x8b => {
                let len = self.len(code == 0x8a, 4)?;
                self.long(len)?;
            }
            0x8c | b'X' | 0x8d => {
                let len = self.len(code == 0x8c, if code == b'X' { 4 } else { 8 })?;
                // Python allows half a surrogate pair, which is no text elsewhere.
                let text = String::from_utf8_lossy(self.take_slice(len)?).into_owned();
                self.push(Object::Text(text));
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let len = self.len(code == b'C', if code == b'B' { 4 } else { 8 })?;
                let bytes = self.take_slice(len)?.to_vec();
                self.push(Object::Bytes(bytes));
            }
            b'U' | b'T' => {
                let len = self.len(code == b'U', 4)?;
                let bytes = self.take_slice(len)?.to_vec();
                self.old_text(bytes);
            }
            b'I' | b'L' | b'F' | b'S' | b'V' => self.written(code)?,
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Object::Tuple(Vec::new())),
            b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Dict::default())),
            0x8f => self.push(Object::Set(Vec::new())),
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Object::Tuple(items));
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(code - 0x84))?;
                self.push(Object::Tuple(items));
            }
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Object::List(items));
            }
            0x91 => {
                let items = self.pop_to_mark()?;
                self.push(Object::Set(items));
            }
            b'd' => {
                let flat = self.pop_to_mark()?;
                self.push(Object::Dict(Dict::default()));
                self.set_items(&flat)?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_to_mark()?;
                self.extend(items)?;
            }
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_to_mark()?;
                self.set_items(&pairs)?;
            }
            b'0' => match self.marks.last() {
                // Python's own machine lets this instruction remove a mark.
                Some(&height) if height == self.stack.len() => drop(self.marks.pop()),
                _ => drop(self.pop()?),
            },
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            _ => return self.refer(code),
        }
        Ok(())
    }

    /// Instructions about the memo, names and calls.
    fn refer(&mut self, code: u8) -> Result<(), Fault> {
        match code {
            b'q' | b'h' => {
                let [slot] = self.take()?;
                if code == b'q' { self.remember(slot.into())? } else { self.recall(slot.into())? }
            }
            b'r' | b'j' => {
                let slot = u32::from_le_bytes(self.take()?);
                if code == b'r' { self.remember(slot)? } else { self.recall(slot)? }
            }
            b'p' | b'g' => {
                let line = self.line()?;
                let Some(slot) = std::str::from_utf8(line).ok().and_then(|line| line.trim().parse().ok())
                else {
                    return self.fault("the number of a slot", "another line");
                };
                if code == b'p' { self.remember(slot)? } else { self.recall(slot)? }
            }
            0x94 => self.memoize()?,
            b'c' => self.global()?,
            0x93 => {
                let pair = self.pop_many(2)?;
                match (self.object(pair[0]), self.object(pair[1])) {
                    (Object::Text(module), Object::Text(name)) => {
                        let name = Object::Name(Box::new((module.clone(), name.clone())));
                        self.push(name);
                    }
                    (a, b) => {
                        let found = format!("{}, {}", a.kind(), b.kind());
                        return self.fault("the texts of a module and a name", found);
                    }
                }
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Object::Persistent(id));
            }
            b'P' => {
                let line = self.line()?.to_vec();
                self.old_text(line);
                let id = self.pop()?;
                self.push(Object::Persistent(id));
            }
            // REDUCE and NEWOBJ.
            b'R' | 0x81 => {
                let (args, callee) = (self.pop()?, self.pop()?);
                self.call(callee, args);
            }
            // NEWOBJ_EX: named arguments are in the state of hardly anything; they are left out.
            0x92 => {
                let (_, args, callee) = (self.pop()?, self.pop()?, self.pop()?);
                self.call(callee, args);
            }
            b'i' => {
                self.global()?;
                let callee = self.pop()?;
                let args = self.pop_to_mark()?;
                self.push(Object::Tuple(args));
                let args = self.pop()?;
                self.call(callee, args);
            }
            b'o' => {
                let mut args = self.pop_to_mark()?;
                if args.is_empty() {
                    return self.fault("a class behind the mark", "nothing");
                }
                let callee = args.remove(0);
                self.push(Object::Tuple(args));
                let args = self.pop()?;
                self.call(callee, args);
            }
            b'b' => self.build()?,
            // A buffer outside of the pickle, and a note that one is not to be changed.
            0x97 => return self.fault("all bytes inside of the pickle", "a buffer outside of it"),
            0x98 => {}
            _ => return self.fault("an instruction of Python's pickle", format!("code {code:#04x}")),
        }
        Ok(())
    }

    /// A name on two lines: GLOBAL.
    fn global(&mut self) -> Result<(), Fault> {
        let (module, name) = (self.line()?, self.line()?);
        match (std::str::from_utf8(module), std::str::from_utf8(name)) {
            (Ok(module), Ok(name)) if module.len() + name.len() <= MAX_NAME => {
                let name = Object::Name(Box::new((module.to_owned(), name.to_owned())));
                self.push(name);
                Ok(())
            }
            _ => self.fault(format!("a name of at most {MAX_NAME} bytes that ends its line"), "none"),
        }
    }

    /// A length of one byte, or of 4 or 8.
    fn len(&mut self, is_short: bool, wide: usize) -> Result<u64, Fault> {
        Ok(match (is_short, wide) {
            (true, _) => self.take::<1>()?[0].into(),
            (false, 4) => u32::from_le_bytes(self.take()?).into(),
            (false, _) => u64::from_le_bytes(self.take()?),
        })
    }

    /// A little-endian two's complement integer of `len` bytes.
    fn long(&mut self, len: u64) -> Result<(), Fault> {
        let bytes = self.take_slice(len)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let (low, high) = bytes.split_at(bytes.len().min(8));
        let mut wide = [sign; 8];
        wide[..low.len()].copy_from_slice(low);
        let fits =
            high.iter().all(|byte| *byte == sign) && (high.is_empty() || (wide[7] & 0x80) == (sign & 0x80));
        self.push(if fits { Object::Int(i64::from_le_bytes(wide)) } else { Object::Wide });
        Ok(())
    }

    /// A text of Python 2, which may as well be bytes.
    fn old_text(&mut self, bytes: Vec<u8>) {
        let object = match String::from_utf8(bytes) {
            Ok(text) => Object::Text(text),
            Err(bytes) => Object::Bytes(bytes.into_bytes()),
        };
        self.push(object);
    }

    /// A value that is written out on a line: numbers and texts of protocol 0.
    fn written(&mut self, code: u8) -> Result<(), Fault> {
        let line = self.line()?;
        let text = std::str::from_utf8(line).unwrap_or_default().trim();
        let object = match (code, text) {
            (b'I', "00") => Some(Object::Bool(false)),
            (b'I', "01") => Some(Object::Bool(true)),
            (b'I' | b'L', _) => {
                let digits = text.strip_suffix('L').unwrap_or(text);
                let is_number =
                    digits.strip_prefix('-').unwrap_or(digits).bytes().all(|b| b.is_ascii_digit());
                match digits.parse() {
                    Ok(value) => Some(Object::Int(value)),
                    Err(_) => (is_number && digits.len() > 18).then_some(Object::Wide),
                }
            }
            (b'F', _) => text.parse().ok().map(Object::Float),
            (b'S', _) => {
                let inner = [b'\'', b'"'].into_iter().find_map(|quote| {
                    let line = line.trim_ascii();
                    line.strip_prefix(&[quote])?.strip_suffix(&[quote])
                });
                inner.and_then(|inner| unescape(inner, false)).map(|bytes| match String::from_utf8(bytes) {
                    Ok(text) => Object::Text(text),
                    Err(bytes) => Object::Bytes(bytes.into_bytes()),
                })
            }
            _ => unescape(line, true).and_then(|bytes| String::from_utf8(bytes).ok()).map(Object::Text),
        };
        match object {
            Some(object) => {
                self.push(object);
                Ok(())
            }
            None => self.fault("a number or a text on its line", "another line"),
        }
    }
}

/// Undoes Python's escapes. `is_unicode`: those of raw Unicode, whose other bytes are letters of Latin-1.
fn unescape(line: &[u8], is_unicode: bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    let put = |out: &mut Vec<u8>, letter: char| out.extend(letter.encode_utf8(&mut [0; 4]).bytes());
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            if is_unicode {
                put(&mut out, char::from(byte))
            } else {
                out.push(byte)
            }
            continue;
        }
        let kind = *rest.first()?;
        let digits = match (kind, is_unicode) {
            (b'u', true) => 4,
            (b'U', true) => 8,
            (b'x', false) => 2,
            _ => 0,
        };
        if digits > 0 {
            let hex = std::str::from_utf8(rest.get(1..=digits)?).ok()?;
            let value = u32::from_str_radix(hex, 16).ok()?;
            if is_unicode {
                put(&mut out, char::from_u32(value)?)
            } else {
                out.push(value as u8)
            }
            rest = &rest[digits + 1..];
            continue;
        }
        if is_unicode {
            out.push(b'\\');
            continue;
        }
        out.push(match kind {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'\'' | b'"' => kind,
            _ => return None,
        });
        rest = &rest[1..];
    }
    Some(out)
}
