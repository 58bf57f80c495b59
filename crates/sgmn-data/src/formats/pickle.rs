//! A reader for the small part of Python's pickle language in which PyTorch describes tensors.
//!
//! A pickle is a program for a stack machine that could call any function. This machine calls none: it knows a fixed
//! list of names, to each of which it attaches its own meaning (an empty dictionary, a view of a storage), and stops
//! with an error at any other name or instruction. Objects live in one list and refer to each other by position, so
//! shared or even circular objects cost nothing here; who walks them must bound the walk.

use std::collections::BTreeMap;

use super::tensor::{ElementType, View};

/// Instructions of one pickle at most; a published checkpoint of a thousand tensors has some 50,000.
const MAX_STEPS: usize = 1 << 21;
/// Longest name of a module or class.
const MAX_NAME: usize = 128;
/// Most dimensions of a tensor.
const MAX_DIMS: usize = 16;

/// Position of an object in [`Pickle::objects`].
pub(super) type ObjectId = usize;

/// All objects that a pickle made, and the one it returned.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) objects: Vec<Object>,
    pub(super) root: ObjectId,
}

/// An object of the machine.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<ObjectId>),
    Tuple(Vec<ObjectId>),
    Dict(Vec<(ObjectId, ObjectId)>),
    Name(Name),
    Storage(Storage),
    Tensor { storage: Storage, view: View },
}

/// A flat run of elements in an archive entry of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Storage {
    pub(super) element: ElementType,
    /// Name of the entry inside the archive's `data` folder.
    pub(super) key: String,
    pub(super) n_elements: usize,
}

/// A name that the machine knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    OrderedDict,
    Size,
    RebuildTensor,
    RebuildParameter,
    StorageClass(ElementType),
}

/// What is wrong with a pickle, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte of the instruction.
    pub(super) at: usize,
    pub(super) expected: String,
    pub(super) found: String,
}

/// Runs a pickle.
///
/// # Errors
/// [`Fault`] at the first instruction that is unknown, lacks its arguments, or names something outside the list.
pub(super) fn parse(bytes: &[u8]) -> Result<Pickle, Fault> {
    let mut machine = Machine {
        bytes,
        at: 0,
        instruction: 0,
        objects: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: BTreeMap::new(),
    };
    for _ in 0..MAX_STEPS {
        machine.instruction = machine.at;
        let [code] = machine.take()?;
        if code == STOP {
            let root = machine.pop()?;
            if !machine.stack.is_empty() || machine.at != bytes.len() {
                let found = format!("{} objects and {} bytes left", machine.stack.len(), bytes.len() - machine.at);
                return machine.fault("the end of the pickle", found);
            }
            return Ok(Pickle { objects: machine.objects, root });
        }
        machine.step(code)?;
    }
    machine.fault(format!("at most {MAX_STEPS} instructions"), "more")
}

const STOP: u8 = b'.';

/// The state between two instructions.
struct Machine<'a> {
    bytes: &'a [u8],
    /// Next byte to read.
    at: usize,
    /// First byte of the current instruction, for messages.
    instruction: usize,
    objects: Vec<Object>,
    stack: Vec<ObjectId>,
    /// Heights of the stack at which the open marks stand.
    marks: Vec<usize>,
    memo: BTreeMap<u32, ObjectId>,
}

impl Machine<'_> {
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
                let (Object::Text(module), Object::Text(name)) = (&self.objects[pair[0]], &self.objects[pair[1]]) else {
                    return self.fault("the texts of a module and a name", self.show(&pair));
                };
                let (module, name) = (module.clone(), name.clone());
                self.name(&module, &name)?;
            }
            b'Q' => self.storage()?,
            b'R' => self.reduce()?,
            b'b' => self.build()?,
            _ => return self.fault("an instruction that PyTorch writes for tensors", format!("code {code:#04x}")),
        }
        Ok(())
    }

    fn fault<T>(&self, expected: impl Into<String>, found: impl Into<String>) -> Result<T, Fault> {
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
            None => self.fault(format!("{len} more bytes"), format!("{} until the end of the pickle", rest.len())),
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

    fn push(&mut self, object: Object) {
        self.stack.push(self.objects.len());
        self.objects.push(object);
    }

    fn pop(&mut self) -> Result<ObjectId, Fault> {
        Ok(self.pop_many(1)?[0])
    }

    /// The topmost `n` objects, lowest first; never below an open mark.
    fn pop_many(&mut self, n: usize) -> Result<Vec<ObjectId>, Fault> {
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

    fn top(&mut self) -> Result<ObjectId, Fault> {
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
            Object::Dict(dict) if rest.is_empty() => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            _ => return self.fault("a dictionary and pairs to put into it", self.show(&[dict])),
        }
        Ok(())
    }

    /// A name becomes a known meaning or an error; nothing is ever looked up or imported.
    fn name(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        let known = match (module, name) {
            ("collections", "OrderedDict") => Name::OrderedDict,
            ("torch", "Size") => Name::Size,
            ("torch._utils", "_rebuild_tensor_v2") => Name::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Name::RebuildParameter,
            ("torch", "DoubleStorage") => Name::StorageClass(ElementType::F64),
            ("torch", "FloatStorage") => Name::StorageClass(ElementType::F32),
            ("torch", "HalfStorage") => Name::StorageClass(ElementType::F16),
            ("torch", "BFloat16Storage") => Name::StorageClass(ElementType::Bf16),
            ("torch", "LongStorage") => Name::StorageClass(ElementType::I64),
            ("torch", "IntStorage") => Name::StorageClass(ElementType::I32),
            ("torch", "ShortStorage") => Name::StorageClass(ElementType::I16),
            ("torch", "CharStorage") => Name::StorageClass(ElementType::I8),
            ("torch", "ByteStorage") => Name::StorageClass(ElementType::U8),
            ("torch", "BoolStorage") => Name::StorageClass(ElementType::Bool),
            _ => {
                let found = format!("{:?}", format!("{module}.{name}"));
                return self.fault("only tensors, numbers, texts, lists and dictionaries", found);
            }
        };
        self.push(Object::Name(known));
        Ok(())
    }

    /// A persistent id: `('storage', class, key, device, n_elements)`.
    fn storage(&mut self) -> Result<(), Fault> {
        let id = self.pop()?;
        let fields: Vec<&Object> = match &self.objects[id] {
            Object::Tuple(fields) => fields.iter().map(|&field| &self.objects[field]).collect(),
            _ => Vec::new(),
        };
        let [
            Object::Text(kind),
            Object::Name(Name::StorageClass(element)),
            Object::Text(key),
            Object::Text(_device),
            Object::Int(n_elements),
        ] = fields[..]
        else {
            return self.fault("('storage', class, key, device, size)", self.show(&[id]));
        };
        // The key is the name of an archive entry; nothing but plain names is ever asked of the archive.
        let plain = !key.is_empty() && key.len() <= MAX_NAME && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let Ok(n_elements) = usize::try_from(*n_elements) else {
            return self.fault("a storage size of at least 0", n_elements.to_string());
        };
        if kind != "storage" || !plain {
            return self.fault("a storage with a plain key", format!("{kind:?} with key {key:?}"));
        }
        let storage = Storage { element: *element, key: key.clone(), n_elements };
        self.push(Object::Storage(storage));
        Ok(())
    }

    /// A call, of one of the known names.
    fn reduce(&mut self) -> Result<(), Fault> {
        let pair = self.pop_many(2)?;
        let (Object::Name(name), Object::Tuple(args)) = (&self.objects[pair[0]], &self.objects[pair[1]]) else {
            return self.fault("a known name and a tuple of arguments", self.show(&pair));
        };
        let (name, args) = (*name, args.clone());
        let values: Vec<&Object> = args.iter().map(|&arg| &self.objects[arg]).collect();
        match (name, &values[..]) {
            (Name::OrderedDict, []) => self.push(Object::Dict(Vec::new())),
            (Name::Size, [Object::Tuple(sizes)]) => {
                let sizes = sizes.clone();
                self.push(Object::Tuple(sizes));
            }
            (Name::RebuildParameter, [Object::Tensor { .. }, Object::Bool(_), Object::Dict(_)]) => {
                self.stack.push(args[0]);
            }
            (
                Name::RebuildTensor,
                [Object::Storage(storage), Object::Int(offset), Object::Tuple(shape), Object::Tuple(strides), Object::Bool(_), ..],
            ) if matches!(args.len(), 6 | 7) => {
                let (Ok(offset), Some(shape), Some(strides)) =
                    (usize::try_from(*offset), self.sizes(shape), self.sizes(strides))
                else {
                    return self.fault(
                        format!("an offset and at most {MAX_DIMS} sizes and strides, none negative"),
                        self.show(&args),
                    );
                };
                let (storage, view) = (storage.clone(), View { offset, shape, strides });
                if view.n_elements(storage.n_elements).is_none() {
                    let expected = format!("a tensor inside its storage of {} elements", storage.n_elements);
                    let View { offset, shape, strides } = view;
                    return self.fault(expected, format!("shape {shape:?} with strides {strides:?} from {offset}"));
                }
                self.push(Object::Tensor { storage, view });
            }
            _ => return self.fault(format!("the arguments of {name:?}"), self.show(&args)),
        }
        Ok(())
    }

    fn sizes(&self, ids: &[ObjectId]) -> Option<Vec<usize>> {
        let size = |&id: &ObjectId| match self.objects[id] {
            Object::Int(size) => usize::try_from(size).ok(),
            _ => None,
        };
        if ids.len() > MAX_DIMS { None } else { ids.iter().map(size).collect() }
    }

    /// Attributes set on an object. PyTorch puts version numbers on a state dict; they change no tensor.
    fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        match (&self.objects[object], &self.objects[state]) {
            (Object::Dict(_), Object::Dict(_)) => Ok(()),
            _ => self.fault("attributes of a dictionary", self.show(&[object, state])),
        }
    }

    /// Kinds of some objects, for messages; never their possibly huge content.
    fn show(&self, ids: &[ObjectId]) -> String {
        const MOST: usize = 8;
        let kinds: Vec<&str> = ids.iter().take(MOST).map(|&id| self.objects[id].kind()).collect();
        format!("({}{})", kinds.join(", "), if ids.len() > MOST { ", ..." } else { "" })
    }
}

impl Object {
    /// The kind in a word.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Tuple(_) => "tuple",
            Self::Dict(_) => "dict",
            Self::Name(_) => "name",
            Self::Storage(_) => "storage",
            Self::Tensor { .. } => "tensor",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(bytes: &[u8]) -> String {
        parse(bytes).unwrap_err().found
    }

    #[test]
    fn a_call_of_any_other_name_is_refused_at_the_name() {
        // cos\nsystem\n (X\x04\0\0\0true t R .
        let fault = parse(b"\x80\x02cos\nsystem\n(X\x04\0\0\0truetR.").unwrap_err();
        assert_eq!((fault.at, fault.found.as_str()), (2, "\"os.system\""));
        let fault = parse(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").unwrap_err();
        assert_eq!(fault.found, "\"builtins.eval\"");
    }

    #[test]
    fn numbers_and_texts_keep_their_values() {
        let pickle = parse(b"\x80\x02(K\x07M\x01\x02J\xff\xff\xff\xff\x8a\x02\x00\x80\x8a\x00G\x3f\xf8\0\0\0\0\0\0X\x02\0\0\0\xc3\xa9t.");
        let pickle = pickle.unwrap();
        let expected = [
            Object::Int(7),
            Object::Int(513),
            Object::Int(-1),
            Object::Int(-32768),
            Object::Int(0),
            Object::Float(1.5),
            Object::Text("é".into()),
        ];
        assert_eq!(pickle.objects[..7], expected);
    }

    #[test]
    fn missing_arguments_are_errors() {
        assert_eq!(found(b"\x80\x02."), "0");
        assert_eq!(found(b"\x80\x02N(\x85."), "0", "a tuple may not reach below an open mark");
        assert_eq!(found(b"\x80\x02t."), "none");
        assert_eq!(found(b"\x80\x02h\x05."), "nothing in slot 5");
        assert_eq!(found(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R."), "()");
        assert_eq!(found(b"\x80\x02X\xff\xff\xff\xff."), "1 until the end of the pickle");
        assert_eq!(found(b"\x80\x02NN."), "1 objects and 0 bytes left");
    }
}
