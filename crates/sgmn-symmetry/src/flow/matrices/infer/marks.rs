//! Names for what may not be mixed up: the vector that a coordinate belongs to, and the table it was multiplied by.
//!
//! Two coordinates are of one vector if they stand in one value at the same places. A mark is a name together with
//! where its places stand now; equal numbers mean equal names and places.

use std::{collections::BTreeMap, sync::Arc};

use sgmn_graph::flow::Array;

pub(super) type Mark = u32;

/// The table that is 1 everywhere.
pub(super) const ONE: Mark = 0;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    /// The table that is 1 everywhere.
    One,
    /// The units of one axis of a value.
    Value(usize, usize),
    /// Numbers that differ between places: sizes and bits.
    Table(Vec<usize>, Vec<u64>),
    /// Two tables multiplied.
    Product(Mark, Mark),
    /// What an operation that moves places made of it.
    Through(Mark, String),
    /// One place of many, where places became units.
    At(Mark, usize),
    /// Another vector of the same units.
    Copy(Mark, u32),
}

/// Names, each with the axis of the named thing that stands along each axis of the value, if one does.
#[derive(Debug)]
pub(super) struct Marks {
    known: BTreeMap<(Arc<Name>, Vec<Option<usize>>), Mark>,
    names: Vec<Arc<Name>>,
    axes: Vec<Vec<Option<usize>>>,
}

impl Default for Marks {
    fn default() -> Self {
        let mut marks = Self { known: BTreeMap::new(), names: Vec::new(), axes: Vec::new() };
        marks.add(Name::One.into(), Vec::new());
        marks
    }
}

impl Marks {
    fn add(&mut self, name: Arc<Name>, axes: Vec<Option<usize>>) -> Mark {
        let next = self.axes.len() as Mark;
        let mark = *self.known.entry((name.clone(), axes.clone())).or_insert(next);
        if mark == next {
            self.names.push(name);
            self.axes.push(axes);
        }
        mark
    }

    /// The vector along axis `unit` of a value; all other axes are its places.
    pub(super) fn value(&mut self, value: usize, unit: usize, shape: &[usize]) -> Mark {
        let place = |axis: usize| (shape[axis] > 1 && axis != unit).then_some(axis);
        self.add(Name::Value(value, unit).into(), (0..shape.len()).map(place).collect())
    }

    /// Numbers of a table at some units: an array over all axes, of size 1 along the units.
    pub(super) fn table(&mut self, numbers: &Array) -> Mark {
        let mut axes = Vec::new();
        let mut sizes = Vec::new();
        for size in numbers.shape() {
            axes.push((*size > 1).then_some(sizes.len()));
            sizes.extend((*size > 1).then_some(*size));
        }
        let bits = numbers.data().iter().map(|value| value.to_bits()).collect();
        self.add(Name::Table(sizes, bits).into(), axes)
    }

    /// Two tables multiplied.
    pub(super) fn product(&mut self, a: Mark, b: Mark) -> Mark {
        if a == ONE || b == ONE {
            return a.max(b);
        }
        let n = self.axes[a as usize].len().max(self.axes[b as usize].len());
        let stands =
            |mark: Mark, axis: usize| self.axes[mark as usize].get(axis).is_some_and(Option::is_some);
        let axes = (0..n).map(|axis| (stands(a, axis) || stands(b, axis)).then_some(axis)).collect();
        self.add(Name::Product(a.min(b), a.max(b)).into(), axes)
    }

    /// Whether it differs along an axis.
    pub(super) fn differs_along(&self, mark: Mark, axis: usize) -> bool {
        self.axes[mark as usize].get(axis).is_some_and(Option::is_some)
    }

    /// The same with axes elsewhere: axis i of the value was axis `from[i]`.
    pub(super) fn moved(&mut self, mark: Mark, from: &[Option<usize>]) -> Mark {
        if mark == ONE {
            return ONE;
        }
        let axes = &self.axes[mark as usize];
        let moved: Vec<_> =
            from.iter().map(|old| old.and_then(|old| axes.get(old).copied().flatten())).collect();
        if moved == *axes {
            return mark;
        }
        let name = self.names[mark as usize].clone();
        self.add(name, moved)
    }

    /// What an operation made of it that moves places; `axes` are the axes of the result along which it may differ.
    pub(super) fn through(&mut self, mark: Mark, operation: &str, axes: &[bool]) -> Mark {
        if mark == ONE {
            return ONE;
        }
        let axes = axes.iter().enumerate().map(|(axis, differs)| differs.then_some(axis)).collect();
        self.add(Name::Through(mark, operation.to_owned()).into(), axes)
    }

    /// One place of it, where the places along some axes became units.
    pub(super) fn at(&mut self, mark: Mark, along: &[usize], place: usize) -> Mark {
        if mark == ONE || along.iter().all(|axis| !self.differs_along(mark, *axis)) {
            return mark;
        }
        let axes = self.axes[mark as usize].iter().enumerate();
        let axes = axes.map(|(axis, stands)| stands.and((!along.contains(&axis)).then_some(axis))).collect();
        self.add(Name::At(mark, place).into(), axes)
    }

    /// The vector that stands on a line as the n-th of those that one node moves.
    pub(super) fn copy(&mut self, mark: Mark, n: u32) -> Mark {
        if n == 0 {
            return mark;
        }
        let axes = self.axes[mark as usize].clone();
        self.add(Name::Copy(mark, n).into(), axes)
    }
}
