//! A dataset: how many nets, of which architectures, how they are split, and one of them in full.

use std::{collections::BTreeMap, io::Write};

use anyhow::{Result, bail};
use sgmn_data::{FlowSample, Target, formats::packed, skip, split::Splits};

use super::net;
use crate::{
    files::{OpenDataset, PackedFacts},
    show::describe_spec,
};

/// Describes a dataset and its item `item`.
pub(super) fn describe(opened: &OpenDataset, item: usize, out: &mut impl Write) -> Result<()> {
    let OpenDataset { kind, dataset, packed } = opened;
    let n_nets = dataset.source.len();
    let Splits { train, val, test } = &dataset.splits;
    let unused = n_nets - train.len() - val.len() - test.len();
    writeln!(out, "dataset of format {}: {n_nets} nets", kind.name())?;
    writeln!(out, "splits: train {}, val {}, test {}, in none {unused}", train.len(), val.len(), test.len())?;
    if let Some(classes) = &dataset.classes {
        writeln!(out, "classes: {}", classes.join(", "))?;
    }
    if let Some(note) = skip::note(&dataset.skipped) {
        writeln!(out, "{note}")?;
    }
    if let Some(PackedFacts { provenance, targets, specs }) = packed {
        writeln!(out, "targets: {}", describe_targets(targets))?;
        for spec in specs {
            writeln!(out, "architecture: {}", describe_spec(spec))?;
        }
        writeln!(out, "provenance:")?;
        // What is a list is told above, or was told on opening.
        let is_list = |key: &str| matches!(key, packed::CLASSES | packed::NOTES | packed::SKIPPED);
        for (key, value) in provenance.iter().filter(|(key, _)| !is_list(key)) {
            writeln!(out, "  {key}: {value}")?;
        }
    }
    if item >= n_nets {
        bail!("--item: expected a number below {n_nets}, the nets there are, found {item}");
    }
    write!(out, "\nitem {item}: ")?;
    if let Some(FlowSample { id, net, target }) = dataset.source.flow(item)? {
        let flow = net.flow();
        let (n_params, n_steps) = (flow.params().len(), flow.steps().len());
        writeln!(out, "{id}, target {target:?}")?;
        writeln!(
            out,
            "a graph of {n_steps} operations on {n_params} parameters, of {} numbers",
            flow.n_numbers()
        )?;
        return Ok(());
    }
    net::describe(&dataset.source.get(item)?, out)
}

/// Such as `10 classes of 250 to 250 nets`.
fn describe_targets(targets: &[Target]) -> String {
    let mut classes: BTreeMap<u32, usize> = BTreeMap::new();
    let mut scores: Vec<f64> = Vec::new();
    let mut n_without = 0;
    for target in targets {
        match target {
            Target::None => n_without += 1,
            Target::Class(class) => *classes.entry(*class).or_default() += 1,
            Target::Score(score) => scores.push(*score),
        }
    }
    let mut parts = Vec::new();
    if let (Some(least), Some(most)) = (classes.values().min(), classes.values().max()) {
        parts.push(format!("{} classes of {least} to {most} nets", classes.len()));
    }
    scores.sort_by(f64::total_cmp);
    if let (Some(least), Some(most)) = (scores.first(), scores.last()) {
        let mean = scores.iter().sum::<f64>() / scores.len() as f64;
        parts.push(format!("{} scores from {least:.4} to {most:.4}, mean {mean:.4}", scores.len()));
    }
    if n_without > 0 {
        parts.push(format!("{n_without} nets without any"));
    }
    if parts.is_empty() { "none".to_owned() } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_every_kind_are_counted() {
        let targets =
            [Target::Class(3), Target::Class(3), Target::Class(0), Target::Score(0.5), Target::None];
        let text =
            "2 classes of 1 to 2 nets; 1 scores from 0.5000 to 0.5000, mean 0.5000; 1 nets without any";
        assert_eq!(describe_targets(&targets), text);
        assert_eq!(describe_targets(&[]), "none");
    }
}
