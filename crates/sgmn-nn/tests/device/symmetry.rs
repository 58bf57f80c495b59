//! Every kind of model keeps exactly the symmetries that it claims, in f32 on the device; others are seen to break.

use candle_core::{DType, Device};
use sgmn_graph::{Activation, Lowering, Net, Seed};
use sgmn_nn::{
    Normalization,
    equivariance::symmetry_error,
    models::ModelConfig,
    testing::{Example, examples, nets},
};
use sgmn_symmetry::{
    Symmetry,
    check::{Report, Trials},
    tolerance,
};

use crate::check::{Check, Finding, said};

/// The smallest error that shows that a model does not have a symmetry: twice what one that has it is granted.
///
/// Models that have just been made depend little on their nets, so some break by 3e-4 only; those that keep it err by
/// 6e-6 at most on the CPU.
const BROKEN: f64 = 2.0 * tolerance::MODEL_F32;

/// The group `symmetry`: one check for each example, activation and symmetry, and one that no kind of model is missing.
pub(crate) fn checks(device: &Device) -> Vec<Check> {
    let mut checks = vec![Check::new("symmetry", "every kind of model is examined", every_kind)];
    for example in examples() {
        let claimed = example.config.blueprint().respected();
        for activation in [Activation::Sine { omega: 30.0 }, Activation::Tanh, Activation::Relu] {
            for symmetry in Symmetry::ALL.iter().copied().filter(|symmetry| symmetry.applies(activation)) {
                let keeps = claimed.contains(&symmetry);
                let verb = if keeps { "keeps" } else { "breaks" };
                let name = format!("{} {verb} {symmetry:?} ({})", example.name, word(activation));
                let (example, device) = (example.clone(), device.clone());
                checks.push(Check::new("symmetry", name, move || {
                    let report = measure(&example, activation, symmetry, &device)?;
                    match report {
                        Report { n_moving: 0, .. } => {
                            Err("expected elements that move a net, found none".to_owned())
                        }
                        Report { worst, .. } if keeps => {
                            Ok(Finding::Error { worst, tolerance: tolerance::MODEL_F32 })
                        }
                        // The negative control: an examination that saw nothing here would see nothing anywhere.
                        Report { worst, .. } if worst > BROKEN => Ok(Finding::Holds),
                        Report { worst, .. } => {
                            Err(format!("expected an error above {BROKEN:e}, found {worst:.1e}"))
                        }
                    }
                }));
            }
        }
    }
    checks
}

fn measure(
    example: &Example,
    activation: Activation,
    symmetry: Symmetry,
    device: &Device,
) -> Result<Report, String> {
    let specs = example.nets.specs(activation);
    let nets: Vec<Net> = nets(Seed::new(5), &specs, 2);
    let lowering = said(Lowering::new(&specs))?;
    let normalization = Normalization::fit(&nets);
    let (model, _) = said(example.config.build(&lowering, normalization, Seed::new(11), DType::F32, device))?;
    let trials = Trials::new(Seed::new(6), &[symmetry], 3);
    said(symmetry_error(&*model, &trials, &nets, &lowering, DType::F32, device))
}

fn every_kind() -> Result<Finding, String> {
    let examples = examples();
    let missing =
        ModelConfig::KINDS.iter().find(|(kind, _)| examples.iter().all(|example| example.kind() != *kind));
    match missing {
        Some((kind, _)) => Err(format!("expected an example of the kind {kind}, found none")),
        None => Ok(Finding::Holds),
    }
}

fn word(activation: Activation) -> &'static str {
    match activation {
        Activation::Sine { .. } => "sine",
        Activation::Tanh => "tanh",
        _ => "relu",
    }
}
