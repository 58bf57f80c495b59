//! Computes convolutions: by matrix products of what kernels meet, or number by number where that is less work.

use super::{
    grids::Grids,
    product::{Matrix, SMALL, multiply},
    threads::for_parts,
};

/// A convolution of images in groups of channels, with the sizes of one group.
pub(crate) struct Convolution<'a> {
    /// `[images, groups, n_in, places]`.
    pub(crate) x: &'a [f64],
    /// `[groups, n_out, n_in, taps]`, or `[groups, n_in, n_out, taps]` if transposed.
    pub(crate) weight: &'a [f64],
    pub(crate) grids: Grids,
    pub(crate) groups: usize,
    pub(crate) n_in: usize,
    pub(crate) n_out: usize,
    pub(crate) transposed: bool,
}

/// Numbers that what a kernel meets may take at a time: 4 MiB.
const MOST_MET: usize = 1 << 19;
/// Fewer rows of a product than this are not worth gathering what they are multiplied with.
const FEW_ROWS: usize = 3;

impl Convolution<'_> {
    /// Adds the result to out, `[images, groups, n_out, places]`, which holds zeros.
    pub(crate) fn run(&self, out: &mut [f64]) {
        let group_out = self.n_out * self.area(false);
        if out.is_empty() || self.x.is_empty() {
            return;
        }
        let n_small: usize = self.grids.small.iter().product();
        let n_products = self.weight.len() * n_small * (out.len() / (group_out * self.groups));
        let n_rows = if self.transposed { self.n_in } else { self.n_out };
        if n_products < SMALL || n_rows < FEW_ROWS {
            return self.number_by_number(out, n_products);
        }
        let group_in = self.n_in * self.area(true);
        for_parts(out, group_out, n_products, |i, out| {
            let x = &self.x[i * group_in..][..group_in];
            let group = i % self.groups * self.weight.len() / self.groups;
            let weight = &self.weight[group..][..self.weight.len() / self.groups];
            if self.transposed { self.spread(x, weight, out) } else { self.gather(x, weight, out) }
        });
    }

    /// Places of a channel read or written.
    fn area(&self, read: bool) -> usize {
        let grid = if read == self.transposed { &self.grids.small } else { &self.grids.large };
        grid.iter().product()
    }

    /// `weight · met`, block by block, where each column of `met` holds what one place of the result reads.
    fn gather(&self, x: &[f64], weight: &[f64], out: &mut [f64]) {
        let (taps, area, area_in) = (self.grids.n_taps(), self.area(false), self.area(true));
        let weight = Matrix::dense(weight, self.n_out, self.n_in * taps);
        if self.grids.are_one() {
            return multiply(weight, Matrix::dense(x, self.n_in, area), out, area);
        }
        let blocks = self.blocks(self.n_in * taps);
        let mut met = vec![0.0; blocks.iter().map(|block| block.len()).max().unwrap_or(0) * self.n_in * taps];
        for block in blocks {
            let meetings = self.grids.meetings(&block);
            let n = block.len();
            let met = &mut met[..n * self.n_in * taps];
            let work = met.len();
            for_parts(met, n * taps, work, |channel, met| {
                let x = &x[channel * area_in..][..area_in];
                for (met, meetings) in met.chunks_mut(n).zip(&meetings) {
                    self.grids.gather(meetings, x, met);
                }
            });
            multiply(weight, Matrix::dense(met, self.n_in * taps, n), &mut out[block.start..], area);
        }
    }

    /// `weightᵀ · x`, block by block, each number of which is then added to the place that it reaches.
    fn spread(&self, x: &[f64], weight: &[f64], out: &mut [f64]) {
        let (taps, area, area_in) = (self.grids.n_taps(), self.area(false), self.area(true));
        let weight = Matrix::dense(weight, self.n_in, self.n_out * taps).turned();
        if self.grids.are_one() {
            return multiply(weight, Matrix::dense(x, self.n_in, area), out, area);
        }
        let blocks = self.blocks(self.n_out * taps);
        let mut reach =
            vec![0.0; blocks.iter().map(|block| block.len()).max().unwrap_or(0) * self.n_out * taps];
        for block in blocks {
            let meetings = self.grids.meetings(&block);
            let n = block.len();
            let reach = &mut reach[..n * self.n_out * taps];
            let x = Matrix { data: &x[block.start..], rows: self.n_in, columns: n, down: area_in, right: 1 };
            multiply(weight, x, reach, n);
            for_parts(out, area, reach.len(), |channel, out| {
                let reach = reach[channel * n * taps..][..n * taps].chunks(n);
                reach
                    .zip(&meetings)
                    .for_each(|(reach, meetings)| self.grids.scatter(meetings, 1.0, reach, out));
            });
        }
    }

    fn blocks(&self, column: usize) -> Vec<super::grids::Block> {
        // Narrow blocks would make the products slow, however long the columns are.
        const NARROW: usize = 16;
        self.grids.blocks((MOST_MET / column).max(NARROW))
    }

    /// Channel by channel read, place by place of the kernel: each sum in this order.
    fn number_by_number(&self, out: &mut [f64], work: usize) {
        let meetings = self.grids.meetings(&self.grids.whole());
        let (taps, area, area_in) = (self.grids.n_taps(), self.area(false), self.area(true));
        for_parts(out, area, work, |i, out| {
            let (image_group, writes) = (i / self.n_out, i % self.n_out);
            for reads in 0..self.n_in {
                let x = &self.x[(image_group * self.n_in + reads) * area_in..][..area_in];
                let group = image_group % self.groups * self.n_in * self.n_out;
                let kernel =
                    if self.transposed { reads * self.n_out + writes } else { writes * self.n_in + reads };
                let kernel = &self.weight[(group + kernel) * taps..][..taps];
                for (w, meetings) in kernel.iter().zip(&meetings) {
                    if self.transposed {
                        self.grids.scatter(meetings, *w, x, out);
                    } else {
                        self.grids.add_met(meetings, *w, x, out);
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::Seed;

    /// A padded, strided convolution in two groups, large enough for products; numbers are small and whole.
    fn both_ways(n_in: usize, n_out: usize, transposed: bool, kernel: [usize; 2]) -> [Vec<f64>; 2] {
        let (small, large) = ([9, 14], [10, 27]);
        let mut rng = Seed::new(3).child("convolution").rng();
        let mut draw = |n: usize| (0..n).map(|_| f64::from(rng.random_range(-3i8..=3))).collect::<Vec<_>>();
        let (reads, writes) = if transposed { (small, large) } else { (large, small) };
        let x = draw(2 * 2 * n_in * reads[0] * reads[1]);
        let weight = draw(2 * n_in * n_out * kernel[0] * kernel[1]);
        let grids = Grids {
            small: small.to_vec(),
            large: large.to_vec(),
            kernel: kernel.to_vec(),
            stride: vec![1, 2],
            dilation: vec![1, 1],
            before: vec![1, 0],
        };
        let convolution = Convolution { x: &x, weight: &weight, grids, groups: 2, n_in, n_out, transposed };
        let mut out = [(); 2].map(|()| vec![0.0; 2 * 2 * n_out * writes[0] * writes[1]]);
        convolution.run(&mut out[0]);
        convolution.number_by_number(&mut out[1], 0);
        out
    }

    #[test]
    fn products_and_single_numbers_give_the_same() {
        for transposed in [false, true] {
            let [products, numbers] = both_ways(5, 4, transposed, [3, 2]);
            assert_eq!(products, numbers, "transposed: {transposed}");
            assert!(products.iter().any(|x| *x != 0.0));
            let [products, numbers] = both_ways(300, 4, transposed, [11, 17]);
            assert_eq!(products, numbers, "in several blocks, transposed: {transposed}");
        }
    }
}
