//! Temporary.
#![allow(clippy::print_stdout)]
use sgmn_data::containers::{self, Tree, Value, module_tensors};
fn show(tree: &Tree, v: &Value, d: usize, name: &str) {
    let pad = "  ".repeat(d);
    let extra = match v {
        Value::Tensor(t) => match tree.tensor(t) {
            Ok(x) => match x.values {
                containers::Values::Float(f) => format!("{:?}", &f[..f.len().min(3)]),
                containers::Values::Int(f) => format!("{:?}", &f[..f.len().min(3)]),
                containers::Values::Bool(f) => format!("{:?}", &f[..f.len().min(3)]),
            },
            Err(e) => e.to_string(),
        },
        _ => String::new(),
    };
    println!("{pad}{name}: {} {extra}", v.describe());
    match v {
        Value::List(items) => {
            for (i, x) in items.iter().take(4).enumerate() {
                show(tree, x, d + 1, &i.to_string())
            }
        }
        Value::Dict(e) => {
            for (k, x) in e.iter().take(12) {
                show(tree, x, d + 1, &k.to_string())
            }
        }
        Value::Opaque { state: Some(s), .. } => show(tree, s, d + 1, "state"),
        _ => {}
    }
}
fn main() {
    let quiet = std::env::args().nth(1).as_deref() == Some("-q");
    for p in std::env::args().skip(if quiet { 2 } else { 1 }) {
        match containers::read(p.as_ref()) {
            Err(e) => println!("ERR {e}"),
            Ok(t) => {
                if !quiet {
                    println!(
                        "== {p}: {} ordered {} incomplete {:?} meta {:?}",
                        t.container, t.ordered, t.incomplete, t.metadata
                    );
                    show(&t, &t.root, 1, "root");
                    for (k, v) in &t.attributes {
                        show(&t, v, 1, &format!("ATTR {k:?}"))
                    }
                    if let Some(m) = module_tensors(&t.root) {
                        println!("MODULE");
                        for (n, t) in m {
                            println!("   {n} {:?}", t.shape)
                        }
                    }
                }
            }
        }
    }
}
