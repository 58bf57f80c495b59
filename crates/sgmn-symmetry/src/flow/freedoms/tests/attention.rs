//! Attention: keys, values, class tokens.

use sgmn_graph::flow::{Contract, Expand, Function, Select, ValueId};

use super::{Sketch, dims, proven};

const HEADS: usize = 2;
const TOKENS: usize = 3;

/// Heads first: `[1, heads, tokens, 2]`.
fn heads(s: &mut Sketch, x: ValueId) -> ValueId {
    let x = s.reshape(x, &[1, TOKENS, HEADS, 2]);
    s.permute(x, &[0, 2, 1, 3])
}

/// What happens to keys and queries.
enum Code {
    None,
    Rotary,
}

fn attention(s: &mut Sketch, x: ValueId, code: &Code, masked: bool) -> ValueId {
    let qkv = s.linear(x, "qkv", 12);
    let [q, k, v] = [0, 1, 2].map(|i| {
        let part = s.slice(qkv, 2, 4 * i, 4);
        heads(s, part)
    });
    let turn = |s: &mut Sketch, x: ValueId| match code {
        Code::None => x,
        Code::Rotary => {
            let angles: Vec<f64> = (0..TOKENS).map(|t| t as f64).collect();
            let cos: Vec<f64> = angles.iter().flat_map(|a| [a.cos(), a.cos()]).collect();
            let sin: Vec<f64> = angles.iter().flat_map(|a| [a.sin(), a.sin()]).collect();
            let (cos, sin) = (s.constant(&[TOKENS, 2], &cos), s.constant(&[TOKENS, 2], &sin));
            let (a, b) = (s.slice(x, 3, 0, 1), s.slice(x, 3, 1, 1));
            let minus = s.apply(Function::Negate, b);
            let turned = s.concat(&[minus, a], 3);
            let (x, turned) = (s.multiply(x, cos), s.multiply(turned, sin));
            s.add(x, turned)
        }
    };
    let (q, k) = (turn(s, q), turn(s, k));
    let scores = s.step(Contract { batch: vec![(0, 0), (1, 1)], sum: vec![(3, 3)] }, &[q, k]);
    let half = s.constant(&[], &[0.7]);
    let mut scores = s.multiply(scores, half);
    if masked {
        let mask: Vec<f64> =
            (0..TOKENS * TOKENS).map(|i| f64::from(u8::from(i % TOKENS <= i / TOKENS))).collect();
        let mask = s.constant(&[TOKENS, TOKENS], &mask);
        let low = s.constant(&[], &[f64::NEG_INFINITY]);
        scores = s.step(Select, &[mask, scores, low]);
    }
    let shares = s.softmax(scores);
    let y = s.step(Contract { batch: vec![(0, 0), (1, 1)], sum: vec![(3, 2)] }, &[shares, v]);
    let y = s.permute(y, &[0, 2, 1, 3]);
    let y = s.reshape(y, &[1, TOKENS, 4]);
    s.linear(y, "out", 5)
}

fn alone(code: &Code, masked: bool) -> Vec<super::Freedom> {
    let mut s = Sketch::new();
    let x = s.input(&[1, TOKENS, 3]);
    let y = attention(&mut s, x, code, masked);
    let y = s.relu(y);
    proven(s.output(y))
}

#[test]
fn biases_of_keys_are_not_seen_and_those_of_values_move_on() {
    for masked in [false, true] {
        let found = alone(&Code::None, masked);
        assert_eq!(dims(&found), 8);
        assert_eq!(found[0].words, "qkv.bias (8 of 12) may be shifted: out.bias take it back");
    }
}

#[test]
fn a_rotary_code_sees_biases_of_keys() {
    assert_eq!(dims(&alone(&Code::Rotary, false)), 4);
}

#[test]
fn a_block_of_a_vision_transformer() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 1, 2, 3]);
    // Two patches of one pixel of three numbers.
    let x = s.reshape(x, &[1, 2, 3]);
    let x = s.linear(x, "patches", 5);
    let class = s.param("class", &[1, 1, 5]);
    let class = s.step(Expand { shape: vec![1, 1, 5] }, &[class]);
    let x = s.concat(&[class, x], 1);
    let positions = s.param("positions", &[1, TOKENS, 5]);
    let x = s.add(x, positions);
    let y = s.layer_norm(x, "norm");
    let y = attention(&mut s, y, &Code::None, false);
    let x = s.add(x, y);
    let x = s.layer_norm(x, "last");
    let x = s.slice(x, 1, 0, 1);
    let x = s.reshape(x, &[1, 5]);
    let x = s.linear(x, "head", 2);
    let found = proven(s.output(x));
    // Patches and class against positions 5 + 5; along 1: patches.weight 3, positions 3, out.weight 4, out.bias 1;
    // norms' shifts 5 + 5; readers of norms 12 + 2; keys 4, values 4.
    assert_eq!(dims(&found), 10 + 11 + 10 + 14 + 8);
}
