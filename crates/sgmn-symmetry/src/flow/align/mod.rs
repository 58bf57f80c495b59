//! Two nets of one flow, one of them moved by what is free so that it comes nearest to the other.
//!
//! Both nets are settled, and their matrices are brought to canonical points. Scalars are brought there too if nets come much
//! nearer by that, as twins do; otherwise they stay as training has left them ([`Scales`]). Then the squared distance
//!
//! `d² = (1/N) Σ_p Σ_i (A_p[i] − (g B)_p[i])² / s_p²`, `s_p²` the mean square of parameter p over both nets,
//!
//! is made small by coordinate descent: one order at a time is chosen by one linear assignment, for which the gains of all
//! parameters that hold its units are summed; the signs of each unit are chosen with its place. Units that carry others
//! along, as heads do, gain what these gain at their best. Matrices are orthogonal Procrustes problems. A step that does not
//! bring the nets nearer is not made, so d never rises. With [`Method::Activations`] orders and signs are chosen by what units
//! compute instead. Nothing says that the end is the best there is: several starts are
//! tried; of nets with more than four million numbers only that goes on which is nearest after one sweep. Nets that have nothing to do with each other are about √2 apart.

mod activations;
mod assign;
mod descend;
mod gains;
mod heads;
mod now;
mod procrustes;
mod signs;
#[cfg(test)]
mod tests;
mod units;

use std::collections::BTreeSet;

use sgmn_graph::{
    Seed,
    flow::{Array, FlowNet},
};

use self::{
    descend::Free,
    now::{Fixed, Now},
    units::Units,
};
use super::{
    canonical::{FlowRepairs, Gauged, check_same_flow, gauged, order, turned, units_of_matrices},
    element::unlike,
    matrices::Matrix,
    spaces::Draw,
    transport::{Pair, Transport},
};
use crate::Result;

/// What says which units belong together.
#[derive(Debug, Clone, Copy)]
pub enum Method<'a> {
    /// The numbers of both nets: d is made small.
    Weights,
    /// What units compute on these inputs: orders and signs are those with the largest sum of correlations, whatever becomes
    /// of d. Matrices, and orders along which no value moves alone, are chosen by numbers.
    Activations(&'a [Vec<Array>]),
}

/// How long to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AlignOptions {
    /// By numbers, from how many starts: first orders from the inputs inwards, then those of the canonical forms, then those of the
    /// files, then random ones.
    pub starts: usize,
    /// Sweeps over all orders from each start at most; ten are mostly enough.
    pub sweeps: usize,
    /// Where chance begins.
    pub seed: Seed,
    /// In which scalars of their units nets are compared.
    pub scales: Scales,
}

/// In which scalars of their units nets are compared; those of the net that is moved become those of the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scales {
    /// Canonical ones if a short search comes nearer with them by a fifth, else those of the nets.
    #[default]
    Judged,
    /// Those of canonical forms: right for nets that scalars tell apart, as twins.
    Canonical,
    /// Scalars stay as they are, and so do signs of gains: right for nets that were trained alike. Units that hardly count do
    /// not become as large as others, and statistics of norms stay those of what norms read.
    Standing,
}

impl Default for AlignOptions {
    fn default() -> Self {
        Self { starts: 3, sweeps: 100, seed: Seed::new(0), scales: Scales::Judged }
    }
}

/// What brings one net near another.
#[derive(Debug, Clone)]
pub struct Alignment {
    /// Acts on the net that is moved; afterwards it lies near the other one as that one is.
    pub transport: Transport,
    /// In which scalars nets were compared: [`Scales::Canonical`] or [`Scales::Standing`].
    pub scales: Scales,
    /// The distance d of the nets in these scalars, before and after.
    pub before: f64,
    /// See [`Alignment::before`].
    pub after: f64,
    /// The Euclidean distance there after alignment, relative to the norm of the net that stays.
    pub euclidean: f64,
    /// How many units came to another place, of how many that may.
    pub reordered: (usize, usize),
    /// For each start the distance d at its beginning and after each of its sweeps; it never rises. By activations there is
    /// one start, which begins where orders are chosen already.
    pub starts: Vec<Vec<f64>>,
}

/// Below this squared distance nets are equal up to the rounding of f32, and no further start is tried.
const EQUAL: f64 = 1e-12;
/// Of nets with more numbers, only the start that is nearest after one sweep goes on.
const LARGE: usize = 1 << 22;

/// Finds what brings `b` nearest to `a`; acting with it changes the numbers of `b`, not its function.
///
/// # Errors
/// [`Error::Unlike`](crate::Error::Unlike) if the nets are not of one flow, [`Error::Flow`](crate::Error::Flow) if inputs do
/// not fit, and as [`canonicalize_flow`](super::canonicalize_flow).
pub fn align(a: &FlowNet, b: &FlowNet, method: Method<'_>, options: &AlignOptions) -> Result<Alignment> {
    check_same_flow(a.flow(), b.flow())?;
    let pair = Pair::new(b, a);
    let with = |scales: Scales, method: Method<'_>, options: &AlignOptions| -> Result<Alignment> {
        if let Some(found) = with_matrices(&pair, pair.matrices.clone(), scales, method, options)? {
            return Ok(found);
        }
        // Orders and scalars alone always have the form of an element.
        let found = with_matrices(&pair, Vec::new(), scales, method, options)?;
        found.ok_or_else(|| unlike("element", "one of orders and scalars", "another one"))
    };
    if options.scales != Scales::Judged {
        return with(options.scales, method, options);
    }
    let short =
        AlignOptions { starts: options.starts.min(SHORT.0), sweeps: options.sweeps.min(SHORT.1), ..*options };
    let [canonical, standing] =
        [Scales::Canonical, Scales::Standing].map(|scales| with(scales, Method::Weights, &short));
    let is_nearer = canonical?.after < NEARER * standing?.after;
    with(if is_nearer { Scales::Canonical } else { Scales::Standing }, method, options)
}

/// Starts and sweeps of a short search.
const SHORT: (usize, usize) = (2, 1);
/// Canonical scalars are taken if nets come nearer with them by this.
const NEARER: f64 = 0.8;

/// Aligns with those of these matrices that both nets let act; absent if what is found has not the form of an element.
fn with_matrices(
    pair: &Pair<'_>,
    all: Vec<Matrix>,
    scales: Scales,
    method: Method<'_>,
    options: &AlignOptions,
) -> Result<Option<Alignment>> {
    let spaces = &pair.spaces;
    let (of_a, of_b) = at_one_point(pair, all, scales)?;
    let kept = match scales {
        Scales::Standing => signs::kept(spaces, &of_a.net, &of_b.net),
        Scales::Canonical | Scales::Judged => BTreeSet::new(),
    };
    let mixing = of_a.way.matrices.clone();
    let fixed = Fixed::new(spaces, mixing.clone(), &of_a.net, &of_b.net);
    let first = fixed.begin();
    let free = Free::new(Units::new(spaces, units_of_matrices(spaces, &mixing)), &kept, &first);
    let before = first.distance();
    if let Method::Activations(inputs) = method {
        let mut now = first;
        let search = (options.sweeps, options.seed.child("activations"));
        let sweeps = free.by_activations(&mut now, &of_a.net, inputs, search)?;
        let starts = vec![sweeps.into_iter().map(f64::sqrt).collect()];
        return finished(pair, (&of_a, &of_b), scales, &now, before, starts);
    }
    let (mut best, mut goes_on, mut starts) = (first.clone(), None, Vec::new());
    let is_large = pair.a.flow().n_numbers() > LARGE;
    let at_first = if is_large { 1 } else { options.sweeps };
    for start in 0..options.starts {
        if best.distance() <= EQUAL {
            break;
        }
        let seed = options.seed.child("start").index(start as u64);
        let mut now = first.clone();
        match start {
            0 => free.anchor(&mut now)?,
            1 => {
                let order = |of: &Gauged| order(&of.net, spaces, &mixing, &mut FlowRepairs::default());
                let order = order(&of_a).inverse().compose(&order(&of_b))?;
                now.act(&order, true)?;
            }
            2 => {}
            _ => {
                let draw = Draw { orders: true, signs: false, spread: 0.0 };
                now.act(&spaces.sample(seed, &draw), true)?;
            }
        }
        let begun = now.distance();
        let sweeps = free.sweep(&mut now, options.sweeps.min(at_first), seed)?;
        starts.push(std::iter::once(begun).chain(sweeps).map(f64::sqrt).collect::<Vec<f64>>());
        if now.distance() < best.distance() {
            (best, goes_on) = (now, Some(start));
        }
    }
    if let Some(start) = goes_on.filter(|_| is_large && best.distance() > EQUAL) {
        let seed = options.seed.child("rest");
        let sweeps = free.sweep(&mut best, options.sweeps.saturating_sub(at_first), seed)?;
        starts[start].extend(sweeps.into_iter().map(f64::sqrt));
    }
    finished(pair, (&of_a, &of_b), scales, &best, before, starts)
}

/// Both nets at points that all of their orbits share, units as they stand, with the same matrices; or at points that orbits
/// of matrices share.
fn at_one_point(pair: &Pair<'_>, all: Vec<Matrix>, scales: Scales) -> Result<(Gauged, Gauged)> {
    let gauged = if scales == Scales::Standing { turned } else { gauged };
    let of_b = gauged(pair.a.clone(), &pair.spaces, &pair.freedoms, all)?;
    let of_a = gauged(pair.b.clone(), &pair.spaces, &pair.freedoms, of_b.way.matrices.clone())?;
    // What the numbers of one net do not let act does not act on the other.
    if of_a.way.matrices == of_b.way.matrices {
        return Ok((of_a, of_b));
    }
    let of_b = gauged(pair.a.clone(), &pair.spaces, &pair.freedoms, of_a.way.matrices.clone())?;
    Ok((of_a, of_b))
}

/// Brings what was found into the form that acts on the net as it is.
fn finished(
    pair: &Pair<'_>,
    (of_a, of_b): (&Gauged, &Gauged),
    scales: Scales,
    best: &Now<'_>,
    before: f64,
    starts: Vec<Vec<f64>>,
) -> Result<Option<Alignment>> {
    let spaces = &pair.spaces;
    let between = (&best.element, &best.turning);
    let Some(mut transport) = pair.without_additions(&of_b.way, between, &of_a.way)? else { return Ok(None) };
    transport.additions = pair.additions(&transport)?;
    let moves = spaces.moves(&best.element)?.into_iter().filter(|space| space.order.is_some());
    let reordered = moves.fold((0, 0), |(moved, n), space| (moved + space.reordered, n + space.n));
    let (mut squares, mut size) = (0.0, 0.0);
    for param in 0..spaces.flow().params().len() {
        let (x, y) = (best.fixed.stays(param), best.moved(param));
        squares += x.iter().zip(y.iter()).map(|(x, y)| (x - y) * (x - y)).sum::<f64>();
        size += x.iter().map(|x| x * x).sum::<f64>();
    }
    let euclidean = if size > 0.0 { f64::sqrt(squares / size) } else { squares.sqrt() };
    let (before, after) = (before.sqrt(), best.distance().sqrt());
    Ok(Some(Alignment { transport, scales, before, after, euclidean, reordered, starts }))
}
