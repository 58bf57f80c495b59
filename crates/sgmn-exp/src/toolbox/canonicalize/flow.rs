//! Nets of any architecture: norms folded, additions settled, scalars, matrices and orders fixed.

use std::{io::Write, path::Path};

use crate::files::write_tensors;
use anyhow::{Context, Result};
use sgmn_data::any_net::{self, ReadOptions};
use sgmn_symmetry::flow::{FlowRepairs, canonicalize_flow, check_same_flow};

/// Canonicalizes a net and says what nothing decided.
pub(super) fn run(path: &Path, options: &ReadOptions, to: &Path, out: &mut impl Write) -> Result<()> {
    let file = any_net::open(path, options)?;
    let canonical = canonicalize_flow(&file.net).with_context(|| path.display().to_string())?;
    let folded = check_same_flow(file.net.flow(), canonical.net.flow()).is_err();
    if folded || to.extension().is_some_and(|ending| ending == "safetensors") {
        write_tensors(&canonical.net, to)?;
    } else {
        file.write(&canonical.net, to)?;
    }
    writeln!(out, "wrote {}", to.display())?;
    for (rule, n) in &canonical.settled.changed {
        writeln!(out, "settled: {n} freedoms of the rule {}", rule.name())?;
    }
    let FlowRepairs { dead, signs, unanchored, directions, tied, unordered } = canonical.repairs;
    writeln!(
        out,
        "nothing decided: {dead} scalars of dead units, {signs} signs, {unanchored} scalars without an anchor, \
         {directions} directions of matrices, {tied} tied units, {unordered} orders without an anchor",
    )?;
    Ok(())
}
