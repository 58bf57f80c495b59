//! A checkpoint: what it was trained for, the architectures it reads, its experiment, its variables.

mod about;

use std::{collections::BTreeMap, io::Write, path::Path};

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use sgmn_nn::{
    Normalization,
    checkpoint::{Checkpoint, Header},
    models::ModelConfig,
};

use crate::show::{Table, describe_spec};

/// Describes the checkpoint at a path; every variable has a row if `each`, else variables are summed by part.
pub(super) fn describe(path: &Path, each: bool, out: &mut impl Write) -> Result<()> {
    let Checkpoint { header, vars, optimizer } = Checkpoint::read(path, &Device::Cpu)?;
    let Header { model, specs, normalization, n_steps, progress, about, graphs } = &header;
    let n_params: usize = vars.values().map(Tensor::elem_count).sum();
    writeln!(
        out,
        "{} checkpoint after {n_steps} steps: {} variables with {n_params} numbers",
        model.kind(),
        vars.len()
    )?;
    match about {
        Some(about) => self::about::describe(about, out)?,
        None => writeln!(
            out,
            "asked and trained on: not said, as in files of earlier versions and of the published program"
        )?,
    }
    writeln!(
        out,
        "optimizer: {}",
        if optimizer.is_empty() { "none".to_owned() } else { format!("{} tensors", optimizer.len()) }
    )?;
    let normalized = if *normalization == Normalization::none() {
        "read as they are"
    } else {
        "divided by each layer's root mean square"
    };
    writeln!(out, "parameters of nets: {normalized}")?;
    for spec in specs {
        writeln!(out, "reads: {}", describe_spec(spec))?;
    }
    /// Architectures that are named one by one.
    const MOST_GRAPHS: usize = 10;
    for graph in graphs.iter().take(MOST_GRAPHS) {
        let n_nodes: usize = graph.sites.iter().map(|site| site.n).sum();
        let blocks = graph.blocks.len();
        writeln!(
            out,
            "reads: {}: {n_nodes} nodes in {} sites, {blocks} blocks",
            graph.fingerprint,
            graph.sites.len()
        )?;
    }
    if graphs.len() > MOST_GRAPHS {
        writeln!(out, "reads: {} more architectures", graphs.len() - MOST_GRAPHS)?;
    }
    writeln!(out, "progress: {progress}")?;
    match about.as_ref().and_then(|about| about.experiment.as_ref()) {
        Some(experiment) => writeln!(out, "\n{}", experiment.trim_end())?,
        None => describe_config(model, out)?,
    }

    let mut parts: BTreeMap<String, Part> = BTreeMap::new();
    for (name, tensor) in &vars {
        let key = if each { name.clone() } else { part_of(name) };
        parts.entry(key).or_default().add(tensor)?;
    }
    let header = if each { ["variable", "shape"] } else { ["part", "variables"] };
    let header = header.into_iter().chain(["numbers", "rms", "largest"]);
    let rows = parts.into_iter().map(|(name, part)| {
        let Part { n_vars, shape, n_numbers, squares, largest } = part;
        let rms = (squares / (n_numbers.max(1) as f64)).sqrt();
        let second = if each { format!("{shape:?}") } else { n_vars.to_string() };
        vec![name, second, n_numbers.to_string(), format!("{rms:.3e}"), format!("{largest:.3e}")]
    });
    let table = Table { header: header.map(str::to_owned).collect(), rows: rows.collect() };
    write!(out, "\n{}", table.to_markdown())?;
    Ok(())
}

/// Prints a model's configuration as it would stand in an experiment file.
pub(super) fn describe_config(config: &ModelConfig, out: &mut impl Write) -> Result<()> {
    writeln!(out, "\n[model]")?;
    // Headings of parts are written from the root of the file.
    for line in toml::to_string(config)?.lines() {
        match line.strip_prefix('[') {
            Some(heading) => writeln!(out, "[model.{heading}")?,
            None => writeln!(out, "{line}")?,
        }
    }
    Ok(())
}

/// Variables with a common beginning.
#[derive(Debug, Default)]
struct Part {
    n_vars: usize,
    shape: Vec<usize>,
    n_numbers: usize,
    squares: f64,
    largest: f64,
}

impl Part {
    fn add(&mut self, tensor: &Tensor) -> Result<()> {
        let values = tensor.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        self.n_vars += 1;
        self.shape = tensor.dims().to_vec();
        self.n_numbers += values.len();
        for value in values {
            self.squares += value * value;
            // A NaN stays the largest, for no comparison with it holds; max would hide it.
            if value.is_nan() || value.abs() > self.largest {
                self.largest = value.abs();
            }
        }
        Ok(())
    }
}

/// The beginning of a variable's name up to and with the first number: `gnn.fw_layers.0`.
fn part_of(name: &str) -> String {
    let words: Vec<&str> = name.split('.').collect();
    let end = words.iter().position(|word| word.parse::<usize>().is_ok()).map_or(2, |place| place + 1);
    words[..end.min(words.len().saturating_sub(1)).max(1)].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_with_the_first_number() {
        assert_eq!(part_of("gnn.fw_layers.0.message_fn.eq_layers.0.W.weight"), "gnn.fw_layers.0");
        assert_eq!(part_of("gnn.readout.phi.0.weight"), "gnn.readout.phi.0");
        assert_eq!(part_of("construct_graph.proj_bias.weight"), "construct_graph.proj_bias");
        assert_eq!(part_of("weight_scale.3"), "weight_scale");
        assert_eq!(part_of("w"), "w");
    }

    #[test]
    fn a_nan_is_the_largest_number_of_its_part() {
        let mut part = Part::default();
        part.add(&Tensor::new(&[1.0, f64::NAN], &Device::Cpu).unwrap()).unwrap();
        assert!(part.largest.is_nan());
    }
}
