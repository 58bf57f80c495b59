//! A file that holds no net that is read: why, and what is inside.

use std::io::Write;

use anyhow::Result;
use sgmn_data::{
    Error,
    containers::{Tree, Value},
    nets,
};

/// Levels of dictionaries that are shown.
const DEEPEST: usize = 3;
/// Entries of one dictionary that are shown.
const MOST_ENTRIES: usize = 40;

/// Says why there is no net to describe and lists nets or entries inside.
pub(super) fn describe(tree: &Tree, why: &Error, out: &mut impl Write) -> Result<()> {
    writeln!(out, "{}: no chain of layers is read from it", tree.container)?;
    writeln!(out, "reason: {why}")?;
    let nets = nets::all_inside(tree);
    if nets.len() > 1 {
        writeln!(out, "\nnets inside, for --under:")?;
        for net in &nets {
            let path = if net.path.is_empty() { "." } else { &net.path };
            writeln!(out, "  {path}: {} tensors", net.tensors.len())?;
        }
    }
    writeln!(out, "\ninside:")?;
    entries(&tree.root, 1, out)?;
    if !tree.metadata.is_empty() {
        writeln!(out, "metadata:")?;
        for (key, text) in &tree.metadata {
            writeln!(out, "  {key}: {}", Value::Text(text.clone()).describe())?;
        }
    }
    Ok(())
}

fn entries(value: &Value, depth: usize, out: &mut impl Write) -> std::io::Result<()> {
    let Some(entries_here) = value.entries() else {
        return if depth == 1 { writeln!(out, "  {}", value.describe()) } else { Ok(()) };
    };
    let indent = "  ".repeat(depth);
    for (key, value) in entries_here.iter().take(MOST_ENTRIES) {
        writeln!(out, "{indent}{key}: {}", value.describe())?;
        if depth < DEEPEST {
            entries(value, depth + 1, out)?;
        }
    }
    if entries_here.len() > MOST_ENTRIES {
        writeln!(out, "{indent}and {} more", entries_here.len() - MOST_ENTRIES)?;
    }
    Ok(())
}
