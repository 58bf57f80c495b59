//! What a matrix does to a value: along some axes, each number is a coordinate of a vector that a node's matrix moves.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    marks::{Mark, Marks, ONE},
    nodes::NodeId,
};

/// A coordinate of a vector, times a number and a table that is the same for every net.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) struct Term {
    pub(super) node: NodeId,
    pub(super) at: u32,
    /// By its number in [`Inference`](super::Inference).
    pub(super) twist: u32,
    pub(super) vector: Mark,
    pub(super) table: Mark,
    pub(super) scale: f64,
}

/// What stands at one place of the axes of a tag.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// A number that no matrix moves.
    Fixed,
    /// One coordinate.
    One(Term),
    /// A sum of coordinates, sorted; 0 if there are none.
    Sum(Arc<[Term]>),
}

/// One matrix or more at work on a value: forms for all places of `axes`, row-major.
///
/// The vectors run along `unit`; along the other axes stand vectors of different blocks or places.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tag {
    /// Ascending.
    pub(super) axes: Vec<usize>,
    /// One of them.
    pub(super) unit: usize,
    pub(super) forms: Arc<[Form]>,
}

/// The most forms of one tag; beyond this its nodes are fixed.
pub(super) const MOST_FORMS: usize = 1 << 22;

impl Form {
    /// No number at all: 0.
    pub(super) fn zero() -> Self {
        Self::Sum(Arc::default())
    }

    pub(super) fn terms(&self) -> &[Term] {
        match self {
            Self::Fixed => &[],
            Self::One(term) => std::slice::from_ref(term),
            Self::Sum(terms) => terms,
        }
    }

    /// The same with each term changed.
    pub(super) fn map(&self, mut change: impl FnMut(Term) -> Term) -> Self {
        match self {
            Self::Fixed => Self::Fixed,
            Self::One(term) => Self::One(change(*term)),
            Self::Sum(terms) => Self::Sum(terms.iter().map(|term| change(*term)).collect()),
        }
    }

    /// Whether it is more than a coordinate times a number.
    pub(super) fn is_mixed(&self) -> bool {
        match self {
            Self::Fixed => false,
            Self::One(term) => term.table != ONE,
            Self::Sum(terms) => !terms.is_empty(),
        }
    }
}

impl Tag {
    /// A tag from the form at each place of `axes`, which are counted by the sizes of `shape`.
    pub(super) fn build(
        axes: Vec<usize>,
        unit: usize,
        shape: &[usize],
        mut form: impl FnMut(&[usize]) -> Form,
    ) -> Option<Self> {
        let sizes: Vec<usize> = axes.iter().map(|axis| shape[*axis]).collect();
        let count =
            sizes.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).filter(|n| *n <= MOST_FORMS)?;
        let mut index = vec![0; sizes.len()];
        let mut forms = Vec::with_capacity(count);
        for _ in 0..count {
            forms.push(form(&index));
            advance(&mut index, &sizes);
        }
        Some(Self { axes, unit, forms: forms.into() })
    }

    /// The form at an index of all axes of the value; axes that have one form for all places may have any index.
    pub(super) fn form(&self, shape: &[usize], index: &[usize]) -> &Form {
        let at = self.axes.iter().fold(0, |at, axis| at * shape[*axis] + index[*axis]);
        &self.forms[at]
    }

    pub(super) fn is_mixed(&self) -> bool {
        self.forms.iter().any(Form::is_mixed)
    }

    /// The same value with its axes moved: new axis i was old axis `from[i]`. All of the tag's axes stay.
    pub(super) fn moved(
        &self,
        marks: &mut Marks,
        shape: &[usize],
        from: &[Option<usize>],
        new_shape: &[usize],
    ) -> Option<Self> {
        let to = |old: usize| from.iter().position(|f| *f == Some(old));
        let mut axes: Vec<usize> = self.axes.iter().map(|axis| to(*axis)).collect::<Option<_>>()?;
        let unit = to(self.unit)?;
        let in_order = axes.is_sorted();
        let mut moved = MarkMap::new(marks, |marks, mark| marks.moved(mark, from));
        if in_order {
            let forms = self.forms.iter().map(|form| moved.form(form)).collect();
            return Some(Self { axes, unit, forms });
        }
        axes.sort_unstable();
        let mut old = vec![0; shape.len()];
        Self::build(axes.clone(), unit, new_shape, |index| {
            for (axis, i) in axes.iter().zip(index) {
                if let Some(of) = from[*axis] {
                    old[of] = *i;
                }
            }
            moved.form(self.form(shape, &old))
        })
    }

    /// Whether forms differ along one of the tag's axes.
    pub(super) fn differs_along(&self, axis: usize, shape: &[usize]) -> bool {
        let Some(at) = self.axes.iter().position(|a| *a == axis) else { return false };
        let inner: usize = self.axes[at + 1..].iter().map(|a| shape[*a]).product();
        let whole = inner * shape[axis];
        whole > 0
            && self.forms.chunks_exact(whole).any(|chunk| {
                let (first, rest) = chunk.split_at(inner);
                rest.chunks_exact(inner).any(|other| other != first)
            })
    }

    /// Without axes along which nothing differs; the unit stays.
    pub(super) fn reduced(mut self, shape: &[usize]) -> Self {
        for axis in self.axes.clone() {
            if axis == self.unit || shape[axis] == 0 || self.differs_along(axis, shape) {
                continue;
            }
            let at = self.axes.iter().position(|a| *a == axis).expect("only other axes were taken out");
            let inner: usize = self.axes[at + 1..].iter().map(|a| shape[*a]).product();
            let whole = inner * shape[axis];
            if whole > 0 {
                self.forms =
                    self.forms.chunks_exact(whole).flat_map(|chunk| chunk[..inner].iter().cloned()).collect();
                self.axes.remove(at);
            }
        }
        self
    }
}

/// The next index, the last axis first.
pub(super) fn advance(index: &mut [usize], sizes: &[usize]) {
    for (i, size) in index.iter_mut().zip(sizes).rev() {
        *i += 1;
        if *i < *size {
            return;
        }
        *i = 0;
    }
}

/// A change of marks, each computed once.
pub(super) struct MarkMap<'a, F> {
    marks: &'a mut Marks,
    change: F,
    known: BTreeMap<Mark, Mark>,
}

impl<'a, F: FnMut(&mut Marks, Mark) -> Mark> MarkMap<'a, F> {
    pub(super) fn new(marks: &'a mut Marks, change: F) -> Self {
        Self { marks, change, known: BTreeMap::new() }
    }

    pub(super) fn form(&mut self, form: &Form) -> Form {
        form.map(|term| Term { vector: self.mark(term.vector), table: self.mark(term.table), ..term })
    }

    fn mark(&mut self, mark: Mark) -> Mark {
        if mark == ONE {
            return ONE;
        }
        if let Some(new) = self.known.get(&mark) {
            return *new;
        }
        let new = (self.change)(self.marks, mark);
        self.known.insert(mark, new);
        new
    }
}
