//! Nets of any architecture: norms folded, additions settled, scalars, matrices and orders fixed.

use std::{io::Write, path::Path};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use sgmn_data::any_net::{self, ReadOptions};
use sgmn_graph::flow::{FlowNet, Numbers};
use sgmn_symmetry::flow::{FlowRepairs, canonicalize_flow, check_same_flow};

/// Canonicalizes a net and says what nothing decided.
pub(super) fn run(path: &Path, options: &ReadOptions, to: &Path, out: &mut impl Write) -> Result<()> {
    let file = any_net::open(path, options)?;
    let canonical = canonicalize_flow(&file.net).with_context(|| path.display().to_string())?;
    let folded = check_same_flow(file.net.flow(), canonical.net.flow()).is_err();
    if to.extension().is_some_and(|ending| ending == "safetensors") {
        write_tensors(&canonical.net, to)?;
    } else if folded {
        bail!(
            "{}: expected a name that ends with .safetensors, for norms of the net are folded into their neighbours and \
             the file cannot hold the form, found another one",
            to.display()
        );
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

/// Writes the parameters by their names, in f64.
fn write_tensors(net: &FlowNet, to: &Path) -> Result<()> {
    let tensor = |(i, param): (usize, &sgmn_graph::flow::Param)| {
        let numbers = net.numbers(i).into_owned();
        Ok((param.name.clone(), Tensor::from_vec(numbers, net.flow().param_shape(i), &Device::Cpu)?))
    };
    let tensors = net.flow().params().iter().enumerate().map(tensor).collect::<Result<Vec<_>>>()?;
    let shown = || to.display().to_string();
    // The file appears when it is complete.
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = tempfile::NamedTempFile::new_in(folder).with_context(shown)?;
    // The writer sorts by name, so the order of this map reaches no byte.
    candle_core::safetensors::save(&tensors.into_iter().collect(), part.path()).with_context(shown)?;
    part.persist(to).with_context(shown)?;
    Ok(())
}
