//! Attention of queries to keys, and the values that it brings.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::Draft;

/// What an attention is told beside queries, keys and values.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attention {
    /// Factor of the scores; one over the root of the width of a head if absent.
    pub(crate) scale: Option<f64>,
    /// Whether a place sees itself and those before it only.
    pub(crate) causal: bool,
    /// Of a causal attention: how many places each sees, itself included; all before it if absent.
    pub(crate) window: Option<usize>,
    /// Added to the scores.
    pub(crate) bias: Option<ValueId>,
    /// Scores count where this is not 0.
    pub(crate) mask: Option<ValueId>,
}

impl Draft<'_> {
    /// `softmax(scale · q kᵀ + bias) v`: q `[.., L, E]`, k `[.., S, E]`, v `[.., S, V]`. If there are more heads of
    /// queries than of keys (axis −3), each head of keys serves several of queries that stand side by side.
    pub(crate) fn attention(
        &mut self,
        q: ValueId,
        k: ValueId,
        v: ValueId,
        how: Attention,
    ) -> FlowResult<ValueId> {
        let (of_q, of_k) = (self.shape(q), self.shape(k));
        if of_q.len() < 2 || of_k.len() < 2 || self.rank(v) < 2 {
            return self
                .fault("queries, keys and values of two axes or more", format!("{of_q:?} and {of_k:?}"));
        }
        let (k, v) = (self.serve_heads(k, &of_q)?, self.serve_heads(v, &of_q)?);
        let n = self.rank(k);
        let turned = self.transpose(k, n - 2, n - 1)?;
        let scores = self.matmul(q, turned)?;
        let width = of_q[of_q.len() - 1] as f64;
        let mut scores = self.scale(scores, how.scale.unwrap_or(1.0 / width.sqrt()))?;
        let lowest = self.number(f64::NEG_INFINITY)?;
        if how.causal {
            let (rows, columns) = (of_q[of_q.len() - 2], of_k[of_k.len() - 2]);
            let hidden = self.unseen(rows, columns, how.window)?;
            scores = self.choose(hidden, lowest, scores)?;
        }
        if let Some(mask) = how.mask {
            scores = self.choose(mask, scores, lowest)?;
        }
        if let Some(bias) = how.bias {
            scores = self.add(scores, bias)?;
        }
        let axis = self.rank(scores) - 1;
        let shares = self.softmax(scores, axis)?;
        self.matmul(shares, v)
    }

    /// 1 above the diagonal and at places before the window, 0 elsewhere.
    fn unseen(&mut self, rows: usize, columns: usize, window: Option<usize>) -> FlowResult<ValueId> {
        let Some(_) = rows.checked_mul(columns).filter(|n| *n <= 1 << 28) else {
            return self.fault("a shorter sequence", format!("{rows} by {columns} scores"));
        };
        let is_hidden = move |row: usize, column: usize| {
            column > row || window.is_some_and(|window| row - column >= window)
        };
        let at = |row| (0..columns).map(move |column| f64::from(u8::from(is_hidden(row, column))));
        self.array(vec![rows, columns], (0..rows).flat_map(at).collect())
    }

    fn serve_heads(&mut self, x: ValueId, of_q: &[usize]) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        if shape.len() < 3 || of_q.len() != shape.len() {
            return Ok(x);
        }
        let (heads, axis) = (of_q[of_q.len() - 3], shape.len() - 3);
        match shape[axis] {
            1 => Ok(x),
            same if same == heads => Ok(x),
            fewer if fewer > 0 && heads.is_multiple_of(fewer) => self.repeat_each(x, axis, heads / fewer),
            fewer => self.fault(format!("a divisor of {heads} heads"), fewer),
        }
    }

    /// Channels `[.., L, H · E]` as heads `[.., H, L, E]`.
    pub(crate) fn split_heads(&mut self, x: ValueId, heads: usize) -> FlowResult<ValueId> {
        let mut shape = self.shape(x);
        let rank = shape.len();
        if rank < 2 || heads == 0 || !shape[rank - 1].is_multiple_of(heads) {
            return self.fault(format!("channels in {heads} heads"), format!("{shape:?}"));
        }
        let width = shape[rank - 1] / heads;
        shape.splice(rank - 1.., [heads, width]);
        let split = self.reshape(x, shape)?;
        self.transpose(split, rank - 2, rank - 1)
    }

    /// Heads `[.., H, L, E]` as channels `[.., L, H · E]`.
    pub(crate) fn join_heads(&mut self, x: ValueId) -> FlowResult<ValueId> {
        let rank = self.rank(x);
        if rank < 3 {
            return self.fault("heads", format!("{:?}", self.shape(x)));
        }
        let turned = self.transpose(x, rank - 3, rank - 2)?;
        let mut shape = self.shape(turned);
        let width = shape[rank - 2] * shape[rank - 1];
        shape.splice(rank - 2.., [width]);
        self.reshape(turned, shape)
    }

    /// Turns pairs of channels of heads `[.., L, E]` by angles that grow with the place: the rotary code.
    ///
    /// Of the first 2n channels, pair i of n is (i, i + n), or (2i, 2i + 1) if they are neighbours; at place t it is turned
    /// by `t · frequencies[i]`.
    pub(crate) fn rotary(
        &mut self,
        x: ValueId,
        frequencies: &[f64],
        neighbours: bool,
    ) -> FlowResult<ValueId> {
        let shape = self.shape(x);
        let (rank, half) = (shape.len(), frequencies.len());
        let width = 2 * half;
        if rank < 2 || width == 0 || width > shape[rank - 1] {
            return self
                .fault(format!("heads of {width} channels or more, at least 2"), format!("{shape:?}"));
        }
        let length = shape[rank - 2];
        let pair = |channel: usize| if neighbours { channel / 2 } else { channel % half };
        let angle = |place: usize, channel: usize| place as f64 * frequencies[pair(channel)];
        // The first of a pair takes its partner with a minus. It stands in the table, where it is seen as part of the code.
        let is_first = |channel: usize| if neighbours { channel.is_multiple_of(2) } else { channel < half };
        let sine = |angle: f64, channel: usize| if is_first(channel) { -angle.sin() } else { angle.sin() };
        let table = |f: &dyn Fn(f64, usize) -> f64| -> Vec<f64> {
            (0..length * width).map(|at| f(angle(at / width, at % width), at % width)).collect()
        };
        let cosines = self.array(vec![length, width], table(&|angle, _| angle.cos()))?;
        let sines = self.array(vec![length, width], table(&sine))?;
        let part = self.slice(x, rank - 1, 0, width)?;
        let partner = if neighbours {
            self.take(part, rank - 1, (0..width).map(|c| c ^ 1).collect())?
        } else {
            self.take(part, rank - 1, (0..width).map(|c| (c + half) % width).collect())?
        };
        let (a, b) = (self.multiply(part, cosines)?, self.multiply(partner, sines)?);
        let turned = self.add(a, b)?;
        if width == shape[rank - 1] {
            return Ok(turned);
        }
        let rest = self.slice(x, rank - 1, width, shape[rank - 1] - width)?;
        self.concat(&[turned, rest], rank - 1)
    }
}
