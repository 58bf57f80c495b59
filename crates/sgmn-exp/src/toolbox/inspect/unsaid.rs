//! A net of which something is not known: its layers as far as they are, and the options that tell the rest.

use std::io::Write;

use anyhow::Result;
use sgmn_data::nets::NetFile;

use crate::show::Table;

/// Shows the layers and what is not said.
pub(super) fn describe(file: &NetFile, out: &mut impl Write) -> Result<()> {
    writeln!(out, "net in a {}, not known in full\n", file.tree().container)?;
    let header = ["layer", "weight", "bias", "batch norms behind it"].map(str::to_owned).to_vec();
    let rows = file.layers().into_iter().map(|layer| {
        let bias = if layer.has_bias { "yes" } else { "none" };
        vec![layer.name, format!("{:?}", layer.weight), bias.to_owned(), layer.norms.join(", ")]
    });
    write!(out, "{}", Table { header, rows: rows.collect() }.to_markdown())?;
    writeln!(out)?;
    for note in &file.notes {
        writeln!(out, "note: {note}")?;
    }
    if let Some(label) = &file.facts.label {
        writeln!(out, "label: {label}")?;
    }
    if let Some(score) = file.facts.score {
        writeln!(out, "score: {score}")?;
    }
    writeln!(out, "the file does not say:")?;
    for unsaid in &file.unsaid {
        writeln!(out, "  {}: {}", unsaid.what, unsaid.answer)?;
    }
    Ok(())
}
