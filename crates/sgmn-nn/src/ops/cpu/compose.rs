//! Products of two small matrices with gradients: linear maps that follow each other become one.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Storage, Tensor, bail};

use super::{
    element::{Element, values},
    matrix::{Onto, multiply, multiply_outer, transpose},
};

/// `a b` for matrices `[l, m]` and `[m, n]` on the CPU.
///
/// candle's own product asks the system for its processors on every call, which costs more than a product of this size.
pub(in crate::ops) fn compose(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.contiguous()?.apply_op2(&b.contiguous()?, Compose)
}

struct Compose;

fn forward<T: Element>(
    (s1, l1): (&CpuStorage, &Layout),
    (s2, l2): (&CpuStorage, &Layout),
) -> Result<(CpuStorage, Shape)> {
    let ((l, m), (m2, n)) = (l1.shape().dims2()?, l2.shape().dims2()?);
    if m != m2 {
        bail!("compose: expected [l, m] and [m, n], found {:?} and {:?}", l1.dims(), l2.dims());
    }
    let mut y = vec![T::zero(); l * n];
    multiply(values::<T>(s1, l1)?, values::<T>(s2, l2)?, &mut y, [m, n], Onto::Replace);
    Ok((T::to_cpu_storage_owned(y), (l, n).into()))
}

/// `da = g bᵀ` and `db = aᵀ g`.
fn backward<T: Element>(a: &Tensor, b: &Tensor, g: &Tensor) -> Result<(Tensor, Tensor)> {
    let ((l, m), (_, n)) = (a.dims2()?, b.dims2()?);
    let tensors = [a, b, g].map(Tensor::storage_and_layout);
    let [a_values, b_values, g_values] = [0, 1, 2].map(|i| match &*tensors[i].0 {
        Storage::Cpu(storage) => values::<T>(storage, tensors[i].1),
        _ => bail!("compose: a gradient is on another device"),
    });
    let (a_values, b_values, g_values) = (a_values?, b_values?, g_values?);
    let (mut da, mut db, mut turned) =
        (vec![T::zero(); l * m], vec![T::zero(); m * n], vec![T::zero(); m * n]);
    transpose(b_values, [n, m], &mut turned);
    multiply(g_values, &turned, &mut da, [n, m], Onto::Replace);
    multiply_outer(a_values, g_values, &mut db, [n, m]);
    Ok((Tensor::from_vec(da, (l, m), a.device())?, Tensor::from_vec(db, (m, n), b.device())?))
}

impl CustomOp2 for Compose {
    fn name(&self) -> &'static str {
        "compose"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        match s1 {
            CpuStorage::F64(_) => forward::<f64>((s1, l1), (s2, l2)),
            _ => forward::<f32>((s1, l1), (s2, l2)),
        }
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _result: &Tensor,
        g: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = g.contiguous()?;
        let (da, db) = match g.dtype() {
            candle_core::DType::F64 => backward::<f64>(a, b, &g)?,
            _ => backward::<f32>(a, b, &g)?,
        };
        Ok((Some(da), Some(db)))
    }
}
