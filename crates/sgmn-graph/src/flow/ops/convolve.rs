//! Convolution over any number of spatial axes, grouped and transposed too.

use super::{Array, Operation, operands};

/// A convolution without bias. From: x `[N, C, spatial…]`, weight `[O, C/groups, kernel…]`, or
/// `[C, O/groups, kernel…]` if transposed. Result: `[N, O, spatial…]`. Each list has a number for each spatial axis.
#[derive(Debug, Clone, PartialEq, Eq)]
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

    fn run(&self, _from: &[&Array]) -> Result<Array, String> {
        Err("not written yet".to_owned())
    }
}
