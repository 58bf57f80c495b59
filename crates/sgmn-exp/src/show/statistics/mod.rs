//! Norms and signs of the units of a dataset's nets: whether training has settled what symmetries leave open.
//!
//! A unit i of layer l has the incoming weights w_i (row i of W_l; for a convolution all kernels that end in channel i)
//! and the bias b_i. Measured is, for every unit of every net,
//!
//! | measure | formula | a scale q > 0 of the unit | a sign flip of the unit |
//! | --- | --- | --- | --- |
//! | norm of its weights | ‖w_i‖₂ | × q | kept |
//! | norm of its bias | \|b_i\| | × q | kept |
//! | sign of its weights | sign Σ_j w_ij | kept | turned around |
//! | sign of its bias | sign b_i | kept | turned around |
//!
//! and for every net and layer the share of positive signs, n₊ / (n₊ + n₋), where units whose sum or bias is exactly 0
//! have no sign and are counted apart.
//! Were scales settled by training, norms would stand at few values; were signs, the shares would stand near 0 or 1
//! instead of where flips of a fair coin put them, Binomial(n₊ + n₋, ½) / (n₊ + n₋).
//!
//! Units are grouped by layer: hidden layers by their position, counted from 0, and the outputs, which no symmetry may
//! change, apart. Nets of different architectures are pooled so.
//!
//! # Source
//! ScaleGMN, introduction, shows such distributions to say that these symmetries are there in trained nets. What is
//! measured here is defined above, and need not be the paper's definition in every detail.

mod norms;
mod signs;
mod summary;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    sync::Arc,
};

use anyhow::{Result, bail};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sgmn_data::Source;
use sgmn_graph::{Net, NetSpec, Seed};
use sgmn_symmetry::ScaleGroup;

use crate::show::{describe_kind, describe_nonlinearity, describe_spec};

pub use norms::{Norms, Quantiles};
pub use signs::{NetsOfShare, Shares, Signs};
pub use summary::{blocks, figures, tables};

/// What the units of a dataset's nets look like, layer by layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// Nets that were read.
    pub n_nets: usize,
    /// Nets that there are.
    pub n_available: usize,
    /// How many of the nets that were read have which architecture.
    pub architectures: BTreeMap<String, usize>,
    /// Hidden layers by position, then the outputs.
    pub layers: Vec<LayerStatistics>,
}

/// What the units of one layer look like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerStatistics {
    /// Position of the hidden layer, counted from 0; nothing for the outputs, wherever they stand.
    pub layer: Option<usize>,
    /// The affine maps of the nets there, such as `linear` or `conv 3×3`.
    pub maps: BTreeSet<String>,
    /// The activations of hidden layers there, such as `sine 30`, with pooling where there is any.
    pub activations: BTreeSet<String>,
    /// What these allow: groups of scalings; outputs allow none.
    pub groups: Vec<ScaleGroup>,
    /// Of incoming weights.
    pub weights: Measured,
    /// Of biases.
    pub biases: Measured,
}

/// Norms and signs of one part of every unit of a layer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// ‖w_i‖₂ or |b_i|.
    pub norms: Norms,
    /// sign Σ_j w_ij or sign b_i.
    pub signs: Signs,
}

/// Which nets are read.
#[derive(Debug, Clone, Copy, Default)]
pub enum Sample {
    /// All of them.
    #[default]
    All,
    /// So many, drawn without replacement, or all if there are fewer.
    Drawn {
        /// How many.
        n_nets: usize,
        /// Decides which.
        seed: Seed,
    },
}

impl Statistics {
    /// Reads the nets, on all cores and a few at a time, and measures their units; `tick` is called after each net.
    ///
    /// The result is the same whatever the number of threads.
    ///
    /// # Errors
    /// If there are no nets, or one cannot be read.
    pub fn of(source: &dyn Source, sample: Sample, tick: &(dyn Fn() + Sync)) -> Result<Self> {
        let n_available = source.len();
        let items = sample.items(n_available);
        if items.is_empty() {
            bail!("expected at least one net, found none");
        }
        let read = |mut tally: Tally, &item: &usize| -> Result<Tally> {
            tally.add(&source.get(item)?.net);
            tick();
            Ok(tally)
        };
        let merge = |mut a: Tally, b: Tally| {
            a += b;
            Ok(a)
        };
        let tally = items.par_iter().try_fold(Tally::default, read).try_reduce(Tally::default, merge)?;
        Ok(tally.finish(n_available))
    }
}

impl Sample {
    /// How many nets of so many are read.
    pub fn n_of(self, n_available: usize) -> usize {
        match self {
            Self::All => n_available,
            Self::Drawn { n_nets, .. } => n_nets.min(n_available),
        }
    }

    /// Positions of the nets, in order, since files are read fastest so.
    fn items(self, n_available: usize) -> Vec<usize> {
        match self {
            Self::Drawn { n_nets, seed } if n_nets < n_available => {
                let mut rng = seed.child("statistics").rng();
                let mut items: Vec<usize> = (0..n_available).collect();
                items.shuffle(&mut rng);
                items.truncate(n_nets);
                items.sort_unstable();
                items
            }
            Self::All | Self::Drawn { .. } => (0..n_available).collect(),
        }
    }
}

/// Counts of the nets that one thread has seen.
#[derive(Default)]
struct Tally {
    specs: Vec<(Arc<NetSpec>, usize)>,
    hidden: Vec<[MeasuredTally; 2]>,
    outputs: [MeasuredTally; 2],
}

/// Counts of one part of the units of a layer.
#[derive(Default)]
struct MeasuredTally {
    norms: norms::Tally,
    signs: signs::Tally,
}

impl Tally {
    fn add(&mut self, net: &Net) {
        let spec = net.spec();
        self.count(spec, 1);
        let n_hidden = spec.layers().len() - 1;
        if self.hidden.len() < n_hidden {
            self.hidden.resize_with(n_hidden, Default::default);
        }
        for (l, layer) in spec.layers().iter().enumerate() {
            let [weights, biases] = if l < n_hidden { &mut self.hidden[l] } else { &mut self.outputs };
            let n_incoming = net.weight(l).len() / layer.map.n_out();
            // Rows of a weight are units, whatever the kind of layer.
            weights.add(net.weight(l).chunks_exact(n_incoming));
            if layer.bias {
                biases.add(net.bias(l).chunks_exact(1));
            }
        }
    }

    fn count(&mut self, spec: &Arc<NetSpec>, n_nets: usize) {
        match self.specs.iter_mut().find(|(known, _)| Arc::ptr_eq(known, spec) || known == spec) {
            Some((_, n)) => *n += n_nets,
            None => self.specs.push((Arc::clone(spec), n_nets)),
        }
    }

    fn finish(self, n_available: usize) -> Statistics {
        let mut architectures = BTreeMap::new();
        for (spec, n) in &self.specs {
            *architectures.entry(describe_spec(spec)).or_default() += n;
        }
        let n_hidden = self.hidden.len();
        let places = (0..n_hidden).map(Some).chain([None]);
        let measured = self.hidden.into_iter().chain([self.outputs]);
        let layers = places.zip(measured).map(|(place, [weights, biases])| {
            let (mut maps, mut activations) = (BTreeSet::new(), BTreeSet::new());
            let mut groups = Vec::new();
            for (spec, _) in &self.specs {
                let (outputs, hidden) = spec.layers().split_last().expect("a net has at least one layer");
                let (map, group) = match place.map(|l| hidden.get(l)) {
                    None => (outputs.map, ScaleGroup::Trivial),
                    Some(None) => continue,
                    Some(Some(layer)) => {
                        activations.insert(describe_nonlinearity(layer.nonlinearity()));
                        (layer.map, ScaleGroup::of(layer.nonlinearity()))
                    }
                };
                maps.insert(describe_kind(&map));
                if !groups.contains(&group) {
                    groups.push(group);
                }
            }
            // Which net was seen first is a matter of threads.
            groups.sort_by_key(|group| *group as usize);
            let (weights, biases) = (weights.finish(), biases.finish());
            LayerStatistics { layer: place, maps, activations, groups, weights, biases }
        });
        Statistics {
            n_nets: self.specs.iter().map(|(_, n)| n).sum(),
            n_available,
            architectures,
            layers: layers.collect(),
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        for (spec, n) in &other.specs {
            self.count(spec, *n);
        }
        if self.hidden.len() < other.hidden.len() {
            self.hidden.resize_with(other.hidden.len(), Default::default);
        }
        for (ours, theirs) in
            self.hidden.iter_mut().zip(other.hidden).chain([(&mut self.outputs, other.outputs)])
        {
            for (ours, theirs) in ours.iter_mut().zip(theirs) {
                *ours += theirs;
            }
        }
    }
}

impl MeasuredTally {
    /// Counts the units of one layer of one net, each by the numbers it has.
    fn add<'a>(&mut self, units: impl Iterator<Item = &'a [f64]> + Clone) {
        units.clone().for_each(|unit| self.norms.add(unit));
        self.signs.add(units.map(|unit| unit.iter().sum()));
    }

    fn finish(self) -> Measured {
        Measured { norms: self.norms.finish(), signs: self.signs.finish() }
    }
}

impl AddAssign for MeasuredTally {
    fn add_assign(&mut self, other: Self) {
        self.norms += other.norms;
        self.signs += other.signs;
    }
}
