//! Elements act on nets: each parameter is computed when it is asked for, so the changed net need not exist as a whole.

use std::borrow::Cow;

use sgmn_graph::flow::Numbers;

use super::{
    derive::Chart,
    element::{FlowElement, ParamElement, PartElement},
};

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
        let element = &self.element.params[param];
        if element.is_identity() {
            return self.net.numbers(param);
        }
        Cow::Owned(match Rows::of(element) {
            Some(rows) => {
                let mut numbers = self.net.numbers(param).into_owned();
                rows.act(&mut numbers);
                numbers
            }
            None => element.act(&self.net.numbers(param)),
        })
    }

    fn rows(&self, param: usize, places: &[usize], len: usize) -> Vec<f64> {
        match Rows::of(&self.element.params[param]).filter(|rows| rows.len == len) {
            Some(rows) => {
                let from: Vec<usize> = places.iter().map(|place| rows.from[*place] as usize).collect();
                let old = self.net.rows(param, &from, len);
                let mut new = vec![0.0; old.len()];
                if len > 0 {
                    let rows_of = new.chunks_mut(len).zip(old.chunks(len));
                    rows_of.zip(places).for_each(|((new, old), place)| rows.row(*place, old, new));
                }
                new
            }
            None => {
                let numbers = self.numbers(param);
                places.iter().flat_map(|place| &numbers[place * len..(place + 1) * len]).copied().collect()
            }
        }
    }
}

impl ParamElement {
    /// `new[i] = scalar · Π scales · old[from(i)]`, or the same of what the chart makes of a number.
    pub(super) fn act(&self, old: &[f64]) -> Vec<f64> {
        let layout = Layout::of(self);
        let mut new = Vec::with_capacity(old.len());
        layout.walk(self.scalar, |base, scale, row| {
            let values =
                row.iter().map(|(offset, factor)| self.chart.times(old[base + offset], scale * factor));
            new.extend(values);
        });
        new
    }
}

/// An element of a parameter whose places along the first axis move as a whole: row by row it needs no second copy.
struct Rows {
    /// For each row where it comes from, and its scalar.
    from: Vec<u32>,
    scales: Vec<f64>,
    /// What is done within each row, and the numbers of one.
    rest: Layout,
    len: usize,
    chart: Chart,
}

impl Rows {
    fn of(element: &ParamElement) -> Option<Self> {
        let (n, shape) = element.shape.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let (first, rest): (Vec<_>, Vec<_>) = element.parts.iter().partition(|part| part.axes.contains(&0));
        let (from, scales) = match first[..] {
            [] => ((0..*n as u32).collect(), vec![element.scalar; *n]),
            [part] if part.axes == [0] => {
                (part.from.clone(), part.scales.iter().map(|scale| element.scalar * scale).collect())
            }
            _ => return None,
        };
        let inside = |part: &PartElement| PartElement {
            axes: part.axes.iter().map(|axis| axis - 1).collect(),
            ..part.clone()
        };
        let parts = rest.into_iter().map(inside).collect();
        let rest =
            Layout::of(&ParamElement { shape: shape.to_vec(), chart: Chart::PLAIN, scalar: 1.0, parts });
        Some(Self { from, scales, rest, len: shape.iter().product(), chart: element.chart })
    }

    /// Row `place` of the result, from the row that it comes from.
    fn row(&self, place: usize, old: &[f64], new: &mut [f64]) {
        let mut rest = new.iter_mut();
        self.rest.walk(self.scales[place], |base, scale, row| {
            for ((offset, factor), new) in row.iter().zip(rest.by_ref()) {
                *new = self.chart.times(old[base + offset], scale * factor);
            }
        });
    }

    /// All rows, cycle by cycle of their order.
    fn act(&self, numbers: &mut [f64]) {
        let len = self.len;
        let mut done = vec![len == 0; self.from.len()];
        let (mut first, mut new) = (vec![0.0; len], vec![0.0; len]);
        for start in 0..self.from.len() {
            if done[start] {
                continue;
            }
            first.copy_from_slice(&numbers[start * len..][..len]);
            let mut place = start;
            while !std::mem::replace(&mut done[place], true) {
                let from = self.from[place] as usize;
                let old = if from == start { &first[..] } else { &numbers[from * len..][..len] };
                self.row(place, old, &mut new);
                numbers[place * len..][..len].copy_from_slice(&new);
                place = from;
            }
        }
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
        Self { sizes, parts }
    }

    /// Calls `row` for each index of all axes but the last: where numbers come from, their scalar, and a table for the
    /// last axis. Scalars begin with `scalar`.
    fn walk(&self, scalar: f64, mut row: impl FnMut(usize, f64, &[(usize, f64)])) {
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
            let (mut base, mut scale) = (0, scalar);
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

#[cfg(test)]
mod tests {
    use super::*;

    struct One(Vec<f64>);

    impl Numbers for One {
        fn numbers(&self, _: usize) -> Cow<'_, [f64]> {
            Cow::Borrowed(&self.0)
        }
    }

    #[test]
    fn rows_that_move_in_place_are_those_of_a_second_copy() {
        // A cycle of three rows, one that stays, and columns in another order; powers of two, so that nothing is rounded.
        let rows = PartElement { axes: vec![0], from: vec![2, 0, 1, 3], scales: vec![2.0, 1.0, 0.5, -1.0] };
        let columns = PartElement { axes: vec![2], from: vec![1, 2, 0], scales: vec![1.0, -4.0, 1.0] };
        let param = ParamElement {
            shape: vec![4, 2, 3],
            chart: Chart::Plus(1.0),
            scalar: 0.25,
            parts: vec![columns, rows],
        };
        let old: Vec<f64> = (0..24).map(f64::from).collect();
        let expected = param.act(&old);
        let element = FlowElement { params: vec![param] };
        let net = One(old);
        let acted = element.act(&net);
        assert_eq!(acted.numbers(0), expected);
        let some: Vec<f64> = [3, 0, 0].iter().flat_map(|row| &expected[row * 6..][..6]).copied().collect();
        assert_eq!(acted.rows(0, &[3, 0, 0], 6), some);
    }
}
