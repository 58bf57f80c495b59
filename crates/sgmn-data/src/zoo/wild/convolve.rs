//! A linear map or a convolution as one operation of candle's, with its gradients.
//!
//! Values are matrices with a row for every place of every image and a column for every channel. The places under a
//! kernel are gathered into one longer row; the rest is a product. What is gathered never becomes a tensor: it is the
//! largest value of all, and candle would add up gradients of it.

use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor};

use super::{product::Narrow, steps::Window};
use crate::fit::simd::Level;

/// `x w`, of `x [images · places, in]` and `w [groups, kernel places · in / groups, out / groups]`.
#[derive(Debug, Clone)]
pub(super) struct Convolve {
    level: Level,
    groups: usize,
    /// Places of an image of x.
    n_places: usize,
    /// For each place of a result and each of the kernel, the place that is read; the one behind the last is zero.
    reads: Vec<usize>,
    /// Places of the kernel.
    n_taps: usize,
}

impl Convolve {
    /// The product of two matrices, the second as `[1, rows, columns]`.
    pub(super) fn product() -> Self {
        Self { level: Level::detect(), groups: 1, n_places: 1, reads: vec![0], n_taps: 1 }
    }

    /// A convolution.
    pub(super) fn new(window: Window) -> Self {
        let Window { side, kernel, stride, groups } = window;
        // Where a place of the image is behind an edge, it wraps to a number beyond the side.
        let read = |out: usize, tap: usize| (out * stride + tap).wrapping_sub(kernel / 2);
        let (side_out, n_taps) = (window.side_out(), kernel * kernel);
        let mut reads = Vec::with_capacity(side_out * side_out * n_taps);
        for place in 0..side_out * side_out {
            for tap in 0..n_taps {
                let row = read(place / side_out, tap / kernel);
                let column = read(place % side_out, tap % kernel);
                let is_inside = row < side && column < side;
                reads.push(if is_inside { row * side + column } else { side * side });
            }
        }
        Self { level: Level::detect(), groups, n_places: side * side, reads, n_taps }
    }

    /// Applies it.
    ///
    /// # Errors
    /// None for tensors of these shapes.
    pub(super) fn apply(&self, x: &Tensor, w: &Tensor) -> Result<Tensor> {
        x.contiguous()?.apply_op2(&w.contiguous()?, self.clone())
    }

    /// What is read of group `g`: `[images · results, kernel places · n]`, of x with `n · groups` columns.
    fn gather(&self, x: &[f32], g: usize, n: usize) -> Vec<f32> {
        let n_in = n * self.groups;
        if self.reads.len() == 1 && self.groups == 1 {
            return x.to_vec();
        }
        let n_images = x.len() / (self.n_places * n_in);
        let mut to = vec![0.0; n_images * self.reads.len() * n];
        for (x, to) in x.chunks_exact(self.n_places * n_in).zip(to.chunks_exact_mut(self.reads.len() * n)) {
            for (read, to) in self.reads.iter().zip(to.chunks_exact_mut(n)) {
                if let Some(from) = x.get(read * n_in + g * n..).and_then(|from| from.get(..n)) {
                    to.copy_from_slice(from);
                }
            }
        }
        to
    }

    /// Adds to x what [`Convolve::gather`] would have read there.
    fn scatter(&self, gathered: &Narrow, x: &mut [f32], g: usize, n: usize) {
        let (n_in, n_results) = (n * self.groups, self.reads.len() / self.n_taps);
        let mut row = vec![0.0; self.n_taps * n];
        for (image, x) in x.chunks_exact_mut(self.n_places * n_in).enumerate() {
            for (result, reads) in self.reads.chunks_exact(self.n_taps).enumerate() {
                row.iter_mut()
                    .zip(gathered.row(image * n_results + result))
                    .for_each(|(to, from)| *to = from);
                for (read, from) in reads.iter().zip(row.chunks_exact(n)) {
                    if let Some(to) = x.get_mut(read * n_in + g * n..).and_then(|to| to.get_mut(..n)) {
                        to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
                    }
                }
            }
        }
    }
}

impl CustomOp2 for Convolve {
    fn name(&self) -> &'static str {
        "convolve"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        of_x: &Layout,
        w: &CpuStorage,
        of_w: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, w) = (numbers(x, of_x)?, numbers(w, of_w)?);
        let (groups, depth, n_out) = of_w.shape().dims3()?;
        let n = depth / self.n_taps;
        let n_results = x.len() / (n * groups * self.n_places) * (self.reads.len() / self.n_taps);
        let mut y = vec![0.0; n_results * groups * n_out];
        for g in 0..groups {
            let w = &w[g * depth * n_out..];
            let w = Narrow::new(depth, n_out, |k, column| w[k * n_out + column]);
            let of_group = w.times(self.level, &self.gather(x, g, n), depth);
            for (row, y) in y.chunks_exact_mut(groups * n_out).enumerate() {
                y[g * n_out..].iter_mut().zip(of_group.row(row)).for_each(|(to, from)| *to = from);
            }
        }
        Ok((CpuStorage::F32(y), (n_results, groups * n_out).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _y: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (groups, depth, n_out) = w.dims3()?;
        let n = depth / self.n_taps;
        let all = |tensor: &Tensor| tensor.flatten_all()?.to_vec1::<f32>();
        let (of_x, of_w, gradient) = (all(x)?, all(w)?, all(gradient)?);
        let n_results = gradient.len() / (groups * n_out);
        let (mut to_x, mut to_w) = (vec![0.0; of_x.len()], Vec::with_capacity(of_w.len()));
        // Images and ones do not learn.
        let x_learns = x.track_op();
        for g in 0..groups {
            let of_group = |row: usize| &gradient[(row * groups + g) * n_out..][..n_out];
            let narrow = Narrow::new(n_results, n_out, |row, column| of_group(row)[column]);
            let by_weight = narrow.turned_times(self.level, &self.gather(&of_x, g, n), depth);
            to_w.extend((0..depth).flat_map(|k| by_weight.row(k)));
            if x_learns {
                let w = &of_w[g * depth * n_out..];
                let turned = Narrow::new(n_out, depth, |column, k| w[k * n_out + column]);
                let of_group: Vec<f32> = (0..n_results).flat_map(of_group).copied().collect();
                self.scatter(&turned.times(self.level, &of_group, n_out), &mut to_x, g, n);
            }
        }
        let to_x = x_learns.then(|| Tensor::from_vec(to_x, x.shape(), &Device::Cpu)).transpose()?;
        Ok((to_x, Some(Tensor::from_vec(to_w, w.shape(), &Device::Cpu)?)))
    }
}

/// The numbers of a tensor without gaps.
fn numbers<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let (start, end) =
        layout.contiguous_offsets().ok_or(candle_core::Error::RequiresContiguous { op: "convolve" })?;
    Ok(&storage.as_slice::<f32>()?[start..end])
}
