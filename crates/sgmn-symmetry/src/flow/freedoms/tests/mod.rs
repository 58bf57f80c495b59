//! Each rule on the smallest net that has it, and on one that only looks like it.

mod attention;
mod biases;
mod discrete;
mod norms;
mod random;
pub(crate) mod sketch;

use std::sync::Arc;

use rand::RngExt;
use sgmn_graph::{
    Seed,
    flow::{Array, FlowNet, InputKind, Numbers, run},
};

use super::{Freedom, freedoms, settle, span};
use sketch::Sketch;

/// A net of random numbers.
pub(crate) fn net(sketch: Sketch, seed: Seed) -> FlowNet {
    let flow = Arc::new(sketch.build());
    let params = (0..flow.params().len()).map(|i| {
        let mut rng = seed.child(&flow.params()[i].name).rng();
        let n: usize = flow.param_shape(i).iter().product();
        let positive = flow.params()[i].name.contains("var");
        let (low, high) = if positive { (0.5, 2.0) } else { (-1.0, 1.0) };
        (0..n).map(|_| rng.random_range(low..high)).collect::<Vec<f64>>().into()
    });
    let params = params.collect();
    FlowNet::new(flow, params).unwrap()
}

pub(crate) fn outputs(net: &FlowNet, numbers: &dyn Numbers) -> Vec<f64> {
    let flow = net.flow();
    let inputs: Vec<Array> = flow
        .inputs()
        .iter()
        .map(|input| {
            let mut rng = Seed::new(5).child(&input.name).rng();
            let shape = flow.shape(input.value).to_vec();
            let n: usize = shape.iter().product();
            let data = (0..n).map(|_| match input.kind {
                InputKind::Real => rng.random_range(-2.0..2.0),
                InputKind::Whole => f64::from(rng.random_range(0..3u32)),
            });
            Array::new(shape, data.collect()).unwrap()
        })
        .collect();
    run(flow, numbers, &inputs).unwrap().into_iter().flat_map(Array::into_data).collect()
}

pub(crate) fn difference(a: &[f64], b: &[f64]) -> f64 {
    let largest = a.iter().fold(1e-300f64, |most, x| most.max(x.abs()));
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / largest
}

/// The freedoms of a net, after every claim about them was tried in numbers.
fn proven(sketch: Sketch) -> Vec<Freedom> {
    let net = net(sketch, Seed::new(3));
    let found = freedoms(net.flow());
    let at = outputs(&net, &net);
    let mut twin = net.clone();
    for (i, freedom) in found.iter().enumerate() {
        let change = freedom.draw(Seed::new(11).index(i as u64), &net);
        let moved = net.with(&freedom.act(&net, change.clone())).unwrap();
        for param in 0..net.flow().params().len() {
            let same = net.numbers(param) == moved.numbers(param);
            assert!(same || freedom.params.contains(&param), "{}: {param}", freedom.words);
        }
        if freedom.dims > 0 {
            assert_ne!(net, moved, "{} moves nothing", freedom.words);
        }
        let off = difference(&at, &outputs(&net, &moved));
        assert!(off < 1e-12, "{}: outputs differ by {off}", freedom.words);
        twin = twin.with(&freedom.act(&twin, change)).unwrap();
    }
    let dims: usize = found.iter().map(|freedom| freedom.dims).sum();
    let words: Vec<&str> = found.iter().map(|freedom| freedom.words.as_str()).collect();
    assert_eq!(span(&found, &net), dims, "dimensions of {words:#?}");
    let (settled, counts) = settle(&net).unwrap();
    assert_eq!(counts.left, 0);
    let off = difference(&at, &outputs(&net, &settled));
    assert!(off < 1e-12, "settled: outputs differ by {off}: {words:#?}");
    assert_eq!(settle(&settled).unwrap().0, settled, "settling twice");
    let (other, _) = settle(&twin).unwrap();
    for param in 0..net.flow().params().len() {
        let off = difference(&settled.numbers(param), &other.numbers(param));
        let absolute: f64 = settled
            .numbers(param)
            .iter()
            .zip(other.numbers(param).iter())
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        let name = &net.flow().params()[param].name;
        assert!(off.min(absolute) < 1e-9, "{name} of the twin ends {absolute} away: {words:#?}");
    }
    found
}

/// Dimensions of all freedoms together.
fn dims(found: &[Freedom]) -> usize {
    found.iter().map(|freedom| freedom.dims).sum()
}
