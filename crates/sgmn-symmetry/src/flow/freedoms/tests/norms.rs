//! Norms: what they do not see, and what their readers do not.

use sgmn_graph::flow::{Function, Lookup};

use super::{super::Rule, Sketch, dims, proven};

fn of(found: &[super::Freedom], rule: Rule) -> usize {
    found.iter().filter(|freedom| freedom.rule == rule).map(|freedom| freedom.dims).sum()
}

#[test]
fn a_stream_that_only_layer_norms_read() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let mut x = s.linear(x, "stem", 4);
    for block in ["a", "b"] {
        let y = s.layer_norm(x, &format!("{block}.norm"));
        let y = s.linear(y, &format!("{block}.0"), 5);
        let y = s.apply(Function::Gelu, y);
        let y = s.linear(y, &format!("{block}.1"), 4);
        x = s.add(x, y);
    }
    let x = s.layer_norm(x, "norm");
    let x = s.linear(x, "head", 2);
    let found = proven(s.output(x));
    // Writers: 3 + 1, twice 5 + 1. Shifts of three norms: 4 each. Readers: 5, 5, 2.
    assert_eq!((of(&found, Rule::Unseen), of(&found, Rule::Shift), of(&found, Rule::Reader)), (16, 12, 12));
}

#[test]
fn a_stream_that_something_else_reads_too_keeps_its_mean() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "stem", 4);
    let y = s.normalize(x, &[1]);
    let z = s.relu(x);
    let out = s.add(y, z);
    assert!(proven(s.output(out)).is_empty());
}

#[test]
fn readers_without_a_bias_keep_what_sums_to_something() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let x = s.layer_norm(x, "norm");
    let x = s.matrix(x, "head", 2);
    assert!(proven(s.output(x)).is_empty());
}

#[test]
fn readers_of_a_norm_without_shift_need_no_bias() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let x = s.normalize(x, &[1]);
    let gain = s.param("gain", &[4]);
    let x = s.multiply(x, gain);
    let x = s.matrix(x, "head", 2);
    assert_eq!(dims(&proven(s.output(x))), 2);
}

#[test]
fn a_linear_layer_between_two_norms_is_counted_once() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let x = s.normalize(x, &[1]);
    let x = s.matrix(x, "a", 5);
    let x = s.normalize(x, &[1]);
    // Rows alike (4), and along what sums to 0 (5), which share one.
    assert_eq!(dims(&proven(s.output(x))), 8);
}

#[test]
fn readers_of_shares_move_their_bias() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let x = s.softmax(x);
    let x = s.linear(x, "head", 3);
    let found = proven(s.output(x));
    assert_eq!(dims(&found), 3);
    assert_eq!(found[0].rule, Rule::Reader);
}

#[test]
fn an_instance_norm_sees_no_bias_and_a_group_norm_no_mean_of_a_group() {
    let net = |groups: usize| {
        let mut s = Sketch::new();
        let x = s.input(&[1, 2, 5, 5]);
        let x = s.conv(x, "a", 4, 1);
        let grouped = s.reshape(x, &[1, groups, 4 / groups * 25]);
        let x = s.normalize(grouped, &[2]);
        let x = s.reshape(x, &[1, 4, 5, 5]);
        let x = s.relu(x);
        proven(s.output(x))
    };
    // A bias that is alike in a group; a filter that is would still vary over places.
    assert_eq!(dims(&net(2)), 2);
    let alone = net(4);
    assert_eq!((dims(&alone), alone[0].words.as_str()), (4, "a.bias is not seen"));
}

#[test]
fn mixing_tokens_before_a_norm_over_channels() {
    let mut s = Sketch::new();
    let x = s.input(&[1, 4, 5]);
    let mut x = s.linear(x, "stem", 3);
    let y = s.layer_norm(x, "norm1");
    let y = s.permute(y, &[0, 2, 1]);
    let y = s.linear(y, "tok1", 6);
    let y = s.apply(Function::Gelu, y);
    let y = s.linear(y, "tok2", 4);
    let y = s.permute(y, &[0, 2, 1]);
    x = s.add(x, y);
    let x = s.layer_norm(x, "norm2");
    let x = s.mean(x, &[1]);
    let x = s.linear(x, "head", 2);
    let found = proven(s.output(x));
    // Stem 5 + 1; one shift of norm1; tok2.bias 4; shift of norm2 3; head 2.
    assert_eq!(dims(&found), 6 + 1 + 4 + 3 + 2);
}

#[test]
fn tokens_and_positions_in_a_stream_of_norms() {
    let mut s = Sketch::new();
    let ids = s.tokens(&[1, 4]);
    let table = s.param("tokens", &[5, 3]);
    let x = s.step(Lookup { axis: 0 }, &[table, ids]);
    let positions = s.param("positions", &[4, 3]);
    let x = s.add(x, positions);
    let x = s.normalize(x, &[2]);
    let found = proven(s.output(x));
    // Along 1: 5 + 4; the table as a whole: 3, one of which is along 1.
    assert_eq!(dims(&found), 9 + 2);
}

#[test]
fn rms_norm_sees_everything() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 3]);
    let x = s.linear(x, "stem", 4);
    let x = s.step(sgmn_graph::flow::Normalize { axes: vec![1], centre: false, epsilon: 1e-6 }, &[x]);
    let x = s.linear(x, "head", 2);
    assert!(proven(s.output(x)).is_empty());
}

#[test]
fn readers_of_what_a_mask_cuts_see_all_of_it() {
    let mut s = Sketch::new();
    let x = s.input(&[2, 4]);
    let x = s.normalize(x, &[1]);
    let mask = s.constant(&[4], &[1.0, 1.0, 0.0, 1.0]);
    let x = s.multiply(x, mask);
    let x = s.matrix(x, "head", 2);
    assert!(proven(s.output(x)).is_empty());
}
