//! How the places of two grids meet under a kernel: the geometry of convolutions.

use std::ops::Range;

/// Place i of the small grid meets, at place k of the kernel, place `i · stride + k · dilation − before` of the large
/// one, along each axis. A convolution reads the large grid and writes the small one, a transposed one the reverse.
#[derive(Debug)]
pub(crate) struct Grids {
    pub(crate) small: Vec<usize>,
    pub(crate) large: Vec<usize>,
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    pub(crate) before: Vec<usize>,
}

/// Neighbouring places of the small grid: whole lines along the last axis, or a part of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    lines: Range<usize>,
    places: Range<usize>,
    /// The first place in the small grid.
    pub(crate) start: usize,
}

/// Places along the last axis that meet, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// The first place, counted from the start of the block.
    in_block: usize,
    /// The place of the large grid that it meets; the next one is met one stride further.
    large: usize,
    /// How many meet.
    len: usize,
}

impl Block {
    /// How many places.
    pub(crate) fn len(&self) -> usize {
        self.lines.len() * self.places.len()
    }
}

impl Grids {
    /// Whether the kernel has one place and every place meets the same place of the other grid.
    pub(crate) fn are_one(&self) -> bool {
        let one = |sizes: &[usize]| sizes.iter().all(|size| *size == 1);
        one(&self.kernel)
            && one(&self.stride)
            && self.small == self.large
            && self.before.iter().all(|n| *n == 0)
    }

    /// Places of the kernel.
    pub(crate) fn n_taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// The small grid in one block.
    pub(crate) fn whole(&self) -> Block {
        let (line, outer) = self.small.split_last().expect("at least one axis");
        Block { lines: 0..outer.iter().product(), places: 0..*line, start: 0 }
    }

    /// The small grid in blocks of at most so many places.
    pub(crate) fn blocks(&self, most: usize) -> Vec<Block> {
        let Block { lines, places, .. } = self.whole();
        let (n_lines, line) = (lines.end, places.end);
        if line > most {
            let starts = (0..n_lines).flat_map(|i| (0..line).step_by(most).map(move |at| (i, at)));
            let block = |(i, at): (usize, usize)| Block {
                lines: i..i + 1,
                places: at..line.min(at + most),
                start: i * line + at,
            };
            return starts.map(block).collect();
        }
        let together = most / line.max(1);
        let block = |i| Block { lines: i..n_lines.min(i + together), places: 0..line, start: i * line };
        (0..n_lines).step_by(together.max(1)).map(block).collect()
    }

    /// For each place of the kernel, row-major, which places of a block meet which of the large grid.
    pub(crate) fn meetings(&self, block: &Block) -> Vec<Vec<Meeting>> {
        (0..self.n_taps()).map(|tap| self.meetings_at(tap, block)).collect()
    }

    fn meetings_at(&self, tap: usize, block: &Block) -> Vec<Meeting> {
        let last = self.small.len() - 1;
        let mut shifts = vec![0; last + 1];
        let mut rest = tap;
        for axis in (0..=last).rev() {
            shifts[axis] = rest % self.kernel[axis] * self.dilation[axis];
            rest /= self.kernel[axis];
        }
        let (stride, shift, before) = (self.stride[last], shifts[last], self.before[last]);
        let first = before.saturating_sub(shift).div_ceil(stride).max(block.places.start);
        let end = (self.large[last] + before).saturating_sub(shift).div_ceil(stride).min(block.places.end);
        if first >= end {
            return Vec::new();
        }
        let at = first * stride + shift - before;
        let lines = block.lines.clone().enumerate();
        let meeting = |(i, line)| {
            let start = self.line_met(line, &shifts)? * self.large[last];
            let in_block = i * block.places.len() + first - block.places.start;
            Some(Meeting { in_block, large: start + at, len: end - first })
        };
        lines.filter_map(meeting).collect()
    }

    /// The line of the large grid that a line of the small one meets, if it does.
    fn line_met(&self, line: usize, shifts: &[usize]) -> Option<usize> {
        let (mut rest, mut met, mut step) = (line, 0, 1);
        for axis in (0..self.small.len() - 1).rev() {
            let place = (rest % self.small[axis] * self.stride[axis] + shifts[axis])
                .checked_sub(self.before[axis])?;
            if place >= self.large[axis] {
                return None;
            }
            met += place * step;
            step *= self.large[axis];
            rest /= self.small[axis];
        }
        Some(met)
    }

    fn last_stride(&self) -> usize {
        *self.stride.last().expect("at least one axis")
    }

    /// Puts what the places of a block meet in a channel of the large grid into `met`, 0 where they meet nothing.
    pub(crate) fn gather(&self, meetings: &[Meeting], large: &[f64], met: &mut [f64]) {
        met.fill(0.0);
        self.each(meetings, met, large, |met, x| *met = x);
    }

    /// Adds w times what the places of a block meet.
    pub(crate) fn add_met(&self, meetings: &[Meeting], w: f64, large: &[f64], block: &mut [f64]) {
        self.each(meetings, block, large, |sum, x| *sum += w * x);
    }

    fn each(&self, meetings: &[Meeting], block: &mut [f64], large: &[f64], put: impl Fn(&mut f64, f64)) {
        let stride = self.last_stride();
        for Meeting { in_block, large: at, len } in meetings {
            let block = block[*in_block..in_block + len].iter_mut();
            let large = &large[*at..at + (len - 1) * stride + 1];
            match stride {
                1 => block.zip(large).for_each(|(to, x)| put(to, *x)),
                _ => block.zip(large.iter().step_by(stride)).for_each(|(to, x)| put(to, *x)),
            }
        }
    }

    /// Adds w times each place of a block to what it meets in a channel of the large grid.
    pub(crate) fn scatter(&self, meetings: &[Meeting], w: f64, block: &[f64], large: &mut [f64]) {
        let stride = self.last_stride();
        for Meeting { in_block, large: at, len } in meetings {
            let large = large[*at..at + (len - 1) * stride + 1].iter_mut().step_by(stride);
            large.zip(&block[*in_block..in_block + len]).for_each(|(to, x)| *to += w * x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel of 3 over 2 × 5 places with a zero around and stride 2 along the lines.
    fn grids() -> Grids {
        Grids {
            small: vec![2, 3],
            large: vec![2, 5],
            kernel: vec![1, 3],
            stride: vec![1, 2],
            dilation: vec![1, 1],
            before: vec![0, 1],
        }
    }

    #[test]
    fn places_meet_what_the_formula_says() {
        let grids = grids();
        let meetings = grids.meetings(&grids.whole());
        let mut seen = Vec::new();
        for (tap, meetings) in meetings.iter().enumerate() {
            for Meeting { in_block, large, len } in meetings {
                seen.extend((0..*len).map(|i| (tap, in_block + i, large + 2 * i)));
            }
        }
        let mut expected = Vec::new();
        for (tap, line, i) in (0..18).map(|n| (n / 6, n / 3 % 2, n % 3)) {
            if let Some(place) = usize::checked_sub(2 * i + tap, 1).filter(|place| *place < 5) {
                expected.push((tap, line * 3 + i, line * 5 + place));
            }
        }
        assert_eq!(seen, expected);
    }

    #[test]
    fn blocks_hold_every_place_once_and_meet_as_the_whole_does() {
        let grids = grids();
        let channel: Vec<f64> = (1..=10).map(f64::from).collect();
        let gathered = |block: &Block, tap: usize| {
            let mut met = vec![9.0; block.len()];
            grids.gather(&grids.meetings(block)[tap], &channel, &mut met);
            met
        };
        for most in [1, 2, 3, 4, 6, 100] {
            let blocks = grids.blocks(most);
            for tap in 0..3 {
                let parts: Vec<f64> = blocks.iter().flat_map(|block| gathered(block, tap)).collect();
                assert_eq!(parts, gathered(&grids.whole(), tap), "blocks of {most}");
            }
            assert!(blocks.iter().all(|block| block.len() <= most));
        }
    }
}
