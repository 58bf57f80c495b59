//! Every freedom of random nets over all operations.

use sgmn_graph::{
    Seed,
    flow::{FlowNet, Numbers, random_inputs, run, testing::random_flow},
};

use super::{super::Freedom, difference, freedoms, settle, span};
use crate::flow::fold::Fold;

/// Nets tried; each takes milliseconds.
const NETS: u64 = 200;

fn outputs(net: &FlowNet, numbers: &dyn Numbers) -> Vec<f64> {
    let inputs = random_inputs(net.flow(), Seed::new(1));
    run(net.flow(), numbers, &inputs).unwrap().into_iter().flat_map(|array| array.into_data()).collect()
}

fn named(seed: u64, freedom: &Freedom) -> String {
    format!("net {seed}: {:?}: {}", freedom.rule, freedom.words)
}

#[test]
fn random_nets_keep_their_functions_under_every_freedom() {
    for seed in 0..NETS {
        let net = random_flow(Seed::new(seed), 300);
        let at = outputs(&net, &net);
        let found = freedoms(net.flow());
        for (i, freedom) in found.iter().enumerate() {
            let change = freedom.draw(Seed::new(seed).child("change").index(i as u64), &net);
            let moved = freedom.act(&net, change);
            let off = difference(&at, &outputs(&net, &moved));
            assert!(off < 1e-9, "{}: outputs differ by {off}", named(seed, freedom));
        }
        let dims: usize = found.iter().map(|freedom| freedom.dims).sum();
        let words: Vec<String> = found.iter().map(|freedom| named(seed, freedom)).collect();
        assert_eq!(span(&found, &net), dims, "{words:#?}");
        let (settled, _) = settle(&net).unwrap();
        let off = difference(&at, &outputs(&net, &settled));
        assert!(off < 1e-9, "net {seed}, settled: outputs differ by {off}: {words:#?}");
        let fold = Fold::new(net.flow()).unwrap();
        let folded = fold.apply(&net).unwrap();
        let off = difference(&at, &outputs(&folded, &folded));
        assert!(off < 1e-9, "net {seed}, folded: outputs differ by {off}");
    }
}
