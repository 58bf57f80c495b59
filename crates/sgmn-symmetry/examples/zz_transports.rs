//! How often is what carries a net to its twin found?
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]
use sgmn_graph::{
    Seed,
    flow::{FlowNet, testing::random_flow},
};
use sgmn_symmetry::flow::{
    Draw, derive,
    freedoms::freedoms,
    matrices::{MatrixElement, matrices, passable},
    relate,
    transport::transport,
};
use std::error::Error;
fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let count: u64 = words.next().map_or(Ok(100), |word| word.parse())?;
    let size: usize = words.next().map_or(Ok(200), |word| word.parse())?;
    let mut stat = std::collections::BTreeMap::<String, usize>::new();
    for number in 0..count {
        let seed = Seed::new(number);
        let net = random_flow(seed, size);
        for kind in 0..4 {
            let Some(twin) = twin(&net, seed, kind)? else { continue };
            let meets = relate(&net, &twin, 1e-9)?.meets();
            let found = match transport(&net, &twin, 1e-9) {
                Ok(Some(f)) => format!(
                    "found{}{}",
                    if f.folded { " folded" } else { "" },
                    if !f.transport.additions.is_empty() { " last" } else { "" }
                ),
                Ok(None) => "none".into(),
                Err(e) => format!("error {e}"),
            };
            if meets && !found.starts_with("found") {
                println!("net {number} kind {kind}: {found}");
            }
            if let Ok(Some(f)) = transport(&net, &twin, 1e-9)
                && !f.folded
            {
                if let Err(e) = derive(net.flow()).moves(&f.transport.element) {
                    println!("net {number} kind {kind}: element does not fit: {e}");
                }
            }
            *stat
                .entry(format!(
                    "kind {kind} meets {meets}: {}",
                    if found.starts_with("error") { "error" } else { &found }
                ))
                .or_default() += 1;
        }
    }
    for (k, v) in stat {
        println!("{k:50} {v}");
    }
    Ok(())
}
fn twin(net: &FlowNet, seed: Seed, kind: u32) -> Result<Option<FlowNet>, Box<dyn Error>> {
    let mut net = net.clone();
    let mut any = false;
    if kind == 0 || kind == 3 {
        let element =
            derive(net.flow()).sample(seed.child("element"), &Draw { spread: 0.5, ..Draw::default() });
        any |= !element.is_identity();
        net = net.with(&element.act(&net))?;
    }
    if kind == 1 || kind == 3 {
        let all = passable(net.flow(), matrices(net.flow()), &net)?;
        any |= !all.is_empty();
        let element = MatrixElement::sample(&all, seed.child("matrices"));
        net = net.with(&element.act(net.flow(), &all, &net)?)?;
    }
    if kind == 2 || kind == 3 {
        for (i, freedom) in freedoms(net.flow()).iter().enumerate() {
            any = true;
            let change = freedom.draw(seed.child("additions").index(i as u64), &net);
            net = net.with(&freedom.act(&net, change))?;
        }
    }
    Ok(any.then_some(net))
}
