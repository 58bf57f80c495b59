//! One net as a flow: of any architecture, or a chain of layers.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use candle_core::{Device, Tensor};
use sgmn_data::{
    Sample,
    any_net::{self, FlowFile},
    formats::folder,
};
use sgmn_graph::{
    Net, NetSpec,
    flow::{FlowNet, Numbers},
};

use super::{Input, ReadArgs};
use crate::any_net::args::NetArgs;

/// A net that was read, and the file it came from.
pub(crate) enum FlowSource {
    /// A net of any architecture.
    File(FlowFile),
    /// A chain of layers, and the same as a flow.
    Chain(Sample, FlowNet),
}

impl FlowSource {
    /// Reads the file of one net.
    ///
    /// # Errors
    /// A file that holds no net or several, by its name.
    pub(crate) fn open(path: &Path, net: &NetArgs, read: &ReadArgs) -> Result<Self> {
        let (options, shown) = (net.options(), || path.display().to_string());
        if net.take(path) {
            return Ok(Self::File(any_net::open(path, &options).with_context(shown)?));
        }
        match super::open(path, read)? {
            Input::Net(file) => {
                let sample = super::sample(&file)?;
                let flow = any_net::of_chain(&sample.net, &options).with_context(shown)?;
                Ok(Self::Chain(sample, flow))
            }
            Input::Tree(_, why) => Err(why.into()),
            Input::Dataset(_) => bail!("{}: expected one net, found a dataset", path.display()),
            other => bail!("{}: expected one net, found {}", path.display(), other.name()),
        }
    }

    /// The net.
    pub(crate) fn net(&self) -> &FlowNet {
        match self {
            Self::File(file) => &file.net,
            Self::Chain(_, net) => net,
        }
    }

    /// Writes a net of the same flow, which need not exist as a whole: as the same container, or a chain as .safetensors.
    ///
    /// # Errors
    /// A name that does not end so, or what the system says.
    pub(crate) fn write(&self, changed: &dyn Numbers, out: &Path) -> Result<()> {
        match self {
            Self::File(file) => file.write(changed, out)?,
            Self::Chain(sample, _) => {
                if out.extension().is_none_or(|ending| ending != "safetensors") {
                    bail!(
                        "{}: expected a name that ends with .safetensors, for a chain is written so, found another one",
                        out.display()
                    );
                }
                let net = as_chain(sample.net.spec(), changed)?;
                folder::write_net(out, &Sample { net, ..sample.clone() })?;
            }
        }
        Ok(())
    }
}

/// A flow of a chain as the chain.
fn as_chain(spec: &Arc<NetSpec>, net: &dyn Numbers) -> Result<Net> {
    let mut params = vec![0.0; spec.n_params()];
    // A flow has no parameter for a bias that is absent.
    let ranges = (0..spec.layers().len()).flat_map(|l| [spec.weight_range(l), spec.bias_range(l)]);
    for (param, range) in ranges.filter(|range| !range.is_empty()).enumerate() {
        params[range].copy_from_slice(&net.numbers(param));
    }
    Ok(Net::new(spec.clone(), params)?)
}

/// Writes the parameters of a flow by their names, in f64.
///
/// # Errors
/// A name of a file that does not end with .safetensors, or what the system says.
pub(crate) fn write_tensors(net: &FlowNet, to: &Path) -> Result<()> {
    if to.extension().is_none_or(|ending| ending != "safetensors") {
        bail!(
            "{}: expected a name that ends with .safetensors, for norms of the net are folded into their neighbours and \
             the file cannot hold the form, found another one",
            to.display()
        );
    }
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
