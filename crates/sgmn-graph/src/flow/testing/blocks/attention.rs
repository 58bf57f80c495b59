//! Attention of every kind.

use crate::flow::{
    Combination, Function, InputKind, Reduction, ValueId,
    testing::{
        blocks::norms::gains_and_shifts,
        draft::{Draft, Form, Stream},
    },
};

/// Queries, keys and values as `[heads, places, channels]`.
struct Heads {
    q: ValueId,
    k: ValueId,
    v: ValueId,
    n_heads: usize,
}

/// Splits the last axis into heads, and puts these first: `[heads, places, channels]`.
fn split(draft: &mut Draft, x: ValueId, n_heads: usize) -> ValueId {
    let shape = draft.shape(x);
    let split = draft.reshape(x, &[shape[1], n_heads, shape[2] / n_heads]);
    draft.permute(split, &[1, 0, 2])
}

/// Heads of their own, or keys and values shared by several queries; fused into one map at times.
fn heads(draft: &mut Draft, x: Stream, context: Stream, width: usize) -> Heads {
    let n_heads = draft.number(1, 2);
    let n_key_heads = if draft.chance(0.3) { 1 } else { n_heads };
    let (n_q, n_k) = (n_heads * width, n_key_heads * width);
    let (q, k, v) = if n_q == n_k && x.value == context.value && draft.chance(0.4) {
        let all = draft.mix(x, 3 * n_q).value;
        let part = |draft: &mut Draft, i: usize| draft.slice(all, 2, i * n_q, n_q);
        (part(draft, 0), part(draft, 1), part(draft, 2))
    } else {
        (draft.mix(x, n_q).value, draft.mix(context, n_k).value, draft.mix(context, n_k).value)
    };
    let (q, mut k, mut v) =
        (split(draft, q, n_heads), split(draft, k, n_key_heads), split(draft, v, n_key_heads));
    if n_key_heads != n_heads {
        let mut shape = draft.shape(k);
        shape[0] = n_heads;
        k = draft.expand(k, &shape);
        v = draft.expand(v, &shape);
    }
    Heads { q, k, v, n_heads }
}

/// Products of queries and keys, divided by the root of their number or a learned temperature.
fn scores(draft: &mut Draft, q: ValueId, k: ValueId) -> ValueId {
    let scores = draft.contract(q, k, &[(0, 0)], &[(2, 2)]);
    match draft.number(0, 2) {
        0 => scores,
        1 => {
            let root = draft.scalar((draft.flow.shape(q)[2] as f64).sqrt());
            draft.combine(Combination::Divide, scores, root)
        }
        _ => {
            let temperature = draft.gain(&[draft.flow.shape(scores)[0], 1, 1]);
            draft.multiply(scores, temperature)
        }
    }
}

/// Nobody looks ahead, by a choice or by a large negative number.
fn masked(draft: &mut Draft, scores: ValueId) -> ValueId {
    let shape = draft.shape(scores);
    let n = shape[2];
    if !draft.chance(0.4) || shape[1] != n {
        return scores;
    }
    if draft.chance(0.5) {
        let mask = draft.constant(&[n, n], |i| f64::from(u8::from(i % n <= i / n)));
        let never = draft.scalar(f64::NEG_INFINITY);
        return draft.select(mask, scores, never);
    }
    let bias = draft.constant(&[n, n], |i| if i % n <= i / n { 0.0 } else { -1e9 });
    draft.add(scores, bias)
}

/// Values weighted by scores, heads side by side, and a map behind.
fn attend(draft: &mut Draft, x: Stream, scores: ValueId, v: ValueId) -> Stream {
    let shares = draft.softmax(scores, 2);
    let read = draft.contract(shares, v, &[(0, 0)], &[(2, 1)]);
    joined(draft, x, read)
}

fn joined(draft: &mut Draft, x: Stream, read: ValueId) -> Stream {
    let shape = draft.shape(read);
    let turned = draft.permute(read, &[1, 0, 2]);
    let value = draft.reshape(turned, &[1, shape[1], shape[0] * shape[2]]);
    let n = draft.n_units(x);
    let y = draft.mix(Stream { value, form: Form::Tokens }, n);
    if draft.chance(0.5) && draft.shape(y.value) == draft.shape(x.value) {
        return Stream { value: draft.add(x.value, y.value), ..x };
    }
    y
}

/// Without positions; norms of queries and keys at times.
pub(super) fn self_attention(draft: &mut Draft, x: Stream) -> Stream {
    let width = draft.number(1, 2);
    let Heads { mut q, mut k, v, .. } = heads(draft, x, x, width);
    if draft.chance(0.3) {
        [q, k] = [q, k].map(|value| {
            let normed = draft.normalize(value, &[2], false);
            gains_and_shifts(draft, normed, Form::Tokens, false)
        });
    }
    let scores = scores(draft, q, k);
    let scores = masked(draft, scores);
    attend(draft, x, scores, v)
}

/// With a learned number for each pair of places and each head.
pub(super) fn relative_attention(draft: &mut Draft, x: Stream) -> Stream {
    let Heads { q, k, v, n_heads } = heads(draft, x, x, 2);
    let mut scores = scores(draft, q, k);
    let n = draft.shape(scores)[1];
    if draft.chance(0.5) {
        let bias = draft.bias(&[n_heads, n, n]);
        scores = draft.add(scores, bias);
    } else {
        // One number for each distance, in a table of distances and heads.
        let table = draft.bias(&[2 * n - 1, n_heads]);
        let distances = (0..n * n).map(|i| n - 1 + i / n - i % n).collect();
        let pairs = draft.take(table, 0, distances);
        let pairs = draft.reshape(pairs, &[n, n, n_heads]);
        let pairs = draft.permute(pairs, &[2, 0, 1]);
        scores = draft.add(scores, pairs);
    }
    let scores = masked(draft, scores);
    attend(draft, x, scores, v)
}

/// With a rotary code: pairs of channels turned by an angle of their place.
pub(super) fn rotary_attention(draft: &mut Draft, x: Stream) -> Stream {
    let neighbours = draft.chance(0.4);
    let partial = draft.chance(0.3);
    let Heads { q, k, v, .. } = heads(draft, x, x, if partial { 3 } else { 2 });
    let [q, k] = [q, k].map(|value| rotated(draft, value, neighbours));
    let scores = scores(draft, q, k);
    let scores = masked(draft, scores);
    attend(draft, x, scores, v)
}

/// The first two channels turned; others stay.
fn rotated(draft: &mut Draft, x: ValueId, neighbours: bool) -> ValueId {
    let shape = draft.shape(x);
    let [cosine, sine] = [0.0, std::f64::consts::FRAC_PI_2]
        .map(|phase| draft.constant(&[shape[1], 1], |place| (0.9 * place as f64 - phase).cos()));
    let turned = draft.slice(x, 2, 0, 2);
    let turned = if neighbours {
        // As numbers and their partners: x cos + partner sin.
        let signs = draft.constant(&[2], |i| if i == 0 { -1.0 } else { 1.0 });
        let partner = draft.take(turned, 2, vec![1, 0]);
        let partner = draft.multiply(partner, signs);
        let (a, b) = (draft.multiply(turned, cosine), draft.multiply(partner, sine));
        draft.add(a, b)
    } else {
        let (a, b) = (draft.slice(turned, 2, 0, 1), draft.slice(turned, 2, 1, 1));
        let (ac, bs) = (draft.multiply(a, cosine), draft.multiply(b, sine));
        let (as_, bc) = (draft.multiply(a, sine), draft.multiply(b, cosine));
        let (first, second) = (draft.combine(Combination::Subtract, ac, bs), draft.add(as_, bc));
        draft.concat(2, &[first, second])
    };
    if shape[2] == 2 {
        return turned;
    }
    let rest = draft.slice(x, 2, 2, shape[2] - 2);
    draft.concat(2, &[turned, rest])
}

/// Keys and values from another input, of which some places may be masked by a further one.
pub(super) fn cross_attention(draft: &mut Draft, x: Stream) -> Stream {
    let context = Stream { value: draft.input(&[1, 2, 2], InputKind::Real), form: Form::Tokens };
    let Heads { q, k, v, .. } = heads(draft, x, context, 1);
    let mut scores = scores(draft, q, k);
    if draft.chance(0.5) {
        let mask = draft.input(&[1, 2], InputKind::Whole);
        let mask = draft.reshape(mask, &[1, 1, 2]);
        let one = draft.scalar(1.0);
        let hidden = draft.combine(Combination::Subtract, one, mask);
        let never = draft.scalar(-1e9);
        let hidden = draft.multiply(hidden, never);
        scores = draft.add(scores, hidden);
    }
    attend(draft, x, scores, v)
}

/// Without a softmax over pairs: keys and values meet first.
pub(super) fn linear_attention(draft: &mut Draft, x: Stream) -> Stream {
    let Heads { q, k, v, .. } = heads(draft, x, x, 2);
    let (q, k) = if draft.chance(0.5) {
        (draft.softmax(q, 2), draft.softmax(k, 1))
    } else {
        let list = [Function::Relu, Function::Elu { alpha: 1.0, gamma: 1.0 }];
        let function = if draft.wide { Function::Softplus } else { draft.one_of(&list) };
        (draft.point(function, q), draft.point(function, k))
    };
    let pairs = draft.contract(k, v, &[(0, 0)], &[(1, 1)]);
    let read = draft.contract(q, pairs, &[(0, 0)], &[(2, 1)]);
    joined(draft, x, read)
}

/// Scores by a small net of the sum of query and key.
pub(super) fn additive_attention(draft: &mut Draft, x: Stream) -> Stream {
    let (n, shape) = (2, draft.shape(x.value));
    let (q, k) = (draft.mix(x, n).value, draft.mix(x, n).value);
    let (q, k) = (draft.reshape(q, &[shape[1], 1, n]), draft.reshape(k, &[1, shape[1], n]));
    let sum = draft.add(q, k);
    let sum = draft.point(Function::Tanh, sum);
    let scores = draft.linear(sum, 1);
    let scores = draft.reshape(scores, &[1, shape[1], shape[1]]);
    attend(draft, x, scores, x.value)
}

/// All places read by learned queries, or by their scores alone.
pub(super) fn pooled_attention(draft: &mut Draft, x: Stream) -> Stream {
    let n = draft.n_units(x);
    if draft.chance(0.5) {
        let queries = draft.weight(&[1, 2, n], n);
        let scores = draft.contract(queries, x.value, &[(0, 0)], &[(2, 2)]);
        return attend(draft, x, scores, x.value);
    }
    let scores = draft.mix(x, 1).value;
    let shares = draft.softmax(scores, 1);
    let weighted = draft.multiply(x.value, shares);
    Stream { value: draft.reduce(Reduction::Sum, weighted, &[1], false), form: Form::Row }
}
