//! What NumPy's names mean: arrays and scalars of numbers; arrays of anything else stay opaque.

use super::{
    super::{
        npy,
        tensor::{ElementType, Values, View},
        value::{TensorRef, Value},
    },
    Call, Object, ObjectId,
    build::Builder,
    torch::MAX_DIMS,
};
use crate::Result;

/// A type of numbers, and whether their bytes stand in the other order.
struct Descr {
    element: ElementType,
    is_big: bool,
}

impl Builder<'_> {
    /// The value of a call of a name of NumPy; `None` if it is another name, or an array of no numbers.
    pub(super) fn numpy_call(
        &mut self,
        call: &Call,
        module: &str,
        name: &str,
        args: &[ObjectId],
    ) -> Result<Option<Value>> {
        match (module, name, args) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar", [descr, bytes]) => {
                self.scalar(*descr, *bytes)
            }
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct", _) => {
                let Some(state) = call.state else { return Ok(None) };
                match self.pickle.tuple(state) {
                    [_, shape, descr, order, data] | [shape, descr, order, data] => {
                        let is_fortran =
                            matches!(self.pickle.object(*order), Object::Bool(true) | Object::Int(1..));
                        self.array(*shape, *descr, is_fortran, *data)
                    }
                    _ => Ok(None),
                }
            }
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer", [data, descr, shape, order]) => {
                let is_fortran = self.pickle.text(*order) == Some("F");
                self.array(*shape, *descr, is_fortran, *data)
            }
            _ => Ok(None),
        }
    }

    fn scalar(&mut self, descr: ObjectId, bytes: ObjectId) -> Result<Option<Value>> {
        let Some(Descr { element, is_big }) = self.descr(descr) else { return Ok(None) };
        let Some(mut bytes) = self.bytes(bytes)? else { return Ok(None) };
        if is_big {
            bytes.reverse();
        }
        if bytes.len() != element.size() {
            return Ok(None);
        }
        let tensor = View::contiguous(Vec::new()).read(element, &bytes);
        Ok(tensor.and_then(|tensor| match tensor.values {
            Values::Float(values) => values.first().copied().map(Value::Float),
            Values::Int(values) => values.first().copied().map(Value::Int),
            Values::Bool(values) => values.first().copied().map(Value::Bool),
        }))
    }

    fn array(
        &mut self,
        shape: ObjectId,
        descr: ObjectId,
        is_fortran: bool,
        data: ObjectId,
    ) -> Result<Option<Value>> {
        let (Some(Descr { element, is_big }), Some(shape)) = (self.descr(descr), self.sizes(shape)) else {
            return Ok(None);
        };
        let Some(piece) = self.copied(data, if is_big { element.size() } else { 0 })? else {
            return Ok(None);
        };
        if shape.len() > MAX_DIMS {
            return Ok(None);
        }
        let view = if is_fortran { View::by_column(shape) } else { View::contiguous(shape) };
        let n_elements = self.piece_size(piece) / (element.size().max(1) as u64);
        let Some(count) = usize::try_from(n_elements).ok().and_then(|n| view.count(n)) else {
            return self.fail("an array's numbers in its bytes", format!("shape {:?}", view.shape));
        };
        self.spend_tensor(count)?;
        Ok(Some(Value::Tensor(TensorRef::new(element, view, piece))))
    }

    /// A type of numbers: `numpy.dtype('f4', ...)` with the byte order among its attributes.
    fn descr(&self, id: ObjectId) -> Option<Descr> {
        let pickle = self.pickle;
        let Object::Call(call) = pickle.object(id) else { return None };
        let (("numpy", "dtype"), [text, ..]) = (pickle.name(call.callee)?, pickle.tuple(call.args)) else {
            return None;
        };
        let order = call.state.map(|state| pickle.tuple(state)).and_then(|state| pickle.text(*state.get(1)?));
        let (element, is_big) = npy::element(pickle.text(*text)?)?;
        Some(Descr { element, is_big: is_big || order == Some(">") })
    }
}
