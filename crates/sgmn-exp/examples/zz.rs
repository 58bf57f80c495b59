#![allow(clippy::all, clippy::print_stdout)]
use sgmn_graph::{Seed, flow::*};
use sgmn_symmetry::flow::{freedoms::*, matrices::*, transport::*, *};
fn main() -> anyhow::Result<()> {
    for path in std::env::args().skip(1) {
        let f = sgmn_data::any_net::open(path.as_ref(), &Default::default())?;
        let net = &f.net;
        for kind in 0..4 {
            let mut t = net.clone();
            let seed = Seed::new(5);
            if kind == 0 || kind == 3 {
                let e = derive(net.flow()).sample(seed.child("e"), &Draw::default());
                t = t.with(&e.act(&t))?;
            }
            if kind == 1 || kind == 3 {
                let all = passable(net.flow(), matrices(net.flow()), &t)?;
                let e = MatrixElement::sample(&all, seed.child("m"));
                t = t.with(&e.act(net.flow(), &all, &t)?)?;
            }
            if kind == 2 || kind == 3 {
                for (i, fr) in freedoms(net.flow()).iter().enumerate() {
                    let c = fr.draw(seed.child("a").index(i as u64), &t);
                    t = t.with(&fr.act(&t, c))?;
                }
            }
            let [x, y] = [canonicalize_unfolded(net)?, canonicalize_unfolded(&t)?];
            let mut w = Vec::new();
            for i in 0..net.flow().params().len() {
                let (a, b) = (x.net.numbers(i), y.net.numbers(i));
                let m = a.iter().chain(b.iter()).fold(0.0f64, |m, v| m.max(v.abs()));
                let d = a.iter().zip(b.iter()).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()));
                if d > 1e-9 * m {
                    w.push(format!("{} {:.1e}/{:.1e}", net.flow().params()[i].name, d, m));
                }
            }
            let r = relate(net, &t, 1e-9)?;
            let found = transport::transport(net, &t, 1e-9)?;
            println!(
                "{path} kind {kind}: meets {} found {:?}; unfolded {:?} {:?}; differing {}: {:?}",
                r.meets(),
                found.map(|f| (f.folded, f.apart, f.transport.additions.len())),
                x.repairs,
                y.repairs,
                w.len(),
                w.iter().take(4).collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}
