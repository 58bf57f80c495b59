//! The stack machine: what each instruction does to stack, memo and objects.

use std::collections::BTreeMap;

use super::{Fault, Object, ObjectId, Pickle};

/// Instructions of one pickle at most; a published checkpoint of a thousand tensors has some 50,000.
const MAX_STEPS: usize = 1 << 21;
/// Longest name of a module or class.
const MAX_NAME: usize = 128;

/// The state between two instructions.
pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    /// Next byte to read.
    at: usize,
    /// First byte of the current instruction, for messages.
    instruction: usize,
    pub(super) objects: Vec<Object>,
    pub(super) stack: Vec<ObjectId>,
    /// Heights of the stack at which the open marks stand.
    marks: Vec<usize>,
    memo: BTreeMap<u32, ObjectId>,
}

impl<'a> Machine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            instruction: 0,
            objects: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
        }
    }

    /// Runs to the end of the program.
    pub(super) fn run(mut self) -> Result<Pickle, Fault> {
        for _ in 0..MAX_STEPS {
            self.instruction = self.at;
            let [code] = self.take()?;
            if code == b'.' {
                let root = self.pop()?;
                if !self.stack.is_empty() || self.at != self.bytes.len() {
                    let n_left = self.bytes.len() - self.at;
                    return self.fault(
                        "the end of the pickle",
                        format!("{} objects and {n_left} bytes left", self.stack.len()),
                    );
                }
                return Ok(Pickle { objects: self.objects, root });
            }
            self.step(code)?;
        }
        self.fault(format!("at most {MAX_STEPS} instructions"), "more")
    }

    /// One instruction. Codes are those of Python's `pickletools`.
    fn step(&mut self, code: u8) -> Result<(), Fault> {
        match code {
            0x80 => {
                let [protocol] = self.take()?;
                if !(2..=5).contains(&protocol) {
                    return self.fault("pickle protocol 2 to 5", protocol.to_string());
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
            0x8a => {
                let [len] = self.take()?;
                self.long(len.into())?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.take()?);
                self.push(Object::Float(value));
            }
            b'X' => {
                let len = u32::from_le_bytes(self.take()?);
                self.text(len.into())?;
            }
            0x8c => {
                let [len] = self.take()?;
                self.text(len.into())?;
            }
            0x8d => {
                let len = u64::from_le_bytes(self.take()?);
                self.text(len)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b')' => self.push(Object::Tuple(Vec::new())),
            b']' => self.push(Object::List(Vec::new())),
            b'}' => self.push(Object::Dict(Vec::new())),
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
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_to_mark()?;
                self.set_items(&pairs)?;
            }
            b'0' => drop(self.pop()?),
            b'q' => {
                let [slot] = self.take()?;
                self.remember(slot.into())?;
            }
            b'r' => {
                let slot = u32::from_le_bytes(self.take()?);
                self.remember(slot)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let [slot] = self.take()?;
                self.recall(slot.into())?;
            }
            b'j' => {
                let slot = u32::from_le_bytes(self.take()?);
                self.recall(slot)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.name(&module, &name)?;
            }
            0x93 => {
                let pair = self.pop_many(2)?;
                let (Object::Text(module), Object::Text(name)) =
                    (&self.objects[pair[0]], &self.objects[pair[1]])
                else {
                    return self.fault("the texts of a module and a name", self.show(&pair));
                };
                let (module, name) = (module.clone(), name.clone());
                self.name(&module, &name)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => {
                return self
                    .fault("an instruction that PyTorch writes for tensors", format!("code {code:#04x}"));
            }
        }
        Ok(())
    }

    pub(super) fn fault<T>(&self, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: self.instruction, expected: expected.into(), found: found.into() })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.fault(format!("{N} more bytes"), "the end of the pickle"),
        }
    }

    fn take_slice(&mut self, len: u64) -> Result<&[u8], Fault> {
        let rest = &self.bytes[self.at..];
        match usize::try_from(len).ok().and_then(|len| rest.get(..len)) {
            Some(slice) => {
                self.at += slice.len();
                Ok(slice)
            }
            None => {
                self.fault(format!("{len} more bytes"), format!("{} until the end of the pickle", rest.len()))
            }
        }
    }

    fn text(&mut self, len: u64) -> Result<(), Fault> {
        let text = std::str::from_utf8(self.take_slice(len)?).map(str::to_owned);
        match text {
            Ok(text) => self.push(Object::Text(text)),
            Err(why) => return self.fault("text in UTF-8", why.to_string()),
        }
        Ok(())
    }

    /// A little-endian two's complement integer of `len` bytes.
    fn long(&mut self, len: usize) -> Result<(), Fault> {
        if len > 8 {
            return self.fault("an integer of at most 8 bytes", format!("{len} bytes"));
        }
        let bytes = self.take_slice(len as u64)?;
        let sign = if bytes.last().is_some_and(|byte| byte & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [sign; 8];
        wide[..len].copy_from_slice(bytes);
        self.push(Object::Int(i64::from_le_bytes(wide)));
        Ok(())
    }

    fn line(&mut self) -> Result<String, Fault> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(MAX_NAME + 1).position(|&byte| byte == b'\n');
        match end.and_then(|end| std::str::from_utf8(&rest[..end]).ok()) {
            Some(line) => {
                self.at += line.len() + 1;
                Ok(line.to_owned())
            }
            None => self.fault(format!("a name of at most {MAX_NAME} bytes that ends its line"), "none"),
        }
    }

    pub(super) fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    pub(super) fn pop(&mut self) -> Result<ObjectId, Fault> {
        Ok(self.pop_many(1)?[0])
    }

    /// The topmost `n` objects, lowest first; never below an open mark.
    pub(super) fn pop_many(&mut self, n: usize) -> Result<Vec<ObjectId>, Fault> {
        let available = self.stack.len() - self.marks.last().copied().unwrap_or(0);
        if available < n {
            return self.fault(format!("{n} objects on the stack"), available.to_string());
        }
        Ok(self.stack.split_off(self.stack.len() - n))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<ObjectId>, Fault> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => self.fault("an open mark", "none"),
        }
    }

    pub(super) fn top(&mut self) -> Result<ObjectId, Fault> {
        let id = self.pop()?;
        self.stack.push(id);
        Ok(id)
    }

    fn remember(&mut self, slot: u32) -> Result<(), Fault> {
        let id = self.top()?;
        self.memo.insert(slot, id);
        Ok(())
    }

    fn recall(&mut self, slot: u32) -> Result<(), Fault> {
        match self.memo.get(&slot) {
            Some(&id) => self.stack.push(id),
            None => return self.fault("an object stored before", format!("nothing in slot {slot}")),
        }
        Ok(())
    }

    fn append(&mut self, items: Vec<ObjectId>) -> Result<(), Fault> {
        let list = self.top()?;
        match &mut self.objects[list] {
            Object::List(list) => list.extend(items),
            _ => return self.fault("a list to append to", self.show(&[list])),
        }
        Ok(())
    }

    fn set_items(&mut self, flat: &[ObjectId]) -> Result<(), Fault> {
        let dict = self.top()?;
        let (pairs, rest) = flat.as_chunks::<2>();
        match &mut self.objects[dict] {
            Object::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)))
            }
            _ => return self.fault("a dictionary and pairs to put into it", self.show(&[dict])),
        }
        Ok(())
    }

    /// Kinds of some objects, for messages; never their possibly huge content.
    pub(super) fn show(&self, ids: &[ObjectId]) -> String {
        const MOST: usize = 8;
        let kinds: Vec<&str> = ids.iter().take(MOST).map(|&id| self.objects[id].kind()).collect();
        format!("({}{})", kinds.join(", "), if ids.len() > MOST { ", ..." } else { "" })
    }
}
