//! Elements act on nets: each parameter is computed when it is asked for, so the changed net need not exist as a whole.

use std::borrow::Cow;

use sgmn_graph::flow::Numbers;

use super::element::{FlowElement, ParamElement};

/// A net that an element acts on.
#[derive(Clone, Copy)]
pub struct Acted<'a> {
    net: &'a dyn Numbers,
    element: &'a FlowElement,
}

impl FlowElement {
    /// The net after this element.
    pub fn act<'a>(&'a self, net: &'a dyn Numbers) -> Acted<'a> {
        Acted { net, element: self }
    }
}

impl Numbers for Acted<'_> {
    fn numbers(&self, param: usize) -> Cow<'_, [f64]> {
        Cow::Owned(self.element.params[param].act(&self.net.numbers(param)))
    }
}

impl ParamElement {
    /// `new[i] = scalar · Π scales · old[from(i)]`, or the same of what the chart makes of a number.
    pub(super) fn act(&self, old: &[f64]) -> Vec<f64> {
        let layout = Layout::of(self);
        let mut new = Vec::with_capacity(old.len());
        layout.walk(|base, scale, row| {
            let values =
                row.iter().map(|(offset, factor)| self.chart.times(old[base + offset], scale * factor));
            new.extend(values);
        });
        new
    }
}

/// For each index where its numbers come from, and their scalar.
type Table = Vec<(usize, f64)>;

/// The axes of a parameter, neighbouring places taken together, and for each where its numbers come from.
struct Layout {
    /// Sizes, the last one innermost.
    sizes: Vec<usize>,
    /// For each part: the axes that its index is made of, and for each index where its numbers come from and their scalar.
    parts: Vec<(Vec<usize>, Table)>,
    scalar: f64,
}

impl Layout {
    fn of(element: &ParamElement) -> Self {
        let shape = &element.shape;
        let mut strides = vec![1; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis] * shape[axis];
        }
        let in_part = |axis: usize| element.parts.iter().any(|part| part.axes.contains(&axis));
        // Axes of places that lie side by side are one.
        let mut sizes: Vec<usize> = Vec::new();
        let mut name = vec![0; shape.len()];
        let mut places: Vec<(usize, usize)> = Vec::new();
        let mut open = false;
        for axis in 0..shape.len() {
            if open && !in_part(axis) {
                let last = sizes.len() - 1;
                sizes[last] *= shape[axis];
                places.last_mut().expect("an open axis of places").1 = strides[axis];
            } else {
                sizes.push(shape[axis]);
                if !in_part(axis) {
                    places.push((sizes.len() - 1, strides[axis]));
                }
            }
            open = !in_part(axis);
            name[axis] = sizes.len() - 1;
        }
        let mut counted = vec![false; shape.len()];
        let mut parts = Vec::new();
        for part in &element.parts {
            let own: Vec<bool> =
                part.axes.iter().map(|axis| !std::mem::replace(&mut counted[*axis], true)).collect();
            let offset = |old: u32| {
                let mut rest = old as usize;
                let mut offset = 0;
                for (axis, own) in part.axes.iter().zip(&own).rev() {
                    let at = rest % shape[*axis];
                    rest /= shape[*axis];
                    offset += if *own { at * strides[*axis] } else { 0 };
                }
                offset
            };
            let table =
                part.from.iter().zip(&part.scales).map(|(old, scale)| (offset(*old), *scale)).collect();
            parts.push((part.axes.iter().map(|axis| name[*axis]).collect(), table));
        }
        for (axis, stride) in places {
            parts.push((vec![axis], (0..sizes[axis]).map(|at| (at * stride, 1.0)).collect()));
        }
        if sizes.is_empty() {
            sizes.push(1);
            parts.push((vec![0], vec![(0, 1.0)]));
        }
        Self { sizes, parts, scalar: element.scalar }
    }

    /// Calls `row` for each index of all axes but the last: where numbers come from, their scalar, and a table for the
    /// last axis.
    fn walk(&self, mut row: impl FnMut(usize, f64, &[(usize, f64)])) {
        let last = self.sizes.len() - 1;
        let (inner, outer): (Vec<_>, Vec<_>) = self.parts.iter().partition(|(axes, _)| axes.contains(&last));
        let n_outer: usize = self.sizes[..last].iter().product();
        if n_outer == 0 || self.sizes[last] == 0 {
            return;
        }
        let mut index = vec![0usize; last];
        let at = |axes: &[usize], index: &[usize]| {
            axes.iter().fold(0, |at, axis| at * self.sizes[*axis] + index.get(*axis).copied().unwrap_or(0))
        };
        let mut combined: Vec<(usize, f64)> = Vec::new();
        for _ in 0..n_outer {
            let (mut base, mut scale) = (0, self.scalar);
            for (axes, table) in &outer {
                let (offset, factor) = table[at(axes, &index)];
                base += offset;
                scale *= factor;
            }
            match &inner[..] {
                [(axes, table)] => {
                    let start = at(axes, &index);
                    row(base, scale, &table[start..start + self.sizes[last]]);
                }
                several => {
                    combined.clear();
                    combined.resize(self.sizes[last], (0, 1.0));
                    for (axes, table) in several {
                        let start = at(axes, &index);
                        for (sum, (offset, factor)) in combined.iter_mut().zip(&table[start..]) {
                            *sum = (sum.0 + offset, sum.1 * factor);
                        }
                    }
                    row(base, scale, &combined);
                }
            }
            for axis in (0..last).rev() {
                index[axis] += 1;
                if index[axis] < self.sizes[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
    }
}
