//! One PyTorch file: the state dict of a multi-layer perceptron, or something else that is only looked at.

use std::{path::Path, sync::Arc};

use anyhow::{Context, Result, bail};
use sgmn_data::{
    Sample, Target,
    formats::{
        tensor::Tensor,
        torch_zip::{self, StateDict, Value},
    },
};
use sgmn_graph::{Activation, Net, NetSpec};

use super::{Input, ReadArgs};

/// Frequency of the sines of every published INR.
const OMEGA: f64 = 30.0;
/// DWSNets' INRs, known by the names of their layers, say gray where they say nothing; others add nothing.
const DWS: (&str, f64) = ("seq.", 0.5);

/// Opens an archive: a net if it is a chain of weights and biases, and the bare values if not.
///
/// # Errors
/// If the archive is damaged or holds anything but plain values.
pub(super) fn open(path: &Path, args: &ReadArgs) -> Result<Input> {
    let value = torch_zip::read(path)?;
    let Ok(dict) = torch_zip::state_dict(value.clone(), &[], path) else { return Ok(Input::Archive(value)) };
    let Some(layers) = layers(&dict) else { return Ok(Input::Archive(value)) };
    Ok(Input::Net(net(path, &dict, &layers, args)?))
}

/// Weights and biases, layer by layer: PyTorch writes a state dict in the order in which its net was built.
///
/// None if the tensors are not a chain of dense layers.
fn layers(dict: &StateDict) -> Option<Vec<[&Tensor; 2]>> {
    let tensors: Vec<_> = dict.tensors.iter().filter(|(name, _)| name != "label").collect();
    let mut layers: Vec<[&Tensor; 2]> = Vec::new();
    for pair in tensors.chunks(2) {
        let [(weight_name, weight), (bias_name, bias)] = pair else { return None };
        if weight_name.strip_suffix(".weight")? != bias_name.strip_suffix(".bias")? {
            return None;
        }
        let ([n_out, n_in], [n_biases]) = (&weight.shape[..], &bias.shape[..]) else { return None };
        let follows = layers.last().is_none_or(|before| before[0].shape[0] == *n_in);
        if !follows || n_biases != n_out {
            return None;
        }
        layers.push([weight, bias]);
    }
    (!layers.is_empty()).then_some(layers)
}

fn net(path: &Path, dict: &StateDict, layers: &[[&Tensor; 2]], args: &ReadArgs) -> Result<Sample> {
    let words = args.activation.clone().unwrap_or(Activation::Sine { omega: OMEGA }.into());
    let is_dws = dict.tensors.iter().any(|(name, _)| name.starts_with(DWS.0));
    let output_offset = args.output_offset.unwrap_or(if is_dws { DWS.1 } else { 0.0 });
    if args.activation.is_none() || args.output_offset.is_none() {
        // A state dict does not say, and a wrong guess must not pass unseen.
        eprintln!(
            "note: {}: taken for a sine network of frequency {OMEGA} whose output is shifted by {output_offset}, \
             unless --activation and --output-offset say otherwise",
            path.display(),
        );
    }
    let mut widths = vec![layers[0][0].shape[1]];
    let mut params = Vec::new();
    for [weight, bias] in layers {
        widths.push(weight.shape[0]);
        for tensor in [weight, bias] {
            let Some(values) = tensor.floats() else {
                bail!(
                    "{}: expected weights of floating-point numbers, found {:?}",
                    path.display(),
                    tensor.element
                );
            };
            params.extend_from_slice(values);
        }
    }
    let context = || path.display().to_string();
    let hidden = words.for_layers(layers.len() - 1).with_context(context)?;
    let spec = NetSpec::mixed_mlp(&widths, &hidden, output_offset).with_context(context)?;
    let net = Net::new(Arc::new(spec), params).with_context(context)?;
    let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Sample { id, net, target: label(dict) })
}

/// The class, where the file tells it as DWSNets' Fashion-MNIST nets do.
fn label(dict: &StateDict) -> Target {
    let number = dict.others.iter().find(|(name, _)| name == "label").and_then(|(_, value)| match value {
        Value::Int(number) => Some(*number),
        _ => None,
    });
    let tensor = || {
        dict.tensors.iter().find(|(name, _)| name == "label").and_then(|(_, tensor)| tensor.whole_number())
    };
    match number.or_else(tensor).and_then(|class| u32::try_from(class).ok()) {
        Some(class) => Target::Class(class),
        None => Target::None,
    }
}
