//! One net: its layers, their sizes and magnitudes, and what may change without changing its function.

use std::{io::Write, sync::Arc};

use anyhow::Result;
use sgmn_data::{Sample, Target};
use sgmn_graph::{Net, Topology};
use sgmn_symmetry::{Sites, Symmetry};

use crate::show::{Table, describe_map, describe_nonlinearity, describe_spec};

/// Describes a net with its name and what is known about it.
pub(super) fn describe(sample: &Sample, out: &mut impl Write) -> Result<()> {
    let target = match sample.target {
        Target::None => String::new(),
        Target::Class(class) => format!(", class {class}"),
        Target::Score(score) => format!(", score {score}"),
    };
    writeln!(out, "net {}{target}", sample.id)?;
    describe_net(&sample.net, out)
}

/// Describes a net.
pub(super) fn describe_net(net: &Net, out: &mut impl Write) -> Result<()> {
    let spec = net.spec();
    writeln!(out, "{}\n", describe_spec(spec))?;
    let topology = Topology::new(Arc::clone(spec))?;
    let sites = Sites::new(&topology, Symmetry::ALL);
    let header = [
        "layer",
        "map",
        "weight",
        "activation",
        "parameters",
        "weight rms",
        "norm",
        "bias rms",
        "norm",
        "symmetries of its units",
    ];
    let rows = spec.layers().iter().enumerate().map(|(l, layer)| {
        // Node layer l + 1 holds the units that layer l writes.
        let site = sites.layers().iter().find(|site| site.layer == l + 1);
        let symmetries = site.map_or("none: outputs".to_owned(), |site| {
            site.symmetries.iter().map(|symmetry| symmetry.name()).collect::<Vec<_>>().join(", ")
        });
        let [weight, bias] = [net.weight(l), net.bias(l)];
        vec![
            l.to_string(),
            describe_map(&layer.map),
            format!("{:?}", spec.weight_shape(l)),
            describe_nonlinearity(layer.nonlinearity()),
            (weight.len() + bias.len()).to_string(),
            format!("{:.3e}", rms(weight)),
            format!("{:.3e}", norm(weight)),
            if layer.bias { format!("{:.3e}", rms(bias)) } else { "no bias".to_owned() },
            if layer.bias { format!("{:.3e}", norm(bias)) } else { String::new() },
            symmetries,
        ]
    });
    let table = Table { header: header.map(str::to_owned).to_vec(), rows: rows.collect() };
    write!(out, "{}", table.to_markdown())?;
    Ok(())
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

fn rms(values: &[f64]) -> f64 {
    norm(values) / (values.len() as f64).sqrt()
}
