//! Two nets, one function: flip a sign in a sine net, run both, see equal outputs.
//!
//! Run with `cargo run -p sgmn-symmetry --example 02_flip_a_sign`.
#![allow(clippy::print_stdout, reason = "an example shows what it finds")]

use std::{error::Error, sync::Arc};

use sgmn_graph::{Activation, Net, NetSpec, Seed, Topology, eval};
use sgmn_symmetry::{Element, LayerElement, Ranges, Symmetry, canonicalize_net, sample};

fn main() -> Result<(), Box<dyn Error>> {
    // A small INR: two coordinates, three sine units, one grey value.
    let spec = Arc::new(NetSpec::mlp(&[2, 3, 1], Activation::Sine { omega: 30.0 }, 0.5)?);
    let net = Net::new(
        spec.clone(),
        vec![0.11, -0.05, 0.07, 0.12, -0.09, 0.03, 0.01, -0.02, 0.04, 0.6, -0.3, 0.5, 0.1],
    )?;

    // By hand: unit 0 is negated, weights in, bias, weights out.
    let flip = Element::new(vec![LayerElement::scale(vec![-1.0, 1.0, 1.0])?]);
    let flipped = flip.act_on_net(&net)?;

    // At random: units reordered, signs flipped, phases shifted by multiples of π/ω.
    let element = sample(Seed::new(1), &Topology::new(spec)?, Symmetry::ALL, &Ranges::default())?;
    let moved = element.act_on_net(&net)?;

    println!("first-layer bias   as given {:+.3?}", net.bias(0));
    println!("                    flipped {:+.3?}", flipped.bias(0));
    println!("                      moved {:+.3?}", moved.bias(0));

    println!("\n  x      y       as given    flipped      moved");
    for at in [[0.0, 0.0], [0.5, -0.25], [-1.0, 0.75]] {
        let grey = |net: &Net| eval::run(net, &at).map(|outputs| outputs[0]);
        let [a, b, c] = [grey(&net)?, grey(&flipped)?, grey(&moved)?];
        println!("{:+.2}  {:+.2}   {a:9.6}  {b:9.6}  {c:9.6}", at[0], at[1]);
    }

    // All three have one canonical form.
    println!();
    for (name, net) in [("as given", &net), ("flipped", &flipped), ("moved", &moved)] {
        let (canonical, _repairs) = canonicalize_net(net, Symmetry::ALL)?;
        println!("canonical bias {name:>12} {:+.3?}", canonical.bias(0));
    }
    Ok(())
}
