//! Sines of every number at several frequencies, on all threads.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::{
    element::{Element, values},
    kernels::pointwise,
};
use crate::ops::reference;

/// Numbers that one thread takes at a time.
const BLOCK: usize = 1 << 12;

/// Frequencies, at least one.
pub(in crate::ops) struct Sines {
    pub(in crate::ops) frequencies: Vec<f64>,
}

impl Sines {
    fn forward_in<T: Element>(&self, storage: &CpuStorage, layout: &Layout) -> Result<CpuStorage> {
        let x = values::<T>(storage, layout)?;
        let n = self.frequencies.len();
        let frequencies: Vec<T> = self.frequencies.iter().map(|f| T::from_f64(*f)).collect();
        let mut out = vec![T::zero(); x.len() * n];
        out.par_chunks_mut(BLOCK * n).zip(x.par_chunks(BLOCK)).for_each(|(out, x)| {
            for (out, x) in out.chunks_exact_mut(n).zip(x) {
                out.iter_mut().zip(&frequencies).for_each(|(out, f)| *out = *f * *x);
            }
            pointwise::sines(out);
        });
        Ok(T::to_cpu_storage_owned(out))
    }
}

impl CustomOp1 for Sines {
    fn name(&self) -> &'static str {
        "sines"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let out = match storage {
            CpuStorage::F32(_) => self.forward_in::<f32>(storage, layout)?,
            CpuStorage::F64(_) => self.forward_in::<f64>(storage, layout)?,
            _ => bail!("sines: expected f32 or f64"),
        };
        let mut dims = layout.dims().to_vec();
        if let Some(width) = dims.last_mut() {
            *width *= self.frequencies.len();
        }
        Ok((out, Shape::from(dims)))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, d: &Tensor) -> Result<Option<Tensor>> {
        reference::sines_backward(x, &self.frequencies, d).map(Some)
    }
}
