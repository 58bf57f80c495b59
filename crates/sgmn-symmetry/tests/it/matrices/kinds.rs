//! Which matrices are found in nets of which they are known, and that none is found where there is none.

use sgmn_graph::flow::{Contract, Flow, Function};
use sgmn_symmetry::flow::matrices::{Kind, Matrix, Side, matrices};

use super::nets::{self, Net, Rotary};

/// Group, rows, blocks and the axes that hold it.
fn found(flow: &Flow) -> Vec<(String, usize, Vec<String>)> {
    let words = |space: &Matrix| (space.kind.words(space.n), space.blocks, space.axes(flow));
    matrices(flow).iter().map(words).collect()
}

fn space(group: &str, blocks: usize, axes: &[&str]) -> (String, usize, Vec<String>) {
    (group.to_owned(), blocks, axes.iter().map(|axis| (*axis).to_owned()).collect())
}

#[test]
fn heads_have_one_matrix_for_queries_and_keys_and_one_for_values() {
    let expected = [
        space("GL(3)", 2, &["q.bias axis 0", "q.weight axis 0", "k.bias axis 0", "k.weight axis 0"]),
        space("GL(3)", 2, &["v.bias axis 0", "v.weight axis 0", "o.weight axis 1"]),
    ];
    let flow = nets::attention();
    assert_eq!(found(&flow), expected);
    let heads = &matrices(&flow)[0];
    let sides: Vec<(usize, Side, usize)> =
        heads.holders.iter().map(|holder| (holder.block, holder.side, holder.places[0])).collect();
    let block =
        |b: usize| [Side::Plain, Side::Plain, Side::Dual, Side::Dual].map(|side| (b, side, 3 * b)).to_vec();
    assert_eq!(sides, [block(0), block(1)].concat());
}

#[test]
fn grouped_queries_share_the_matrix_of_their_keys() {
    let all = matrices(&nets::grouped_queries(Rotary::None));
    let sizes: Vec<(usize, usize, usize)> =
        all.iter().map(|space| (space.n, space.blocks, space.dims())).collect();
    assert_eq!(sizes, [(6, 2, 72), (6, 2, 72)]);
    // Bias and weight of two query heads and of one key head.
    assert_eq!(all[0].of_block(1).count(), 6);
    assert_eq!(all[0].of_block(1).next().unwrap().places, (12..18).collect::<Vec<_>>());
}

#[test]
fn rotary_codes_leave_a_complex_number_for_each_pair() {
    let halves = matrices(&nets::grouped_queries(Rotary::Halves));
    assert_eq!(halves[0].kind, Kind::Pairs(vec![(0, 3), (1, 4), (2, 5)]));
    assert_eq!((halves[0].dims(), &halves[1].kind), (12, &Kind::General));
    let neighbours = matrices(&nets::grouped_queries(Rotary::Neighbours));
    assert_eq!(neighbours[0].kind, Kind::Pairs(vec![(0, 1), (2, 3), (4, 5)]));
    let partial = matrices(&nets::grouped_queries(Rotary::Partial));
    let kinds: Vec<(usize, &Kind, usize)> =
        partial.iter().map(|space| (space.n, &space.kind, space.blocks)).collect();
    let pairs = Kind::Pairs(vec![(0, 2), (1, 3)]);
    assert_eq!(kinds, [(4, &pairs, 2), (2, &Kind::General, 2), (6, &Kind::General, 2)]);
}

#[test]
fn a_stream_without_norms_has_any_matrix() {
    let axes = [
        "stem.bias axis 0",
        "stem.weight axis 0",
        "a.up.weight axis 1",
        "a.down.bias axis 0",
        "a.down.weight axis 0",
        "b.up.weight axis 1",
        "b.down.bias axis 0",
        "b.down.weight axis 0",
        "head.weight axis 1",
    ];
    assert_eq!(found(&nets::linear_stream()), [space("GL(5)", 1, &axes)]);
}

#[test]
fn a_stream_behind_norms_turns_and_readers_turn_between_gains() {
    let flow = nets::rms_stream(false);
    let all = matrices(&flow);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].kind, all[0].n, all[0].dims()), (&Kind::Orthogonal, 6, 15));
    let through: Vec<(&str, usize)> = all[0]
        .holders
        .iter()
        .map(|holder| (flow.params()[holder.param].name.as_str(), holder.gains.len()))
        .collect();
    let expected = [
        ("embedding", 0),
        ("a.gate.weight", 1),
        ("a.up.weight", 1),
        ("a.down.weight", 0),
        ("b.gate.weight", 1),
        ("b.up.weight", 1),
        ("b.down.weight", 0),
        ("head.weight", 1),
    ];
    assert_eq!(through, expected);

    let all = matrices(&nets::layer_norm_stream());
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].kind, all[0].n, all[0].dims()), (&Kind::OrthogonalKeepingOnes, 6, 10));
}

#[test]
fn channels_between_batch_norms_have_any_matrix() {
    let flow = nets::bottleneck();
    let all = matrices(&flow);
    assert_eq!(all.len(), 1);
    assert_eq!((&all[0].kind, all[0].n), (&Kind::General, 4));
    // Only what stands before a gain acts through it.
    for holder in &all[0].holders {
        let name = &flow.params()[holder.param].name;
        let before = ["first.weight", "first.mean", "down.weight", "down.mean"].contains(&name.as_str());
        assert_eq!(holder.gains.len(), usize::from(before), "{name}");
    }
}

#[test]
fn fused_parameters_are_cut_into_their_parts() {
    let flow = nets::fused_heads();
    let qkv = ["qkv.bias axis 0", "qkv.weight axis 0"];
    let all = found(&flow);
    assert_eq!(all[1], space("GL(3)", 2, &qkv));
    assert_eq!(all[2], space("GL(3)", 2, &[qkv[0], qkv[1], "o.weight axis 1"]));
    let stream = [
        "stem.bias axis 0",
        "stem.weight axis 0",
        "class axis 1",
        "places axis 1",
        "norm.bias axis 0",
        "qkv.weight axis 1",
        "o.bias axis 0",
        "o.weight axis 0",
        "last.bias axis 0",
        "head.weight axis 1",
    ];
    assert_eq!(all[0], space("O(6) keeping (1, …, 1)", 1, &stream));
}

/// Two linear layers with something between them.
fn between(
    something: impl FnOnce(&mut Net, sgmn_graph::flow::ValueId) -> sgmn_graph::flow::ValueId,
) -> Vec<Matrix> {
    let mut net = Net::new();
    let x = net.input(&[2, 3]);
    let x = net.linear(x, "first", 4);
    let x = something(&mut net, x);
    let y = net.linear(x, "second", 2);
    matrices(&net.done(y))
}

#[test]
fn what_is_not_linear_leaves_nothing() {
    assert_eq!(between(|_, x| x).len(), 1);
    assert_eq!(between(|net, x| net.apply(Function::Negate, x)).len(), 1);
    assert_eq!(between(|net, x| net.apply(Function::LeakyRelu { slope: 0.5 }, x)), []);
    assert_eq!(between(|net, x| net.multiply(x, x)), []);
    // A constant bias, a part that is read on its own, the tokens mixed with units.
    let constant = |net: &mut Net, x| {
        let bias = net.constant(&[4], vec![1.0, 2.0, 3.0, 4.0]);
        net.add(x, bias)
    };
    assert_eq!(between(constant), []);
    let part = |net: &mut Net, x| {
        let first = net.slice(x, 1, 0, 1, 1);
        let rest = net.slice(x, 1, 1, 1, 3);
        let first = net.apply(Function::Tanh, first);
        net.concat(1, &[first, rest])
    };
    let left: Vec<usize> = between(part).iter().map(|space| space.n).collect();
    assert_eq!(left, [3]);
    let order = |net: &mut Net, x| net.take(x, 1, &[2, 0, 3, 1]);
    assert_eq!(between(order).len(), 1, "units in another order are the same units");
    let twice = |net: &mut Net, x| net.take(x, 1, &[0, 0, 1, 2]);
    assert_eq!(between(twice).iter().map(|space| space.n).max(), Some(2));
}

#[test]
fn a_bias_that_is_used_as_a_gain_elsewhere_keeps_its_basis() {
    let trap = |net: &mut Net, x| {
        let bias = net.param("trap", &[4]);
        let x = net.add(x, bias);
        let squared = net.apply(Function::Tanh, bias);
        net.add(x, squared)
    };
    assert_eq!(between(trap), []);
}

#[test]
fn a_tied_embedding_with_a_gain_before_it_leaves_nothing() {
    assert_eq!(matrices(&nets::rms_stream(true)), []);
}

#[test]
fn a_tied_embedding_without_gains_leaves_rotations() {
    let mut net = Net::new();
    let ids = net.flow.input("ids", vec![4], sgmn_graph::flow::InputKind::Whole).unwrap();
    let table = net.param("embedding", &[7, 6]);
    let x = net.step(sgmn_graph::flow::Lookup { axis: 0 }, &[table, ids]);
    let y = net.read(x, table);
    let all = matrices(&net.done(y));
    assert_eq!((all.len(), &all[0].kind), (1, &Kind::Orthogonal));
}

#[test]
fn a_norm_of_queries_and_keys_leaves_turns_if_it_has_no_gain() {
    let with = |gain: bool| {
        let mut net = Net::new();
        let x = net.input(&[4, 5]);
        let [q, k, v] = ["q", "k", "v"].map(|name| {
            let y = net.linear(x, name, 4);
            net.heads(y, 1)
        });
        let [q, k] = [(q, "q.norm"), (k, "k.norm")].map(|(x, name)| {
            let x = if gain { net.gained_norm(x, name, false) } else { net.norm(x, false) };
            net.rotary_halves(x)
        });
        let y = net.attend(q, k, v);
        let y = net.linear(y, "o", 3);
        matrices(&net.done(y)).into_iter().map(|space| space.kind).collect::<Vec<_>>()
    };
    assert_eq!(with(false), [Kind::UnitPairs(vec![(0, 2), (1, 3)]), Kind::General]);
    // Signs and gains of pairs are scales then, and no matrices.
    assert_eq!(with(true), [Kind::General]);
}

#[test]
fn queries_and_keys_of_different_codes_leave_nothing() {
    let mut net = Net::new();
    let x = net.input(&[4, 5]);
    let [q, k, v] = ["q", "k", "v"].map(|name| {
        let y = net.linear(x, name, 4);
        net.heads(y, 1)
    });
    let (q, k) = (net.rotary_halves(q), net.rotary_neighbours(k));
    let y = net.attend(q, k, v);
    let y = net.linear(y, "o", 3);
    let all = matrices(&net.done(y));
    assert_eq!(all.len(), 1, "values only");
}

#[test]
fn mixed_vectors_are_not_taken_for_one() {
    // Half of one token beside half of another: coordinates 0 to 3, but of two vectors.
    let mut net = Net::new();
    let x = net.input(&[2, 3]);
    let x = net.linear(x, "first", 4);
    let (a, b) = (net.slice(x, 0, 0, 1, 1), net.slice(x, 0, 1, 1, 1));
    let (a, b) = (net.slice(a, 1, 0, 1, 2), net.slice(b, 1, 2, 1, 2));
    let x = net.concat(1, &[a, b]);
    let y = net.linear(x, "second", 2);
    let all = matrices(&net.done(y));
    let sizes: Vec<(usize, usize)> = all.iter().map(|space| (space.n, space.blocks)).collect();
    assert_eq!(sizes, [(2, 2)]);
}

#[test]
fn heads_that_are_mixed_have_one_matrix() {
    // The same reader for every head.
    let mut net = Net::new();
    let x = net.input(&[4, 5]);
    let x = net.linear(x, "write", 6);
    let x = net.heads(x, 2);
    let y = net.map(x, "read", 2);
    let all = matrices(&net.done(y));
    assert_eq!((all.len(), all[0].n, all[0].blocks), (1, 3, 1));
    // Heads exchanged between writing and reading are the same heads.
    let mut net = Net::new();
    let x = net.input(&[4, 5]);
    let q = net.map(x, "q", 6);
    let k = net.map(x, "k", 6);
    let (q, k) = (net.heads(q, 2), net.heads(k, 2));
    let k = net.take(k, 0, &[1, 0]);
    let y = net.step(Contract { batch: vec![(0, 0)], sum: vec![(2, 2)] }, &[q, k]);
    let all = matrices(&net.done(y));
    assert_eq!((all.len(), all[0].n, all[0].blocks), (1, 3, 2));
    assert_eq!(all[0].of_block(0).map(|holder| holder.places[0]).collect::<Vec<_>>(), [0, 3]);
}

#[test]
fn rolled_and_merged_places_keep_the_stream() {
    // Shifted windows roll places round; merging puts the units of two places side by side before a norm.
    let stream = |roll: bool, merge: bool| {
        let mut net = Net::new();
        let x = net.input(&[4, 3]);
        let x = net.linear(x, "stem", 4);
        let y = net.gained_norm(x, "norm", true);
        let roll = |net: &mut Net, x| {
            let (a, b) = (net.slice(x, 0, 1, 1, 3), net.slice(x, 0, 0, 1, 1));
            if roll { net.concat(0, &[a, b]) } else { x }
        };
        let y = roll(&mut net, y);
        let y = net.linear(y, "up", 5);
        let y = net.apply(Function::Gelu, y);
        let y = net.linear(y, "down", 4);
        let y = roll(&mut net, y);
        let mut x = net.add(x, y);
        if merge {
            let (a, b) = (net.slice(x, 0, 0, 2, 2), net.slice(x, 0, 1, 2, 2));
            x = net.concat(1, &[a, b]);
        }
        let x = net.gained_norm(x, "last", true);
        let y = net.linear(x, "head", 2);
        matrices(&net.done(y)).into_iter().map(|space| (space.kind, space.n)).collect::<Vec<_>>()
    };
    for (roll, merge) in [(false, false), (true, false), (false, true), (true, true)] {
        assert_eq!(stream(roll, merge), [(Kind::OrthogonalKeepingOnes, 4)], "roll {roll}, merge {merge}");
    }
}
