//! Where the numbers of a value come from, element by element: the normal form of reshaping, slicing, repeating and
//! joining.

use std::{ops::Range, sync::Arc};

/// Each element of `shape` is an element of something with `of` elements, or 0. An axis of size 1 stands for any size:
/// the value is constant along it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) shape: Vec<usize>,
    of: usize,
    index: Index,
}

/// Where the elements of a field come from. What can be said without a list is never listed: tables of words have millions
/// of elements, most of them alike in this.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Index {
    /// Each from the same element.
    Same,
    /// All of them are 0.
    Zero,
    /// For each element the element it comes from, or [`ZERO`].
    List(Arc<Vec<u32>>),
}

/// The element is 0.
pub(crate) const ZERO: u32 = u32::MAX;
/// Elements of a field at most; larger things are not followed.
const MOST: usize = 1 << 24;

impl Field {
    /// A thing of this shape itself.
    pub(crate) fn whole(shape: Vec<usize>) -> Self {
        let of = shape.iter().product();
        Self { shape, of, index: Index::Same }
    }

    /// How many elements.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Where element `at` comes from.
    pub(crate) fn at(&self, at: usize) -> u32 {
        match &self.index {
            Index::Same => at as u32,
            Index::Zero => ZERO,
            Index::List(list) => list[at],
        }
    }

    /// For each element where it comes from.
    pub(crate) fn indices(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|at| self.at(at))
    }

    /// Whether every element is 0.
    pub(crate) fn is_zero(&self) -> bool {
        match &self.index {
            Index::Same => self.of == 0,
            Index::Zero => true,
            Index::List(list) => list.iter().all(|at| *at == ZERO),
        }
    }

    /// Whether no element is used twice.
    pub(crate) fn is_injective(&self) -> bool {
        let Index::List(list) = &self.index else { return true };
        let mut seen = vec![false; self.of];
        list.iter().all(|at| *at == ZERO || !std::mem::replace(&mut seen[*at as usize], true))
    }

    /// Elements of `shape`, each from the element of this field that `from` names by its place.
    pub(crate) fn gather(
        &self,
        shape: Vec<usize>,
        mut from: impl FnMut(&[usize]) -> Option<usize>,
    ) -> Option<Self> {
        let len = followed(&shape)?;
        let mut place = vec![0; shape.len()];
        let mut index = Vec::with_capacity(len);
        for _ in 0..len {
            index.push(from(&place).map_or(ZERO, |at| self.at(at)));
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                if place[axis] < shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
        Some(Self::new(shape, self.of, index))
    }

    /// Elements that stand at the sums of offsets, one of each axis.
    fn walked(&self, axes: &[Vec<u32>]) -> Option<Self> {
        let shape: Vec<usize> = axes.iter().map(Vec::len).collect();
        followed(&shape)?;
        if self.index == Index::Zero {
            return Some(Self { shape, of: self.of, index: Index::Zero });
        }
        let mut places = vec![0u32];
        for offsets in axes {
            let mut finer = Vec::with_capacity(places.len() * offsets.len());
            places.iter().for_each(|place| finer.extend(offsets.iter().map(|by| place + by)));
            places = finer;
        }
        if let Index::List(list) = &self.index {
            places.iter_mut().for_each(|place| *place = list[*place as usize]);
        }
        Some(Self::new(shape, self.of, places))
    }

    /// For each axis the offsets of its places.
    fn offsets(&self) -> Vec<Vec<u32>> {
        let axes = self.shape.iter().zip(strides(&self.shape));
        axes.map(|(size, stride)| (0..*size).map(|place| (place * stride) as u32).collect()).collect()
    }

    /// A field from its list of elements.
    fn new(shape: Vec<usize>, of: usize, list: Vec<u32>) -> Self {
        let index = if list.len() == of && list.iter().enumerate().all(|(at, from)| *from == at as u32) {
            Index::Same
        } else if list.iter().all(|from| *from == ZERO) {
            Index::Zero
        } else {
            Index::List(list.into())
        };
        Self { shape, of, index }
    }

    /// The other way: for each element of the thing, of this shape, its element here, or 0 where there is none.
    pub(crate) fn inverted(&self, shape: &[usize]) -> Self {
        let of = self.len();
        let index = match &self.index {
            Index::List(list) => {
                let mut back = vec![ZERO; self.of];
                for (at, from) in list.iter().enumerate().filter(|(_, from)| **from != ZERO) {
                    back[*from as usize] = at as u32;
                }
                return Self::new(shape.to_vec(), of, back);
            }
            index => index.clone(),
        };
        Self { shape: shape.to_vec(), of, index }
    }

    /// The field seen through another one: element `i` is element `outer[i]` of this one.
    pub(crate) fn through(&self, outer: &Self) -> Self {
        debug_assert_eq!(outer.of, self.len());
        // Where one of both is the thing itself, the other one is the answer as it is: most are.
        let index = match (&self.index, &outer.index) {
            (Index::Zero, _) | (_, Index::Zero) => Index::Zero,
            (index, Index::Same) | (Index::Same, index) => index.clone(),
            (Index::List(list), Index::List(outer_list)) => {
                let from = |at: &u32| if *at == ZERO { ZERO } else { list[*at as usize] };
                return Self::new(outer.shape.clone(), self.of, outer_list.iter().map(from).collect());
            }
        };
        Self { shape: outer.shape.clone(), of: self.of, index }
    }

    /// The field without the elements that `drop` names by their place in the flat order.
    pub(crate) fn without(&self, drop: impl Fn(usize) -> bool) -> Self {
        let index = (0..self.len()).map(|at| if drop(at) { ZERO } else { self.at(at) }).collect();
        Self::new(self.shape.clone(), self.of, index)
    }

    /// The same elements under another shape of as many elements.
    fn renamed(&self, shape: Vec<usize>) -> Self {
        Self { shape, of: self.of, index: self.index.clone() }
    }

    /// Repeated along axes of size 1.
    pub(crate) fn expanded(&self, shape: &[usize]) -> Option<Self> {
        if shape == self.shape {
            return Some(self.clone());
        }
        let mut offsets = self.offsets();
        for (offsets, size) in offsets.iter_mut().zip(shape).filter(|(offsets, _)| offsets.len() == 1) {
            offsets.resize(*size, 0);
        }
        self.walked(&offsets)
    }

    /// With the axes in another order.
    pub(crate) fn permuted(&self, order: &[usize]) -> Option<Self> {
        let shape: Vec<usize> = order.iter().map(|axis| self.shape[*axis]).collect();
        if order.iter().filter(|axis| self.shape[**axis] != 1).is_sorted() {
            return Some(self.renamed(shape));
        }
        let mut offsets = self.offsets();
        self.walked(&order.iter().map(|axis| std::mem::take(&mut offsets[*axis])).collect::<Vec<_>>())
    }

    /// A value of shape `from` that is reshaped to `to`.
    pub(crate) fn reshaped(&self, from: &[usize], to: &[usize]) -> Option<Self> {
        let (mut wide, mut shape, mut mixed) = (self.shape.clone(), vec![1; to.len()], false);
        for (inner, outer) in groups(from, to)? {
            let real = |sizes: &[usize], range: Range<usize>| -> Vec<usize> {
                range.filter(|axis| sizes[*axis] != 1).collect()
            };
            let (a, b) = (real(from, inner), real(to, outer));
            if a.iter().all(|axis| self.shape[*axis] == 1) {
                continue;
            }
            let alike = a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| from[*a] == to[*b]);
            if !alike {
                mixed = true;
                a.iter().for_each(|axis| wide[*axis] = from[*axis]);
            }
            for (i, axis) in b.iter().enumerate() {
                shape[*axis] = if alike { self.shape[a[i]] } else { to[*axis] };
            }
        }
        let field = self.expanded(&wide)?.renamed(shape);
        // What had to be repeated to be mixed may be constant along other axes now.
        Some(if mixed { field.narrowed() } else { field })
    }

    /// With places `list` of an axis.
    pub(crate) fn taken(&self, axis: usize, list: &[usize]) -> Option<Self> {
        if self.shape[axis] == 1 {
            return Some(self.clone());
        }
        let mut offsets = self.offsets();
        offsets[axis] = list.iter().map(|place| offsets[axis][*place]).collect();
        self.walked(&offsets)
    }

    /// As places from `start` of an axis of `size`, where this field has `len` places; 0 elsewhere.
    pub(crate) fn placed(&self, axis: usize, len: usize, start: usize, size: usize) -> Option<Self> {
        let mut wide = self.shape.clone();
        wide[axis] = len;
        let wide = self.expanded(&wide)?;
        let (mut shape, strides) = (wide.shape.clone(), strides(&wide.shape));
        shape[axis] = size;
        wide.gather(shape, |place| {
            let inside = place[axis] >= start && place[axis] < start + len;
            inside.then(|| {
                (0..place.len()).map(|i| (place[i] - if i == axis { start } else { 0 }) * strides[i]).sum()
            })
        })
    }

    /// The sum of two fields of the same thing that are nowhere both other than 0; absent if they are somewhere.
    pub(crate) fn joined(&self, other: &Self) -> Option<Self> {
        // What is nowhere 0 leaves no room.
        if self.index == Index::Same || other.index == Index::Same || self.shape.len() != other.shape.len() {
            return None;
        }
        let shape: Vec<usize> = self.shape.iter().zip(&other.shape).map(|(a, b)| *a.max(b)).collect();
        let (a, b) = (self.expanded(&shape)?, other.expanded(&shape)?);
        if a.indices().zip(b.indices()).any(|(a, b)| a != ZERO && b != ZERO) {
            return None;
        }
        let index = a.indices().zip(b.indices()).map(|(a, b)| if a == ZERO { b } else { a }).collect();
        Some(Self::new(shape, self.of, index))
    }

    /// With size 1 along axes along which nothing changes.
    pub(crate) fn narrowed(self) -> Self {
        let mut field = self;
        for axis in 0..field.shape.len() {
            let (size, inner) = (field.shape[axis], field.shape[axis + 1..].iter().product::<usize>());
            let alike = match &field.index {
                _ if size <= 1 => false,
                Index::Same => inner == 0,
                Index::Zero => true,
                Index::List(list) => list
                    .chunks(size * inner)
                    .all(|block| block.chunks(inner).all(|row| *row == block[..inner])),
            };
            if alike && let Some(narrow) = field.taken(axis, &[0]) {
                field = narrow;
            }
        }
        field
    }

    /// With axes of size 1 in front, up to `rank` axes.
    pub(crate) fn lifted(&self, rank: usize) -> Self {
        let ones = rank.saturating_sub(self.shape.len());
        self.renamed([vec![1; ones], self.shape.clone()].concat())
    }

    /// Under a shape that differs in axes of size 1 only.
    pub(crate) fn with_ones(&self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.len());
        self.renamed(shape)
    }
}

/// How many elements a shape has, if they are few enough to be followed.
fn followed(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, size| n.checked_mul(*size)).filter(|n| *n <= MOST)
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// The smallest groups of neighbouring axes that a reshape keeps together: axes before, axes after.
pub(crate) fn groups(from: &[usize], to: &[usize]) -> Option<Vec<(Range<usize>, Range<usize>)>> {
    if from.contains(&0) || to.contains(&0) || from.iter().product::<usize>() != to.iter().product::<usize>()
    {
        return None;
    }
    let (mut i, mut j) = (0, 0);
    let mut groups = Vec::new();
    while i < from.len() || j < to.len() {
        let (i0, j0) = (i, j);
        let (mut a, mut b) = (1, 1);
        if i < from.len() {
            a *= from[i];
            i += 1;
        }
        if j < to.len() {
            b *= to[j];
            j += 1;
        }
        while a != b {
            if a < b {
                a *= from.get(i)?;
                i += 1;
            } else {
                b *= to.get(j)?;
                j += 1;
            }
        }
        groups.push((i0..i, j0..j));
    }
    Some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_that_were_merged_with_the_batch_come_apart_again() {
        // [3 tokens, 2 of a batch, 4] as [3, 2·2, 2], then as [3, 2, 2, 2].
        let merged = Field::whole(vec![1, 1, 4]).reshaped(&[3, 2, 4], &[3, 4, 2]).unwrap();
        assert_eq!(merged.shape, [1, 4, 2]);
        let apart = merged.reshaped(&[3, 4, 2], &[3, 2, 2, 2]).unwrap();
        assert_eq!(apart, Field::whole(vec![1, 1, 2, 2]));
    }

    #[test]
    fn a_vector_along_the_last_axis_becomes_heads() {
        // [1, 5, 6] constant along 5, to [1, 5, 2, 3], to [1, 2, 5, 3].
        let field = Field::whole(vec![1, 1, 6]).reshaped(&[1, 5, 6], &[1, 5, 2, 3]).unwrap();
        assert_eq!(field.shape, [1, 1, 2, 3]);
        let field = field.permuted(&[0, 2, 1, 3]).unwrap();
        assert_eq!(
            (field.shape.clone(), field),
            (vec![1, 2, 1, 3], Field::whole(vec![6]).with_ones(vec![1, 2, 1, 3]))
        );
    }

    #[test]
    fn a_part_that_is_put_back_is_itself_with_zeros_around() {
        let part = Field::whole(vec![4]).taken(0, &[1, 2]).unwrap();
        let back = part.placed(0, 2, 1, 4).unwrap();
        assert_eq!(back.indices().collect::<Vec<_>>(), [ZERO, 1, 2, ZERO]);
    }

    #[test]
    fn rows_that_are_cut_and_joined_the_other_way_round_are_alike_again() {
        // A vector along the last axis, of 5 rows alike: the last 2 before the first 3.
        let whole = Field::whole(vec![1, 4]);
        let [a, b] = [(2, 0), (3, 2)].map(|(len, start)| whole.placed(0, len, start, 5).unwrap());
        assert_eq!(a.joined(&b).unwrap().narrowed(), whole);
        assert_eq!(a.joined(&a), None, "the same rows twice are twice as much");
    }

    #[test]
    fn groups_of_a_flatten() {
        assert_eq!(groups(&[2, 3, 4], &[2, 12]).unwrap(), [(0..1, 0..1), (1..3, 1..2)]);
        assert_eq!(groups(&[4], &[4, 1]).unwrap(), [(0..1, 0..1), (1..1, 1..2)]);
    }
}
