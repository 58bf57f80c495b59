//! What nodes gather from their edges by other means than a sum, on rows that lie in stores.

use std::{rc::Rc, sync::Arc};

use candle_core::{CpuStorage, CustomOp3, DType, Layout, Result, Shape, Tensor};

use super::force::{compiled, force, store, tensor};
use crate::ops::{
    self, EdgeAxis,
    cpu::{Aggregate, Attend, Buffer},
    fused::record::{Expr, Memory, Of, Op, Storable, Store},
    runs_whole,
};

/// See [`crate::ops::aggregate`].
pub(crate) fn aggregate(x: &Rc<Expr>, over: EdgeAxis) -> Result<Rc<Expr>> {
    if runs_whole(x.witness()) {
        return Expr::of_tensor(&ops::aggregate_tensor(&tensor(x)?, over)?);
    }
    let kind = Kind::Aggregate(Aggregate { over });
    gather(kind, [Some(x), None, None])
}

/// See [`crate::ops::attend`].
pub(crate) fn attend(
    own: &Rc<Expr>,
    incoming: Option<&Rc<Expr>>,
    outgoing: Option<&Rc<Expr>>,
    n_heads: usize,
) -> Result<Rc<Expr>> {
    if runs_whole(own.witness()) {
        let tensors = |rows: Option<&Rc<Expr>>| rows.map(tensor).transpose();
        let own = tensor(own)?.squeeze(2)?;
        return Expr::of_tensor(&ops::attend_tensors(
            &own,
            tensors(incoming)?.as_ref(),
            tensors(outgoing)?.as_ref(),
            n_heads,
        )?);
    }
    gather(Kind::Attend(Attend { n_heads }), [Some(own), incoming, outgoing])
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Aggregate(Aggregate),
    Attend(Attend),
}

/// Rows in stores, none where a group of them is missing, and the store of the result.
#[derive(Debug)]
struct Gather {
    kind: Kind,
    inputs: [Option<Arc<Store>>; 3],
    dims: [[usize; 4]; 3],
    out: Arc<Store>,
}

fn gather(kind: Kind, inputs: [Option<&Rc<Expr>>; 3]) -> Result<Rc<Expr>> {
    let first = inputs[0].expect("there are rows to gather");
    let [b, n, ..] = first.dims;
    let row = first.width();
    let dims = [
        first.dims,
        inputs[1].map_or([b, n, 0, row], |edges| edges.dims),
        inputs[2].map_or([b, 0, n, row], |edges| edges.dims),
    ];
    let unread = Tensor::zeros(1, first.witness().dtype(), first.witness().device())?;
    let mut stores = [const { None }; 3];
    let mut tokens = [const { None }; 3];
    for (i, input) in inputs.into_iter().enumerate() {
        let Some(input) = input else { continue };
        let (rows, token) = match force(input)? {
            Memory::Stored(rows, token) => (rows, token),
            // Rows that came as a tensor are copied to where their gradient can be left.
            Memory::Tensor(_) => store(compiled(input, None)?)?,
        };
        stores[i] = Some(rows);
        tokens[i] = Some(if crate::ops::wants_gradients() { token } else { token.detach() });
    }
    let out = Arc::new(Store::default());
    let shape = match &kind {
        Kind::Aggregate(kind) => kind.shape(dims[0]),
        Kind::Attend(kind) => kind.shape(dims[0]),
    };
    let [a, b, c] = tokens.map(|token| token.unwrap_or_else(|| unread.clone()));
    let token = a.apply_op3(&b, &c, Gather { kind, inputs: stores, dims, out: out.clone() })?;
    Ok(Expr::new(Op::Memory(Memory::Stored(out, token)), shape, Of::Nodes))
}

impl Gather {
    fn values<T: Storable>(&self) -> [&[T]; 3] {
        self.inputs.each_ref().map(|store| store.as_ref().map_or(&[][..], |store| store.values::<T>()))
    }

    fn forward<T: Storable>(&self) -> CpuStorage {
        let inputs = self.values::<T>();
        let shape = match &self.kind {
            Kind::Aggregate(kind) => kind.shape(self.dims[0]),
            Kind::Attend(kind) => kind.shape(self.dims[0]),
        };
        let mut y = Buffer::zeros(shape.iter().product());
        match &self.kind {
            Kind::Aggregate(kind) => kind.forward(inputs[0], self.dims[0], &mut y),
            Kind::Attend(kind) => kind.forward(inputs, self.dims, &mut y),
        }
        self.out.write(y);
        T::to_cpu_storage_owned(vec![T::zero()])
    }

    fn backward<T: Storable>(&self) {
        // Nobody has given to the result: nothing flows further.
        let Some(g) = self.out.take_gradient::<T>() else { return };
        let (inputs, y) = (self.values::<T>(), self.out.values::<T>());
        let mut dx = inputs.map(|values| Buffer::zeros(values.len()));
        let [own, incoming, outgoing] = &mut dx;
        match &self.kind {
            Kind::Aggregate(kind) => kind.backward(inputs[0], self.dims[0], y, &g, own),
            Kind::Attend(kind) => kind.backward(inputs, self.dims, y, &g, [own, incoming, outgoing]),
        }
        for (store, mut dx) in self.inputs.iter().zip(dx) {
            let Some(store) = store else { continue };
            if let Some(given) = store.take_gradient::<T>() {
                dx.iter_mut().zip(given.iter()).for_each(|(sum, given)| *sum += *given);
            }
            store.put_gradient(dx);
        }
    }
}

impl CustomOp3 for Gather {
    fn name(&self) -> &'static str {
        "gather into nodes"
    }

    fn cpu_fwd(
        &self,
        token: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let storage = match token {
            CpuStorage::F64(_) => self.forward::<f64>(),
            _ => self.forward::<f32>(),
        };
        Ok((storage, 1.into()))
    }

    fn bwd(
        &self,
        own: &Tensor,
        incoming: &Tensor,
        outgoing: &Tensor,
        _result: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        match grad.dtype() {
            DType::F64 => self.backward::<f64>(),
            _ => self.backward::<f32>(),
        }
        Ok((Some(own.zeros_like()?), Some(incoming.zeros_like()?), Some(outgoing.zeros_like()?)))
    }
}
