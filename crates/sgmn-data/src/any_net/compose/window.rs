//! Pooling over windows, pooling to a given size, and padding that repeats what is there.

use sgmn_graph::flow::{FlowResult, Pad, Pool, Pooling, Reduction, ValueId};

use super::Draft;

/// Windows over the last axes, a number for each.
#[derive(Debug, Clone)]
pub(crate) struct Windows {
    /// Sizes.
    pub(crate) size: Vec<usize>,
    /// Steps.
    pub(crate) stride: Vec<usize>,
    /// Places before and after.
    pub(crate) padding: Vec<usize>,
    /// Steps inside.
    pub(crate) dilation: Vec<usize>,
    /// Whether a window that ends outside counts.
    pub(crate) ceil: bool,
}

/// What stands outside of a value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bounds {
    /// A number.
    Constant(f64),
    /// The value mirrored at its last place, which stands once.
    Reflect,
    /// The last place again and again.
    Edge,
    /// The other end.
    Circular,
}

impl Draft<'_> {
    /// The maximum or mean over windows.
    pub(crate) fn pool(&mut self, by: Pooling, x: ValueId, windows: &Windows) -> FlowResult<ValueId> {
        let Windows { size, stride, padding, dilation, ceil } = windows.clone();
        let padding = padding.iter().map(|amount| (*amount, *amount)).collect();
        self.step(Pool { by, window: size, stride, padding, dilation, ceil }, &[x])
    }

    /// The maximum or mean over windows that divide the last axes into `sizes` parts; place i of n sees the places from
    /// `⌊i s / n⌋` to `⌈(i + 1) s / n⌉`.
    pub(crate) fn adaptive_pool(&mut self, mean: bool, x: ValueId, sizes: &[usize]) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        let Some(first) = shape.len().checked_sub(sizes.len()) else {
            return self.fault(format!("a value of {} axes or more", sizes.len()), format!("{shape:?}"));
        };
        if sizes.contains(&0) || shape[first..].contains(&0) {
            return self.fault("sizes above 0", format!("{shape:?} to {sizes:?}"));
        }
        if sizes.iter().all(|size| *size == 1) {
            let by = if mean { Reduction::Mean } else { Reduction::Maximum };
            return self.reduce(by, x, (first..shape.len()).collect(), true);
        }
        if sizes == &shape[first..] {
            return Ok(x);
        }
        if sizes.iter().zip(&shape[first..]).all(|(size, found)| found.is_multiple_of(*size)) {
            let size: Vec<usize> =
                sizes.iter().zip(&shape[first..]).map(|(size, found)| found / size).collect();
            let n = size.len();
            let by = if mean { Pooling::Mean { counts_padding: false } } else { Pooling::Maximum };
            let windows = Windows {
                stride: size.clone(),
                size,
                padding: vec![0; n],
                dilation: vec![1; n],
                ceil: false,
            };
            return self.pool(by, x, &windows);
        }
        if !mean {
            return self
                .fault("sizes that divide the value's for a maximum", format!("{shape:?} to {sizes:?}"));
        }
        let mut out = x;
        for (at, size) in sizes.iter().enumerate() {
            let axis = first + at;
            let found = shape[axis];
            let mut weights = vec![0.0; size * found];
            for place in 0..*size {
                let (start, end) = (place * found / size, ((place + 1) * found).div_ceil(*size));
                weights[place * found + start..place * found + end].fill(1.0 / (end - start) as f64);
            }
            out = self.mix_axis(out, axis, *size, weights)?;
        }
        Ok(out)
    }

    /// `out[.., i, ..] = Σ_j weights[i, j] · x[.., j, ..]` along an axis; weights `[n, size]`, row-major.
    pub(crate) fn mix_axis(
        &mut self,
        x: ValueId,
        axis: usize,
        n: usize,
        weights: Vec<f64>,
    ) -> FlowResult<ValueId> {
        let (size, rank) = (self.shape(x)[axis], self.rank(x));
        let weights = self.array(vec![n, size], weights)?;
        let mixed = self.contract(x, weights, vec![], vec![(axis, 1)])?;
        self.move_axis(mixed, rank - 1, axis)
    }

    /// `[.., C r r, H, W]` to `[.., C, H r, W r]`.
    pub(crate) fn pixel_shuffle(&mut self, x: ValueId, r: usize) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        let fits = |n: &usize| r > 0 && r.checked_mul(r).is_some_and(|rr| shape[*n].is_multiple_of(rr));
        let Some(n) = shape.len().checked_sub(3).filter(fits) else {
            return self.fault(format!("channels in groups of {r} by {r}"), format!("{shape:?}"));
        };
        let (c, h, w) = (shape[n] / (r * r), shape[n + 1], shape[n + 2]);
        let x = self.reshape(x, [&shape[..n], &[c, r, r, h, w]].concat())?;
        let order = (0..=n).chain([n + 3, n + 1, n + 4, n + 2]).collect();
        let x = self.permute(x, order)?;
        self.reshape(x, [&shape[..n], &[c, h * r, w * r]].concat())
    }

    /// Places before and after along each axis; negative amounts cut off.
    pub(crate) fn pad(&mut self, x: ValueId, amounts: &[(i64, i64)], bounds: Bounds) -> FlowResult<ValueId> {
        let mut out = x;
        for (axis, (before, after)) in amounts.iter().enumerate() {
            let size = self.shape(out)[axis];
            let cut = |amount: i64| usize::try_from(amount.min(0).unsigned_abs()).unwrap_or(usize::MAX);
            let (start, end) = (cut(*before), cut(*after));
            match size.checked_sub(start).and_then(|size| size.checked_sub(end)) {
                Some(len) => out = self.slice(out, axis, start, len)?,
                None => {
                    return self.fault(format!("to cut off at most {size}"), format!("{before} and {after}"));
                }
            }
        }
        let grow = |amount: i64| usize::try_from(amount.max(0)).unwrap_or(usize::MAX);
        let amounts: Vec<(usize, usize)> = amounts.iter().map(|(a, b)| (grow(*a), grow(*b))).collect();
        if let Bounds::Constant(value) = bounds {
            return self.step(Pad { amounts, value }, &[out]);
        }
        for (axis, (before, after)) in amounts.into_iter().enumerate() {
            let size = self.shape(out)[axis];
            let most = match bounds {
                Bounds::Reflect => size.saturating_sub(1),
                Bounds::Circular => size,
                Bounds::Edge | Bounds::Constant(_) => 1 << 24,
            };
            if before > most || after > most || (size == 0 && before + after > 0) {
                return self.fault(format!("padding of at most {most}"), format!("{before} and {after}"));
            }
            let place = |at: usize| {
                let inside = at.checked_sub(before).filter(|at| *at < size);
                match (inside, bounds) {
                    (Some(inside), _) => inside,
                    (None, Bounds::Reflect) if at < before => before - at,
                    (None, Bounds::Reflect) => 2 * (size - 1) - (at - before),
                    (None, Bounds::Circular) if at < before => size - before + at,
                    (None, Bounds::Circular) => at - before - size,
                    (None, _) if at < before => 0,
                    (None, _) => size - 1,
                }
            };
            out = self.take(out, axis, (0..before + size + after).map(place).collect())?;
        }
        Ok(out)
    }
}
