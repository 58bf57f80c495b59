//! What PyTorch's names mean: tensors as views of storages, parameters, sizes.

use std::collections::BTreeMap;

use super::{
    super::{
        tensor::{ElementType, View},
        torch_legacy,
        value::{TensorRef, Value},
    },
    Claim, Fault, Object, ObjectId, Pickle,
    build::Builder,
};
use crate::Result;

/// Longest name of a storage.
const MAX_KEY: usize = 128;
/// Most dimensions of a tensor.
pub(super) const MAX_DIMS: usize = 16;

/// A storage that is found.
struct Storage {
    piece: usize,
    element: Option<ElementType>,
    n_bytes: u64,
    /// Bytes before the part that is meant.
    start: u64,
}

impl Builder<'_> {
    /// The value of a call of a name of PyTorch; `None` if it is another name.
    pub(super) fn torch_call(
        &mut self,
        module: &str,
        name: &str,
        args: &[ObjectId],
    ) -> Result<Option<Value>> {
        Ok(Some(match (module, name, args) {
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3", _) => {
                let dtype = if name == "_rebuild_tensor_v3" { args.get(6).copied() } else { None };
                self.tensor(args, dtype)?
            }
            (
                "torch._utils",
                "_rebuild_parameter"
                | "_rebuild_parameter_with_state"
                | "_rebuild_device_tensor_from_numpy"
                | "_rebuild_device_tensor_from_cpu_tensor",
                [inner, ..],
            )
            | ("torch.nn.parameter" | "torch.nn", "Parameter" | "Buffer", [inner, ..])
            | (
                "torch.jit._pickle",
                "build_intlist" | "build_doublelist" | "build_boollist" | "build_tensorlist"
                | "restore_type_tag",
                [inner, ..],
            ) => self.value(*inner)?,
            ("torch", "Size", []) => Value::List(Vec::new()),
            ("torch", "Size", [sizes]) => self.value(*sizes)?,
            _ => return Ok(None),
        }))
    }

    /// A tensor: `(storage, offset, sizes, strides, ...)`.
    fn tensor(&mut self, args: &[ObjectId], dtype: Option<ObjectId>) -> Result<Value> {
        let [storage, offset, shape, strides, ..] = args else {
            return self.fail("the arguments of a tensor", format!("{} of them", args.len()));
        };
        let pickle = self.pickle;
        let (Some(offset), Some(shape), Some(strides)) =
            (pickle.size(*offset), self.sizes(*shape), self.sizes(*strides))
        else {
            let expected =
                format!("a tensor's offset and at most {MAX_DIMS} sizes and strides, none negative");
            return self.fail(expected, "others");
        };
        let Storage { piece, element, n_bytes, start } = self.storage(*storage)?;
        let element = match dtype {
            Some(dtype) => match pickle.name(dtype).and_then(|(_, name)| element_named(name)) {
                Some(element) => element,
                None => return self.fail("a tensor's type that is known", "another"),
            },
            None => element.unwrap_or(ElementType::U8),
        };
        let size = element.size().max(1) as u64;
        let view = View { offset, shape, strides };
        let Some(count) = usize::try_from(n_bytes / size).ok().and_then(|n| view.count(n)) else {
            let View { offset, shape, strides } = view;
            let expected = format!("a tensor inside its storage of {} elements", n_bytes / size);
            return self.fail(expected, format!("shape {shape:?} with strides {strides:?} from {offset}"));
        };
        self.spend_tensor(count)?;
        // The part begins at whole elements of its own type.
        let offset = offset.saturating_add(usize::try_from(start / size).unwrap_or(usize::MAX));
        Ok(Value::Tensor(TensorRef::new(element, View { offset, ..view }, piece)))
    }

    /// The storage of a tensor: one outside of the pickle, or one that is in it as the bytes of a file of its own.
    fn storage(&mut self, id: ObjectId) -> Result<Storage> {
        let pickle = self.pickle;
        let fields = match pickle.object(id) {
            Object::Persistent(fields) => *fields,
            Object::Call(call) if pickle.name(call.callee) == Some(("torch.storage", "_load_from_bytes")) => {
                return match *pickle.tuple(call.args) {
                    [file] => self.storage_inside(file),
                    _ => self.fail("the bytes of a storage", "other arguments"),
                };
            }
            other => return self.fail(format!("a tensor's storage {FIELDS}"), other.kind()),
        };
        let (claim, part) = match pickle.claim(fields) {
            Ok(found) => found,
            Err((expected, found)) => return self.fail(expected, found),
        };
        let piece = self.stored(&claim)?;
        let whole = Storage { piece, element: claim.element, n_bytes: claim.n_bytes, start: 0 };
        let [_, first, n_elements] = part.map(|part| pickle.tuple(part)).unwrap_or_default() else {
            return Ok(whole);
        };
        let (Some(first), Some(n_elements)) = (pickle.size(*first), pickle.size(*n_elements)) else {
            return self.fail("the first element and the size of a part of a storage", "others");
        };
        let size = claim.element.map_or(1, ElementType::size) as u64;
        let bytes = |n_elements: usize| (n_elements as u64).saturating_mul(size);
        let part = bytes(first)..bytes(first.saturating_add(n_elements));
        if part.end > whole.n_bytes {
            return self.fail(format!("a part of {} bytes", whole.n_bytes), format!("bytes {part:?}"));
        }
        Ok(Storage { n_bytes: part.end - part.start, start: part.start, ..whole })
    }

    /// A storage that Python's own `pickle.dump` wrote: the bytes of what `torch.save` makes of it.
    fn storage_inside(&mut self, file: ObjectId) -> Result<Storage> {
        let (piece, element) = match self.inside.get(&file) {
            Some(found) => *found,
            None => {
                let Some(bytes) = self.bytes(file)? else {
                    return self.fail("the bytes of a storage", "another object");
                };
                let (element, numbers) = match torch_legacy::only_storage(&bytes) {
                    Ok(found) => found,
                    Err(Fault { expected, found, .. }) => return self.fail(expected, found),
                };
                let found = (self.keep(bytes[numbers].to_vec()), element);
                self.inside.insert(file, found);
                found
            }
        };
        Ok(Storage { piece, element, n_bytes: self.piece_size(piece), start: 0 })
    }

    pub(super) fn sizes(&self, id: ObjectId) -> Option<Vec<usize>> {
        let pickle = self.pickle;
        let items = match pickle.object(id) {
            Object::Tuple(items) | Object::List(items) => items,
            // torch.Size, where it is written as a call.
            Object::Call(call) if pickle.name(call.callee) == Some(("torch", "Size")) => {
                pickle.tuple(*pickle.tuple(call.args).first()?)
            }
            _ => return None,
        };
        if items.len() > MAX_DIMS { None } else { items.iter().map(|item| pickle.size(*item)).collect() }
    }
}

/// What PyTorch writes of a storage.
const FIELDS: &str = "('storage', class, key, device, size)";

impl Pickle {
    /// What a tuple says about a storage: `('storage', class, key, device, n_elements)`. Older files have a sixth field
    /// for a part of one, which is returned.
    ///
    /// # Errors
    /// What was expected and found.
    pub(super) fn claim(&self, fields: ObjectId) -> Result<(Claim, Option<ObjectId>), (String, String)> {
        let fault = |expected: &str, found: &str| Err((expected.to_owned(), found.to_owned()));
        let Some(([kind, class, key, _, size], rest)) = self.tuple(fields).split_first_chunk::<5>() else {
            return fault(&format!("a tensor's storage {FIELDS}"), "other fields");
        };
        let (Some("storage"), Some((_, class)), Some(key), Some(n_elements)) =
            (self.text(*kind), self.name(*class), self.text(*key), self.size(*size))
        else {
            return fault(&format!("a tensor's storage {FIELDS}"), "other fields");
        };
        // The key is the name of an archive's entry; nothing but plain names is ever asked of the archive.
        let plain =
            (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !plain {
            let shown: String = key.chars().take(MAX_KEY).collect();
            return fault("a storage with a plain key", &format!("{shown:?}"));
        }
        let element = match class {
            "UntypedStorage" => None,
            _ => match class.strip_suffix("Storage").and_then(element_of_storage) {
                Some(element) => Some(element),
                None => {
                    let shown: String = class.chars().take(MAX_KEY).collect();
                    return fault("a class of storages that is known", &format!("{shown:?}"));
                }
            },
        };
        let n_bytes = (n_elements as u64).saturating_mul(element.map_or(1, ElementType::size) as u64);
        Ok((Claim { element, key: key.to_owned(), n_bytes }, rest.first().copied()))
    }

    /// The storages that are named anywhere, by key.
    pub(in super::super) fn claims(&self) -> BTreeMap<String, Claim> {
        let claims = self.objects.iter().filter_map(|object| match object {
            Object::Persistent(fields) => {
                self.claim(*fields).ok().map(|(claim, _)| (claim.key.clone(), claim))
            }
            _ => None,
        });
        claims.collect()
    }

    /// The storage that the pickle is.
    pub(in super::super) fn root_claim(&self) -> Option<Claim> {
        match self.object(self.root) {
            Object::Persistent(fields) => self.claim(*fields).ok().map(|(claim, _)| claim),
            _ => None,
        }
    }
}

/// The type of the elements of a class of storages, by the beginning of its name.
fn element_of_storage(class: &str) -> Option<ElementType> {
    Some(match class {
        "Double" => ElementType::F64,
        "Float" => ElementType::F32,
        "Half" => ElementType::F16,
        "BFloat16" => ElementType::Bf16,
        "Long" => ElementType::I64,
        "Int" => ElementType::I32,
        "Short" => ElementType::I16,
        "Char" => ElementType::I8,
        "Byte" => ElementType::U8,
        "Bool" => ElementType::Bool,
        "ComplexFloat" => ElementType::Foreign { name: "complex64", size: 8 },
        "ComplexDouble" => ElementType::Foreign { name: "complex128", size: 16 },
        "QInt8" => ElementType::Foreign { name: "qint8", size: 1 },
        "QUInt8" => ElementType::Foreign { name: "quint8", size: 1 },
        "QInt32" => ElementType::Foreign { name: "qint32", size: 4 },
        "QUInt4x2" => ElementType::Foreign { name: "quint4x2", size: 1 },
        "QUInt2x4" => ElementType::Foreign { name: "quint2x4", size: 1 },
        _ => return None,
    })
}

/// The type that PyTorch calls so.
fn element_named(name: &str) -> Option<ElementType> {
    Some(match name {
        "float64" | "double" => ElementType::F64,
        "float32" | "float" => ElementType::F32,
        "float16" | "half" => ElementType::F16,
        "bfloat16" => ElementType::Bf16,
        "int64" | "long" => ElementType::I64,
        "int32" | "int" => ElementType::I32,
        "int16" | "short" => ElementType::I16,
        "int8" => ElementType::I8,
        "uint8" => ElementType::U8,
        "uint16" => ElementType::U16,
        "uint32" => ElementType::U32,
        "uint64" => ElementType::U64,
        "bool" => ElementType::Bool,
        "complex32" => ElementType::Foreign { name: "complex32", size: 4 },
        "complex64" => ElementType::Foreign { name: "complex64", size: 8 },
        "complex128" => ElementType::Foreign { name: "complex128", size: 16 },
        "float8_e4m3fn" => ElementType::Foreign { name: "float8_e4m3fn", size: 1 },
        "float8_e5m2" => ElementType::Foreign { name: "float8_e5m2", size: 1 },
        "float8_e4m3fnuz" => ElementType::Foreign { name: "float8_e4m3fnuz", size: 1 },
        "float8_e5m2fnuz" => ElementType::Foreign { name: "float8_e5m2fnuz", size: 1 },
        "float8_e8m0fnu" => ElementType::Foreign { name: "float8_e8m0fnu", size: 1 },
        "float4_e2m1fn_x2" => ElementType::Foreign { name: "float4_e2m1fn_x2", size: 1 },
        _ => return None,
    })
}
