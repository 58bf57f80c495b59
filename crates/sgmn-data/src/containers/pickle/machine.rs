//! The stack machine: its stack, its memo, its objects, and what instructions do to them.

use std::collections::BTreeMap;

use super::{Call, Dict, Fault, Object, ObjectId, Pickle};

/// Instructions of one pickle at most; a published checkpoint of a thousand tensors has some 50,000.
const MAX_STEPS: usize = 1 << 22;

/// The state between two instructions.
pub(super) struct Machine<'a> {
    pub(super) bytes: &'a [u8],
    /// Next byte to read.
    pub(super) at: usize,
    /// First byte of the current instruction, for messages.
    instruction: usize,
    objects: Vec<Object>,
    pub(super) stack: Vec<ObjectId>,
    /// Heights of the stack at which the open marks stand.
    pub(super) marks: Vec<usize>,
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

    /// Goes through the program to its end.
    pub(super) fn run(mut self) -> Result<Pickle, Fault> {
        for _ in 0..MAX_STEPS {
            self.instruction = self.at;
            let [code] = self.take()?;
            if code == b'.' {
                let root = self.pop()?;
                if !self.stack.is_empty() {
                    let found = format!("{} more", self.stack.len());
                    return self.fault("one object at the end of the pickle", found);
                }
                return Ok(Pickle { objects: self.objects, root, len: self.at });
            }
            self.step(code)?;
        }
        self.fault(format!("at most {MAX_STEPS} instructions"), "more")
    }

    pub(super) fn fault<T>(&self, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
        Err(Fault { at: self.instruction, expected: expected.into(), found: found.into() })
    }

    pub(super) fn take<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.bytes[self.at..].first_chunk::<N>() {
            Some(chunk) => {
                self.at += N;
                Ok(*chunk)
            }
            None => self.fault(format!("{N} more bytes"), "the end of the pickle"),
        }
    }

    pub(super) fn take_slice(&mut self, len: u64) -> Result<&'a [u8], Fault> {
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

    /// The bytes up to the end of the line, without it.
    pub(super) fn line(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(end) => {
                self.at += end + 1;
                Ok(&rest[..end])
            }
            None => self.fault("a line's end", "the end of the pickle"),
        }
    }

    pub(super) fn push(&mut self, object: Object) {
        // There are fewer objects than instructions.
        self.stack.push(self.objects.len() as ObjectId);
        self.objects.push(object);
    }

    pub(super) fn pop(&mut self) -> Result<ObjectId, Fault> {
        match self.stack.len() > self.floor() {
            true => Ok(self.stack.pop().unwrap_or_default()),
            false => self.fault("1 objects on the stack", "0"),
        }
    }

    /// The topmost `n` objects, lowest first; never below an open mark.
    pub(super) fn pop_many(&mut self, n: usize) -> Result<Vec<ObjectId>, Fault> {
        let available = self.stack.len() - self.floor();
        if available < n {
            return self.fault(format!("{n} objects on the stack"), available.to_string());
        }
        Ok(self.stack.split_off(self.stack.len() - n))
    }

    pub(super) fn pop_to_mark(&mut self) -> Result<Vec<ObjectId>, Fault> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => self.fault("an open mark", "none"),
        }
    }

    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn top(&mut self) -> Result<ObjectId, Fault> {
        match self.stack.len() > self.floor() {
            true => Ok(self.stack.last().copied().unwrap_or_default()),
            false => self.fault("1 objects on the stack", "0"),
        }
    }

    pub(super) fn object(&self, id: ObjectId) -> &Object {
        &self.objects[id as usize]
    }

    pub(super) fn remember(&mut self, slot: u32) -> Result<(), Fault> {
        let id = self.top()?;
        self.memo.insert(slot, id);
        Ok(())
    }

    /// Remembers in the next slot.
    pub(super) fn memoize(&mut self) -> Result<(), Fault> {
        self.remember(self.memo.len() as u32)
    }

    pub(super) fn recall(&mut self, slot: u32) -> Result<(), Fault> {
        match self.memo.get(&slot) {
            Some(&id) => self.stack.push(id),
            None => return self.fault("an object stored before", format!("nothing in slot {slot}")),
        }
        Ok(())
    }

    /// Notes down a call.
    pub(super) fn call(&mut self, callee: ObjectId, args: ObjectId) {
        let call = Call { callee, args, state: None, items: Vec::new(), pairs: Vec::new() };
        self.push(Object::Call(Box::new(call)));
    }

    /// Appends to a list, adds to a set, or extends an object that was noted down.
    pub(super) fn extend(&mut self, items: Vec<ObjectId>) -> Result<(), Fault> {
        let id = self.top()?;
        match &mut self.objects[id as usize] {
            Object::List(list) | Object::Set(list) => list.extend(items),
            Object::Call(call) => call.items.extend(items),
            other => {
                let kind = other.kind();
                return self.fault("a list or a set to add to", kind);
            }
        }
        Ok(())
    }

    pub(super) fn set_items(&mut self, flat: &[ObjectId]) -> Result<(), Fault> {
        let id = self.top()?;
        let (pairs, rest) = flat.as_chunks::<2>();
        let pairs = pairs.iter().map(|&[key, value]| (key, value));
        match &mut self.objects[id as usize] {
            Object::Dict(Dict { pairs: known, .. }) if rest.is_empty() => known.extend(pairs),
            Object::Call(call) if rest.is_empty() => call.pairs.extend(pairs),
            other => {
                let kind = other.kind();
                return self.fault("a dictionary and pairs to put into it", kind);
            }
        }
        Ok(())
    }

    /// Attributes set on an object. PyTorch puts version numbers on a state dict.
    pub(super) fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let id = self.top()?;
        match &mut self.objects[id as usize] {
            Object::Dict(dict) => dict.state = Some(state),
            Object::Call(call) => call.state = Some(state),
            Object::Name(_) | Object::Persistent(_) => {}
            other => {
                let kind = other.kind();
                return self.fault("an object to set attributes on", kind);
            }
        }
        Ok(())
    }
}
