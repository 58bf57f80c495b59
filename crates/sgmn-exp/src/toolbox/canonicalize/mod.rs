//! `sgmn canonicalize`: of all nets that the symmetries carry into one another, the same one is written.

mod flow;

use std::{
    collections::BTreeMap,
    io::Write,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use anyhow::{Result, bail};
use sgmn_data::{Dataset, Sample, Source};
use sgmn_symmetry::{Repairs, Symmetry, canonicalize_net};

use super::Verdict;
use crate::{
    any_net::args::NetArgs,
    files::{self, Destination, Input, OpenDataset, ReadArgs},
};

/// What can be chosen.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Functions of nets stay as they are. A symmetry counts at those units whose activation admits it.

Nets of any architecture (.onnx, .pt2, published folders, tensors with --architecture) lose everything that may change
without changing their function: norms are folded, what may be added is settled, scalars, matrices and orders are fixed.
The form is written as .safetensors by the names of parameters, or, if no norm was folded, as the same container.

Examples:
  sgmn canonicalize digits.packed canonical.packed
  sgmn canonicalize net.safetensors canonical.safetensors --symmetry phase --symmetry sign
  sgmn canonicalize resnet18.onnx canonical.onnx")]
pub(super) struct Args {
    /// Dataset or net
    #[arg(value_name = "IN")]
    input: PathBuf,
    #[command(flatten)]
    destination: Destination,
    /// A symmetry to remove: mirror, non_zero, permutation, phase, positive or sign; all if left out
    #[arg(long = "symmetry", value_name = "NAME", value_delimiter = ',')]
    symmetries: Vec<Symmetry>,
    #[command(flatten)]
    read: ReadArgs,
    #[command(flatten)]
    any_net: NetArgs,
}

/// Canonicalizes every net and says what had to be treated.
pub(super) fn run(args: &Args, out: &mut impl Write) -> Result<Verdict> {
    if args.any_net.take(&args.input) {
        if let Some(symmetry) = args.symmetries.first() {
            bail!(
                "--symmetry {}: expected none for a net of any architecture, which loses all, found one",
                symmetry.name()
            );
        }
        flow::run(&args.input, &args.any_net.options(), args.destination.file()?, out)?;
        return Ok(Verdict::Pass);
    }
    args.destination.validate()?;
    let symmetries =
        if args.symmetries.is_empty() { Symmetry::ALL.to_vec() } else { args.symmetries.clone() };
    let names = symmetries.iter().map(|symmetry| symmetry.name()).collect::<Vec<_>>().join(", ");
    let note = |mut origin: BTreeMap<String, String>| {
        origin.insert("canonicalized".to_owned(), names.clone());
        origin
    };
    let repairs = Arc::new(Mutex::new(Repairs::default()));
    match files::open(&args.input, &args.read)? {
        Input::Tree(_, why) => return Err(why.into()),
        Input::Net(file) => {
            let sample = files::sample(&file)?;
            let (net, treated) = canonicalize_net(&sample.net, &symmetries)?;
            *repairs.lock().expect("adding does not panic") = treated;
            args.destination.write_net(Sample { net, ..sample }, note(BTreeMap::new()), out)?;
        }
        Input::Dataset(OpenDataset { kind, dataset, packed }) => {
            let from = || BTreeMap::from([("converted_from".to_owned(), kind.name().to_owned())]);
            let origin = note(packed.map_or_else(from, |facts| facts.provenance));
            let Dataset { source, .. } = dataset;
            let source = Box::new(Canonical { source, symmetries, repairs: Arc::clone(&repairs) });
            args.destination.write_dataset(&Dataset { source, ..dataset }, origin, out)?;
        }
        other => bail!("{}: expected nets, found {}", args.input.display(), other.name()),
    }
    let Repairs { dead_units, tied_units, shifted_phases, lost_phases } =
        *repairs.lock().expect("adding does not panic");
    writeln!(out, "removed: {names}")?;
    writeln!(
        out,
        "units: {shifted_phases} phases shifted; {dead_units} dead, {tied_units} tied and {lost_phases} of lost phase, \
         for which the form is not unique",
    )?;
    Ok(Verdict::Pass)
}

/// A source whose nets are brought to canonical form as they are read.
struct Canonical {
    source: Box<dyn Source>,
    symmetries: Vec<Symmetry>,
    repairs: Arc<Mutex<Repairs>>,
}

impl Source for Canonical {
    fn len(&self) -> usize {
        self.source.len()
    }

    fn get(&self, i: usize) -> sgmn_data::Result<Sample> {
        let sample = self.source.get(i)?;
        let fault = |error: sgmn_symmetry::Error| {
            sgmn_data::Error::format(sample.id.clone(), "a net that has a canonical form", error.to_string())
        };
        let (net, treated) = canonicalize_net(&sample.net, &self.symmetries).map_err(fault)?;
        *self.repairs.lock().expect("adding does not panic") += treated;
        Ok(Sample { net, ..sample })
    }
}
