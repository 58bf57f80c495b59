//! Recurrent layers with PyTorch's names: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, `_reverse`.

use serde::Deserialize;
use sgmn_graph::flow::{FlowResult, ValueId};

use super::Words;
use crate::any_net::{
    architecture::layer::Layer,
    compose::{Cell, Direction},
};

pub(super) const WORDS: Words = &[
    ("lstm", |layer| stack(layer, Cell::Lstm)),
    ("gru", |layer| stack(layer, Cell::Gru)),
    ("rnn", |layer| stack(layer, Cell::Tanh)),
    ("rnn_relu", |layer| stack(layer, Cell::Relu)),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    /// Layers; as many as the weights have if absent.
    layers: Option<usize>,
    /// Whether the input is `[batch, time, channels]` and not `[time, batch, channels]`.
    #[serde(default = "yes")]
    batch_first: bool,
    /// Whether the result is the last state of the last layer, `[batch, channels]`, and not the states of all times.
    #[serde(default)]
    last: bool,
}

fn yes() -> bool {
    true
}

fn stack(layer: &mut Layer<'_>, cell: Cell) -> FlowResult<ValueId> {
    let Options { layers, batch_first, last } = layer.options()?;
    let mut x = layer.alone()?;
    let has = |layer: &Layer<'_>, ending: &str| layer.tensors.contains_key(ending);
    let found = (0..).take_while(|at| has(layer, &format!("weight_ih_l{at}"))).count();
    let layers = layers.unwrap_or(found).max(1);
    if layers > found {
        return layer.fault(format!("{layers} layers in the weights"), found);
    }
    let mut ends = Vec::new();
    for at in 0..layers {
        let mut sides = Vec::new();
        ends.clear();
        for (side, ending) in ["", "_reverse"].into_iter().enumerate() {
            if side == 1 && !has(layer, &format!("weight_ih_l{at}_reverse")) {
                continue;
            }
            let name = |part: &str| format!("{part}_l{at}{ending}");
            let (of_input, of_state) = (layer.tensor(&name("weight_ih"))?, layer.tensor(&name("weight_hh"))?);
            let biases = (layer.tensor_or_none(&name("bias_ih")), layer.tensor_or_none(&name("bias_hh")));
            let direction = Direction {
                of_input,
                of_state,
                biases: biases.0.zip(biases.1),
                projection: layer.tensor_or_none(&name("weight_hr")),
                state: None,
                memory: None,
                reverse: side == 1,
            };
            let out = layer.recur(cell, x, usize::from(batch_first), direction)?;
            sides.push(out.all);
            ends.push(out.state);
        }
        x = layer.concat(&sides, 2)?;
    }
    if last { layer.concat(&ends, 1) } else { Ok(x) }
}
