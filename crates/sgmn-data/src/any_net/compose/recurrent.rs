//! Recurrent layers, written out over time.

use sgmn_graph::flow::{Combination, FlowResult, Function, ValueId};

use super::Draft;

/// What happens at one step in time; gates stand in the rows of the weights in the order that PyTorch has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Input, forget, candidate, output.
    Lstm,
    /// Reset, update, candidate.
    Gru,
    /// `tanh` of the sum.
    Tanh,
    /// The positive part of the sum.
    Relu,
}

/// The tensors of one layer in one direction.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Direction {
    /// `[gates · H, in]`.
    pub(crate) of_input: ValueId,
    /// `[gates · H, H]`, or `[gates · H, P]` with a projection.
    pub(crate) of_state: ValueId,
    /// Biases of both, `[gates · H]`.
    pub(crate) biases: Option<(ValueId, ValueId)>,
    /// `[P, H]`: the state that is passed on is a projection.
    pub(crate) projection: Option<ValueId>,
    /// `[N, H]` or `[N, P]`, zero if absent.
    pub(crate) state: Option<ValueId>,
    /// `[N, H]`, zero if absent; of an LSTM.
    pub(crate) memory: Option<ValueId>,
    /// Whether time runs backwards.
    pub(crate) reverse: bool,
}

/// What a recurrence answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recurrence {
    /// States of all times, along the axis of time of the input.
    pub(crate) all: ValueId,
    /// The last state, `[N, H]`.
    pub(crate) state: ValueId,
    /// The last memory, `[N, H]`; of an LSTM.
    pub(crate) memory: Option<ValueId>,
}

impl Draft<'_> {
    /// One layer in one direction: x has three axes, of which `time` (0 or 1) is time, the other one the batch.
    pub(crate) fn recur(
        &mut self,
        cell: Cell,
        x: ValueId,
        time: usize,
        layer: Direction,
    ) -> FlowResult<Recurrence> {
        let shape = self.shape(x);
        if shape.len() != 3 || time > 1 || shape[time] == 0 {
            return self.fault("a batch of sequences of vectors", format!("{shape:?}"));
        }
        let mut product = self.linear(x, layer.of_input, layer.biases.map(|biases| biases.0))?;
        // Time in front, so that each step is a row.
        if time == 1 {
            product = self.transpose(product, 0, 1)?;
        }
        let length = shape[time];
        let (mut state, mut memory) = (layer.state, layer.memory);
        let mut states = vec![None; length];
        for step in 0..length {
            let at = if layer.reverse { length - 1 - step } else { step };
            let seen = self.select(product, 0, at)?;
            let (next, kept) = self.cell(cell, seen, state, memory, &layer)?;
            (state, memory) = (Some(next), kept);
            let mut row = self.shape(next);
            row.insert(time, 1);
            states[at] = Some(self.reshape(next, row)?);
        }
        let states: Vec<ValueId> = states.into_iter().flatten().collect();
        let all = self.concat(&states, time)?;
        let Some(state) = state else { return self.fault("a sequence", "none") };
        Ok(Recurrence { all, state, memory })
    }

    /// One step in time, from what the input adds to the gates to the next state and memory.
    pub(crate) fn cell(
        &mut self,
        cell: Cell,
        seen: ValueId,
        state: Option<ValueId>,
        memory: Option<ValueId>,
        layer: &Direction,
    ) -> FlowResult<(ValueId, Option<ValueId>)> {
        // What the state adds; a state of zero adds its bias only.
        let bias = layer.biases.map(|biases| biases.1);
        let remembered = match state {
            Some(state) => Some(self.linear(state, layer.of_state, bias)?),
            None => bias,
        };
        let (next, kept) = match cell {
            Cell::Lstm => {
                let sum = self.add_some(seen, remembered)?;
                let [input, forget, candidate, output] = self.gates(sum)?;
                let input = self.apply(Function::Sigmoid, input)?;
                let candidate = self.apply(Function::Tanh, candidate)?;
                let output = self.apply(Function::Sigmoid, output)?;
                let mut kept = self.multiply(input, candidate)?;
                if let Some(memory) = memory {
                    let forget = self.apply(Function::Sigmoid, forget)?;
                    let left = self.multiply(forget, memory)?;
                    kept = self.add(left, kept)?;
                }
                let shown = self.apply(Function::Tanh, kept)?;
                (self.multiply(output, shown)?, Some(kept))
            }
            Cell::Gru => (self.gru(seen, remembered, state)?, None),
            Cell::Tanh | Cell::Relu => {
                let sum = self.add_some(seen, remembered)?;
                let function = if cell == Cell::Tanh { Function::Tanh } else { Function::Relu };
                (self.apply(function, sum)?, None)
            }
        };
        let next = match layer.projection {
            Some(projection) => self.linear(next, projection, None)?,
            None => next,
        };
        Ok((next, kept))
    }

    /// `h′ = (1 − z) n + z h` with `n = tanh(x_n + r h_n)`.
    fn gru(
        &mut self,
        seen: ValueId,
        remembered: Option<ValueId>,
        state: Option<ValueId>,
    ) -> FlowResult<ValueId> {
        let [mut reset, mut update, mut candidate] = self.gates(seen)?;
        if let Some(remembered) = remembered {
            let [more_reset, more_update, more] = self.gates(remembered)?;
            reset = self.add(reset, more_reset)?;
            reset = self.apply(Function::Sigmoid, reset)?;
            update = self.add(update, more_update)?;
            let more = self.multiply(reset, more)?;
            candidate = self.add(candidate, more)?;
        }
        let update = self.apply(Function::Sigmoid, update)?;
        let candidate = self.apply(Function::Tanh, candidate)?;
        let one = self.number(1.0)?;
        let open = self.combine(Combination::Subtract, one, update)?;
        let fresh = self.multiply(open, candidate)?;
        match state {
            Some(state) => {
                let kept = self.multiply(update, state)?;
                self.add(fresh, kept)
            }
            None => Ok(fresh),
        }
    }

    /// The last axis in equal parts.
    fn gates<const N: usize>(&mut self, x: ValueId) -> FlowResult<[ValueId; N]> {
        let shape = self.shape(x);
        let Some(width) = shape.last().copied().filter(|width| width.is_multiple_of(N)) else {
            return self.fault(format!("{N} gates of equal size"), format!("{shape:?}"));
        };
        let mut parts = [x; N];
        for (at, part) in parts.iter_mut().enumerate() {
            *part = self.slice(x, shape.len() - 1, at * width / N, width / N)?;
        }
        Ok(parts)
    }

    fn add_some(&mut self, a: ValueId, b: Option<ValueId>) -> FlowResult<ValueId> {
        b.map_or(Ok(a), |b| self.add(a, b))
    }
}
