//! Biases that move on.

use sgmn_graph::flow::{Function, Lookup, Pool, Pooling};

use super::{super::Rule, Sketch, dims, proven};

#[test]
fn a_bias_before_another_linear_layer_moves_on() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "a", 4);
    let x = s.linear(x, "b", 2);
    let found = proven(s.output(x));
    assert_eq!(dims(&found), 4);
    assert_eq!(found[0].words, "a.bias may be shifted: b.bias take it back");
}

#[test]
fn a_bias_before_an_activation_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "a", 4);
    let x = s.relu(x);
    let x = s.linear(x, "b", 2);
    assert!(proven(s.output(x)).is_empty());
}

#[test]
fn a_bias_whose_reader_has_none_stays() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "a", 4);
    let x = s.matrix(x, "b", 2);
    assert!(proven(s.output(x)).is_empty());
}

#[test]
fn a_convolution_passes_a_bias_on_unless_it_pads_with_zeros() {
    let with = |padding| {
        let mut s = Sketch::new();
        let x = s.input(&[1, 2, 6, 6]);
        let x = s.conv(x, "a", 3, 1);
        let x = s.conv(x, "b", 2, padding);
        let x = s.relu(x);
        dims(&proven(s.output(x)))
    };
    assert_eq!((with(0), with(1)), (3, 0));
}

#[test]
fn pooling_without_padding_and_means_pass_a_bias_on() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 6, 6]);
    let x = s.conv(x, "a", 3, 1);
    let window = |by| Pool {
        by,
        window: vec![2, 2],
        stride: vec![2, 2],
        padding: vec![(0, 0); 2],
        dilation: vec![1, 1],
        ceil: false,
    };
    let x = s.step(window(Pooling::Maximum), &[x]);
    let x = s.step(window(Pooling::Mean { counts_padding: true }), &[x]);
    let x = s.mean(x, &[2, 3]);
    let x = s.linear(x, "b", 2);
    assert_eq!(dims(&proven(s.output(x))), 3);
}

#[test]
fn a_flatten_passes_a_bias_on() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 4, 4]);
    let x = s.conv(x, "a", 3, 0);
    let x = s.reshape(x, &[1, 12]);
    let x = s.linear(x, "b", 2);
    assert_eq!(dims(&proven(s.output(x))), 3);
}

#[test]
fn before_batch_normalization_a_bias_and_the_mean_are_one() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let x = s.conv(x, "a", 3, 1);
    let x = s.batch_norm(x, "bn");
    let x = s.relu(x);
    let x = s.filter(x, "b", 2, 1);
    let found = proven(s.output(x));
    // The bias against the shift, the mean against the shift; not the variance, not the gain.
    assert_eq!(dims(&found), 6);
    assert!(found.iter().all(|freedom| freedom.words.contains("bn.bias")), "{found:#?}");
}

#[test]
fn two_branches_share_their_shifts() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 2, 5, 5]);
    let a = s.filter(x, "a", 3, 1);
    let a = s.batch_norm(a, "bn_a");
    let b = s.filter(x, "b", 3, 1);
    let b = s.batch_norm(b, "bn_b");
    let x = s.add(a, b);
    let x = s.relu(x);
    let x = s.filter(x, "c", 2, 1);
    assert_eq!(dims(&proven(s.output(x))), 9);
}

#[test]
fn the_bias_of_a_stem_goes_into_all_readers_of_the_stream() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let mut x = s.linear(x, "stem", 4);
    for block in ["a", "b"] {
        let y = s.linear(x, &format!("{block}.0"), 5);
        let y = s.relu(y);
        let y = s.linear(y, &format!("{block}.1"), 4);
        x = s.add(x, y);
    }
    let x = s.linear(x, "head", 2);
    let found = proven(s.output(x));
    assert_eq!(dims(&found), 12);
    assert_eq!(found[0].words, "stem.bias may be shifted: a.0.bias, b.0.bias, head.bias take it back");
}

#[test]
fn a_reader_of_the_stream_without_a_bias_keeps_the_stem() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "stem", 4);
    let y = s.matrix(x, "a", 4);
    let y = s.relu(y);
    let x = s.add(x, y);
    let x = s.linear(x, "head", 2);
    assert!(proven(s.output(x)).is_empty());
}

/// One step of a recurrent cell with gates, from the product of the inputs and the state before.
fn cell(
    s: &mut Sketch,
    wx: sgmn_graph::flow::ValueId,
    wh: sgmn_graph::flow::ValueId,
    candidate_inside: bool,
) -> sgmn_graph::flow::ValueId {
    let parts = |s: &mut Sketch, x| [0, 1].map(|i| s.slice(x, 1, 3 * i, 3));
    if candidate_inside {
        let ([gx, nx], [gh, nh]) = (parts(s, wx), parts(s, wh));
        let gate = s.add(gx, gh);
        let gate = s.apply(Function::Sigmoid, gate);
        let n = s.multiply(gate, nh);
        let n = s.add(nx, n);
        s.apply(Function::Tanh, n)
    } else {
        let z = s.add(wx, wh);
        let [gate, n] = parts(s, z);
        let gate = s.apply(Function::Sigmoid, gate);
        let n = s.apply(Function::Tanh, n);
        s.multiply(gate, n)
    }
}

/// Two steps of a recurrent net with two biases.
fn recurrent(candidate_inside: bool) -> Sketch {
    let mut s = Sketch::new();
    let x = s.input(&[2, 2, 2]);
    let (w, u) = (s.param("w_ih", &[6, 2]), s.param("w_hh", &[6, 3]));
    let (b, c) = (s.param("b_ih", &[6]), s.param("b_hh", &[6]));
    let over = |axis| sgmn_graph::flow::Contract { batch: vec![], sum: vec![(axis, 1)] };
    let zero = s.constant(&[2, 6], &[0.0; 12]);
    let mut wh = s.add(zero, c);
    let mut h = None;
    for t in 0..2 {
        if let Some(h) = h {
            let product = s.step(over(1), &[h, u]);
            wh = s.add(product, c);
        }
        let xt = s.slice(x, 1, t, 1);
        let xt = s.reshape(xt, &[2, 2]);
        let wx = s.step(over(1), &[xt, w]);
        let wx = s.add(wx, b);
        h = Some(cell(&mut s, wx, wh, candidate_inside));
    }
    let y = s.linear(h.unwrap(), "head", 2);
    s.output(y)
}

#[test]
fn the_two_biases_of_a_recurrent_layer_are_one_in_every_step() {
    assert_eq!(dims(&proven(recurrent(false))), 6);
}

#[test]
fn a_candidate_inside_of_a_gate_keeps_its_bias() {
    let found = proven(recurrent(true));
    assert_eq!(dims(&found), 3);
    assert!(found[0].words.contains("(3 of 6)"), "{}", found[0].words);
}

#[test]
fn a_table_of_tokens_moves_as_a_whole_against_the_positions() {
    let mut s = Sketch::new();
    let ids = s.tokens(&[1, 4]);
    let table = s.param("tokens", &[5, 3]);
    let x = s.step(Lookup { axis: 0 }, &[table, ids]);
    let positions = s.param("positions", &[4, 3]);
    let x = s.add(x, positions);
    let x = s.relu(x);
    let found = proven(s.output(x));
    assert_eq!(dims(&found), 3);
    assert_eq!(found[0].words, "tokens, alike along axis 0, may be shifted: positions take it back");
    assert_eq!(found[0].rule, Rule::Shift);
}

#[test]
fn nobody_else_reads_what_takes_back() {
    // The bias of b is read by two layers; only one of them reads a.
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let a = s.linear(x, "a", 3);
    let w = s.param("b.weight", &[2, 3]);
    let b = s.param("b.bias", &[2]);
    let over = sgmn_graph::flow::Contract { batch: vec![], sum: vec![(1, 1)] };
    let y = s.step(over.clone(), &[a, w]);
    let y = s.add(y, b);
    let z = s.step(over, &[x, w]);
    let z = s.add(z, b);
    let out = s.multiply(y, z);
    assert!(proven(s.output(out)).is_empty());
}

#[test]
fn two_parts_of_one_tensor_are_two_biases() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let mut x = s.matrix(x, "a", 4);
    let both = s.param("both", &[8]);
    for part in [0, 4] {
        let b = s.slice(both, 0, part, 4);
        x = s.add(x, b);
    }
    let x = s.relu(x);
    let found = proven(s.output(x));
    assert_eq!(
        (dims(&found), found[0].words.as_str()),
        (4, "both (4 of 8) may be shifted: the rest of it takes it back")
    );
}
