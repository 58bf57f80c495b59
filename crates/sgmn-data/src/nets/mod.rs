//! One net from one file of any container: found inside, put in order, and asked about where it is not certain.
//!
//! ```text
//! container → tree of named tensors → the net inside → parts by name → layers in order → architecture → Net
//! ```
//!
//! Nothing is guessed: several nets, several orders, an activation, a residual connection, the step or the pooling of a
//! convolution that the file does not tell are asked for, by the option that answers ([`NetFile::unsaid`]).
//!
//! ```no_run
//! use sgmn_data::nets::{self, NetOptions};
//! # fn main() -> sgmn_data::Result<()> {
//! let options = NetOptions { activation: Some("sine:30".parse().unwrap()), ..NetOptions::default() };
//! let file = nets::open("siren.pth".as_ref(), &options)?;
//! let net = file.net()?;
//! # Ok(())
//! # }
//! ```

mod affine;
mod architecture;
mod chain;
mod facts;
mod inside;
mod names;
mod options;
mod order;
mod parts;
mod unsaid;

use std::{path::Path, sync::Arc};

use sgmn_graph::{Net, NetSpec};

pub use facts::{Facts, Label, label};
pub use inside::{Inside, all as all_inside, one as one_inside};
pub use options::{Convolution, LayerOrder, NetOptions};
pub use unsaid::Unsaid;
pub(crate) use unsaid::sentence;

use crate::{
    Error, Result, Sample, Target,
    containers::{self, Tree},
    formats::spec_json,
};
use chain::Layer;
use parts::{Part, Role};

/// A file with one net in it, and what is known and not known of the net.
#[derive(Debug)]
pub struct NetFile {
    /// What the file says besides.
    pub facts: Facts,
    /// Decisions that a person should see: what was left out, folded or assumed.
    pub notes: Vec<String>,
    /// What nobody can know from the file; empty if the net can be read.
    pub unsaid: Vec<Unsaid>,
    /// Keys that lead to the net in the file; empty for the file itself.
    pub inside: String,
    layers: Vec<Layer>,
    spec: Option<NetSpec>,
    epsilon: f64,
    tree: Tree,
}

/// A layer as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerShape {
    /// Its name.
    pub name: String,
    /// Shape of its weight, outputs first.
    pub weight: Vec<usize>,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// Batch norms directly behind it.
    pub norms: Vec<String>,
}

/// Opens a file and looks for the net in it.
///
/// # Errors
/// [`Error::Io`]; [`Error::Format`] for a damaged file or one whose weights form no chain; [`Error::Unsaid`] if several
/// nets are inside. What else is not certain is in [`NetFile::unsaid`].
pub fn open(path: &Path, options: &NetOptions) -> Result<NetFile> {
    from_tree(containers::read(path)?, options)
}

/// Looks for the net in what a file holds.
///
/// # Errors
/// As [`open`].
pub fn from_tree(tree: Tree, options: &NetOptions) -> Result<NetFile> {
    let fault = |(expected, found): chain::Fault| Error::format(tree.path(), expected, found);
    if let Some(part) = &tree.incomplete {
        return Err(Error::format(tree.path(), "a whole net", part.clone()));
    }
    let inside = inside::one(&tree, options.under.as_deref())?;
    let facts = facts::facts(&tree, &inside).map_err(fault)?;
    let (mut notes, mut unsaid) = (Vec::new(), Vec::new());
    let (mut said, order) = facts::said(&tree, options, &mut notes).map_err(fault)?;
    if !inside.path.is_empty() && options.under.is_none() {
        notes.push(format!("the net stands under {:?}", inside.path));
    }
    let kept = weights(&inside, &options.ignore, &mut notes);
    let parts = parts::parts(&kept);
    let as_built = tree.ordered;
    let written = match tree.metadata.get("spec").filter(|_| inside.path.is_empty()) {
        Some(text) => {
            Some(spec_json::read(text).map_err(|why| fault(("a valid metadata spec".to_owned(), why)))?)
        }
        None => None,
    };
    // A whole spec says that there is nothing else.
    said.chain |= written.is_some();
    let layers =
        chain::layers(parts, options, order.as_ref(), as_built, &mut unsaid, &mut notes).map_err(fault)?;
    let spec = match written {
        Some(spec) => Some(agreeing(spec, &layers).map_err(fault)?),
        None => architecture::spec(&layers, &said, options, &mut unsaid, &mut notes).map_err(fault)?,
    };
    let epsilon = options.epsilon.unwrap_or_default();
    Ok(NetFile { facts, notes, unsaid, inside: inside.path, layers, spec, epsilon, tree })
}

impl NetFile {
    /// The layers, first to last as far as the order is certain.
    pub fn layers(&self) -> Vec<LayerShape> {
        let shape = |layer: &Layer| LayerShape {
            name: layer.part.name.clone(),
            weight: layer.part.weight_shape(),
            has_bias: layer.part.tensor(Role::Bias).is_some(),
            norms: layer.norms.iter().map(|norm| norm.name.clone()).collect(),
        };
        self.layers.iter().map(shape).collect()
    }

    /// The architecture, if all of it is certain.
    pub fn spec(&self) -> Option<&NetSpec> {
        self.spec.as_ref().filter(|_| self.unsaid.is_empty())
    }

    /// Reads the numbers and gives the net.
    ///
    /// # Errors
    /// [`Error::Unsaid`] with all that is not certain; [`Error::Format`] and [`Error::Net`] for numbers that are missing,
    /// not finite or no floats.
    pub fn net(&self) -> Result<Net> {
        self.net_of(|spec| Arc::new(spec.clone()))
    }

    /// As [`NetFile::net`], with an architecture that `share` may give to many nets.
    pub(crate) fn net_of(&self, share: impl FnOnce(&NetSpec) -> Arc<NetSpec>) -> Result<Net> {
        let path = self.tree.path();
        let Some(spec) = self.spec() else {
            return Err(Error::Unsaid { path: path.to_owned(), unsaid: self.unsaid.clone() });
        };
        let mut params = Vec::with_capacity(spec.n_params());
        for layer in &self.layers {
            let mut affine = affine::read(&self.tree, &layer.part)?;
            for norm in &layer.norms {
                affine.fold(&self.tree, norm, self.epsilon)?;
            }
            params.extend(affine.weight);
            params.extend(affine.bias.unwrap_or_default());
        }
        Net::new(share(spec), params).map_err(|source| Error::Net { path: path.to_owned(), source })
    }

    /// The net with its name, by default that of the file, and its target: a class by its number, or else a score.
    ///
    /// # Errors
    /// As [`NetFile::net`].
    pub fn sample(&self) -> Result<Sample> {
        Ok(self.sample_of(self.net()?))
    }

    /// As [`NetFile::sample`], with the net that was read.
    pub(crate) fn sample_of(&self, net: Net) -> Sample {
        let stem = || {
            self.tree.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let target = match (&self.facts.label, self.facts.score) {
            (Some(Label::Number(class)), _) => Target::Class(*class),
            (_, Some(score)) => Target::Score(score),
            _ => Target::None,
        };
        Sample { id: self.facts.id.clone().unwrap_or_else(stem), net, target }
    }

    /// What the file holds.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
}

/// The tensors of a net without those that are no parameters; what is left out is noted.
fn weights(
    inside: &Inside,
    ignore: &[String],
    notes: &mut Vec<String>,
) -> Vec<(String, containers::TensorRef)> {
    let mut left_out = Vec::new();
    let mut kept = Vec::new();
    for (name, tensor) in &inside.tensors {
        let role = parts::split(name).map(|(_, role)| role);
        if ignore.iter().any(|pattern| options::fits(pattern, name)) {
            left_out.push(name.as_str());
        } else if !matches!(name.as_str(), "label" | "score") && role != Some(Role::Counter) {
            kept.push((name.clone(), tensor.clone()));
        }
    }
    if !left_out.is_empty() {
        notes.push(format!("left out: {}", left_out.join(", ")));
    }
    kept
}

/// A written architecture, if the weights have its shapes.
fn agreeing(spec: NetSpec, layers: &[Layer]) -> Result<NetSpec, chain::Fault> {
    let written: Vec<Vec<usize>> = (0..spec.layers().len()).map(|l| spec.weight_shape(l)).collect();
    let found: Vec<Vec<usize>> = layers.iter().map(|layer| layer.part.weight_shape()).collect();
    let biases = |part: &Part| part.tensor(Role::Bias).is_some();
    if written != found {
        return Err((
            format!("weights of shapes {written:?}, as the metadata spec says"),
            format!("{found:?}"),
        ));
    }
    match spec.layers().iter().zip(layers).find(|(spec, layer)| spec.bias != biases(&layer.part)) {
        Some((spec, layer)) => {
            let word = |has: bool| if has { "a bias" } else { "no bias" };
            let expected = format!("{} of {}, as the metadata spec says", word(spec.bias), layer.part.name);
            Err((expected, word(!spec.bias).to_owned()))
        }
        None => Ok(spec),
    }
}
