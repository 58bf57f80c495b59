//! Recurrent layers: each call is a stack of layers in one or two directions.

use sgmn_graph::flow::{FlowResult, ValueId};

use super::{Calls, many};
use crate::any_net::{
    compose::{Cell, Direction},
    pt2::call::{Call, Item},
};

pub(super) const CALLS: Calls = &[
    ("lstm", |call| stack(call, Cell::Lstm)),
    ("gru", |call| stack(call, Cell::Gru)),
    ("rnn_tanh", |call| stack(call, Cell::Tanh)),
    ("rnn_relu", |call| stack(call, Cell::Relu)),
    ("lstm_cell", |call| single(call, Cell::Lstm)),
    ("gru_cell", |call| single(call, Cell::Gru)),
    ("rnn_tanh_cell", |call| single(call, Cell::Tanh)),
    ("rnn_relu_cell", |call| single(call, Cell::Relu)),
];

/// One step in time.
fn single(call: &mut Call<'_>, cell: Cell) -> FlowResult<Vec<Item>> {
    let x = call.tensor("input")?;
    let states = if cell == Cell::Lstm { call.tensors("hx")? } else { vec![call.tensor("hx")?] };
    let biases = (call.tensor_or_none("b_ih")?, call.tensor_or_none("b_hh")?);
    let state = |call: &Call<'_>, which: usize| {
        let state = states.get(which).copied();
        state.filter(|state| call.constant_of(*state).is_none_or(|array| array.uniform() != Some(0.0)))
    };
    let layer = Direction {
        of_input: call.tensor("w_ih")?,
        of_state: call.tensor("w_hh")?,
        biases: biases.0.zip(biases.1),
        projection: None,
        state: state(call, 0),
        memory: state(call, 1),
        reverse: false,
    };
    let seen = call.linear(x, layer.of_input, biases.0)?;
    let (next, kept) = call.cell(cell, seen, layer.state, layer.memory, &layer)?;
    many([Some(next), kept].into_iter().flatten().collect())
}

fn stack(call: &mut Call<'_>, cell: Cell) -> FlowResult<Vec<Item>> {
    if call.overload() != "input" {
        return call.fault("a batch of sequences of equal length", "packed sequences");
    }
    if call.flag_or("train", false)? && call.number_or("dropout", 0.0)? != 0.0 {
        return call.fault("a net in evaluation", "dropout in training");
    }
    let mut x = call.tensor("input")?;
    let states = if cell == Cell::Lstm { call.tensors("hx")? } else { vec![call.tensor("hx")?] };
    let params = call.tensors("params")?;
    let biases = call.flag_or("has_biases", true)?;
    let directions = if call.flag_or("bidirectional", false)? { 2 } else { 1 };
    let layers = call.size("num_layers")?;
    let time = usize::from(call.flag_or("batch_first", false)?);
    let n = layers.saturating_mul(directions);
    let each = params.len().checked_div(n).unwrap_or(0);
    let plain = if biases { 4 } else { 2 };
    let projected = each == plain + 1;
    if n == 0 || n > MOST_LAYERS || each * n != params.len() || !(each == plain || projected) {
        return call.fault(format!("{plain} tensors for each of {n} layers and directions"), params.len());
    }
    let mut last = [Vec::new(), Vec::new()];
    for layer in 0..layers {
        let mut sides = Vec::new();
        for side in 0..directions {
            let at = layer * directions + side;
            let own = &params[at * each..(at + 1) * each];
            let direction = Direction {
                of_input: own[0],
                of_state: own[1],
                biases: biases.then(|| (own[2], own[3])),
                projection: projected.then(|| own[each - 1]),
                state: start(call, &states, 0, at)?,
                memory: if cell == Cell::Lstm { start(call, &states, 1, at)? } else { None },
                reverse: side == 1,
            };
            let out = call.recur(cell, x, time, direction)?;
            sides.push(out.all);
            for (last, value) in last.iter_mut().zip([Some(out.state), out.memory]) {
                if let Some(value) = value {
                    last.push(value);
                }
            }
        }
        x = call.concat(&sides, 2)?;
    }
    let mut results = vec![x];
    for last in last.iter().filter(|last| !last.is_empty()) {
        // Each layer and direction has units of its own: they stand side by side, then on an axis of their own.
        let [batch, size] = call.shape(last[0])[..] else {
            return call.fault("rows of states", "other axes");
        };
        let wide = call.concat(last, 1)?;
        let wide = call.reshape(wide, vec![batch, last.len(), size])?;
        results.push(call.permute(wide, vec![1, 0, 2])?);
    }
    many(results)
}

/// Layers and directions at most.
const MOST_LAYERS: usize = 1 << 12;

/// The first state of a layer: a row of `[layers, N, H]`, or nothing if it is zero.
fn start(call: &mut Call<'_>, states: &[ValueId], which: usize, at: usize) -> FlowResult<Option<ValueId>> {
    let Some(state) = states.get(which).copied() else {
        return call.fault("a first state and a first memory", states.len());
    };
    if call.constant_of(state).is_some_and(|array| array.uniform() == Some(0.0)) {
        return Ok(None);
    }
    call.select(state, 0, at).map(Some)
}
