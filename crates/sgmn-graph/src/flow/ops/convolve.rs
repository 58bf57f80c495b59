//! Convolution over any number of spatial axes, grouped and transposed too.

use serde::{Deserialize, Serialize};
use super::{Array, Operation, arrays, operands};
use crate::flow::{convolution::Convolution, grids::Grids};

/// A convolution without bias. From: x `[N, C, spatial…]`, weight `[O, C/groups, kernel…]`, or
/// `[C, O/groups, kernel…]` if transposed. Result: `[N, O, spatial…]`. Each list has a number for each spatial axis.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolve {
    /// Steps of the kernel.
    pub stride: Vec<usize>,
    /// Zeros before and after. If transposed: rows of the result left out before and after.
    pub padding: Vec<(usize, usize)>,
    /// Steps inside of the kernel.
    pub dilation: Vec<usize>,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Present if transposed: zero rows added after the result, the output padding.
    pub transposed: Option<Vec<usize>>,
}

impl Operation for Convolve {
    fn name(&self) -> &'static str {
        if self.transposed.is_some() { "transposed convolution" } else { "convolution" }
    }

    fn shape(&self, from: &[&[usize]]) -> Result<Vec<usize>, String> {
        let [x, weight] = operands(from)?;
        let n = self.stride.len();
        let lists = [self.padding.len(), self.dilation.len(), self.transposed.as_ref().map_or(n, Vec::len)];
        if n == 0 || lists.iter().any(|len| *len != n) || x.len() != n + 2 || weight.len() != n + 2 {
            return Err(format!("expected {n} spatial axes everywhere, found {x:?} and {weight:?}"));
        }
        if self.groups == 0 || self.stride.contains(&0) || self.dilation.contains(&0) || weight.contains(&0) {
            return Err(format!("expected sizes, strides and groups above 0, found {self:?} on {weight:?}"));
        }
        let (reads, writes) = if self.transposed.is_some() {
            (weight[0], weight[1].checked_mul(self.groups))
        } else {
            (weight[1].saturating_mul(self.groups), Some(weight[0]))
        };
        let writes = writes.ok_or_else(|| format!("expected fewer channels, found {weight:?}"))?;
        if x[1] != reads || writes % self.groups != 0 || reads % self.groups != 0 {
            return Err(format!("expected {reads} channels in {} groups, found {x:?}", self.groups));
        }
        let mut shape = vec![x[0], writes];
        for axis in 0..n {
            let (size, kernel, (before, after)) = (x[axis + 2], weight[axis + 2], self.padding[axis]);
            let reach = (kernel - 1).checked_mul(self.dilation[axis]).and_then(|reach| reach.checked_add(1));
            let out = match (&self.transposed, reach) {
                (Some(more), Some(reach)) => size
                    .checked_sub(1)
                    .and_then(|steps| steps.checked_mul(self.stride[axis]))
                    .and_then(|far| far.checked_add(reach)?.checked_add(more[axis])?.checked_sub(before)?.checked_sub(after)),
                (None, Some(reach)) => size
                    .checked_add(before)
                    .and_then(|size| size.checked_add(after)?.checked_sub(reach))
                    .map(|room| room / self.stride[axis] + 1),
                _ => None,
            };
            match out.filter(|out| *out > 0) {
                Some(out) => shape.push(out),
                None => return Err(format!("expected an input that the kernel fits into, found {x:?} for {weight:?}")),
            }
        }
        Ok(shape)
    }

    fn run(&self, from: &[&Array]) -> Result<Array, String> {
        let [x, weight] = arrays(from);
        let mut out = Array::full(self.shape(&[x.shape(), weight.shape()])?, 0.0);
        let transposed = self.transposed.is_some();
        let (small, large) = if transposed { (x, &out) } else { (&out, x) };
        let grids = Grids {
            small: small.shape()[2..].to_vec(),
            large: large.shape()[2..].to_vec(),
            kernel: weight.shape()[2..].to_vec(),
            stride: self.stride.clone(),
            dilation: self.dilation.clone(),
            before: self.padding.iter().map(|(before, _)| *before).collect(),
        };
        let [n_in, n_out] = [x, &out].map(|array| array.shape()[1] / self.groups);
        let (x, weight, groups) = (x.data(), weight.data(), self.groups);
        Convolution { x, weight, grids, groups, n_in, n_out, transposed }.run(out.data_mut());
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(shape: &[usize], data: &[f64]) -> Array {
        Array::new(shape.to_vec(), data.to_vec()).unwrap()
    }

    /// A convolution with the same numbers along each of n axes.
    fn plain(n: usize) -> Convolve {
        Convolve { stride: vec![1; n], padding: vec![(0, 0); n], dilation: vec![1; n], groups: 1, transposed: None }
    }

    #[test]
    fn a_kernel_slides_over_an_image_with_padding_and_stride() {
        let x = array(&[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let ones = Array::full(vec![1, 1, 3, 3], 1.0);
        let op = Convolve { stride: vec![2, 2], padding: vec![(1, 1); 2], ..plain(2) };
        assert_eq!(op.run(&[&x, &ones]).unwrap(), array(&[1, 1, 2, 2], &[12.0, 16.0, 24.0, 28.0]));
        let differences = array(&[1, 1, 1, 2], &[-1.0, 1.0]);
        assert_eq!(plain(2).run(&[&x, &differences]).unwrap(), Array::full(vec![1, 1, 3, 2], 1.0));
        let op = Convolve { padding: vec![(0, 0), (1, 0)], ..plain(2) };
        assert_eq!(op.run(&[&x, &differences]).unwrap().data(), [1.0, 1.0, 1.0, 4.0, 1.0, 1.0, 7.0, 1.0, 1.0]);
    }

    #[test]
    fn channels_are_summed_and_groups_do_not_meet() {
        let x = array(&[1, 2, 2], &[1.0, 2.0, 10.0, 20.0]);
        let sums = array(&[1, 2, 1], &[1.0, 2.0]);
        assert_eq!(plain(1).run(&[&x, &sums]).unwrap(), array(&[1, 1, 2], &[21.0, 42.0]));
        let op = Convolve { groups: 2, ..plain(1) };
        let each = array(&[4, 1, 1], &[1.0, 2.0, 3.0, 4.0]);
        assert_eq!(op.run(&[&x, &each]).unwrap().data(), [1.0, 2.0, 2.0, 4.0, 30.0, 60.0, 40.0, 80.0]);
        assert!(op.shape(&[&[1, 2, 2], &[3, 1, 1]]).is_err(), "three channels are not two groups");
    }

    #[test]
    fn a_dilated_kernel_leaves_places_out() {
        let x = array(&[1, 1, 5], &[1.0, 2.0, 4.0, 8.0, 16.0]);
        let op = Convolve { dilation: vec![2], ..plain(1) };
        assert_eq!(op.run(&[&x, &array(&[1, 1, 2], &[1.0, 1.0])]).unwrap().data(), [5.0, 10.0, 20.0]);
    }

    #[test]
    fn a_transposed_convolution_spreads_its_kernel() {
        let x = array(&[1, 1, 2], &[1.0, 10.0]);
        let kernel = array(&[1, 1, 3], &[1.0, 2.0, 3.0]);
        let op = Convolve { stride: vec![2], transposed: Some(vec![0]), ..plain(1) };
        assert_eq!(op.run(&[&x, &kernel]).unwrap().data(), [1.0, 2.0, 13.0, 20.0, 30.0]);
        let op = Convolve { padding: vec![(1, 1)], transposed: Some(vec![1]), ..op };
        assert_eq!(op.run(&[&x, &kernel]).unwrap().data(), [2.0, 13.0, 20.0, 30.0]);
        // Two channels in, one out for each of two groups.
        let op = Convolve { groups: 2, transposed: Some(vec![0]), ..plain(1) };
        let kernel = array(&[2, 1, 1], &[3.0, 5.0]);
        assert_eq!(op.run(&[&array(&[1, 2, 1], &[1.0, 2.0]), &kernel]).unwrap().data(), [3.0, 10.0]);
    }

    #[test]
    fn volumes_have_three_axes() {
        let x = array(&[1, 1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
        let op = Convolve { padding: vec![(0, 0), (0, 1), (0, 0)], ..plain(3) };
        let out = op.run(&[&x, &Array::full(vec![1, 1, 2, 2, 2], 1.0)]).unwrap();
        assert_eq!(out, array(&[1, 1, 1, 2, 1], &[36.0, 22.0]));
    }
}
