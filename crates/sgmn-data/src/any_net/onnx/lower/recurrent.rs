//! Recurrent layers, unrolled over time. Initial states of zero are left out, not computed.

use sgmn_graph::flow::{Function, Role};

use super::{Call, Family, Fault, Lower, Operand, Outcome, Value, call::size, unsupported, wrong};

pub(super) const OPERATORS: Family = &[
    ("GRU", |lower, call| recurrent(lower, call, Cell::Gated)),
    ("LSTM", |lower, call| recurrent(lower, call, Cell::Long)),
    ("RNN", |lower, call| recurrent(lower, call, Cell::Simple)),
];

/// What happens in a step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// `h = f(W x + R h)`.
    Simple,
    /// GRU, gates in ONNX's order z, r, h.
    Gated,
    /// LSTM, gates in ONNX's order i, o, f, c.
    Long,
}

/// Parameters of one direction, and its states.
pub(super) struct Direction {
    pub(super) weight: Operand,
    pub(super) recurrence: Operand,
    /// Biases of the input and of the recurrence.
    pub(super) biases: Option<(Operand, Operand)>,
    /// Weights of the cell's state on the gates i, o, f.
    pub(super) peepholes: Option<[Operand; 3]>,
    pub(super) hidden: Option<Operand>,
    pub(super) cell: Option<Operand>,
    pub(super) functions: Vec<Function>,
}

/// Steps of time at most.
const MOST_TIMES: usize = 1 << 16;

fn recurrent(lower: &mut Lower<'_, '_>, call: &Call<'_>, cell: Cell) -> Outcome<Vec<Value>> {
    let by_batch = call.flag("layout", false)?;
    let mut x = call.input(0)?;
    if by_batch {
        x = lower.permute(x, vec![1, 0, 2])?;
    }
    let shape = lower.shape(x);
    let [times, batch, _] = shape[..] else { return wrong(format!("expected three axes, found {shape:?}")) };
    if times == 0 || times > MOST_TIMES {
        return wrong(format!("expected 1 to {MOST_TIMES} steps of time, found {times}"));
    }
    check(lower, call, times)?;
    let reset_after = cell == Cell::Gated && call.flag("linear_before_reset", false)?;
    let directions = match call.text_or("direction", "forward")? {
        "forward" => vec![false],
        "reverse" => vec![true],
        "bidirectional" => vec![false, true],
        other => return wrong(format!("expected a known direction, found {other:?}")),
    };
    let mut outputs = Vec::new();
    let (mut hiddens, mut cells) = (Vec::new(), Vec::new());
    for (d, reverse) in directions.iter().enumerate() {
        let mut direction = Direction::of(lower, call, cell, d, directions.len(), by_batch)?;
        let states = direction.unroll(lower, cell, x, *reverse, reset_after)?;
        let size = lower.shape(direction.recurrence)[1];
        if call.has_output(0) {
            let wide: Outcome<Vec<Operand>> =
                states.iter().map(|state| lower.reshape(*state, vec![1, 1, batch, size])).collect();
            outputs.push(lower.concat(&wide?, 0)?);
        }
        hiddens.push((direction.hidden, size));
        cells.push((direction.cell, size));
    }
    let hidden_sizes: Vec<usize> = hiddens.iter().map(|(_, size)| *size).collect();
    let mut stacked = |states: Vec<(Option<Operand>, usize)>| -> Outcome<Option<Operand>> {
        let mut wide = Vec::new();
        for (state, size) in states {
            let Some(state) = state else { return Ok(None) };
            wide.push((lower.reshape(state, vec![1, batch, size])?, size));
        }
        let all = directions_apart(lower, &wide, &[batch])?;
        let all = lower.permute(all, vec![1, 0, 2])?;
        Ok(Some(if by_batch { lower.permute(all, vec![1, 0, 2])? } else { all }))
    };
    let (hidden, state) = (stacked(hiddens)?, stacked(cells)?);
    let Some(hidden) = hidden else { return wrong("expected a last state, found none") };
    let output = match outputs[..] {
        [] => hidden,
        _ => {
            let sizes = hidden_sizes.iter().copied();
            let wide: Vec<(Operand, usize)> = outputs.iter().copied().zip(sizes).collect();
            let all = directions_apart(lower, &wide, &[times, batch])?;
            let all = lower.permute(all, vec![0, 2, 1, 3])?;
            if by_batch { lower.permute(all, vec![2, 0, 1, 3])? } else { all }
        }
    };
    Ok([Some(output), Some(hidden), state].into_iter().flatten().map(Value::Tensor).collect())
}

/// The states of all directions, `[places…, directions, units]`: units side by side, then an axis of their own, for each
/// direction has units of its own.
fn directions_apart(
    lower: &mut Lower<'_, '_>,
    states: &[(Operand, usize)],
    places: &[usize],
) -> Outcome<Operand> {
    let size = states.first().map_or(0, |(_, size)| *size);
    let states: Vec<Operand> = states.iter().map(|(state, _)| *state).collect();
    let last = lower.shape(states[0]).len() - 1;
    let wide = lower.concat(&states, last)?;
    lower.reshape(wide, [places, &[states.len(), size]].concat())
}

/// Refuses what is not read.
fn check(lower: &mut Lower<'_, '_>, call: &Call<'_>, times: usize) -> Outcome<()> {
    if call.attribute("clip").is_some() || call.flag("input_forget", false)? {
        return unsupported("clipped gates and coupled gates are not read");
    }
    if call.attribute("activation_alpha").is_some() || call.attribute("activation_beta").is_some() {
        return unsupported("activations with numbers of their own are not read");
    }
    if let Some(lengths) = call.optional(4)? {
        let lengths = lower.known_ints(lengths, "lengths of sequences")?;
        if lengths.iter().any(|len| usize::try_from(*len) != Ok(times)) {
            return unsupported("sequences of different lengths are not read");
        }
    }
    Ok(())
}

impl Direction {
    fn of(
        lower: &mut Lower<'_, '_>,
        call: &Call<'_>,
        cell: Cell,
        d: usize,
        n: usize,
        by_batch: bool,
    ) -> Outcome<Self> {
        let gates = match cell {
            Cell::Simple => 1,
            Cell::Gated => 3,
            Cell::Long => 4,
        };
        let mut part = |i: usize, rank: usize| -> Outcome<Option<Operand>> {
            let Some(all) = call.optional(i)? else { return Ok(None) };
            lower.tensors.is_param(all.id, Role::Trained);
            let shape = lower.shape(all);
            if shape.len() != rank || shape[0] != n {
                return wrong(format!("expected {n} directions in operand {i}, found {shape:?}"));
            }
            let one = lower.slice(all, 0, d, 1)?;
            Ok(Some(lower.reshape(one, shape[1..].to_vec())?))
        };
        let (weight, recurrence) = (part(1, 3)?, part(2, 3)?);
        let (bias, peepholes) = (part(3, 2)?, if cell == Cell::Long { part(7, 2)? } else { None });
        let (Some(weight), Some(recurrence)) = (weight, recurrence) else {
            return wrong("expected weights as operands 1 and 2, found none");
        };
        let [rows, hidden] = lower.shape(recurrence)[..] else {
            return wrong("expected a matrix as operand 2");
        };
        let given = call.int("hidden_size")?.map(size).transpose()?.unwrap_or(hidden);
        if given != hidden
            || Some(rows) != hidden.checked_mul(gates)
            || lower.shape(weight)[0] != rows
            || hidden == 0
        {
            let found = (lower.shape(weight), lower.shape(recurrence));
            return wrong(format!("expected {gates} gates of {given} units, found {found:?}"));
        }
        let biases = match bias {
            Some(bias) => match lower.split(bias, 0, &[rows, rows])?[..] {
                [of_input, of_recurrence] => Some((of_input, of_recurrence)),
                _ => None,
            },
            None => None,
        };
        let peepholes = match peepholes {
            Some(all) => <[Operand; 3]>::try_from(lower.split(all, 0, &[hidden; 3])?).ok(),
            None => None,
        };
        let first_state = |lower: &mut Lower<'_, '_>, i: usize| -> Outcome<Option<Operand>> {
            let Some(all) = call.optional(i)?.filter(|all| lower.uniform(*all) != Some(0.0)) else {
                return Ok(None);
            };
            let shape = lower.shape(all);
            let axis = usize::from(by_batch);
            if shape.len() != 3 || shape[axis] != n {
                return wrong(format!("expected states of {n} directions as operand {i}, found {shape:?}"));
            }
            let one = lower.slice(all, axis, d, 1)?;
            Ok(Some(lower.reshape(one, vec![shape[1 - axis], shape[2]])?))
        };
        let start = first_state(lower, 5)?;
        let state = if cell == Cell::Long { first_state(lower, 6)? } else { None };
        let functions = functions(call, cell, d)?;
        Ok(Self { weight, recurrence, biases, peepholes, hidden: start, cell: state, functions })
    }
}

/// The activations of a direction: of the gates, of what is new, of what is shown.
fn functions(call: &Call<'_>, cell: Cell, d: usize) -> Outcome<Vec<Function>> {
    let absent = match cell {
        Cell::Simple => vec![Function::Tanh],
        Cell::Gated => vec![Function::Sigmoid, Function::Tanh],
        Cell::Long => vec![Function::Sigmoid, Function::Tanh, Function::Tanh],
    };
    let Some(names) = call.texts("activations")?.filter(|names| !names.is_empty()) else { return Ok(absent) };
    let n = absent.len();
    let own = names.get(d * n..(d + 1) * n).ok_or_else(|| {
        Fault::Wrong(format!("expected {n} activations a direction, found {}", names.len()))
    })?;
    let function = |name: &String| match name.to_lowercase().as_str() {
        "sigmoid" => Ok(Function::Sigmoid),
        "tanh" => Ok(Function::Tanh),
        "relu" => Ok(Function::Relu),
        "softsign" => Ok(Function::Softsign),
        "softplus" => Ok(Function::Softplus),
        "hardsigmoid" => Ok(Function::HardSigmoid { alpha: 0.2, beta: 0.5 }),
        _ => unsupported(format!("activation {name:?} of a recurrent layer is not read")),
    };
    own.iter().map(function).collect()
}
