//! Sums of nodes that are weighed by the numbers of edges: products with matrices that are data.

use candle_core::{
    CpuStorage, CudaStorage, CustomOp2, Layout, MetalStorage, Result, Shape, Tensor, backend::BackendStorage,
};

use super::{
    EdgeAxis,
    meter::{self, Kind},
};

/// `m_i = Σ_j Σ_k w_ijk a_k ⊙ x_j`, or with [`EdgeAxis::Receivers`] `m_j = Σ_i Σ_k w_ijk a_k ⊙ x_i`: the axis named is
/// summed away, and no feature of an edge is ever made.
///
/// Numbers that no variable stands behind, as those of nets, get no gradient: it would be as large as they are.
///
/// # Shapes
/// w `[B, R, S, K]`, a `[K, H]`, x `[B, S, H]` and result `[B, R, H]`; with [`EdgeAxis::Receivers`] the other way round.
pub fn weigh(w: &Tensor, a: &Tensor, x: &Tensor, axis: EdgeAxis) -> Result<Tensor> {
    let (b, receivers, senders, n_values) = w.dims4()?;
    let h = a.dim(1)?;
    meter::count(Kind::Product, &[w, a, x], 2 * w.elem_count() * h, || {
        let w = w.contiguous()?;
        if n_values > receivers {
            // Long edges of few receivers, as tables and depthwise kernels: the K numbers of an edge become H first.
            let edges = product(&w.reshape((1, b * receivers * senders, n_values))?, &a.unsqueeze(0)?)?;
            let edges = edges.reshape((b, receivers, senders, h))?;
            return match axis {
                EdgeAxis::Senders => edges.broadcast_mul(&x.unsqueeze(1)?)?.sum(2),
                EdgeAxis::Receivers => edges.broadcast_mul(&x.unsqueeze(2)?)?.sum(1),
            };
        }
        let w = w.reshape((b, receivers, senders * n_values))?;
        let a = a.reshape((1, 1, n_values, h))?;
        match axis {
            EdgeAxis::Senders => {
                let x = x.unsqueeze(2)?.broadcast_mul(&a)?;
                product(&w, &x.reshape((b, senders * n_values, h))?)
            }
            EdgeAxis::Receivers => {
                let sums = product(&w.t()?, &x.contiguous()?)?;
                sums.reshape((b, senders, n_values, h))?.broadcast_mul(&a)?.sum(2)
            }
        }
    })
}

/// `W x` for each of B pairs.
fn product(w: &Tensor, x: &Tensor) -> Result<Tensor> {
    if w.track_op() || w.elem_count() * x.elem_count() == 0 {
        return w.matmul(x);
    }
    w.apply_op2(x, OfData)
}

/// The product `W x` of candle, on any device, whose first factor gets no gradient.
struct OfData;

impl OfData {
    fn forward<S: BackendStorage>(w: (&S, &Layout), x: (&S, &Layout)) -> Result<(S, Shape)> {
        let (b, m, k) = w.1.shape().dims3()?;
        let n = x.1.shape().dims3()?.2;
        Ok((w.0.matmul(x.0, (b, m, n, k), w.1, x.1)?, Shape::from((b, m, n))))
    }
}

impl CustomOp2 for OfData {
    fn name(&self) -> &'static str {
        "product of data"
    }

    fn cpu_fwd(
        &self,
        w: &CpuStorage,
        of_w: &Layout,
        x: &CpuStorage,
        of_x: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        Self::forward((w, of_w), (x, of_x))
    }

    fn cuda_fwd(
        &self,
        w: &CudaStorage,
        of_w: &Layout,
        x: &CudaStorage,
        of_x: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        Self::forward((w, of_w), (x, of_x))
    }

    fn metal_fwd(
        &self,
        w: &MetalStorage,
        of_w: &Layout,
        x: &MetalStorage,
        of_x: &Layout,
    ) -> Result<(MetalStorage, Shape)> {
        Self::forward((w, of_w), (x, of_x))
    }

    fn bwd(
        &self,
        w: &Tensor,
        _: &Tensor,
        _: &Tensor,
        d: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((None, Some(w.t()?.matmul(&d.contiguous()?)?)))
    }
}
