//! Recurrent cells, unrolled over places.

use crate::flow::{
    Combination, Function, ValueId,
    testing::draft::{Draft, Form, Stream},
};

/// Weights of a cell: `[gates · n, n_in]` and `[gates · n, n]`, with biases at times.
struct Cell {
    inside: ValueId,
    back: ValueId,
    biases: Option<[ValueId; 2]>,
    n: usize,
}

impl Cell {
    fn new(draft: &mut Draft, n_in: usize, n: usize, n_gates: usize) -> Self {
        let inside = draft.weight(&[n_gates * n, n_in], n_in);
        let back = draft.weight(&[n_gates * n, n], n);
        let biases = draft.chance(0.7).then(|| [(); 2].map(|()| draft.bias(&[n_gates * n])));
        Self { inside, back, biases, n }
    }

    /// What all gates read of x, and what they read of the state.
    fn gates(&self, draft: &mut Draft, x: ValueId, state: Option<ValueId>) -> [Option<ValueId>; 2] {
        let read = |draft: &mut Draft, side: usize, value: Option<ValueId>, weight: ValueId| {
            let product = value.map(|value| draft.contract(value, weight, &[], &[(1, 1)]));
            match (product, self.biases) {
                (Some(product), Some(biases)) => Some(draft.add(product, biases[side])),
                // Without a state the bias is all that is left.
                (None, Some(biases)) => Some(draft.reshape(biases[side], &[1, draft.shape(biases[side])[0]])),
                (product, None) => product,
            }
        };
        [read(draft, 0, Some(x), self.inside), read(draft, 1, state, self.back)]
    }

    fn gate(&self, draft: &mut Draft, of: Option<ValueId>, i: usize) -> Option<ValueId> {
        of.map(|of| draft.slice(of, 1, i * self.n, self.n))
    }
}

fn sum(draft: &mut Draft, a: Option<ValueId>, b: Option<ValueId>) -> ValueId {
    match (a, b) {
        (Some(a), Some(b)) => draft.add(a, b),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => draft.scalar(0.0),
    }
}

/// Calls a cell for each place, from one end or the other, and returns all states or the last.
fn unrolled(
    draft: &mut Draft,
    x: Stream,
    n: usize,
    mut state: Option<ValueId>,
    mut step: impl FnMut(&mut Draft, ValueId, Option<ValueId>) -> ValueId,
) -> Stream {
    let shape = draft.shape(x.value);
    let backwards = draft.chance(0.3);
    let mut states = Vec::new();
    for i in 0..shape[1] {
        let place = if backwards { shape[1] - 1 - i } else { i };
        let now = draft.slice(x.value, 1, place, 1);
        let now = draft.reshape(now, &[1, shape[2]]);
        let next = step(draft, now, state);
        state = Some(next);
        states.push(draft.reshape(next, &[1, 1, n]));
    }
    if draft.chance(0.4) {
        let last = state.expect("at least one place");
        return Stream { value: last, form: Form::Row };
    }
    if backwards {
        states.reverse();
    }
    Stream { value: draft.concat(1, &states), form: Form::Tokens }
}

fn first_state(draft: &mut Draft, n: usize) -> Option<ValueId> {
    draft.chance(0.2).then(|| draft.bias(&[1, n]))
}

/// `h = f(W x + U h)`.
pub(super) fn plain_recurrence(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.width();
    let cell = Cell::new(draft, draft.n_units(x), n, 1);
    let function = draft.function_of(&[Function::Tanh, Function::Relu]);
    let first = first_state(draft, n);
    unrolled(draft, x, n, first, |draft, x, state| {
        let [a, b] = cell.gates(draft, x, state);
        let sum = sum(draft, a, b);
        draft.point(function, sum)
    })
}

/// A GRU, its gates in ONNX's order z, r, h; the reset before or behind the map of the state.
pub(super) fn gated_recurrence(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.width_or(2);
    let cell = Cell::new(draft, draft.n_units(x), n, 3);
    let first = first_state(draft, n);
    unrolled(draft, x, n, first, |draft, x, state| {
        let [a, b] = cell.gates(draft, x, state);
        let [update, reset] = [0, 1].map(|i| {
            let (a, b) = (cell.gate(draft, a, i), cell.gate(draft, b, i));
            let sum = sum(draft, a, b);
            draft.point(Function::Sigmoid, sum)
        });
        let (of_x, of_state) = (cell.gate(draft, a, 2), cell.gate(draft, b, 2));
        let of_state = of_state.map(|of_state| draft.multiply(reset, of_state));
        let candidate = sum(draft, of_x, of_state);
        let candidate = draft.point(Function::Tanh, candidate);
        let one = draft.scalar(1.0);
        let rest = draft.combine(Combination::Subtract, one, update);
        let fresh = draft.multiply(rest, candidate);
        match state {
            Some(state) => {
                let kept = draft.multiply(update, state);
                draft.add(fresh, kept)
            }
            None => fresh,
        }
    })
}

/// An LSTM, its gates in ONNX's order i, o, f, c.
pub(super) fn long_memory(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.width_or(2);
    let cell = Cell::new(draft, draft.n_units(x), n, 4);
    let first = first_state(draft, n);
    let mut memory = None;
    unrolled(draft, x, n, first, |draft, x, state| {
        let [a, b] = cell.gates(draft, x, state);
        let functions = [Function::Sigmoid, Function::Sigmoid, Function::Sigmoid, Function::Tanh];
        let [input, output, forget, candidate] = [0, 1, 2, 3].map(|i| {
            let (a, b) = (cell.gate(draft, a, i), cell.gate(draft, b, i));
            let sum = sum(draft, a, b);
            draft.point(functions[i], sum)
        });
        let fresh = draft.multiply(input, candidate);
        let next = match memory {
            Some(memory) => {
                let kept = draft.multiply(forget, memory);
                draft.add(kept, fresh)
            }
            None => fresh,
        };
        memory = Some(next);
        let seen = draft.point(Function::Tanh, next);
        draft.multiply(output, seen)
    })
}
