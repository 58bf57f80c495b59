//! What the few known names mean: views of storages, dictionaries, and nothing that runs.

use super::{Fault, Name, Object, ObjectId, Storage, machine::Machine};
use crate::containers::tensor::{ElementType, View};

/// Longest key of a storage.
const MAX_KEY: usize = 128;
/// Most dimensions of a tensor.
const MAX_DIMS: usize = 16;

impl Machine<'_> {
    /// A name becomes a known meaning or an error; nothing is ever looked up or imported.
    pub(super) fn name(&mut self, module: &str, name: &str) -> Result<(), Fault> {
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
    pub(super) fn storage(&mut self) -> Result<(), Fault> {
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
        let plain = !key.is_empty()
            && key.len() <= MAX_KEY
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
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
    pub(super) fn reduce(&mut self) -> Result<(), Fault> {
        let pair = self.pop_many(2)?;
        let (Object::Name(name), Object::Tuple(args)) = (&self.objects[pair[0]], &self.objects[pair[1]])
        else {
            return self.fault("a known name and a tuple of arguments", self.show(&pair));
        };
        let (name, args) = (*name, args.clone());
        let values: Vec<&Object> = args.iter().map(|&arg| &self.objects[arg]).collect();
        match (name, &values[..]) {
            (Name::OrderedDict, []) => self.push(Object::Dict(Vec::new())),
            // The tuple itself, not a copy: a short loop of calls would fill the memory with copies.
            (Name::Size, [Object::Tuple(sizes)]) if self.sizes(sizes).is_some() => {
                self.stack.push(args[0]);
            }
            (Name::RebuildParameter, [Object::Tensor { .. }, Object::Bool(_), Object::Dict(_)]) => {
                self.stack.push(args[0]);
            }
            (
                Name::RebuildTensor,
                [
                    Object::Storage(storage),
                    Object::Int(offset),
                    Object::Tuple(shape),
                    Object::Tuple(strides),
                    Object::Bool(_),
                    ..,
                ],
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
                    return self
                        .fault(expected, format!("shape {shape:?} with strides {strides:?} from {offset}"));
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
    pub(super) fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        match (&self.objects[object], &self.objects[state]) {
            (Object::Dict(_), Object::Dict(_)) => Ok(()),
            _ => self.fault("attributes of a dictionary", self.show(&[object, state])),
        }
    }
}
