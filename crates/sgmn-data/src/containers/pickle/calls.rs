//! Calls that were noted down: those of Python's own names that stand for data, and objects of unknown classes.

use super::{
    super::value::Value,
    Call, Dict, Object, ObjectId,
    build::{Builder, opaque},
};
use crate::Result;

impl Builder<'_> {
    /// The value that a call stands for: data, or an object of a class.
    pub(super) fn named_call(
        &mut self,
        call: &Call,
        module: &str,
        name: &str,
        args: ObjectId,
    ) -> Result<Value> {
        let pickle = self.pickle;
        let list = pickle.tuple(args);
        match (module, name, list) {
            ("collections", "OrderedDict" | "Counter", []) | ("builtins" | "__builtin__", "dict", []) => {
                self.dict(call.pairs.iter().copied(), call.state)
            }
            ("collections", "OrderedDict", [list]) => {
                // Python 2 wrote the entries as a list of pairs.
                let pairs = match pickle.object(*list) {
                    Object::List(pairs) => pairs.iter().map(|pair| match pickle.object(*pair) {
                        Object::List(pair) | Object::Tuple(pair) => <[ObjectId; 2]>::try_from(&pair[..]).ok(),
                        _ => None,
                    }),
                    _ => return self.unknown_call("collections.OrderedDict", call),
                };
                match pairs.collect::<Option<Vec<_>>>() {
                    Some(pairs) => {
                        let pairs = pairs.into_iter().map(|[key, value]| (key, value));
                        self.dict(pairs.chain(call.pairs.iter().copied()), call.state)
                    }
                    None => self.unknown_call("collections.OrderedDict", call),
                }
            }
            ("_codecs", "encode", _) | ("builtins" | "__builtin__", "bytes" | "bytearray", _) => {
                Ok(opaque("bytes", None))
            }
            ("builtins" | "__builtin__", "set" | "frozenset", [items]) => {
                Ok(opaque("set", Some(self.value(*items)?)))
            }
            ("collections", "Counter" | "defaultdict", [.., first]) => {
                let first = match pickle.object(*first) {
                    Object::Dict(first) => &first.pairs[..],
                    _ => &[],
                };
                self.dict(first.iter().chain(&call.pairs).copied(), None)
            }
            (
                "torch._tensor" | "torch._utils",
                "_rebuild_from_type_v2" | "_rebuild_from_type",
                [inner, _, args, ..],
            ) => match pickle.name(*inner) {
                Some((module, name)) if name != "_rebuild_from_type_v2" && name != "_rebuild_from_type" => {
                    self.named_call(call, module, name, *args)
                }
                _ => self.foreign(module, name, call),
            },
            ("copyreg" | "copy_reg", "_reconstructor" | "__newobj__", [class, ..]) => {
                let (module, name) = pickle.name(*class).unwrap_or((module, name));
                self.foreign(module, name, call)
            }
            _ => match self.torch_call(module, name, list)? {
                Some(value) => Ok(value),
                None => match self.numpy_call(call, module, name, list)? {
                    Some(value) => Ok(value),
                    None => {
                        // An array of no numbers.
                        let class = list.first().filter(|_| name == "_reconstruct");
                        let named = class.and_then(|class| pickle.name(*class)).unwrap_or((module, name));
                        self.foreign(named.0, named.1, call)
                    }
                },
            },
        }
    }

    /// An object of a class that is not known.
    fn foreign(&mut self, module: &str, name: &str, call: &Call) -> Result<Value> {
        let class = self.class(module, name)?;
        self.unknown_call(&class, call)
    }

    /// An object of a class that is not known: its entries, its attributes, its items, or else its arguments.
    pub(super) fn unknown_call(&mut self, class: &str, call: &Call) -> Result<Value> {
        self.spend(class.len() as u64)?;
        let state = if !call.pairs.is_empty() {
            Some(self.dict(call.pairs.iter().copied(), None)?)
        } else if let Some(state) = call.state {
            Some(self.state(state)?)
        } else if !call.items.is_empty() {
            Some(self.list(&call.items)?)
        } else {
            match self.pickle.object(call.args) {
                Object::Tuple(args) if args.is_empty() => None,
                _ => Some(self.value(call.args)?),
            }
        };
        Ok(opaque(class, state))
    }

    /// Attributes: a dictionary, or a pair of two, of which the second has those of slots.
    fn state(&mut self, state: ObjectId) -> Result<Value> {
        match *self.pickle.tuple(state) {
            [a, b] => match (self.pickle.object(a), self.pickle.object(b)) {
                (Object::None, Object::Dict(_)) => self.value(b),
                (Object::Dict(Dict { pairs: a, .. }), Object::Dict(Dict { pairs: b, .. })) => {
                    self.dict(a.iter().chain(b).copied(), None)
                }
                _ => self.value(state),
            },
            _ => self.value(state),
        }
    }

    /// A class with its module.
    pub(super) fn class(&mut self, module: &str, name: &str) -> Result<String> {
        self.spend((module.len() + name.len()) as u64)?;
        Ok(if module.is_empty() { name.to_owned() } else { format!("{module}.{name}") })
    }
}
